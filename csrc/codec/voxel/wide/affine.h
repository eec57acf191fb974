/*
 * affine.h: lists of values that are an affine image of integers, as casts and rescaling leave them. Their keys follow
 * from the integers, up to what rounding did. A decoder calculates with integers alone.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_AFFINE_H
#define ZBLOB_CODEC_VOXEL_WIDE_AFFINE_H

#include "cells.h"

enum { AFFINE_INTEGER_MAX = 1 << 24 };

/* value = (offset + step * i + (step_low * i >> 32)) * 2^exponent for integers i, in floats or integers. */
struct wide_affine {
    int64_t offset, step;
    uint32_t step_low;
    int exponent;
};

/* The key that integer i stands for. */
uint64_t wide_affine_key(const struct voxel_wide *wide, const struct wide_affine *affine, uint32_t i);

/* Encoder: an image that is near the list's values, and the ascending integers of all of them. False: there is none. */
bool wide_fit_affine(const struct voxel_wide *wide, struct wide_affine *affine, uint32_t *integers);

#endif
