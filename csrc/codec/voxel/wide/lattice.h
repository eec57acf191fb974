/* lattice.h: encoder: are values an affine image of integers? */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_LATTICE_H
#define ZBLOB_CODEC_VOXEL_WIDE_LATTICE_H

#include "affine.h"

enum {
    LATTICE_NONE = INT32_MIN,   /* in place of an integer: a value that is not in the lattice */
    LATTICE_EXCEPTIONS_MAX = 8, /* of such values */
};

/* The affine image nearest to the values with these ascending keys, and the ascending integers that the values stand
 * for, of which no two are farther apart than `most`. Where the image has no offset, they can be negative; with one, the
 * first is 0. `coarse`, if it is not NULL, gets the integers, or where those come in steps that are not whole, as rounding
 * after scaling leaves them, the numbers of these steps. False: there is none. */
bool wide_fit_lattice(const struct voxel_wide *wide, const uint64_t *keys, uint32_t count, int32_t most,
                      struct wide_affine *affine, int32_t *integers, int32_t *coarse);

/* The integers again, from the keys. Values that are not in the lattice get some integer. */
void wide_find_integers(const struct voxel_wide *wide, const struct wide_affine *affine, const uint64_t *keys,
                        uint32_t count, int32_t *integers);

#endif
