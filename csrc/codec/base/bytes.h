/* bytes.h: little-endian loads and stores at any address, and a product that cannot overflow unnoticed. */
#ifndef ZBLOB_CODEC_BASE_BYTES_H
#define ZBLOB_CODEC_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined __BYTE_ORDER__ && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "sqlite_zblob needs a little-endian CPU: its kernels read words, labels and keys in the machine's byte order"
#endif

_Static_assert(sizeof(size_t) == 8,
               "sqlite_zblob needs a 64-bit CPU: it keeps sizes of values and counts of samples in size_t");

static inline uint16_t
load_le16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
load_le32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t
load_le64(const unsigned char *p)
{
    return load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

/* An unsigned number of `width` bytes, at most 8. */
static inline uint64_t
load_le(const unsigned char *p, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static inline double
load_le_double(const unsigned char *p)
{
    uint64_t bits = load_le64(p);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void
store_le16(unsigned char *p, uint16_t value)
{
    p[0] = (unsigned char)value;
    p[1] = (unsigned char)(value >> 8);
}

static inline void
store_le32(unsigned char *p, uint32_t value)
{
    store_le16(p, (uint16_t)value);
    store_le16(p + 2, (uint16_t)(value >> 16));
}

static inline void
store_le64(unsigned char *p, uint64_t value)
{
    store_le32(p, (uint32_t)value);
    store_le32(p + 4, (uint32_t)(value >> 32));
}

static inline void
store_le_double(unsigned char *p, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    store_le64(p, bits);
}

/* *total *= factor; false, and *total stays as it is, if 64 bits do not hold the product. */
static inline bool
multiply_checked(uint64_t *total, uint64_t factor)
{
    if (factor && *total > UINT64_MAX / factor)
        return false;
    *total *= factor;
    return true;
}

#endif
