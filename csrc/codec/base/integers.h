/* integers.h: small arithmetic on integers, and the two forms in which the formats write them: zigzag and varint. */
#ifndef ZBLOB_CODEC_BASE_INTEGERS_H
#define ZBLOB_CODEC_BASE_INTEGERS_H

#include <stdbool.h>
#include <stdint.h>

/* Bits from the highest set one down; 0 for 0. */
static inline int
bit_length(uint64_t value)
{
    return value ? 64 - __builtin_clzll(value) : 0;
}

/* 0, -1, 1, -2, 2, ... -> 0, 1, 2, 3, 4, ...; the result must fit into 32 bits. */
static inline uint32_t
zigzag(int64_t value)
{
    return (uint32_t)(value < 0 ? -value * 2 - 1 : value * 2);
}

static inline int64_t
unzigzag(uint32_t value)
{
    return value & 1 ? -(int64_t)(value / 2) - 1 : (int64_t)(value / 2);
}

/* Varint: 7 bits in each byte, lowest first; the top bit is set where more bytes follow. */
enum { VARINT_SIZE_MAX = 10 };

/* Returns the end of what was written, at most VARINT_SIZE_MAX bytes. */
static inline unsigned char *
put_varint(unsigned char *at, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *at++ = (unsigned char)(value | 128);
    *at++ = (unsigned char)value;
    return at;
}

/* Moves *at to the byte after the number. False: it does not end before `end`, or has more than 63 bits. */
static inline bool
get_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 63 && *at < end; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

#endif
