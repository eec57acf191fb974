/*
 * codec.h: a chunk of wide samples: keys <-> cells, which are coded as intensities, and the bits within them.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_CODEC_H
#define ZBLOB_CODEC_VOXEL_WIDE_CODEC_H

#include "../model.h"

/* As voxel_encode_intensity and voxel_decode_intensity; `samples` are the wide ones. */
enum zblob_result voxel_encode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                                    unsigned char *dst, size_t dst_capacity, size_t *dst_size);
enum zblob_result voxel_decode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *src,
                                    size_t src_size, unsigned char *dst);

#endif
