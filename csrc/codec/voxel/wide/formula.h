/*
 * formula.h: floats that a formula makes from integers: quotients, as means are, or square roots of quotients, as
 * magnitudes of gradients are. There may be more of them than a list of values can hold.
 *
 *     quotient: x = i / divisor      root: x = sqrt(|i| / divisor) with the sign of i
 *
 * calculated in double precision and rounded to the type of the samples. Section 10 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_FORMULA_H
#define ZBLOB_CODEC_VOXEL_WIDE_FORMULA_H

#include "cells.h"

/* Within these bounds no quotient is too large for a float. */
#define FORMULA_DIVISOR_MIN 0x1p-64
#define FORMULA_DIVISOR_MAX 0x1p64

/* Do samples of this type come from formulas at all? */
bool wide_formula_suits(enum zblob_sample_type type);

/* Integers -> samples, and samples -> the nearest integers; 0 where there is none. */
void wide_formula_samples(const struct voxel_wide *wide, const int32_t *integers, unsigned char *dst, size_t count);
void wide_formula_integers(const struct voxel_wide *wide, const unsigned char *src, int32_t *integers, size_t count);

/* A sample as a double. */
double wide_formula_number(const struct voxel_wide *wide, const unsigned char *sample);

#endif
