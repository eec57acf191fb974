/* hash.h: multiplicative hashing with the fraction of the golden ratio: near numbers come to lie far apart. */
#ifndef ZBLOB_CODEC_BASE_HASH_H
#define ZBLOB_CODEC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A hash whose highest bits are the best. */
static inline uint64_t
hash_number(uint64_t number)
{
    return number * UINT64_C(0x9E3779B97F4A7C15);
}

/* A place below `size`, irregular but the same on every machine: samples looked at there keep step with nothing. */
static inline size_t
hash_place(uint64_t number, size_t size)
{
    return (size_t)(hash_number(number) >> 33) % size;
}

#endif
