/*
 * planes.h: the plain image codec: differences along the image's axes, split in byte planes, through zstd.
 * It takes every sample type and has no model: a chunk needs nothing but the image's grid.
 */
#ifndef ZBLOB_CODEC_CHUNK_PLANES_H
#define ZBLOB_CODEC_CHUNK_PLANES_H

#include "../../zblob.h"

/* Raw bytes of one chunk: whole planes or whole rows, about 2 MiB; 0: a single row is too large. */
size_t planes_chunk_size(const struct zblob_grid *grid);

/* Encode src_size bytes of samples, the first of which is the first of a row. *dst_size = 0: the result does not fit,
 * or (unless `forced`) an excerpt shows that zstd makes less of the raw bytes. */
enum zblob_result planes_encode(int level, bool forced, const struct zblob_grid *grid, const unsigned char *src,
                                size_t src_size, unsigned char *dst, size_t dst_capacity, size_t *dst_size);

/* Do both levels give the same bytes? */
bool planes_are_same(int level, int other);

/* Decode into exactly dst_size bytes, a multiple of the sample size. */
enum zblob_result planes_decode(const struct zblob_grid *grid, const unsigned char *src, size_t src_size,
                                unsigned char *dst, size_t dst_size);

#endif
