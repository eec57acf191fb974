/*
 * checksum.c: XXH3. Values of up to 240 bytes have forms of their own; a longer one goes through eight lanes, which are
 * vectors here.
 */
#include "checksum.h"

#include "../../zblob.h"
#include "bytes.h"
#include "checksum_blocks.h"

#if defined __SSE2__
#include <emmintrin.h>
#elif defined __ARM_NEON
#include <arm_neon.h>
#endif

/* The specification's constants: primes chosen for their bit patterns. */
#define PRIME32_2 UINT64_C(0x85EBCA77)
#define PRIME32_3 UINT64_C(0xC2B2AE3D)
#define PRIME64_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME64_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME64_3 UINT64_C(0x165667B19E3779F9)
#define PRIME64_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME64_5 UINT64_C(0x27D4EB2F165667C5)
#define PRIME_MX1 UINT64_C(0x165667919E3779F9)
#define PRIME_MX2 UINT64_C(0x9FB21C651E98DF25)

/* The specification's "default secret". */
static const unsigned char secret[XXH3_SECRET_SIZE] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, //
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, //
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, //
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, //
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, //
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, //
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, //
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, //
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, //
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, //
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, //
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e, //
};

/* ---- Steps that several lengths share ---------------------------------------------------------- */

static inline uint64_t
rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* The low and the high half of the product of 128 bits, one XOR the other. */
static inline uint64_t
folded_product(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
avalanche(uint64_t hash)
{
    hash = (hash ^ hash >> 37) * PRIME_MX1;
    return hash ^ hash >> 32;
}

/* Of XXH64, which the shortest inputs end with. */
static inline uint64_t
avalanche_xxh64(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * PRIME64_2;
    hash = (hash ^ hash >> 29) * PRIME64_3;
    return hash ^ hash >> 32;
}

/* Two words of the secret, one XOR the other. */
static inline uint64_t
secret_pair(size_t at)
{
    return load_le64(secret + at) ^ load_le64(secret + at + 8);
}

/* ---- Up to 240 bytes ---------------------------------------------------------------------------- */

static uint64_t
hash_up_to_3(const unsigned char *p, size_t size)
{
    uint32_t combined = (uint32_t)p[0] << 16 | (uint32_t)p[size >> 1] << 24 | p[size - 1] | (uint32_t)size << 8;
    return avalanche_xxh64(combined ^ (uint64_t)(load_le32(secret) ^ load_le32(secret + 4)));
}

static uint64_t
hash_4_to_8(const unsigned char *p, size_t size)
{
    uint64_t hash = (load_le32(p + size - 4) + ((uint64_t)load_le32(p) << 32)) ^ secret_pair(8);
    hash ^= rotate_left(hash, 49) ^ rotate_left(hash, 24);
    hash *= PRIME_MX2;
    hash ^= (hash >> 35) + size;
    hash *= PRIME_MX2;
    return hash ^ hash >> 28;
}

static uint64_t
hash_9_to_16(const unsigned char *p, size_t size)
{
    uint64_t low = load_le64(p) ^ secret_pair(24), high = load_le64(p + size - 8) ^ secret_pair(40);
    return avalanche(size + __builtin_bswap64(low) + high + folded_product(low, high));
}

/* 16 bytes with 16 bytes of the secret. */
static inline uint64_t
mix_16(const unsigned char *p, size_t secret_at)
{
    return folded_product(load_le64(p) ^ load_le64(secret + secret_at),
                          load_le64(p + 8) ^ load_le64(secret + secret_at + 8));
}

/* Pairs of 16 bytes, from both ends. */
static uint64_t
hash_17_to_128(const unsigned char *p, size_t size)
{
    uint64_t hash = size * PRIME64_1;
    for (size_t pair = (size - 1) / 32 + 1; pair-- > 0;) {
        hash += mix_16(p + 16 * pair, 32 * pair);
        hash += mix_16(p + size - 16 * (pair + 1), 32 * pair + 16);
    }
    return avalanche(hash);
}

static uint64_t
hash_129_to_240(const unsigned char *p, size_t size)
{
    enum { FIRST_ROUNDS = 8, LATER_SECRET = 3, LAST_SECRET = 136 - 17 };
    uint64_t hash = size * PRIME64_1;
    for (size_t round = 0; round < FIRST_ROUNDS; round++)
        hash += mix_16(p + 16 * round, 16 * round);
    hash = avalanche(hash);
    for (size_t round = FIRST_ROUNDS; round < size / 16; round++)
        hash += mix_16(p + 16 * round, 16 * (round - FIRST_ROUNDS) + LATER_SECRET);
    return avalanche(hash + mix_16(p + size - 16, LAST_SECRET));
}

/* ---- Longer ones -------------------------------------------------------------------------------- */

/* Two of the eight lanes. */
typedef uint64_t lanes __attribute__((vector_size(16)));
enum { VECTORS = XXH3_STRIPE_SIZE / sizeof(lanes) };

static inline lanes
load_lanes(const void *p)
{
    lanes loaded;
    memcpy(&loaded, p, sizeof loaded);
    return loaded;
}

static inline lanes
swap_lanes(lanes pair)
{
    return (lanes){pair[1], pair[0]};
}

/* Of each lane, the product of its low and its high half. Compilers make three multiplications of the last line. */
static inline lanes
multiply_halves(lanes pair)
{
#if defined __SSE2__
    return (lanes)_mm_mul_epu32((__m128i)pair, (__m128i)(pair >> 32));
#elif defined __ARM_NEON
    return (lanes)vmull_u32(vmovn_u64((uint64x2_t)pair), vshrn_n_u64((uint64x2_t)pair, 32));
#else
    return (pair & UINT32_MAX) * (pair >> 32);
#endif
}

/* Each lane takes the product of its two keyed halves, and its neighbour the input. */
static inline void
add_stripe(lanes sums[VECTORS], const unsigned char *p, const unsigned char *keys)
{
    for (int i = 0; i < (int)VECTORS; i++) {
        lanes input = load_lanes(p + 16 * i);
        sums[i] += swap_lanes(input) + multiply_halves(input ^ load_lanes(keys + 16 * i));
    }
}

static inline void
add_stripes(lanes sums[VECTORS], const unsigned char *p, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_stripe(sums, p + i * XXH3_STRIPE_SIZE, secret + i * XXH3_SECRET_STEP);
}

static void
add_blocks(lanes sums[VECTORS], const unsigned char *p, size_t count)
{
    for (const unsigned char *end = p + count * XXH3_BLOCK_SIZE; p < end; p += XXH3_BLOCK_SIZE) {
        add_stripes(sums, p, XXH3_BLOCK_STRIPES);
        for (int i = 0; i < (int)VECTORS; i++) {
            lanes keys = load_lanes(secret + XXH3_SCRAMBLE_SECRET + 16 * i);
            sums[i] = (sums[i] ^ sums[i] >> 47 ^ keys) * XXH3_PRIME32_1;
        }
    }
}

static uint64_t
merge(const lanes sums[VECTORS], uint64_t hash)
{
    enum { MERGE_SECRET = 11 };
    for (int i = 0; i < (int)VECTORS; i++)
        hash += folded_product(sums[i][0] ^ load_le64(secret + MERGE_SECRET + 16 * i),
                               sums[i][1] ^ load_le64(secret + MERGE_SECRET + 16 * i + 8));
    return avalanche(hash);
}

/* Whole blocks, but for the last byte at least; whole stripes, likewise; and a stripe that ends with the input. */
static uint64_t
hash_long(const unsigned char *p, size_t size)
{
    enum { LAST_SECRET = XXH3_SCRAMBLE_SECRET - 7 };
    lanes sums[VECTORS] = {
        {PRIME32_3, PRIME64_1}, {PRIME64_2, PRIME64_3}, {PRIME64_4, PRIME32_2}, {PRIME64_5, XXH3_PRIME32_1}};
    size_t blocks = (size - 1) / XXH3_BLOCK_SIZE, stripes = (size - 1) % XXH3_BLOCK_SIZE / XXH3_STRIPE_SIZE;
    if (xxh3_has_avx2())
        xxh3_add_blocks_avx2(sums, p, blocks, secret);
    else
        add_blocks(sums, p, blocks);
    add_stripes(sums, p + blocks * XXH3_BLOCK_SIZE, stripes);
    add_stripe(sums, p + size - XXH3_STRIPE_SIZE, secret + LAST_SECRET);
    return merge(sums, size * PRIME64_1);
}

/* ---- All --------------------------------------------------------------------------------------- */

uint64_t
checksum_xxh3(const void *src, size_t src_size)
{
    if (src_size > 240)
        return hash_long(src, src_size);
    if (src_size > 128)
        return hash_129_to_240(src, src_size);
    if (src_size > 16)
        return hash_17_to_128(src, src_size);
    if (src_size > 8)
        return hash_9_to_16(src, src_size);
    if (src_size > 3)
        return hash_4_to_8(src, src_size);
    if (src_size > 0)
        return hash_up_to_3(src, src_size);
    return avalanche_xxh64(secret_pair(56)); /* and src may be NULL */
}

uint64_t
zblob_checksum(const void *src, size_t src_size)
{
    return checksum_xxh3(src, src_size);
}
