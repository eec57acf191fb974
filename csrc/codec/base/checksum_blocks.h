/* checksum_blocks.h: what the files that compute XXH3 share. A block is 16 stripes of 64 bytes. */
#ifndef ZBLOB_CODEC_BASE_CHECKSUM_BLOCKS_H
#define ZBLOB_CODEC_BASE_CHECKSUM_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XXH3_PRIME32_1 UINT64_C(0x9E3779B1)

enum {
    XXH3_SECRET_SIZE = 192,
    XXH3_STRIPE_SIZE = 64,
    XXH3_SECRET_STEP = 8, /* of the secret, from stripe to stripe */
    XXH3_SCRAMBLE_SECRET = XXH3_SECRET_SIZE - XXH3_STRIPE_SIZE,
    XXH3_BLOCK_STRIPES = XXH3_SCRAMBLE_SECRET / XXH3_SECRET_STEP,
    XXH3_BLOCK_SIZE = XXH3_BLOCK_STRIPES * XXH3_STRIPE_SIZE
};

/* True if this is an x86 CPU with AVX2. */
bool xxh3_has_avx2(void);

/* Adds blocks to the eight sums of 64 bits at `sums`. `secret` has XXH3_SECRET_SIZE bytes. Only where xxh3_has_avx2. */
void xxh3_add_blocks_avx2(void *sums, const unsigned char *p, size_t count, const unsigned char *secret);

#endif
