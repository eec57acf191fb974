/* build.h: the model that suits an image. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_BUILD_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_BUILD_H

#include "../model.h"

/* Analyse the samples (grid's whole byte size at `samples`) and choose parameters for `level` (1..9).
 * ZBLOB_OK with *model = NULL: the codec sees nothing to gain, the caller takes another codec. */
enum zblob_result voxel_model_build(struct voxel_model **model, const struct zblob_grid *grid,
                                    const unsigned char *samples, int level);

#endif
