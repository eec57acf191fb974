/* formula.h: encoder: are samples quotients of integers, or their roots? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_FORMULA_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_FORMULA_H

#include "../wide/cells.h"

/* Sets the formula, of this kind or a later one, that gives each of the samples exactly, bit for bit, or none. False: no
 * memory. */
bool voxel_choose_formula(struct voxel_wide *wide, enum wide_formula_kind first, const unsigned char *samples,
                          uint64_t count);

#endif
