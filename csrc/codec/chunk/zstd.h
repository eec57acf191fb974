/*
 * zstd.h: the general path: one chunk <-> one zstd frame.
 * Knows nothing of images; planes.c puts its byte planes through it as well.
 */
#ifndef ZBLOB_CODEC_CHUNK_ZSTD_H
#define ZBLOB_CODEC_CHUNK_ZSTD_H

#include "../../zblob.h"

/* Our level as zstd's. */
int general_zstd_level(int level);

/* Raw bytes of one chunk: larger at the archive levels, where zstd's window pays. */
size_t general_chunk_size(int level);

/* Capacity with which general_encode cannot fail for lack of space. */
size_t general_bound(size_t src_size);

/* *dst_size = 0: the result does not fit into dst_capacity. */
enum zblob_result general_encode(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity,
                                 size_t *dst_size);

/* Decode into exactly dst_size bytes; DAMAGED for anything else. */
enum zblob_result general_decode(const void *src, size_t src_size, void *dst, size_t dst_size);

#endif
