/*
 * codec.h: the voxel codec's interface to the frame layer.
 *
 * A *model* is what all chunks of one image share: chosen parameters, weights, tables. It is built once
 * from the samples, written into the frame's header, and read back before any chunk is decoded. With
 * it, each chunk is encoded and decoded on its own, in any order and in any number of threads.
 *
 * Sample pointers have no alignment: the samples lie somewhere inside a pickle.
 */
#ifndef ZBLOB_CODEC_VOXEL_CODEC_H
#define ZBLOB_CODEC_VOXEL_CODEC_H

#include "../../zblob.h"

struct voxel_model;

/* Can this codec take such samples at all? */
bool voxel_accepts(const struct zblob_grid *grid);

/* Analyse the samples (grid's whole byte size at `samples`) and choose parameters for `level` (1..9).
 * ZBLOB_OK with *model = NULL: the codec sees nothing to gain, the caller takes another codec. */
enum zblob_result voxel_model_build(struct voxel_model **model, const struct zblob_grid *grid,
                                    const unsigned char *samples, int level);

/* The model's serialized form: its size, and writing it (exactly that many bytes). */
size_t voxel_model_size(const struct voxel_model *model);
void voxel_model_write(const struct voxel_model *model, unsigned char *dst);

/* Parse and validate a serialized model. The bytes are hostile. */
enum zblob_result voxel_model_read(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *src,
                                   size_t src_size);

void voxel_model_free(struct voxel_model *model);

/* How the image is cut: chunk `index` covers `*size` bytes of samples from byte `*offset` on.
 * A function of grid and model alone. */
size_t voxel_chunk_count(const struct voxel_model *model);
void voxel_chunk_range(const struct voxel_model *model, size_t index, uint64_t *offset, size_t *size);

/* Bytes behind an encoded chunk's capacity that are written to on the way. */
#define VOXEL_ENCODE_SLACK (4 * 512 + 128)

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
