/*
 * samples.h: between samples as they lie in memory (any integer type of 8 or 16 bits, any byte order, no alignment,
 * components interleaved) and the signed 16-bit integers that are predicted. Section 2 of docs/voxel-format.md.
 *
 * 16-bit unsigned samples lose 32768, so that signed integers keep their order. A rank map, where there is one, comes
 * after that. Wider samples, and floats, have become 16-bit ones before (wide/codec.h).
 */
#ifndef ZBLOB_CODEC_VOXEL_SAMPLES_H
#define ZBLOB_CODEC_VOXEL_SAMPLES_H

#include "model.h"
#include "window.h"

/* A component of `count` pixels, whose samples lie `step` samples apart -> integers side by side. */
void voxel_load(const struct voxel_model *model, const unsigned char *pixels, size_t component, size_t step,
                int16_t *dst, size_t count);

/* Elements of scratch memory that the next three functions need. */
size_t voxel_scratch_size(const struct voxel_shape *shape);

/* One row of pixels into row y of the window (slow where the image is transposed). */
void voxel_load_row(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint64_t row,
                    const struct voxel_window *window, size_t ring, size_t y, int16_t *scratch);
/* Slice z of a box into the window, and from there to the box's samples, which begin at dst. */
void voxel_load_slice(const struct voxel_model *model, const unsigned char *samples, struct voxel_box box, size_t z,
                      const struct voxel_window *window, int16_t *scratch);
/* One row of a slice that is not transposed, to its samples. */
void voxel_store_row(const struct voxel_model *model, unsigned char *row_samples, const struct voxel_window *window,
                     size_t z, size_t y, int16_t *scratch);
void voxel_store_slice(const struct voxel_model *model, unsigned char *dst, struct voxel_box box, size_t z,
                       const struct voxel_window *window, int16_t *scratch);

#endif
