/* checksum_avx2.c: the blocks of XXH3 in two vectors of four lanes, twice as fast as with SSE2. */
#include "checksum_blocks.h"

#if defined __x86_64__ && defined __GNUC__

#include <immintrin.h>

#define WITH_AVX2 __attribute__((target("avx2")))

bool
xxh3_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

WITH_AVX2 static inline __m256i
load_lanes(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Each lane takes the product of its two keyed halves, and its neighbour the input. */
WITH_AVX2 static inline __m256i
add_input(__m256i sums, __m256i input, __m256i keys)
{
    __m256i keyed = _mm256_xor_si256(input, keys);
    __m256i swapped = _mm256_shuffle_epi32(input, _MM_SHUFFLE(1, 0, 3, 2));
    __m256i product = _mm256_mul_epu32(keyed, _mm256_srli_epi64(keyed, 32));
    return _mm256_add_epi64(sums, _mm256_add_epi64(swapped, product));
}

/* The product with a prime of 32 bits, modulo 2^64, comes from the two halves. */
WITH_AVX2 static inline __m256i
scramble(__m256i sums, __m256i keys)
{
    const __m256i prime = _mm256_set1_epi64x((long long)XXH3_PRIME32_1);
    __m256i mixed = _mm256_xor_si256(_mm256_xor_si256(sums, _mm256_srli_epi64(sums, 47)), keys);
    __m256i high = _mm256_mul_epu32(_mm256_srli_epi64(mixed, 32), prime);
    return _mm256_add_epi64(_mm256_mul_epu32(mixed, prime), _mm256_slli_epi64(high, 32));
}

WITH_AVX2 void
xxh3_add_blocks_avx2(void *sums, const unsigned char *p, size_t count, const unsigned char *secret)
{
    __m256i *at = sums;
    __m256i low = _mm256_loadu_si256(at), high = _mm256_loadu_si256(at + 1);
    for (; count > 0; count--) {
        const unsigned char *keys = secret;
        for (int stripe = 0; stripe < XXH3_BLOCK_STRIPES; stripe++) {
            low = add_input(low, load_lanes(p), load_lanes(keys));
            high = add_input(high, load_lanes(p + 32), load_lanes(keys + 32));
            p += XXH3_STRIPE_SIZE;
            keys += XXH3_SECRET_STEP;
        }
        low = scramble(low, load_lanes(secret + XXH3_SCRAMBLE_SECRET));
        high = scramble(high, load_lanes(secret + XXH3_SCRAMBLE_SECRET + 32));
    }
    _mm256_storeu_si256(at, low);
    _mm256_storeu_si256(at + 1, high);
}

#else

bool
xxh3_has_avx2(void)
{
    return false;
}

void
xxh3_add_blocks_avx2(void *sums, const unsigned char *p, size_t count, const unsigned char *secret)
{
    (void)sums, (void)p, (void)count, (void)secret;
}

#endif
