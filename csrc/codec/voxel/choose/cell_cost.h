/* cell_cost.h: what cells take, about, so that ways to make cells can be compared. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CELL_COST_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CELL_COST_H

#include "../model.h"

/* Bits of an image's cells, in the image's order, with the best of some simple predictions. `wide` says which bits within
 * cells follow; NULL: none. */
uint64_t voxel_cell_bits(const struct voxel_shape *shape, const uint16_t *cells, const struct voxel_wide *wide);

#endif
