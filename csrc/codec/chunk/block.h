/*
 * block.h: a small value <-> the content of one compressed block of zstd's (RFC 8878, section 3.1.1.3), without the
 * headers of frame and block, which follow from the sizes, and with or without a dictionary.
 */
#ifndef ZBLOB_CODEC_CHUNK_BLOCK_H
#define ZBLOB_CODEC_CHUNK_BLOCK_H

#include "../../zblob.h"

#define BLOCK_RAW_MAX 65535
#define BLOCK_SLACK 9 /* bytes before dst that block_encode writes as well */

/* Encode at our `level`. dst has room for src_size bytes, and BLOCK_SLACK before them. *dst_size = 0: the block would
 * not be smaller than the value, or it would not be one block. The dictionary may be NULL. */
enum zblob_result block_encode(int level, struct zblob_dictionary *dictionary, const void *src, size_t src_size,
                               unsigned char *dst, size_t *dst_size);

/* The same at one level of zstd's. */
enum zblob_result block_encode_at(int zstd_level, struct zblob_dictionary *dictionary, const void *src, size_t src_size,
                                  unsigned char *dst, size_t *dst_size);

/* Decode a block, or its short form (short_block.h), into exactly dst_size bytes; DAMAGED for anything else. */
enum zblob_result block_decode(struct zblob_dictionary *dictionary, bool is_short, const void *src, size_t src_size,
                               void *dst, size_t dst_size);

#endif
