/*
 * reader.h: inside sniff/: reads numbers at any offset of a file, in its byte order. What lies beyond the file's end reads
 * as zeros, so that a parser stays right without a check before each number; image_settle checks what it found.
 */
#ifndef ZBLOB_CODEC_SNIFF_READER_H
#define ZBLOB_CODEC_SNIFF_READER_H

#include "../../zblob.h"

#include <string.h>

struct byte_reader {
    const unsigned char *src;
    size_t size;
    bool big_endian;
};

/* Are there `count` bytes from `at` on? */
static inline bool
reader_has(const struct byte_reader *r, uint64_t at, uint64_t count)
{
    return at <= r->size && count <= r->size - at;
}

/* Do these bytes stand at `at`? */
static inline bool
reader_sees(const struct byte_reader *r, uint64_t at, const char *bytes, size_t count)
{
    return reader_has(r, at, count) && memcmp(r->src + at, bytes, count) == 0;
}

/* A number of `width` bytes, at most 8. */
static inline uint64_t
read_unsigned(const struct byte_reader *r, uint64_t at, unsigned width)
{
    uint64_t value = 0;
    if (!reader_has(r, at, width))
        return 0;
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | r->src[at + (r->big_endian ? i : width - 1 - i)];
    return value;
}

static inline int64_t
read_signed(const struct byte_reader *r, uint64_t at, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    return (int64_t)((read_unsigned(r, at, width) ^ sign) - sign);
}

/* A float of 4 or 8 bytes. */
static inline double
read_real(const struct byte_reader *r, uint64_t at, unsigned width)
{
    uint64_t bits = read_unsigned(r, at, width);
    uint32_t low = (uint32_t)bits;
    float narrow;
    double wide;
    memcpy(&narrow, &low, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return width == 4 ? (double)narrow : wide;
}

/* The square root of a positive number, otherwise 0. The math library's would be one more library to load. */
double square_root(double number);

/* Spacing 1, origin 0 and direction identity along all axes of the image, whose dimension is known. */
void image_start_space(struct zblob_image *image);

/* The direction along one axis, as the column of its matrix. */
void image_set_axis(struct zblob_image *image, uint32_t axis, const double *cosines, uint32_t count);

/* Axis `axis` has a step of `vector` (`count` numbers): its length is the spacing, the rest is the direction. */
void image_set_step(struct zblob_image *image, uint32_t axis, const double *vector, uint32_t count);

/* A sample stands for slope * sample + intercept, unless that says nothing. */
void image_set_scale(struct zblob_image *image, double slope, double intercept);

/* Does the image have a valid grid whose samples lie within a value of `src_size` bytes? A geometry with a number that is
 * not finite is forgotten. */
bool image_settle(struct zblob_image *image, size_t src_size);

#endif
