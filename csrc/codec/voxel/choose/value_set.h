/* value_set.h: a set of keys, each of which leads to a cell. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_VALUE_SET_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_VALUE_SET_H

#include "../../base/hash.h"
#include "../wide/cells.h"

enum { VALUE_SET_BITS = 18, VALUE_SET_DIRECT = 16 };

/* UINT64_MAX marks a free place: it cannot be in the set. */
struct value_set {
    uint32_t count;
    int bits;                   /* of a place; so many, and keys are places themselves */
    uint64_t list[CELLS_MAX];   /* the keys in the order in which they came, or sorted */
    uint32_t places[CELLS_MAX]; /* in the order in which they came */
    uint64_t keys[1 << VALUE_SET_BITS];
    uint16_t cells[1 << VALUE_SET_BITS];
};

/* An empty set for keys of so many bits. NULL: no memory. Free it. */
struct value_set *value_set_new(int key_bits);
void value_set_clear(struct value_set *set);
/* Adds the keys. False: some have no room, or cannot be in the set. */
bool value_set_add(struct value_set *set, const uint64_t *keys, size_t count);

/* The place of a key, or where it would be. */
static inline size_t
value_set_place(const struct value_set *set, uint64_t key)
{
    if (set->bits == VALUE_SET_DIRECT)
        return (size_t)key;
    size_t place = (size_t)(hash_number(key) >> (64 - VALUE_SET_BITS));
    while (set->keys[place] != key && set->keys[place] != UINT64_MAX)
        place = (place + 1) & ((1u << VALUE_SET_BITS) - 1);
    return place;
}

/* Sorts keys, with as much memory beside them. */
void value_sort(uint64_t *keys, size_t count, uint64_t *aside);

#endif
