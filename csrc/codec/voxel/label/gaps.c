/* gaps.c: the distances between exceptions, in a Golomb code. */
#include "gaps.h"

#include <stdlib.h>

bool
label_gaps_add(struct label_gaps *gaps)
{
    if (gaps->count == gaps->capacity) {
        size_t capacity = gaps->capacity * 2 + 256;
        uint32_t *list = realloc(gaps->list, capacity * sizeof *list);
        if (list == NULL)
            return false;
        gaps->list = list;
        gaps->capacity = capacity;
    }
    gaps->list[gaps->count++] = (uint32_t)gaps->left;
    gaps->left = 0;
    return true;
}

void
label_gaps_next(struct label_gaps *gaps)
{
    gaps->left = UINT64_MAX; /* after the last one: no more exceptions */
    if (gaps->count > 0) {
        gaps->count--;
        gaps->left = bits_get_golomb(&gaps->reader, gaps->order);
    }
}

bool
label_gaps_are_used_up(const struct label_gaps *gaps)
{
    return gaps->count == 0 && gaps->left == UINT64_MAX && bits_are_used_up(&gaps->reader);
}

/* Without the bit that ends the first part of each number. */
static uint64_t
golomb_bits(const struct label_gaps *gaps, int order)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < gaps->count; i++)
        bits += 2 * (uint64_t)(31 - __builtin_clz(gaps->list[i] + (1u << order)));
    return bits - gaps->count * (uint64_t)order;
}

size_t
label_gaps_size(const struct label_gaps *gaps, int order)
{
    return (size_t)((golomb_bits(gaps, order) + gaps->count + 7) / 8);
}

int
label_gaps_order(const struct label_gaps *gaps)
{
    uint64_t total = 0;
    for (size_t i = 0; i < gaps->count; i++)
        total += gaps->list[i];
    int order = 0;
    while (order < 15 && total >> (order + 1) > gaps->count)
        order++;
    while (order > 0 && golomb_bits(gaps, order - 1) < golomb_bits(gaps, order))
        order--;
    return order;
}

void
label_gaps_write(const struct label_gaps *gaps, int order, struct bit_writer *writer)
{
    for (size_t i = 0; i < gaps->count; i++)
        bits_put_golomb(writer, gaps->list[i], order);
    bits_flush(writer);
}

void
label_gaps_close(struct label_gaps *gaps)
{
    free(gaps->list);
}
