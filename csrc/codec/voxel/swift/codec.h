/*
 * codec.h: a box of intensities to bytes and back, for the preset at the fast end: predictions and residuals in the
 * window, as in other presets, but no contexts and no entropy coder that waits for its own result. Section 11 of
 * docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_SWIFT_CODEC_H
#define ZBLOB_CODEC_VOXEL_SWIFT_CODEC_H

#include "../model.h"
#include "rows.h"

/* As voxel_encode_intensity and voxel_decode_intensity (intensity.h). */
enum zblob_result swift_encode_box(const struct swift_kernels *kernels, const struct voxel_model *model,
                                   struct voxel_box box, const unsigned char *samples, unsigned char *dst,
                                   size_t dst_capacity, size_t *dst_size);
enum zblob_result swift_decode_box(const struct swift_kernels *kernels, const struct voxel_model *model,
                                   struct voxel_box box, const unsigned char *src, size_t src_size, unsigned char *dst);

#endif
