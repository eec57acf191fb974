/*
 * spans.h: symbols as spans of 65536, of any width, and the arithmetic coder that they go through, in both directions: an
 * encoder gives a span, a decoder gets the place that lies in it first. Section 14 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_SPANS_H
#define ZBLOB_CODEC_VOXEL_RASTER_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPANS_BITS = 16, SPANS_WHOLE = 1 << SPANS_BITS };

struct spans_coder {
    bool decodes, failed; /* encoding: no room; decoding: the source ended before */
    uint32_t range, code; /* code: of a decoder, how far it is from the lowest number */
    uint64_t low;         /* of an encoder: 32 bits, and a carry */
    const unsigned char *src, *src_end;
    unsigned char *dst, *begin, *dst_end;
};

static inline void
spans_write_to(struct spans_coder *c, unsigned char *dst, size_t capacity)
{
    *c = (struct spans_coder){.range = UINT32_MAX, .dst = dst, .begin = dst, .dst_end = dst + capacity};
}

static inline void
spans_read_byte(struct spans_coder *c)
{
    if (c->src == c->src_end)
        c->failed = true;
    c->code = c->code << 8 | (c->failed ? 0 : *c->src++);
}

static inline void
spans_read_from(struct spans_coder *c, const unsigned char *src, size_t size)
{
    *c = (struct spans_coder){.decodes = true, .range = UINT32_MAX, .src = src, .src_end = src + size};
    for (int i = 0; i < 4; i++)
        spans_read_byte(c);
}

/* A carry goes as far up as bytes are 255. */
static inline void
spans_write_byte(struct spans_coder *c)
{
    if (c->low >> 32)
        for (unsigned char *at = c->dst; at > c->begin && ++*--at == 0;)
            ;
    if (c->dst == c->dst_end)
        c->failed = true;
    else
        *c->dst++ = (unsigned char)(c->low >> 24);
    c->low = (c->low & 0xFFFFFF) << 8;
}

/* Of a decoder: the place, below 2^bits, that the next span holds. It is the highest one at most. */
static inline uint32_t
spans_place(const struct spans_coder *c, int bits)
{
    uint32_t place = c->code / (c->range >> bits);
    return place >> bits ? (UINT32_C(1) << bits) - 1 : place;
}

/* Goes into the span of this size that begins at `start`, out of 2^bits. `decodes` is the coder's, as a constant. */
static inline void
spans_enter(struct spans_coder *c, uint32_t start, uint32_t size, int bits, bool decodes)
{
    uint32_t unit = c->range >> bits;
    c->range = unit * size;
    if (decodes)
        c->code -= unit * start;
    else
        c->low += (uint64_t)unit * start;
    while (c->range >> 24 == 0) {
        c->range <<= 8;
        if (decodes)
            spans_read_byte(c);
        else
            spans_write_byte(c);
    }
}

/* A number of so many bits, at most 16, all of them equally likely. An encoder's comes back. */
static inline uint32_t
spans_number(struct spans_coder *c, int bits, uint32_t number, bool decodes)
{
    if (decodes)
        number = spans_place(c, bits);
    spans_enter(c, number, 1, bits, decodes);
    return number;
}

/* The last bytes. Returns where they end. */
static inline unsigned char *
spans_finish(struct spans_coder *c)
{
    for (int i = 0; i < 4; i++)
        spans_write_byte(c);
    return c->dst;
}

/* Has a decoder used up its source, and no more than that? */
static inline bool
spans_are_used_up(const struct spans_coder *c)
{
    return !c->failed && c->src == c->src_end && c->code == 0;
}

#endif
