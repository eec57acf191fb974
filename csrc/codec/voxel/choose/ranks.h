/* ranks.h: which values are in use, and whether their ranks suit better. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_RANKS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_RANKS_H

#include "../model.h"

/* Builds rank maps, if they are worth it, for an image of whose values counts[map][value] were sampled: `maps` is 1, or
 * as many as there are components. Values are distances from the type's lowest one; least to most were sampled. */
enum zblob_result voxel_choose_ranks(struct voxel_model *model, const unsigned char *samples,
                                     const uint32_t (*counts)[VOXEL_VALUES], uint32_t maps, int least, int most);

/* Values become themselves again. */
void voxel_drop_ranks(struct voxel_model *model);

#endif
