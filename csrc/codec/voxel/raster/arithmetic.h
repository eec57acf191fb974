/* arithmetic.h: small operations on numbers that more than one coder of pixels needs. */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_ARITHMETIC_H
#define ZBLOB_CODEC_VOXEL_RASTER_ARITHMETIC_H

#include <stdint.h>

static inline int32_t
magnitude_of(int32_t n)
{
    return n < 0 ? -n : n;
}

/* The nearest number from 0 to `most`. */
static inline int32_t
clamp(int32_t n, int32_t most)
{
    return n < 0 ? 0 : n > most ? most : n;
}

#endif
