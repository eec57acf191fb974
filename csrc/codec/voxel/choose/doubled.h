/* doubled.h: was an image enlarged by writing each column or each row twice? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_DOUBLED_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_DOUBLED_H

#include <stdbool.h>

#include "../model.h"

/* A sample of an odd column sees both its neighbours in the row: so copies are free if they are columns. *smoother_along
 * becomes false where columns are doubled, true where rows are, and is left alone otherwise. */
void voxel_find_doubled(const struct voxel_model *model, const unsigned char *samples, bool *smoother_along);

bool voxel_columns_are_doubled(const struct voxel_model *model, const unsigned char *samples);

#endif
