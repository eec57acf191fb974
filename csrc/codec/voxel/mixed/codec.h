/*
 * codec.h: a box of pixels that are labels to bytes and back, as label/codec.h, but one pixel after the other: what all
 * neighbours are alike in is asked in four ways whose answers are mixed. It is smaller and slower. Section 10 of
 * docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_MIXED_CODEC_H
#define ZBLOB_CODEC_VOXEL_MIXED_CODEC_H

#include "../label/codec.h"

/* *dst_size = 0: it does not fit into dst_capacity, or these are no labels. */
enum zblob_result mixed_encode_box(struct label_box box, const unsigned char *src, unsigned char *dst,
                                   size_t dst_capacity, size_t *dst_size);

/* Exactly the box's bytes to dst. ZBLOB_DAMAGED where the source, which is hostile, contradicts itself. */
enum zblob_result mixed_decode_box(struct label_box box, const unsigned char *src, size_t src_size, unsigned char *dst);

/* About the memory that a decoder takes, apart from source and result. */
size_t mixed_decode_memory(struct label_box box);

#endif
