/* value_set.h: a set of keys, each of which leads to a number. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_VALUE_SET_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_VALUE_SET_H

#include "../wide/cells.h"

enum { VALUE_SET_BITS = 18, VALUE_SET_SIZE = 1 << VALUE_SET_BITS };

/* UINT64_MAX marks a free place: it cannot be in the set. */
struct value_set {
    uint32_t count;
    int bits;                 /* of a place: fewer for small sets */
    uint64_t list[CELLS_MAX]; /* the keys in the order in which they came, or sorted */
    uint64_t keys[VALUE_SET_SIZE];
    uint16_t cells[VALUE_SET_SIZE];
};

/* Empties a set that will hold at most so many keys. */
void value_set_clear(struct value_set *set, uint64_t most);
/* The place of a key, or where it would be. */
size_t value_set_place(const struct value_set *set, uint64_t key);
/* Adds the keys. False: some have no room, or cannot be in the set. */
bool value_set_add(struct value_set *set, const uint64_t *keys, size_t count);

/* Sorts keys, with as much memory beside them. */
void value_sort(uint64_t *keys, size_t count, uint64_t *aside);

#endif
