/* channels.c: planes that hold components <-> planes that hold channels. */
#include "channels.h"

void
voxel_split_channels(const struct voxel_model *model, const struct voxel_window *window, size_t ring, size_t y,
                     size_t rows)
{
    size_t count = rows * 2 * window->half_stride;
    for (size_t c = model->channel_count; c-- > 0;) {
        const struct voxel_channel *channel = &model->channels[c];
        int16_t *restrict to = window->values + voxel_half_row(window, ring, c, y, 0) - VOXEL_PAD;
        if (channel->minus) {
            const int16_t *restrict from =
                window->values + voxel_half_row(window, ring, channel->minus - 1u, y, 0) - VOXEL_PAD;
            for (size_t i = 0; i < count; i++)
                to[i] = (int16_t)((uint16_t)to[i] - (uint16_t)from[i] + channel->offset);
        } else if (channel->offset) {
            for (size_t i = 0; i < count; i++)
                to[i] = (int16_t)((uint16_t)to[i] + channel->offset);
        }
    }
}

void
voxel_join_channel(const struct voxel_model *model, size_t plane, int16_t *rows, size_t stride, size_t count)
{
    if (model->channel_count == 0)
        return;
    const struct voxel_channel *channel = &model->channels[plane];
    int16_t *restrict to = rows + plane * stride;
    if (channel->minus) {
        const int16_t *restrict from = rows + (channel->minus - 1u) * stride;
        for (size_t i = 0; i < count; i++)
            to[i] = (int16_t)((uint16_t)to[i] + (uint16_t)from[i] - channel->offset);
    } else if (channel->offset) {
        for (size_t i = 0; i < count; i++)
            to[i] = (int16_t)((uint16_t)to[i] - channel->offset);
    }
}
