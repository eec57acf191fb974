/*
 * learned.h: stills of intensities and of colour, sample by sample: two predictions, each of which learns its weights from
 * the errors that it makes, are mixed by how well they did nearby; and a sample may be said to equal the one beside or
 * above it. Section 15 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_LEARNED_H
#define ZBLOB_CODEC_VOXEL_RASTER_LEARNED_H

#include "box.h"

/* As raster_encode_box and raster_decode_box, for boxes whose weights are learned. */
enum zblob_result learned_encode_box(const struct raster_box *box, const unsigned char *src, unsigned char *dst,
                                     size_t dst_capacity, size_t *dst_size);
enum zblob_result learned_decode_box(const struct raster_box *box, const unsigned char *src, size_t src_size,
                                     unsigned char *dst);
size_t learned_memory(const struct raster_box *box);

#endif
