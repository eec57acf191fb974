/* variants.h: holds a model against those of lower levels and of another preset. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_VARIANTS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_VARIANTS_H

#include "../model.h"

/* Where rows or columns of the image repeat, and in small images, replace the model of intensities by another one that
 * makes less of the image's first chunks. `grid` and `samples` are the image's. */
enum zblob_result voxel_try_variants(struct voxel_model **model, const struct zblob_grid *grid,
                                     const unsigned char *samples, int level);

#endif
