/* value_set.c: a set of keys, and how to sort them. */
#include "value_set.h"

#include <stdlib.h>
#include <string.h>

struct value_set *
value_set_new(int key_bits)
{
    struct value_set *set = malloc(sizeof *set);
    if (set == NULL)
        return NULL;
    set->count = 0;
    set->bits = key_bits <= VALUE_SET_DIRECT ? VALUE_SET_DIRECT : VALUE_SET_BITS;
    memset(set->keys, 0xFF, sizeof *set->keys << set->bits);
    return set;
}

void
value_set_clear(struct value_set *set)
{
    for (uint32_t k = 0; k < set->count; k++)
        set->keys[set->places[k]] = UINT64_MAX;
    set->count = 0;
}

bool
value_set_add(struct value_set *set, const uint64_t *keys, size_t count)
{
    uint64_t before = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (keys[i] == before && i)
            continue;
        before = keys[i];
        if (before == UINT64_MAX)
            return false;
        size_t place = value_set_place(set, before);
        if (set->keys[place] == before)
            continue;
        if (set->count == CELLS_MAX)
            return false;
        set->keys[place] = before;
        set->places[set->count] = (uint32_t)place;
        set->list[set->count++] = before;
    }
    return true;
}

/* By one byte after the other, from the lowest up; bytes that are the same in all keys are left out. */
void
value_sort(uint64_t *keys, size_t count, uint64_t *aside)
{
    uint64_t differ = 0, *from = keys, *to = aside;
    for (size_t i = 1; i < count; i++)
        differ |= keys[i] ^ keys[0];
    for (int shift = 0; shift < 64; shift += 8) {
        size_t places[257] = {0};
        if ((differ >> shift & 255) == 0)
            continue;
        for (size_t i = 0; i < count; i++)
            places[(from[i] >> shift & 255) + 1]++;
        for (int byte = 0; byte < 255; byte++)
            places[byte + 1] += places[byte];
        for (size_t i = 0; i < count; i++)
            to[places[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
}
