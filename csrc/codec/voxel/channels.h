/*
 * channels.h: planes that hold components <-> planes that hold channels, where the model has any: components in another
 * order, and differences of them. Section 5 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_CHANNELS_H
#define ZBLOB_CODEC_VOXEL_CHANNELS_H

#include "model.h"
#include "window.h"

/* The component that a plane is made of. */
static inline size_t
voxel_component_of(const struct voxel_model *model, size_t plane)
{
    return model->channel_count ? model->channels[plane].component : plane;
}

/* Rows y to y + rows - 1 of all planes of a slice: the components that they were loaded with become channels. */
void voxel_split_channels(const struct voxel_model *model, const struct voxel_window *window, size_t ring, size_t y,
                          size_t rows);

/* Turns a plane's row of `count` elements back into its component. `rows` has a row of each plane, `stride` elements
 * apart; those of earlier planes must be components already. */
void voxel_join_channel(const struct voxel_model *model, size_t plane, int16_t *rows, size_t stride, size_t count);

#endif
