/*
 * intensity.h: a box of intensities to bytes and back: predictions and residuals in the window (neighbours.h), coded as
 * tokens of frequency tables (tables.h). Section 8 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_INTENSITY_H
#define ZBLOB_CODEC_VOXEL_INTENSITY_H

#include "model.h"

/* `samples` are the image's; dst_capacity and *dst_size as voxel_encode_chunk has them (codec.h). */
enum zblob_result voxel_encode_intensity(const struct voxel_model *model, struct voxel_box box,
                                         const unsigned char *samples, unsigned char *dst, size_t dst_capacity,
                                         size_t *dst_size);

/* The box's samples to dst. ZBLOB_DAMAGED where the source, which is hostile, contradicts itself. */
enum zblob_result voxel_decode_intensity(const struct voxel_model *model, struct voxel_box box,
                                         const unsigned char *src, size_t src_size, unsigned char *dst);

#endif
