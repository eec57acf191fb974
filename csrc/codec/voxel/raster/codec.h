/*
 * codec.h: a box of pixels in raster order, one after the other: for palettes, screens, and what has text in it. A pixel
 * knows all its neighbours above and to its left, and what followed the same neighbours before. No kernels, and no model
 * but what adapts. Section 13 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_CODEC_H
#define ZBLOB_CODEC_VOXEL_RASTER_CODEC_H

#include "box.h"

/* Can pixels be coded so at all? */
bool raster_accepts(enum zblob_sample_type sample_type, uint64_t components);

/* *dst_size = 0: it does not fit into dst_capacity, or takes more decisions than that, which a decoder's time goes by. */
enum zblob_result raster_encode_box(const struct raster_box *box, const unsigned char *src, unsigned char *dst,
                                    size_t dst_capacity, size_t *dst_size, size_t decisions);

/* Exactly the box's bytes to dst. ZBLOB_DAMAGED where the source, which is hostile, ends too early or too late. */
enum zblob_result raster_decode_box(const struct raster_box *box, const unsigned char *src, size_t src_size,
                                    unsigned char *dst);

/* The memory that it takes, apart from source and result. */
size_t raster_memory(const struct raster_box *box);

#endif
