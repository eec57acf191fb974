/* raster.h: are an image's pixels, one after the other, smaller than its planes or labels? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_RASTER_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_RASTER_H

#include "../model.h"

/* Replaces a model, which is complete, by one of the raster coder, if that makes clearly less: it is slow. */
enum zblob_result voxel_try_raster(struct voxel_model **model, const struct zblob_grid *grid,
                                   const unsigned char *samples, int level);

#endif
