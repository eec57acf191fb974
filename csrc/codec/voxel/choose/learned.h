/* learned.h: is a still smaller if the weights of its predictions are learned while it is coded? The slowest levels ask. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_LEARNED_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_LEARNED_H

#include "../model.h"

/* Replaces the model of a single slice if such a one is clearly smaller. */
enum zblob_result voxel_try_learned(struct voxel_model **model, const struct zblob_grid *grid,
                                    const unsigned char *samples, int level);

#endif
