/*
 * doubt.c: see doubt.h. Rows of another width that are seen in the samples count for more than what is said. Where none
 * are seen, or such as fit either order of the axes, samples are held against those a row and a slice before, at places
 * all over the value: in the order that is right, they differ less.
 */
#include "doubt.h"

#include "../base/sample_types.h"
#include "../sniff/raw.h"

enum { PLACES = 256, RUN = 16, DISTANCES = 2 };

/* With shorter rows, what was seen in the samples is better than an image in the opposite order. */
enum { ROW_MIN = 24 };

/* An order is believed to be wrong if the differences of the other one take fewer bits: an eighth of them, and a quarter of
 * a bit for each difference, less. */
enum { FEWER_OF_8 = 1, FEWER_PER_4 = 1 };

static struct zblob_image
reversed(const struct zblob_image *image)
{
    struct zblob_image other = *image;
    uint32_t dimension = image->grid.dimension;
    for (uint32_t axis = 0; axis < dimension; axis++)
        other.grid.size[axis] = image->grid.size[dimension - 1 - axis];
    return other;
}

/* Is this the size of one row of the image, or of one slice, or of another of its parts? In bytes. */
static bool
has_part_of(const struct zblob_image *image, uint64_t part_size)
{
    const struct zblob_grid *grid = &image->grid;
    uint64_t size = zblob_sample_size(grid->sample_type) * grid->components;
    for (uint32_t axis = 0; axis < grid->dimension && size < part_size; axis++)
        size *= grid->size[axis];
    return size == part_size;
}

/* ---- Differences ----------------------------------------------------------------------------- */

/* A number that grows with the sample, modulo 2^64. */
static uint64_t
key_at(const struct zblob_grid *grid, const struct sample_type *type, const unsigned char *at)
{
    uint64_t key = 0, sign = UINT64_C(1) << (8 * type->size - 1);
    for (unsigned i = 0; i < type->size; i++)
        key = key << 8 | at[grid->big_endian ? i : type->size - 1 - i];
    if (type->is_float)
        return key & sign ? ~key & (2 * sign - 1) : key | sign;
    return type->is_signed ? key ^ sign : key;
}

static unsigned
bits_between(uint64_t a, uint64_t b)
{
    unsigned bits = 0;
    for (uint64_t difference = a > b ? a - b : b - a; difference; difference >>= 1)
        bits++;
    return bits;
}

/* How many samples lie between a sample and its neighbour in the row before, and in the slice before. 0: the image has one
 * row, or one slice. */
static void
find_distances(const struct zblob_grid *grid, uint64_t distances[DISTANCES])
{
    distances[0] = grid->dimension > 1 ? grid->components * grid->size[0] : 0;
    distances[1] = grid->dimension > 2 ? distances[0] * grid->size[1] : 0;
}

/* Runs of samples all over the value: the first one starts at `first`, the others each `step` further. */
struct places {
    uint64_t first, step, count;
};

static struct places
spread_places(uint64_t first, uint64_t end)
{
    uint64_t room = end - first - RUN, step = room / PLACES + 1;
    return (struct places){.first = first, .step = step, .count = room / step + 1};
}

/* Of the differences over these distances at all places. */
static uint64_t
count_bits(const struct zblob_grid *grid, const unsigned char *src, struct places places,
           const uint64_t distances[DISTANCES])
{
    const struct sample_type *type = sample_type_of(grid->sample_type);
    uint64_t bits = 0;
    for (uint64_t number = 0; number < places.count; number++) {
        uint64_t place = places.first + number * places.step;
        for (uint64_t i = place; i < place + RUN; i++) {
            uint64_t key = key_at(grid, type, src + i * type->size);
            for (int d = 0; d < DISTANCES; d++)
                bits += bits_between(key, key_at(grid, type, src + (i - distances[d]) * type->size));
        }
    }
    return bits;
}

/* Do samples clearly differ less from their neighbours in the other image? */
static bool
is_smoother(const struct zblob_image *other, const struct zblob_image *image, const unsigned char *src)
{
    uint64_t ours[DISTANCES], theirs[DISTANCES], size, most = 0;
    find_distances(&image->grid, ours);
    find_distances(&other->grid, theirs);
    zblob_grid_size(&image->grid, &size);
    uint64_t end = size / zblob_sample_size(image->grid.sample_type);
    for (int d = 0; d < DISTANCES; d++) {
        most = ours[d] > most ? ours[d] : most;
        most = theirs[d] > most ? theirs[d] : most;
    }
    if (most + RUN > end)
        return false;
    struct places places = spread_places(most, end);
    uint64_t differences = places.count * RUN * DISTANCES;
    uint64_t bits = count_bits(&image->grid, src, places, ours);
    uint64_t other_bits = count_bits(&image->grid, src, places, theirs);
    return other_bits + bits * FEWER_OF_8 / 8 + differences * FEWER_PER_4 / 4 < bits;
}

/* ---- The image ------------------------------------------------------------------------------- */

enum doubt
doubt_image(const unsigned char *src, size_t src_size, struct zblob_image *image)
{
    struct zblob_image seen, other = reversed(image);
    bool fits = true, other_fits = true;
    if (sniff_raw(src, src_size, &seen, 1)) {
        uint64_t row_size = seen.grid.size[0] * seen.grid.components * zblob_sample_size(seen.grid.sample_type);
        fits = has_part_of(image, row_size);
        other_fits = has_part_of(&other, row_size) && (fits || other.grid.size[0] >= ROW_MIN);
    }
    if (!fits && !other_fits) {
        *image = seen;
        return DOUBT_ALL;
    }
    if (fits && (!other_fits || !is_smoother(&other, image, src)))
        return DOUBT_NONE;
    *image = other;
    return DOUBT_REVERSED;
}
