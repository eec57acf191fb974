/*
 * zstd.h: one chunk of any bytes <-> one zstd frame.
 * It knows nothing of images; planes.c compresses its byte planes with it as well.
 */
#ifndef ZBLOB_CODEC_CHUNK_ZSTD_H
#define ZBLOB_CODEC_CHUNK_ZSTD_H

#include "../../zblob.h"

/* zstd's level for one of ours (ZBLOB_LEVEL_MIN .. ZBLOB_LEVEL_MAX). */
int zstd_level_of(int level);

/* Raw bytes of one chunk at our `level`: more at the highest levels, whose longer window needs them. */
size_t zstd_chunk_size(int level);

/* Capacity with which zstd_encode cannot fail for lack of space. */
size_t zstd_bound(size_t src_size);

/* *dst_size = 0: the result does not fit into dst_capacity. */
enum zblob_result zstd_encode(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity,
                              size_t *dst_size);

/* What is compressed says how levels are held against lower ones: bytes by a piece of them; an image by more levels, where
 * they are quick on the whole; and one that repeats always on the whole. */
enum zstd_search { ZSTD_BYTES, ZSTD_IMAGE, ZSTD_REPEATS };

/* The same, or at a lower level where that makes less. */
enum zblob_result zstd_encode_best(int zstd_level, enum zstd_search search, const void *src, size_t src_size, void *dst,
                                   size_t dst_capacity, size_t *dst_size);

/* Decode into exactly dst_size bytes; DAMAGED for anything else. */
enum zblob_result zstd_decode(const void *src, size_t src_size, void *dst, size_t dst_size);

#endif
