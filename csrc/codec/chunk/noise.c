/* noise.c: a quick look that spares hopeless samples the whole search for a predictor. It knows no codec. */
#include "noise.h"

#include <string.h>

enum { RUNS = 64, RUN = 64, SAMPLES_MIN = 512, CHECK = 16, BYTES = 256, HASHES = 4096, AXES = 4 };

struct look {
    uint16_t values[BYTES], differences[AXES][BYTES]; /* by their highest byte */
    uint16_t hashes[HASHES];                          /* of whole values: few distinct ones show here */
    uint32_t count, difference_counts[AXES];
};

/* Are the counts no farther from equal than chance makes them, and a part of three percent? */
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
    look->hashes[value * UINT64_C(0x9E3779B97F4A7C15) >> 52]++;
    look->count++;
    for (size_t axis = 0; axis < AXES; axis++)
        if (distances[axis] && at >= distances[axis]) {
            uint64_t other = load_sample(samples + (at - distances[axis]) * width, width, grid->big_endian);
            look->differences[axis][(value - other) >> shift & 255]++;
            look->difference_counts[axis]++;
        }
}

/* Distances to the neighbours along the first axes, in samples; 0 for those that lie outside. */
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
    for (size_t i = 0; i < RUNS && even; i++) { /* runs at hashed places: a plain stride could follow the rows */
        size_t slack = span - run + 1, start = i * span + (size_t)(i * UINT64_C(0x9E3779B97F4A7C15) >> 33) % slack;
        for (size_t at = start; at < start + run; at++)
            look_at(&look, grid, samples, at, distances, width);
        if (i % CHECK == CHECK - 1)
            even = is_noise(&look, width);
    }
    return even;
}
