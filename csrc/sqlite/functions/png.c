/*
 * png.c: see png.h. A signature and three chunks (PNG, second edition): IHDR, IDAT, IEND. A chunk is the size of its data, a
 * name, the data, and a CRC of name and data. The data of IDAT is a zlib stream (RFC 1950) of stored blocks (RFC 1951): rows,
 * each of which begins with the number of its filter, 0 for none.
 */
#include "png.h"

#include <string.h>

enum {
    SIGNATURE_SIZE = 8,
    CHUNK_OVERHEAD = 12,
    HEADER_SIZE = 13,
    ZLIB_OVERHEAD = 6, /* two bytes before the blocks, a checksum after them */
    BLOCK_OVERHEAD = 5,
    BLOCK_MAX = 65535,
    GREY = 0,
    COLOUR = 2,
};

static unsigned char *
put_big_endian(unsigned char *dst, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        dst[i] = (unsigned char)(number >> 8 * (3 - i));
    return dst + 4;
}

/* CRC-32 of Ethernet, which PNG takes: bit by bit, because thumbnails are small. */
static uint32_t
crc_of(const unsigned char *src, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= src[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

/* The data already lie where they are to be. Returns the chunk's end. */
static unsigned char *
finish_chunk(unsigned char *chunk, const char *name, size_t data_size)
{
    put_big_endian(chunk, (uint32_t)data_size);
    memcpy(chunk + 4, name, 4);
    return put_big_endian(chunk + 8 + data_size, crc_of(chunk + 4, 4 + data_size));
}

static size_t
rows_size(uint32_t width, uint32_t height, uint32_t components)
{
    return ((size_t)width * components + 1) * height;
}

static size_t
stream_size(size_t size)
{
    return ZLIB_OVERHEAD + size + BLOCK_OVERHEAD * ((size + BLOCK_MAX - 1) / BLOCK_MAX);
}

/* What is under way of a zlib stream: blocks of at most BLOCK_MAX bytes, and the checksum's two sums. */
struct stream {
    unsigned char *dst;
    size_t rest;       /* bytes that are still to come */
    size_t block_rest; /* of them in the block that has begun */
    uint32_t a, b;
};

static void
put_byte(struct stream *stream, unsigned char byte)
{
    enum { ADLER_MODULUS = 65521 };
    if (stream->block_rest == 0) {
        size_t size = stream->rest < BLOCK_MAX ? stream->rest : BLOCK_MAX;
        const unsigned char head[BLOCK_OVERHEAD] = {size == stream->rest, (unsigned char)size,
                                                    (unsigned char)(size >> 8), (unsigned char)~size,
                                                    (unsigned char)(~size >> 8)};
        memcpy(stream->dst, head, sizeof head);
        stream->dst += sizeof head;
        stream->block_rest = size;
    }
    *stream->dst++ = byte;
    stream->a = (stream->a + byte) % ADLER_MODULUS;
    stream->b = (stream->b + stream->a) % ADLER_MODULUS;
    stream->rest--;
    stream->block_rest--;
}

size_t
png_size(uint32_t width, uint32_t height, uint32_t components)
{
    return SIGNATURE_SIZE + 3 * CHUNK_OVERHEAD + HEADER_SIZE + stream_size(rows_size(width, height, components));
}

void
png_write(const unsigned char *pixels, uint32_t width, uint32_t height, uint32_t components, unsigned char *dst)
{
    static const unsigned char zlib_head[2] = {0x78, 0x01};
    size_t size = rows_size(width, height, components), row = (size_t)width * components;
    memcpy(dst, "\x89PNG\r\n\x1a\n", SIGNATURE_SIZE);
    unsigned char *header = dst + SIGNATURE_SIZE;
    const unsigned char kind[5] = {8, components == 3 ? COLOUR : GREY, 0, 0, 0}; /* bits; deflate, no filter, no lace */
    memcpy(put_big_endian(put_big_endian(header + 8, width), height), kind, sizeof kind);
    unsigned char *data = finish_chunk(header, "IHDR", HEADER_SIZE);
    memcpy(data + 8, zlib_head, sizeof zlib_head);
    struct stream stream = {.dst = data + 8 + sizeof zlib_head, .rest = size, .a = 1};
    for (uint32_t y = 0; y < height; y++) {
        put_byte(&stream, 0);
        for (size_t x = 0; x < row; x++)
            put_byte(&stream, pixels[y * row + x]);
    }
    put_big_endian(stream.dst, stream.b << 16 | stream.a);
    finish_chunk(finish_chunk(data, "IDAT", stream_size(size)), "IEND", 0);
}
