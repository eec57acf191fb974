/* clips.h: longer chunks where each slice is much like the one before, as in clips. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CLIPS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CLIPS_H

#include "../model.h"

/* Raises the slices of a chunk, which must have been chosen, as far as this saves enough bits. */
void voxel_lengthen_chunks(struct voxel_model *model, const unsigned char *samples);

#endif
