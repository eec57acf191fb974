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

/* Are the chunks such as the format allows? All but the last of the image, or of a slice that is cut, have a least size,
 * none has more than ZBLOB_CHUNK_RAW_MAX bytes, and none takes too much memory. */
#define VOXEL_CHUNK_SIZE_MIN 16384
bool voxel_chunks_are_allowed(const struct voxel_model *model);

/* The most that the window, the tile of a transposed slice and the cells of a chunk may take: section 11 of
 * docs/voxel-format.md. And what they take for the largest chunk of the image. */
#define VOXEL_CHUNK_MEMORY_MAX ((uint64_t)48 << 20)
uint64_t voxel_format_memory(const struct voxel_model *model);

/* About all that decoding such a chunk takes, apart from its raw and stored bytes. */
size_t voxel_chunk_memory(const struct voxel_model *model);

/* Samples of the image that the model describes. */
uint64_t voxel_sample_count(const struct voxel_model *model);

/* Bytes of the image's samples that a row of the shape stands for. */
uint64_t voxel_row_size(const struct voxel_model *model);

/* The first sample of a coded row among `samples`, which are what is coded: cells, where samples are wide. In a
 * transposed image the row's other pixels follow at a distance of shape.height pixels. */
const unsigned char *voxel_row_address(const struct voxel_model *model, const unsigned char *samples, uint64_t slice,
                                       uint64_t row);

#endif
