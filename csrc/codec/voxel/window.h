/*
 * window.h: the working memory that prediction looks at: the values and stored errors of the slice at work and of those
 * it may refer to. A *plane* is one component of one slice. Its rows are kept as two *half-rows*, of the even samples
 * and of the odd ones, padded at both ends so that no neighbour to the left or right needs a check for the edge.
 */
#ifndef ZBLOB_CODEC_VOXEL_WINDOW_H
#define ZBLOB_CODEC_VOXEL_WINDOW_H

#include "shape.h"

enum {
    VOXEL_LANES = 32, /* kernels work on whole vectors of so many samples, also past the end of a half-row */
    VOXEL_PAD = 4,    /* elements left and right of a half-row that repeat its ends: no neighbour is farther away */
};

/* The slices are a ring: slice z of the box is slice z % ring here. */
struct voxel_window {
    size_t width, height, components;
    size_t distance;     /* to the reference slice */
    size_t ring;         /* slices that are kept: 2 * distance + 1 at most, without errors distance + 1 */
    size_t half[2];      /* samples in the even and the odd half of a row */
    size_t half_stride;  /* elements from one half-row to the next of the same plane */
    size_t plane_stride; /* to the next plane, with room for what whole vectors write past a plane's last row */
    int16_t *values;
    uint16_t *errors; /* NULL: there are none */
};

/* Bytes that a box's window needs, and the window in that memory; `modal` is the value of rows outside the image. */
size_t voxel_window_size(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance);
void voxel_window_open(struct voxel_window *window, const struct voxel_shape *shape, struct voxel_box box,
                       uint32_t distance, int16_t modal, void *memory);

/* The same without errors, and without the slice before the reference slice. */
size_t voxel_window_values_size(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance);
void voxel_window_open_values(struct voxel_window *window, const struct voxel_shape *shape, struct voxel_box box,
                              uint32_t distance, int16_t modal, void *memory);

/* The place of a half-row's element 0, among the values and among the errors. */
static inline size_t
voxel_half_row(const struct voxel_window *window, size_t ring, size_t component, size_t row, int parity)
{
    size_t plane = ring * window->components + component;
    return VOXEL_LANES + plane * window->plane_stride + (row * 2 + (size_t)parity) * window->half_stride;
}

/* The half-row of modal values that stands for rows outside the image. */
static inline size_t
voxel_outside_row(const struct voxel_window *window)
{
    return voxel_half_row(window, window->ring, 0, 0, 0);
}

/* Repeat a half-row's ends, once it is complete. */
void voxel_pad_values(const struct voxel_window *window, size_t ring, size_t component, size_t row, int parity);
void voxel_pad_errors(const struct voxel_window *window, size_t ring, size_t component, size_t row, int parity);

#endif
