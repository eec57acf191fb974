/*
 * planes.h: the plain image path: differences along the image's axes, byte planes, zstd.
 * Takes every sample type. A chunk is self-contained; no model.
 */
#ifndef ZBLOB_CODEC_CHUNK_PLANES_H
#define ZBLOB_CODEC_CHUNK_PLANES_H

#include "../../zblob.h"

/* Raw bytes of one chunk: whole planes or whole rows of about 2 MiB; 0: this grid is not for us. */
size_t planes_chunk_size(const struct zblob_grid *grid);

/* Encode src_size bytes of samples that start at a row's first sample. *dst_size = 0: it does
 * not fit, or, unless forced, zstd on the raw bytes promises to be smaller; the caller takes that. */
enum zblob_result planes_encode(int level, bool forced, const struct zblob_grid *grid, const unsigned char *src,
                                size_t src_size, unsigned char *dst, size_t dst_capacity, size_t *dst_size);

/* Decode into exactly dst_size bytes, a multiple of the sample size. */
enum zblob_result planes_decode(const struct zblob_grid *grid, const unsigned char *src, size_t src_size,
                                unsigned char *dst, size_t dst_size);

#endif
