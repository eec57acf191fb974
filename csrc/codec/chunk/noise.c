/* noise.c: a quick look that saves the search for a predictor on samples that no predictor could predict. */
#include "noise.h"

#include "../base/hash.h"

#include <string.h>

enum {
    SAMPLES_MIN = 512,
    RUNS = 64,      /* at most so many runs of samples are looked at, */
    RUN = 64,       /* each of at most so many samples; */
    CHECK_EACH = 4, /* whenever so many runs are done, the look ends if this is no noise */
    BYTES = 256,
    HASHES = 4096,
    AXES = 4,
};

/* What has been counted. */
struct look {
    uint16_t values[BYTES], differences[AXES][BYTES]; /* by their highest byte */
    uint16_t hashes[HASHES]; /* of whole values: here it shows if there are few different ones */
    uint32_t count, difference_counts[AXES];
};

/* Are the counts as equal as those of random numbers? About three percent of inequality are allowed on top. */
static bool
is_even(const uint16_t *counts, size_t size, uint64_t total)
{
    uint64_t squares = 0;
    for (size_t i = 0; i < size; i++)
        squares += (uint64_t)counts[i] * counts[i];
    return squares <= total + total * total * 33 / (32 * size) + total * 2 / 5;
}

static inline uint64_t
load_sample(const unsigned char *p, size_t width, bool big_endian)
{
    if (width == 1)
        return *p;
    if (width == 2)
        return (uint64_t)(p[big_endian] | p[!big_endian] << 8);
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | p[big_endian ? i : width - 1 - i];
    return value;
}

static void
look_at(struct look *look, const struct zblob_grid *grid, const unsigned char *samples, size_t at,
        const size_t distances[AXES], size_t width)
{
    uint64_t value = load_sample(samples + at * width, width, grid->big_endian);
    size_t shift = 8 * (width - 1);
    look->values[value >> shift & 255]++;
    look->hashes[hash_number(value) >> 52]++;
    look->count++;
    for (size_t axis = 0; axis < AXES; axis++)
        if (distances[axis] && at >= distances[axis]) {
            uint64_t other = load_sample(samples + (at - distances[axis]) * width, width, grid->big_endian);
            look->differences[axis][(value - other) >> shift & 255]++;
            look->difference_counts[axis]++;
        }
}

/* Distances to the neighbours along the first axes, in samples; 0 where `count` samples do not reach so far. */
static void
find_distances(const struct zblob_grid *grid, size_t count, size_t distances[AXES])
{
    uint64_t distance = grid->components;
    for (uint32_t axis = 0; axis < AXES; axis++) {
        distances[axis] = axis < grid->dimension && distance < count ? (size_t)distance : 0;
        if (axis < grid->dimension && distance < count)
            distance = grid->size[axis] < count ? distance * grid->size[axis] : count;
    }
}

static bool
is_noise(const struct look *look, size_t width)
{
    bool even = is_even(look->values, BYTES, look->count);
    if (width > 1)
        even = even && is_even(look->hashes, HASHES, look->count);
    for (size_t axis = 0; axis < AXES; axis++)
        even = even && is_even(look->differences[axis], BYTES, look->difference_counts[axis]);
    return even;
}

bool
noise_fills(const struct zblob_grid *grid, const unsigned char *samples, size_t size)
{
    size_t width = zblob_sample_size(grid->sample_type), count = size / width, distances[AXES];
    struct look look = {.count = 0};
    if (count < SAMPLES_MIN)
        return false;
    find_distances(grid, count, distances);
    size_t span = count / RUNS, run = span < RUN ? span : RUN;
    bool even = true;
    for (size_t i = 0; i < RUNS && even; i++) {
        size_t slack = span - run + 1, start = i * span + hash_place(i, slack);
        for (size_t at = start; at < start + run; at++)
            look_at(&look, grid, samples, at, distances, width);
        if (i % CHECK_EACH == CHECK_EACH - 1)
            even = is_noise(&look, width);
    }
    return even;
}
