/* ranks.h: which values are in use, and whether their ranks suit better. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_RANKS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_RANKS_H

#include "../model.h"

/* Builds rank maps, if they are worth it, for an image of whose values counts[map][value] were sampled: `maps` is 1, or
 * as many as there are components. Values are distances from the type's lowest one; least to most were sampled, and
 * counts of one map that is for 16 bits are set for these alone. */
enum zblob_result voxel_choose_ranks(struct voxel_model *model, const unsigned char *samples,
                                     const uint32_t (*counts)[VOXEL_VALUES], uint32_t maps, int least, int most);

/* Sum over the samples counted of the logarithm of the mean distance of their value from the values in use next to it, in
 * 1/256 of a bit. Values from..to - 1 may be in use, of which least..most were counted. */
uint64_t voxel_spread(const uint32_t *counts, int least, int most, const uint8_t *used, int from, int to);

/* Values become themselves again. */
void voxel_drop_ranks(struct voxel_model *model);

#endif
