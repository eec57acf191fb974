/* rans_few.h: the entropy coder with few states, for small images: the same code on every CPU. */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_RANS_FEW_H
#define ZBLOB_CODEC_VOXEL_KERNELS_RANS_FEW_H

#include "ops.h"

enum { VOXEL_FEW_STATES = 8, VOXEL_FEW_RAW = 1, VOXEL_FEW_ESCAPED = 2 };

/* What the encoder adds for a token. */
struct voxel_few_entry {
    uint64_t reciprocal; /* 2^64 / frequency, rounded up */
    uint16_t frequency, raw;
    uint32_t bias; /* where the token's slots start, nearly */
};

/* By token; tokens without a frequency have the escape's entry. */
void voxel_fill_few_entries(const uint16_t frequencies[VOXEL_TOKENS], struct voxel_few_entry entries[256]);

/* As struct voxel_kernels has them; the encoder has entries in `few`. */
void voxel_rans_encode_few(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count);
void voxel_rans_decode_few(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count);

#endif
