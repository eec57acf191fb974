/*
 * repeats.c: a quick look for rows that occur more than once: in images that were enlarged, tiled or put together from
 * equal slices. No two rows of a scan are the same, unless they are flat.
 */
#include "repeats.h"

#include "../../base/bytes.h"
#include "../../base/hash.h"

#include <string.h>

enum {
    LOOK_MIN = 64, /* bytes of a row that are looked at, */
    LOOK_MAX = 128,
    SHARE = 8, /* one row in so many has to be a repeat */
    VARIED_MIN = 8,
    FAR_SIZE = 64 << 10,  /* bytes from which on an image is searched for repeats at any distance */
    FAR_LOOK = 64,        /* bytes that are compared at a place */
    FAR_BLOCKS = 4,       /* blocks of neighbouring places */
    FAR_BLOCK_MIN = 64,   /* places in a block, at least */
    FAR_BLOCK_MAX = 1024, /* and at most */
    FAR_BITS = 12,        /* the table of a block has two to this power of entries */
    FAR_MIN = 2,          /* blocks of which something has to occur again */
    CHANGES_MIN = 4,      /* a row is flat if fewer of its words differ from the one before */
};

static void
look_at(struct repeats *seen, const unsigned char *at, size_t size)
{
    uint64_t hash = 0, before = load_le64(at);
    int changes = 0;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = load_le64(at + i);
        changes += word != before;
        before = word;
        hash = hash_number(hash ^ word);
        hash ^= hash >> 32;
    }
    if (changes < CHANGES_MIN)
        return;
    uint32_t *met = &seen->met[hash_number(hash) >> (64 - REPEATS_TABLE_BITS)], tag = (uint32_t)hash | 1;
    seen->varied++;
    seen->repeated += *met == tag;
    *met = tag;
}

static inline bool
is_flat(const unsigned char *at)
{
    int changes = 0;
    for (int i = 1; i < FAR_LOOK / 8; i++)
        changes += load_le64(at + 8 * i) != load_le64(at + 8 * (i - 1));
    return changes < CHANGES_MIN;
}

static inline size_t
slot_of(const unsigned char *at)
{
    return (size_t)(hash_number(load_le64(at)) >> (64 - FAR_BITS));
}

/* One block's places, then the places far from it, found by their first words. Does something occur in both? */
static bool
occurs_again(const unsigned char *samples, size_t step, size_t first, size_t block, size_t places)
{
    uint16_t met[1 << FAR_BITS] = {0}; /* of the block, counted from 1 */
    const unsigned char *from = samples + first * step;
    size_t end = places - first < block * block ? places : first + block * block;
    for (size_t i = 0; i < block; i++)
        met[slot_of(from + i * step)] = (uint16_t)(i + 1);
    for (size_t at = first + block; at < end; at += block) {
        const unsigned char *here = samples + at * step;
        size_t place = met[slot_of(here)];
        if (place && memcmp(here, from + (place - 1) * step, FAR_LOOK) == 0 && !is_flat(here))
            return true;
    }
    return false;
}

/* Samples that repeat at any distance up to that of a million places, whatever the rows: all places of a few blocks are held
 * against places that are as far apart as a block is long. Each distance leads from a place of a block to one of these, if it
 * leads to the image's rest. */
static void
look_far(struct repeats *seen, const unsigned char *samples, size_t size, size_t step)
{
    size_t places = size > FAR_LOOK ? (size - FAR_LOOK) / step : 0, block = FAR_BLOCK_MIN;
    while (block < FAR_BLOCK_MAX && block * block < places)
        block *= 2;
    for (size_t i = 0; i < FAR_BLOCKS && size >= FAR_SIZE && places >= 2 * FAR_BLOCKS * block; i++)
        seen->far += occurs_again(samples, step, places / FAR_BLOCKS * i, block, places);
}

/* Of one or two slices, a block of rows is looked at: in it, repeats have any distance. Of more slices, the same pairs of
 * rows in each. */
void
repeats_look(struct repeats *seen, const struct zblob_grid *grid, const unsigned char *samples, size_t size,
             size_t rows_max)
{
    uint64_t pixel = (uint64_t)grid->components * zblob_sample_size(grid->sample_type), row = pixel * grid->size[0];
    uint32_t axis = 1;
    for (; row < LOOK_MIN && axis < grid->dimension; axis++) /* channels may be an axis */
        row *= grid->size[axis];
    uint64_t height = axis < grid->dimension ? grid->size[axis] : 1;
    if (row < LOOK_MIN) {
        row *= (LOOK_MIN + row - 1) / row;
        height = 1;
    }
    uint64_t rows = size / row, slices = height > 1 ? rows / height : 0;
    size_t look = row < LOOK_MAX ? row / 8 * 8 : LOOK_MAX;
    const unsigned char *column = samples + (row - look) / 8 * 3;
    if (slices > 2) {
        uint64_t pairs = rows_max / 2 / slices;
        pairs = pairs < 1 ? 1 : pairs > height / 2 ? height / 2 : pairs;
        for (uint64_t i = 0; i < slices && i < rows_max; i++)
            for (uint64_t pair = 0; pair < 2 * pairs; pair++) {
                uint64_t y = (height - 2) * (pair / 2 * 2 + 1) / (2 * pairs) + pair % 2;
                look_at(seen, column + (i * height + y) * row, look);
            }
    } else {
        uint64_t first = rows > rows_max ? (rows - rows_max) / 2 : 0;
        for (uint64_t i = 0; i < rows && i < rows_max; i++)
            look_at(seen, column + (first + i) * row, look);
    }
    look_far(seen, samples, size, zblob_sample_size(grid->sample_type));
}

bool
repeats_are_many(const struct repeats *seen)
{
    return (seen->varied >= VARIED_MIN && seen->repeated * SHARE >= seen->varied) || seen->far >= FAR_MIN;
}
