/*
 * predicted.h: small images of intensities, sample by sample: trained weights predict, and errors nearby say how far
 * from that a sample may be, which makes the distribution that it is coded by. Section 14 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_PREDICTED_H
#define ZBLOB_CODEC_VOXEL_RASTER_PREDICTED_H

#include "box.h"

enum { PREDICTED_SIDE = 4 /* samples beyond both ends of a row */ };

/* As raster_encode_box and raster_decode_box, for boxes that are predicted. */
enum zblob_result predicted_encode_box(const struct raster_box *box, const unsigned char *src, unsigned char *dst,
                                       size_t dst_capacity, size_t *dst_size);
enum zblob_result predicted_decode_box(const struct raster_box *box, const unsigned char *src, size_t src_size,
                                       unsigned char *dst);
size_t predicted_memory(const struct raster_box *box);

#endif
