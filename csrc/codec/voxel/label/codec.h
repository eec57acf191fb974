/*
 * codec.h: a box of pixels that are labels to bytes and back. This room knows pixels as bytes that are equal or not; it
 * knows no models and no intensities. The format is docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_CODEC_H
#define ZBLOB_CODEC_VOXEL_LABEL_CODEC_H

#include "rows.h"

/* Whole rows of pixels without gaps between them, row after row, slice after slice. */
struct label_box {
    size_t pixel_size, width, height, slices;
    bool is_reversed; /* the first byte of a pixel is the highest one: this matters to the size alone */
};

/* *dst_size = 0: it does not fit into dst_capacity, or these are no labels. */
enum zblob_result label_encode_box(const struct label_kernels *kernels, struct label_box box, const unsigned char *src,
                                   unsigned char *dst, size_t dst_capacity, size_t *dst_size);

/* Exactly the box's bytes to dst. ZBLOB_DAMAGED where the source, which is hostile, contradicts itself. */
enum zblob_result label_decode_box(const struct label_kernels *kernels, struct label_box box, const unsigned char *src,
                                   size_t src_size, unsigned char *dst);

/* About the memory that it takes, apart from source and result. */
size_t label_decode_memory(struct label_box box);

#endif
