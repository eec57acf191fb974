/* channel_cost.h: about how many bits a channel would take. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CHANNEL_COST_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CHANNEL_COST_H

#include "../model.h"

/* Pieces of an image, and what is known of them. It is one block of memory: free it. NULL: no memory. */
struct voxel_channel_look *voxel_look_at_channels(const struct voxel_model *model, const unsigned char *samples);

/* About the bits, in units of 1/256, that the pieces take in plane `plane`. Of the channels only those up to the plane
 * matter, and only what they hold: component and minus. */
uint64_t voxel_estimate_channel(struct voxel_channel_look *look, const struct voxel_channel *channels, size_t plane);

#endif
