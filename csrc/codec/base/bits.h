/*
 * bits.h: streams of bits, the lowest bit of the first byte first, and numbers in exponential Golomb codes.
 *
 * Memory is safe whatever is read or written: a writer without room and a reader at its end set `overflow` and continue
 * without touching it. Callers check `overflow` at the end, and before they use a number to size or address memory.
 */
#ifndef ZBLOB_CODEC_BASE_BITS_H
#define ZBLOB_CODEC_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GOLOMB_BITS_MAX = 24 }; /* bits of a number below its leading one; more are an overflow */

struct bit_writer {
    unsigned char *at, *end;
    uint64_t bits; /* `count` bits that do not fill a byte yet */
    int count;
    bool overflow;
    size_t lost_size; /* bytes that there was no room for */
};

struct bit_reader {
    const unsigned char *at, *end;
    uint64_t bits; /* `count` bits that were read from bytes before `at` and not taken yet */
    int count;
    bool overflow;
    bool lacks_memory; /* for callers: there was no memory for what is read, which says nothing about the bytes */
};

static inline struct bit_writer
bits_write_to(unsigned char *dst, size_t dst_capacity)
{
    return (struct bit_writer){dst, dst + dst_capacity, 0, 0, false, 0};
}

static inline struct bit_reader
bits_read_from(const unsigned char *src, size_t src_size)
{
    return (struct bit_reader){src, src + src_size, 0, 0, false, false};
}

/* Can the reader's bytes hold that many items of one bit or more? A first check of a count before memory is taken. */
static inline bool
bits_may_hold(const struct bit_reader *reader, uint64_t count)
{
    return count <= (size_t)(reader->end - reader->at) * 8 + 64;
}

/* Was everything read, and nothing after it, are the bits that fill the last byte zeros? */
static inline bool
bits_are_used_up(const struct bit_reader *reader)
{
    return reader->at == reader->end && reader->count < 8 && reader->bits == 0 && !reader->overflow;
}

/* The lowest `count` bits of a value that has no others: at most 32, and for the long forms at most 64. */
void bits_put(struct bit_writer *writer, uint32_t value, int count);
uint32_t bits_get(struct bit_reader *reader, int count);
void bits_put_long(struct bit_writer *writer, uint64_t value, int count);
uint64_t bits_get_long(struct bit_reader *reader, int count);

/* Fills the last byte with zeros. */
void bits_flush(struct bit_writer *writer);

/* Exponential Golomb code: n zeros, a one, then order + n bits below the leading bit. */
void bits_put_golomb(struct bit_writer *writer, uint32_t value, int order);
uint32_t bits_get_golomb(struct bit_reader *reader, int order);

#endif
