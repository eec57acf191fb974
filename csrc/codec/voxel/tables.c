/* tables.c: frequency tables: normalising, their bits in the stream, and the forms in which the
 * entropy coder uses them. */
#include "internal.h"

#include <string.h>

void
voxel_put_bits(struct voxel_bit_writer *writer, uint32_t value, int count)
{
    writer->bits |= (uint64_t)value << writer->count;
    writer->count += count;
    for (; writer->count >= 8; writer->count -= 8, writer->bits >>= 8) {
        if (writer->at == writer->end)
            writer->overflow = true;
        else
            *writer->at++ = (unsigned char)writer->bits;
    }
}

void
voxel_flush_bits(struct voxel_bit_writer *writer)
{
    if (writer->count > 0)
        voxel_put_bits(writer, 0, 8 - writer->count);
}

uint32_t
voxel_get_bits(struct voxel_bit_reader *reader, int count)
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

static int
bit_length(uint32_t value)
{
    int length = 0;
    for (; value; value >>= 1)
        length++;
    return length;
}

/* Exponential Golomb code: n zeros, a one, then order + n bits below the leading bit. */
void
voxel_put_golomb(struct voxel_bit_writer *writer, uint32_t value, int order)
{
    uint32_t shifted = value + (1u << order);
    int extra = bit_length(shifted) - 1 - order;
    voxel_put_bits(writer, 1u << extra, extra + 1);
    voxel_put_bits(writer, shifted & ((1u << (order + extra)) - 1), order + extra);
}

uint32_t
voxel_get_golomb(struct voxel_bit_reader *reader, int order)
{
    int extra = 0;
    while (!voxel_get_bits(reader, 1)) {
        if (++extra + order > 24) {
            reader->overflow = true;
            return 0;
        }
    }
    uint32_t low = voxel_get_bits(reader, order + extra);
    return (1u << (order + extra)) + low - (1u << order);
}

void
voxel_normalise(const uint32_t counts[VOXEL_TOKENS], uint16_t frequencies[VOXEL_TOKENS])
{
    memset(frequencies, 0, VOXEL_TOKENS * sizeof *frequencies);
    uint64_t total = 0;
    for (int t = 0; t < VOXEL_TOKENS; t++)
        total += counts[t];
    if (total == 0) {
        frequencies[VOXEL_ESCAPE] = VOXEL_TABLE_SIZE;
        return;
    }
    uint64_t escaped = counts[VOXEL_ESCAPE];
    int sum = 0, largest = VOXEL_ESCAPE;
    for (int t = 0; t < VOXEL_ESCAPE; t++) {
        uint64_t scaled = (uint64_t)counts[t] * VOXEL_TABLE_SIZE;
        if (scaled * 100 < total * 35) { /* not worth a slot */
            escaped += counts[t];
            continue;
        }
        uint32_t f = (uint32_t)((scaled + total / 2) / total);
        frequencies[t] = (uint16_t)(f ? f : 1);
        sum += frequencies[t];
        if (frequencies[t] > frequencies[largest])
            largest = t;
    }
    /* A token without counts may still come where the histogram was a sample. */
    uint32_t f = (uint32_t)((escaped * VOXEL_TABLE_SIZE + total / 2) / total);
    frequencies[VOXEL_ESCAPE] = (uint16_t)(f ? f : 1);
    sum += frequencies[VOXEL_ESCAPE];
    if (frequencies[VOXEL_ESCAPE] > frequencies[largest])
        largest = VOXEL_ESCAPE;
    /* The largest absorbs the rounding: at most half a slot a token. */
    while (sum != VOXEL_TABLE_SIZE) {
        int target = largest;
        for (int t = 0; t < VOXEL_TOKENS; t++)
            if (frequencies[t] > frequencies[target])
                target = t;
        int step = VOXEL_TABLE_SIZE - sum;
        if (step < 0 && frequencies[target] + step < frequencies[target] / 2)
            step = -(frequencies[target] / 2);
        frequencies[target] = (uint16_t)(frequencies[target] + step);
        sum += step;
    }
}

/* Tokens in pairs (the signs of one magnitude) fall slowly: the last frequency of the same sign
 * sets the order. */
static int
golomb_order(int previous)
{
    int length = bit_length((uint32_t)previous);
    return length > 2 ? length - 2 : 0;
}

void
voxel_write_table(struct voxel_bit_writer *writer, const uint16_t frequencies[VOXEL_TOKENS])
{
    int last = VOXEL_ESCAPE;
    while (last > 0 && frequencies[last - 1] == 0)
        last--;
    voxel_put_bits(writer, (uint32_t)last, 8);
    if (last == 0)
        return;
    voxel_put_golomb(writer, frequencies[VOXEL_ESCAPE], 0);
    int previous[2] = {256, 256};
    for (int t = 0; t < last; t++) {
        voxel_put_golomb(writer, frequencies[t], golomb_order(previous[t & 1]));
        previous[t & 1] = frequencies[t];
    }
}

bool
voxel_read_table(struct voxel_bit_reader *reader, uint16_t frequencies[VOXEL_TOKENS])
{
    memset(frequencies, 0, VOXEL_TOKENS * sizeof *frequencies);
    int last = (int)voxel_get_bits(reader, 8);
    if (last > VOXEL_ESCAPE)
        return false;
    if (last == 0) {
        frequencies[VOXEL_ESCAPE] = VOXEL_TABLE_SIZE;
        return !reader->overflow;
    }
    uint32_t sum = voxel_get_golomb(reader, 0), f;
    if (sum > VOXEL_TABLE_SIZE)
        return false;
    frequencies[VOXEL_ESCAPE] = (uint16_t)sum;
    int previous[2] = {256, 256};
    for (int t = 0; t < last; t++) {
        f = voxel_get_golomb(reader, golomb_order(previous[t & 1]));
        if (f > VOXEL_TABLE_SIZE - sum)
            return false;
        previous[t & 1] = (int)f;
        frequencies[t] = (uint16_t)f;
        sum += f;
    }
    return sum == VOXEL_TABLE_SIZE && !reader->overflow;
}

void
voxel_encode_table(const uint16_t frequencies[VOXEL_TOKENS], struct voxel_encode_entry entries[256])
{
    uint32_t start = 0;
    for (int t = 0; t < VOXEL_TOKENS; t++) {
        uint32_t f = frequencies[t];
        if (f == 0)
            continue;
        entries[t].packed = start | f << 12;
        entries[t].reciprocal = f == 1 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << 32) / f);
        start += f;
    }
    entries[VOXEL_ESCAPE].packed |= UINT32_C(1) << 31;
    for (int t = 0; t < 256; t++)
        if (t >= VOXEL_TOKENS || frequencies[t] == 0)
            entries[t] = entries[VOXEL_ESCAPE];
}

void
voxel_decode_table(const uint16_t frequencies[VOXEL_TOKENS], uint32_t entries[VOXEL_TABLE_SIZE])
{
    uint32_t *at = entries;
    for (int t = 0; t < VOXEL_TOKENS; t++) {
        uint32_t f = frequencies[t];
        for (uint32_t i = 0; i < f; i++)
            *at++ = f << 20 | i << 8 | (uint32_t)t;
    }
}
