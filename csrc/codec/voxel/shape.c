/* shape.c: how an image's axes become slices of rows of pixels. */
#include "shape.h"

bool
voxel_shape_of(struct voxel_shape *shape, const struct zblob_grid *grid)
{
    uint64_t axes[ZBLOB_DIMENSION_MAX], total = grid->components;
    uint32_t count = 0;
    if (grid->components == 0 || grid->dimension == 0 || grid->dimension > ZBLOB_DIMENSION_MAX)
        return false;
    for (uint32_t d = 0; d < grid->dimension; d++) {
        if (grid->size[d] == 0 || grid->size[d] > (UINT64_C(1) << 40) / total)
            return false;
        total *= grid->size[d];
        if (grid->size[d] > 1)
            axes[count++] = grid->size[d];
    }
    uint64_t components = grid->components;
    uint32_t first = 0;
    if (count > 1 && components * axes[0] <= 4)
        components *= axes[first++];
    for (; count - first > 1 && axes[first] < VOXEL_ROW_MIN; first++)
        axes[first + 1] *= axes[first];
    shape->components = components;
    shape->width = first < count ? axes[first] : 1;
    shape->height = first + 1 < count ? axes[first + 1] : 1;
    shape->slices = 1;
    for (uint32_t d = first + 2; d < count; d++)
        shape->slices *= axes[d];
    return true;
}

bool
voxel_fold_shape(struct voxel_shape *shape, uint64_t width, uint64_t height, size_t sample_size)
{
    if (shape->height > 1 || width < VOXEL_ROW_MIN || height < 2 || width > VOXEL_ROW_SIZE_MAX || height > UINT32_MAX ||
        width * height > shape->width)
        return false;
    uint64_t slices = shape->width / (width * height);
    if (slices > UINT32_MAX || width * shape->components * sample_size > VOXEL_ROW_SIZE_MAX)
        return false;
    shape->slices = slices;
    shape->width = width;
    shape->height = height;
    return true;
}

void
voxel_transpose_shape(struct voxel_shape *shape)
{
    uint64_t width = shape->width;
    shape->width = shape->height;
    shape->height = width;
}
