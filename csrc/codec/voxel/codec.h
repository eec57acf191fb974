/*
 * codec.h: the voxel codec's door for the frame layer: an image's chunks to bytes and back. With its model (model.h)
 * each chunk is encoded and decoded on its own, in any order and in any number of threads. A model is built by
 * choose/build.h.
 *
 * Sample pointers have no alignment: the samples lie somewhere inside a pickle.
 */
#ifndef ZBLOB_CODEC_VOXEL_CODEC_H
#define ZBLOB_CODEC_VOXEL_CODEC_H

#include "model.h"
#include "raster/codec.h"

/* A box of the image as the raster coder sees it. */
struct raster_box voxel_raster_box(const struct voxel_model *model, struct voxel_box box);

/* Encode a box of the image as if it were a chunk, as the next function does: for comparisons. */
enum zblob_result voxel_encode_box(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                                   unsigned char *dst, size_t dst_capacity, size_t *dst_size);

/* Encode chunk `index` of the image at `samples` (the image's first byte, not the chunk's). At dst there is room for
 * dst_capacity + VOXEL_ENCODE_SLACK bytes.
 * *dst_size = 0: it does not fit into dst_capacity; the caller takes another codec for this chunk. */
enum zblob_result voxel_encode_chunk(const struct voxel_model *model, size_t index, const unsigned char *samples,
                                     unsigned char *dst, size_t dst_capacity, size_t *dst_size);

/* Decode chunk `index` into exactly the bytes of its range, at dst. The source is hostile:
 * ZBLOB_DAMAGED where it contradicts itself, any bytes otherwise (the caller checks the checksum). */
enum zblob_result voxel_decode_chunk(const struct voxel_model *model, size_t index, const unsigned char *src,
                                     size_t src_size, unsigned char *dst);

#endif
