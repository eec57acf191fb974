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

/* `rows` rows from y on of all planes of a slice: each was loaded with its own component, and becomes its channel. */
void voxel_split_channels(const struct voxel_model *model, const struct voxel_window *window, size_t ring, size_t y,
                          size_t rows);

/* A plane's row back into its component. The rows of all planes lie `stride` elements apart; those of earlier planes are
 * components already. */
void voxel_join_channel(const struct voxel_model *model, size_t plane, int16_t *rows, size_t stride, size_t count);

#endif
