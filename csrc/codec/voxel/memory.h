/* memory.h: what decoding a chunk takes, and the limits that the format sets. */
#ifndef ZBLOB_CODEC_VOXEL_MEMORY_H
#define ZBLOB_CODEC_VOXEL_MEMORY_H

#include "model.h"

/* Are the chunks such as the format allows? All but the last of the image, or of a slice that is cut, have a least size,
 * none has more than ZBLOB_CHUNK_RAW_MAX bytes, and none takes too much memory. */
#define VOXEL_CHUNK_SIZE_MIN 16384
bool voxel_chunks_are_allowed(const struct voxel_model *model);

/* The most that the window, the tile of a transposed slice and the cells of a chunk may take: section 12 of
 * docs/voxel-format.md. And what they take for the largest chunk of the image. */
#define VOXEL_CHUNK_MEMORY_MAX ((uint64_t)48 << 20)
uint64_t voxel_format_memory(const struct voxel_model *model);

/* About all that decoding such a chunk takes, apart from its raw and stored bytes. */
size_t voxel_chunk_memory(const struct voxel_model *model);

#endif
