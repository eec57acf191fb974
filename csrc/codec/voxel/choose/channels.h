/* channels.h: what the planes of an image of two to four components hold. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CHANNELS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CHANNELS_H

#include "../model.h"

/* For an intensity model that is complete but for its training. */
enum zblob_result voxel_choose_channels(struct voxel_model *model, const unsigned char *samples, int level);

#endif
