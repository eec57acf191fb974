/* rans_few.h: the entropy coder with few states, for small images: the same code on every CPU. */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_RANS_FEW_H
#define ZBLOB_CODEC_VOXEL_KERNELS_RANS_FEW_H

#include "ops.h"

enum { VOXEL_FEW_STATES = 8 };

/* As struct voxel_kernels has them. */
void voxel_rans_encode_few(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count);
void voxel_rans_decode_few(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count);

#endif
