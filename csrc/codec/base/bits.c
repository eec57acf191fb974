/* bits.c: streams of bits. */
#include "bits.h"

#include "integers.h"

#include <string.h>

void
bits_put(struct bit_writer *writer, uint32_t value, int count)
{
    writer->bits |= (uint64_t)value << writer->count;
    writer->count += count;
    for (; writer->count >= 8; writer->count -= 8, writer->bits >>= 8) {
        if (writer->at != writer->end) {
            *writer->at++ = (unsigned char)writer->bits;
            continue;
        }
        writer->overflow = true;
        writer->lost_size++;
    }
}

uint32_t
bits_get(struct bit_reader *reader, int count)
{
    while (reader->count < count) {
        if (reader->at == reader->end)
            reader->overflow = true;
        else
            reader->bits |= (uint64_t)*reader->at++ << reader->count;
        reader->count += 8;
    }
    uint32_t value = (uint32_t)(reader->bits & ((UINT64_C(1) << count) - 1));
    reader->bits >>= count;
    reader->count -= count;
    return value;
}

void
bits_put_long(struct bit_writer *writer, uint64_t value, int count)
{
    for (; count > 0; count -= 16, value >>= 16)
        bits_put(writer, (uint32_t)(value & (count < 16 ? (1u << count) - 1 : 0xFFFF)), count < 16 ? count : 16);
}

uint64_t
bits_get_long(struct bit_reader *reader, int count)
{
    uint64_t value = 0;
    for (int at = 0; at < count; at += 16)
        value |= (uint64_t)bits_get(reader, count - at < 16 ? count - at : 16) << at;
    return value;
}

void
bits_flush(struct bit_writer *writer)
{
    if (writer->count > 0)
        bits_put(writer, 0, 8 - writer->count);
}

void
bits_put_golomb(struct bit_writer *writer, uint32_t value, int order)
{
    uint32_t shifted = value + (1u << order);
    int extra = bit_length(shifted) - 1 - order;
    bits_put(writer, 1u << extra, extra + 1);
    bits_put(writer, shifted & ((1u << (order + extra)) - 1), order + extra);
}

/* bits_get_golomb bit by bit, near the end. */
static uint32_t
get_golomb_slowly(struct bit_reader *reader, int order)
{
    int extra = 0;
    while (!bits_get(reader, 1)) {
        if (++extra + order > GOLOMB_BITS_MAX) {
            reader->overflow = true;
            return 0;
        }
    }
    uint32_t low = bits_get(reader, order + extra);
    return (1u << (order + extra)) + low - (1u << order);
}

uint32_t
bits_get_golomb(struct bit_reader *reader, int order)
{
    uint64_t ahead;
    if (reader->end - reader->at < 8)
        return get_golomb_slowly(reader, order);
    memcpy(&ahead, reader->at, 8);
    ahead = reader->bits | ahead << reader->count; /* fewer than 8 bits are left from before */
    int extra = ahead ? __builtin_ctzll(ahead) : 64;
    if (extra + order > GOLOMB_BITS_MAX) {
        reader->overflow = true;
        return 0;
    }
    int size = 2 * extra + 1 + order, bytes = (size - reader->count + 7) / 8;
    uint32_t low = (uint32_t)(ahead >> (extra + 1) & ((UINT64_C(1) << (order + extra)) - 1));
    reader->at += bytes;
    reader->count += 8 * bytes - size;
    reader->bits = ahead >> size & ((UINT64_C(1) << reader->count) - 1);
    return (1u << (order + extra)) + low - (1u << order);
}
