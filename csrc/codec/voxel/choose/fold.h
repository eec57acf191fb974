/* fold.h: the rows of an image that has a single one. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_FOLD_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_FOLD_H

#include "../model.h"

/* Gives the image rows and slices, chosen by the samples. A signal has no rows of its own: its slices are to be
 * transposed, and to be chunks of their own. False: no rows suit. */
bool voxel_choose_fold(struct voxel_model *model, const unsigned char *samples, bool *is_signal);

#endif
