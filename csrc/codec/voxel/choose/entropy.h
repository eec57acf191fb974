/* entropy.h: what the best code would take, for comparisons; in integers, so that they come out the same everywhere. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_ENTROPY_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* log2 in units of 1/256, rounded down. */
static inline uint64_t
voxel_log2(uint32_t value)
{
    int whole = 31 - __builtin_clz(value);
    uint64_t log = (uint64_t)whole, x = (uint64_t)value << (31 - whole); /* 1 to 2, in units of 2^-31 */
    for (int i = 0; i < 8; i++) {
        x = x * x >> 31;
        log = log << 1 | x >> 32;
        x >>= x >> 32;
    }
    return log;
}

/* Bits, in units of 1/256, that the best code for these counts needs. */
static inline uint64_t
voxel_entropy(const uint32_t *counts, size_t count)
{
    uint64_t total = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        if (counts[i]) {
            total += counts[i];
            sum += counts[i] * voxel_log2(counts[i]);
        }
    return total ? total * voxel_log2((uint32_t)total) - sum : 0;
}

#endif
