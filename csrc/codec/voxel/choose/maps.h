/* maps.h: do slices get maps of values of their own? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_MAPS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_MAPS_H

#include "../model.h"

/* Gives the model maps of values for its slices if these are worth it. Wide samples have cells already; others have been
 * surveyed. *values, which are coded, are then the numbers of cells, and have to be surveyed. */
enum zblob_result voxel_choose_maps(struct voxel_model *model, const unsigned char *samples,
                                    const unsigned char **values, bool *found);

#endif
