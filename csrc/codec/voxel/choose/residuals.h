/* residuals.h: what residuals cost, from how many have which magnitude. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_RESIDUALS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_RESIDUALS_H

#include "../../base/integers.h"

enum { RESIDUAL_CLASSES = 18 }; /* by magnitude */

static inline void
count_residual(uint32_t counts[RESIDUAL_CLASSES], int32_t residual)
{
    int length = bit_length((uint64_t)(residual < 0 ? -(int64_t)residual : residual));
    counts[length < RESIDUAL_CLASSES ? length : RESIDUAL_CLASSES - 1]++;
}

/* log2(v) * 16, nearly. */
static inline uint64_t
log2_16(uint64_t v)
{
    int length = bit_length(v);
    return (uint64_t)(length - 1) * 16 + (v << 4 >> (length - 1)) - 16;
}

/* Sixteenths of bits for residuals of these magnitude classes. */
static inline uint64_t
residual_cost(const uint32_t counts[RESIDUAL_CLASSES])
{
    uint64_t total = 0, cost = 0;
    for (int c = 0; c < RESIDUAL_CLASSES; c++)
        total += counts[c];
    for (int c = 0; c < RESIDUAL_CLASSES; c++)
        if (counts[c])
            cost += counts[c] * (16 * (uint64_t)c + log2_16(total) - log2_16(counts[c]));
    return cost;
}

#endif
