/*
 * chunks.h: how an image is cut into chunks, and where their rows lie among its samples: a function of grid and model
 * alone.
 */
#ifndef ZBLOB_CODEC_VOXEL_CHUNKS_H
#define ZBLOB_CODEC_VOXEL_CHUNKS_H

#include "model.h"

/* An encoder may write so many bytes beyond the capacity that it is given, before it knows what fits. */
#define VOXEL_ENCODE_SLACK (4 * 512 + 128)

size_t voxel_chunk_count(const struct voxel_model *model);

/* Chunk `index` covers `*size` bytes of samples from byte `*offset` on. */
void voxel_chunk_range(const struct voxel_model *model, size_t index, uint64_t *offset, size_t *size);

/* The same as rows of slices. */
struct voxel_box voxel_chunk_box(const struct voxel_model *model, size_t index);

/* Bytes of the image's samples that a row of the shape stands for. */
uint64_t voxel_row_size(const struct voxel_model *model);

/* The first sample of a coded row among `samples`, which are what is coded: cells, where samples are wide. In a
 * transposed image the row's other pixels follow at a distance of shape.height pixels. */
const unsigned char *voxel_row_address(const struct voxel_model *model, const unsigned char *samples, uint64_t slice,
                                       uint64_t row);

#endif
