/*
 * checksum.h: XXH64, the 64-bit xxHash, seed 0.
 * Specification: xxHash fast digest algorithm, version 0.1.1 (Yann Collet), section "XXH64".
 */
#ifndef ZBLOB_CODEC_BASE_CHECKSUM_H
#define ZBLOB_CODEC_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t checksum_xxh64(const void *src, size_t src_size);

/* The same if `start` stood in place of the first CHECKSUM_START_SIZE bytes, of which src has as many at least. */
#define CHECKSUM_START_SIZE 32
uint64_t checksum_xxh64_from(const unsigned char start[CHECKSUM_START_SIZE], const void *src, size_t src_size);

#endif
