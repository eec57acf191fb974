/*
 * shape.h: how an image's axes become slices of rows of pixels. No sample moves: a shape only says how to count them.
 * Section 1 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_SHAPE_H
#define ZBLOB_CODEC_VOXEL_SHAPE_H

#include "../../zblob.h"

enum {
    VOXEL_ROW_MIN = 24,           /* pixels: shorter rows would have far more padding than samples */
    VOXEL_ROW_SIZE_MAX = 8 << 20, /* bytes */
};

/* Rows of `width` pixels, `height` of them in a slice, `slices`; each pixel has `components` interleaved samples. */
struct voxel_shape {
    uint64_t width, height, slices, components;
};

/* A box of the image: whole rows, some of the rows of some slices. */
struct voxel_box {
    uint64_t slice, slices, row, rows;
};

/* Axes of one pixel are dropped; a very short fastest axis becomes components (or joins the next axis), so that a
 * row is long enough for vectors. False: no samples, or more than 2^40. */
bool voxel_shape_of(struct voxel_shape *shape, const struct zblob_grid *grid);

/* An image of one row becomes slices of height x width pixels; what fills no slice is left out. False, and nothing
 * changed: it has more rows, or these sizes are not allowed or do not fit. */
bool voxel_fold_shape(struct voxel_shape *shape, uint64_t width, uint64_t height, size_t sample_size);

/* Rows and columns change places. */
void voxel_transpose_shape(struct voxel_shape *shape);

#endif
