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
    CHANGES_MIN = 4, /* a row is flat if fewer of its words differ from the one before */
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
}

bool
repeats_are_many(const struct repeats *seen)
{
    return seen->varied >= VARIED_MIN && seen->repeated * SHARE >= seen->varied;
}
