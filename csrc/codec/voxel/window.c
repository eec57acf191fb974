/* window.c: the values and stored errors that prediction looks at, in padded half-rows. */
#include "window.h"

#include <string.h>

static size_t
half_stride_of(uint64_t width)
{
    return (size_t)((width + 1) / 2 + 2 * VOXEL_PAD + VOXEL_LANES - 1) / VOXEL_LANES * VOXEL_LANES;
}

static size_t
ring_size(struct voxel_box box, uint64_t reach)
{
    return (size_t)(box.slices < reach + 1 ? box.slices : reach + 1);
}

static size_t
plane_stride_of(const struct voxel_shape *shape, struct voxel_box box)
{
    return (size_t)box.rows * 2 * half_stride_of(shape->width) + VOXEL_LANES;
}

/* All rows of the slices that are kept, and after them the row of modal values. */
static size_t
element_count(const struct voxel_shape *shape, struct voxel_box box, uint64_t reach)
{
    size_t planes = ring_size(box, reach) * (size_t)shape->components;
    return VOXEL_LANES + planes * plane_stride_of(shape, box) + half_stride_of(shape->width) + VOXEL_LANES;
}

size_t
voxel_window_size(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance)
{
    return 2 * sizeof(int16_t) * element_count(shape, box, 2 * (uint64_t)distance);
}

size_t
voxel_window_values_size(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance)
{
    return sizeof(int16_t) * element_count(shape, box, distance);
}

static void
open_window(struct voxel_window *window, const struct voxel_shape *shape, struct voxel_box box, uint32_t distance,
            uint64_t reach, void *memory)
{
    window->width = (size_t)shape->width;
    window->height = (size_t)box.rows;
    window->distance = distance;
    window->ring = ring_size(box, reach);
    window->components = (size_t)shape->components;
    window->half[0] = (window->width + 1) / 2;
    window->half[1] = window->width / 2;
    window->half_stride = half_stride_of(shape->width);
    window->plane_stride = plane_stride_of(shape, box);
    window->values = memory;
    window->errors = NULL;
}

static void
fill_outside_row(struct voxel_window *window, int16_t modal)
{
    int16_t *first = window->values + voxel_outside_row(window) - VOXEL_PAD;
    for (size_t i = 0; i < VOXEL_PAD + window->half_stride + VOXEL_LANES; i++)
        first[i] = modal;
}

void
voxel_window_open(struct voxel_window *window, const struct voxel_shape *shape, struct voxel_box box, uint32_t distance,
                  int16_t modal, void *memory)
{
    size_t count = element_count(shape, box, 2 * (uint64_t)distance);
    open_window(window, shape, box, distance, 2 * (uint64_t)distance, memory);
    window->errors = (uint16_t *)memory + count;
    /* Kernels calculate with the elements after a half-row's padding, too, and nothing uses the results. They start as
     * zeros so that no run depends on what the memory held before. */
    memset(memory, 0, 2 * sizeof(int16_t) * count);
    fill_outside_row(window, modal);
}

void
voxel_window_open_values(struct voxel_window *window, const struct voxel_shape *shape, struct voxel_box box,
                         uint32_t distance, int16_t modal, void *memory)
{
    open_window(window, shape, box, distance, distance, memory);
    fill_outside_row(window, modal);
}

void
voxel_pad_values(const struct voxel_window *window, size_t ring, size_t component, size_t row, int parity)
{
    int16_t *half = window->values + voxel_half_row(window, ring, component, row, parity);
    size_t count = window->half[parity];
    /* a row of one pixel has no odd half: its padding repeats the even one */
    int16_t first = count ? half[0] : half[-(ptrdiff_t)window->half_stride];
    int16_t last = count ? half[count - 1] : first;
    for (int i = 1; i <= VOXEL_PAD; i++)
        half[-i] = first;
    for (int i = 0; i < VOXEL_PAD; i++)
        half[count + (size_t)i] = last;
}

void
voxel_pad_errors(const struct voxel_window *window, size_t ring, size_t component, size_t row, int parity)
{
    uint16_t *half = window->errors + voxel_half_row(window, ring, component, row, parity);
    size_t count = window->half[parity];
    uint16_t first = count ? half[0] : half[-(ptrdiff_t)window->half_stride];
    uint16_t last = count ? half[count - 1] : first;
    for (int i = 1; i <= VOXEL_PAD; i++)
        half[-i] = first;
    for (int i = 0; i < VOXEL_PAD; i++)
        half[count + (size_t)i] = last;
}
