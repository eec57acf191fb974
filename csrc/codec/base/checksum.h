/*
 * checksum.h: XXH3 of 64 bits, seed 0.
 * Specification: xxHash fast digest algorithm, version 0.2.0 (Yann Collet), section "XXH3 algorithm overview".
 */
#ifndef ZBLOB_CODEC_BASE_CHECKSUM_H
#define ZBLOB_CODEC_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t checksum_xxh3(const void *src, size_t src_size);

#endif
