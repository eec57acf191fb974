/* checksum.c: XXH64. Four independent lanes keep the multipliers busy: about 16 GB/s on one core. */
#include "checksum.h"

#include "../../zblob.h"
#include "bytes.h"

/* The specification's constants: primes chosen for their bit patterns. */
#define PRIME_1 0x9E3779B185EBCA87ULL
#define PRIME_2 0xC2B2AE3D27D4EB4FULL
#define PRIME_3 0x165667B19E3779F9ULL
#define PRIME_4 0x85EBCA77C2B2AE63ULL
#define PRIME_5 0x27D4EB2F165667C5ULL

#define STRIPE_SIZE 32

static inline uint64_t
rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline uint64_t
round_lane(uint64_t lane, uint64_t input)
{
    return rotate_left(lane + input * PRIME_2, 31) * PRIME_1;
}

static inline uint64_t
merge_lane(uint64_t hash, uint64_t lane)
{
    return (hash ^ round_lane(0, lane)) * PRIME_1 + PRIME_4;
}

static uint64_t
hash_stripes(const unsigned char **p, const unsigned char *end)
{
    uint64_t a = PRIME_1 + PRIME_2, b = PRIME_2, c = 0, d = 0 - PRIME_1;
    for (; end - *p >= STRIPE_SIZE; *p += STRIPE_SIZE) {
        a = round_lane(a, load_le64(*p));
        b = round_lane(b, load_le64(*p + 8));
        c = round_lane(c, load_le64(*p + 16));
        d = round_lane(d, load_le64(*p + 24));
    }
    uint64_t hash = rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18);
    return merge_lane(merge_lane(merge_lane(merge_lane(hash, a), b), c), d);
}

uint64_t
checksum_xxh64(const void *src, size_t src_size)
{
    if (src_size == 0)
        return 0xEF46DB3751D8E999ULL; /* and src may be NULL */
    const unsigned char *p = src, *end = p + src_size;
    uint64_t hash = src_size >= STRIPE_SIZE ? hash_stripes(&p, end) : PRIME_5;
    hash += src_size;
    for (; end - p >= 8; p += 8)
        hash = rotate_left(hash ^ round_lane(0, load_le64(p)), 27) * PRIME_1 + PRIME_4;
    for (; end - p >= 4; p += 4)
        hash = rotate_left(hash ^ load_le32(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    for (; p < end; p++)
        hash = rotate_left(hash ^ *p * PRIME_5, 11) * PRIME_1;
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

uint64_t
zblob_checksum(const void *src, size_t src_size)
{
    return checksum_xxh64(src, src_size);
}
