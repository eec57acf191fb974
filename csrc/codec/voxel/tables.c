/* tables.c: frequency tables: normalising, their bits in a chunk, and the entropy coder's forms of them. */
#include "tables.h"

#include "../base/integers.h"

#include <string.h>

void
voxel_normalise_counts(const uint32_t counts[VOXEL_TOKENS], uint16_t frequencies[VOXEL_TOKENS])
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
    /* The counts may be of a sample only: tokens without a count must stay possible, as escapes. */
    uint32_t f = (uint32_t)((escaped * VOXEL_TABLE_SIZE + total / 2) / total);
    frequencies[VOXEL_ESCAPE] = (uint16_t)(f ? f : 1);
    sum += frequencies[VOXEL_ESCAPE];
    if (frequencies[VOXEL_ESCAPE] > frequencies[largest])
        largest = VOXEL_ESCAPE;
    /* The largest frequency absorbs the rounding, which is at most half a slot per token. */
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

/* Tokens come in pairs, the two signs of one magnitude, and frequencies fall slowly with magnitude: so the previous
 * frequency of the same sign gives the order. */
static int
golomb_order(int previous)
{
    int length = bit_length((uint32_t)previous);
    return length > 2 ? length - 2 : 0;
}

void
voxel_write_table(struct bit_writer *writer, const uint16_t frequencies[VOXEL_TOKENS])
{
    int last = VOXEL_ESCAPE;
    while (last > 0 && frequencies[last - 1] == 0)
        last--;
    bits_put(writer, (uint32_t)last, 8);
    if (last == 0)
        return;
    bits_put_golomb(writer, frequencies[VOXEL_ESCAPE], 0);
    int previous[2] = {256, 256};
    for (int t = 0; t < last; t++) {
        bits_put_golomb(writer, frequencies[t], golomb_order(previous[t & 1]));
        previous[t & 1] = frequencies[t];
    }
}

bool
voxel_read_table(struct bit_reader *reader, uint16_t frequencies[VOXEL_TOKENS])
{
    memset(frequencies, 0, VOXEL_TOKENS * sizeof *frequencies);
    int last = (int)bits_get(reader, 8);
    if (last > VOXEL_ESCAPE)
        return false;
    if (last == 0) {
        frequencies[VOXEL_ESCAPE] = VOXEL_TABLE_SIZE;
        return !reader->overflow;
    }
    uint32_t sum = bits_get_golomb(reader, 0), f;
    if (sum > VOXEL_TABLE_SIZE)
        return false;
    frequencies[VOXEL_ESCAPE] = (uint16_t)sum;
    int previous[2] = {256, 256};
    for (int t = 0; t < last; t++) {
        f = bits_get_golomb(reader, golomb_order(previous[t & 1]));
        if (f > VOXEL_TABLE_SIZE - sum)
            return false;
        previous[t & 1] = (int)f;
        frequencies[t] = (uint16_t)f;
        sum += f;
    }
    return sum == VOXEL_TABLE_SIZE && !reader->overflow;
}

void
voxel_fill_encode_entries(const uint16_t frequencies[VOXEL_TOKENS], struct voxel_encode_entry entries[256])
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
voxel_fill_decode_entries(const uint16_t frequencies[VOXEL_TOKENS], uint32_t entries[VOXEL_TABLE_SIZE])
{
    uint32_t *at = entries;
    for (int t = 0; t < VOXEL_TOKENS; t++) {
        uint32_t f = frequencies[t];
        for (uint32_t i = 0; i < f; i++)
            *at++ = f << 20 | i << 8 | (uint32_t)t;
    }
}
