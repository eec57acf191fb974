/* predicted.h: is a small image smaller if its samples are coded one after the other, each by its own distribution? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_PREDICTED_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_PREDICTED_H

#include "../model.h"

/* The model of a small image of which few neighbours are equal: others would hardly ever be smaller. NULL: it is none. */
enum zblob_result voxel_predict_at_once(struct voxel_model **model, const struct zblob_grid *grid,
                                        const unsigned char *samples, int level);

/* Replaces the model, of whatever kind, if such a one is smaller. */
enum zblob_result voxel_try_predicted(struct voxel_model **model, const struct zblob_grid *grid,
                                      const unsigned char *samples, int level);

#endif
