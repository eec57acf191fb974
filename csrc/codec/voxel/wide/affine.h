/*
 * affine.h: an affine image of integers, as casts, slopes and rescaling leave them. Keys follow from the integers, up to
 * what rounding did. A decoder calculates with integers alone.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_AFFINE_H
#define ZBLOB_CODEC_VOXEL_WIDE_AFFINE_H

#include "cells.h"

enum { AFFINE_INTEGER_MAX = 1 << 24 }; /* and its negative */

/* A number with 32 bits below the point. */
struct fixed {
    int64_t whole;
    uint32_t part;
};

/* value = (offset + step * i) * 2^exponent for integers i, in floats or integers. */
struct wide_affine {
    struct fixed offset, step;
    int exponent;
};

/* The key that integer i stands for. */
uint64_t wide_affine_key(const struct voxel_wide *wide, const struct wide_affine *affine, int64_t i);

#endif
