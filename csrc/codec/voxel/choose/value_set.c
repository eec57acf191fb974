/* value_set.c: a set of keys, and how to sort them. */
#include "value_set.h"

#include "../../base/hash.h"
#include "../../base/integers.h"

#include <string.h>

void
value_set_clear(struct value_set *set, uint64_t most)
{
    most = most < CELLS_MAX ? most : CELLS_MAX;
    set->count = 0;
    set->bits = bit_length(2 * most) < VALUE_SET_BITS ? bit_length(2 * most) : VALUE_SET_BITS;
    memset(set->keys, 0xFF, sizeof *set->keys << set->bits);
}

size_t
value_set_place(const struct value_set *set, uint64_t key)
{
    size_t mask = ((size_t)1 << set->bits) - 1, place = (size_t)(hash_number(key) >> (64 - set->bits));
    while (set->keys[place] != key && set->keys[place] != UINT64_MAX)
        place = (place + 1) & mask;
    return place;
}

bool
value_set_add(struct value_set *set, const uint64_t *keys, size_t count)
{
    uint64_t before = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (keys[i] == before && i)
            continue;
        before = keys[i];
        size_t place = value_set_place(set, before);
        if (before == UINT64_MAX || (set->keys[place] != before && set->count == CELLS_MAX))
            return false;
        if (set->keys[place] == before)
            continue;
        set->keys[place] = before;
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
