/*
 * arrays.c: arrays of every sample type with up to five axes, of every kind that has a way into the codec of its own,
 * and large enough for bands of tall slices and for series. The input is a recipe of a few bytes, and a texture.
 */
#include "target.h"

#include <math.h>

#define BYTES_MAX ((uint64_t)5 << 19)  /* of most arrays */
#define LARGE_MAX ((uint64_t)10 << 20) /* of one in sixteen, at the fast levels */

enum kind { TEXTURE, SCAN, LABELS, REPEATED, SERIES, SUMS, SLOPES, FEW, ROOTS, EXTREMES, TALL_STEPS, BLANK, KINDS };

struct recipe {
    struct zblob_grid grid;
    enum kind kind;
    const uint8_t *texture;
    size_t texture_size;
    uint64_t row, slice, count; /* in samples */
};

static uint64_t
hash(uint64_t number)
{
    number = (number ^ number >> 31) * 0x9E3779B97F4A7C15ULL;
    number = (number ^ number >> 29) * 0xBF58476D1CE4E5B9ULL;
    return number ^ number >> 32;
}

static int64_t
texture_at(const struct recipe *r, uint64_t at)
{
    return r->texture_size ? r->texture[at % r->texture_size] : 0;
}

static int64_t
scan_at(const struct recipe *r, uint64_t x, uint64_t y, uint64_t z)
{
    int64_t dx = (int64_t)(x % 61) - 30, dy = (int64_t)(y % 47) - 23;
    return 900 - dx * dx / 3 - dy * dy / 2 + 5 * (int64_t)(z % 7) + (texture_at(r, x + 3 * y + 7 * z) & 15);
}

/* The sample at a place, before it is given its type. */
static int64_t
sample_at(const struct recipe *r, uint64_t at)
{
    uint64_t x = at % r->row, y = at % r->slice / r->row, z = at / r->slice;
    switch (r->kind) {
    case TEXTURE: return texture_at(r, at) << 8 | texture_at(r, at / 3);
    case SCAN: return scan_at(r, x, y, z);
    case LABELS: return texture_at(r, (x >> 3) + 5 * (y >> 3) + 11 * (z >> 2)) % 9 * 37;
    case REPEATED: return scan_at(r, x, y, z % 2);
    case SERIES:
        return scan_at(r, x, y, z % 3) * 4 + (int64_t)(hash(x + 640 * y + 91 * (z % 3)) & 127) + (int64_t)(z / 3);
    case SUMS: return (int64_t)(at * (uint64_t)(1 + texture_at(r, z)) / 5);
    case SLOPES: return scan_at(r, x, y, z) / 8 * (3 + texture_at(r, z));
    case FEW: return texture_at(r, hash(at) % 5 + z % 3) * 1000003;
    case ROOTS: return scan_at(r, x, y, z) / 2;
    case EXTREMES:
        return hash(at) % 3 ? (int64_t)hash(at * 7 + (uint64_t)texture_at(r, at)) : at % 2 ? INT64_MIN : INT64_MAX;
    case TALL_STEPS: return (int64_t)(y / 7 + x / 11) + (texture_at(r, at) == 1);
    default: return at == r->count / 2 ? 77 : -5;
    }
}

/* A float that a formula or a slope makes of the sample, by its kind. */
static double
real_at(const struct recipe *r, uint64_t at)
{
    int64_t sample = sample_at(r, at);
    switch (r->kind) {
    case ROOTS: return sqrt((double)(sample < 0 ? 0 : sample) / 3);
    case SLOPES: return (double)(sample / 8) * (0.5 + (double)texture_at(r, at / r->slice) / 100);
    case SCAN: return (double)sample * 0.001 + (double)(hash(at) & 63) * 1e-7;
    case EXTREMES: return at % 5 ? (double)sample : at % 2 ? NAN : -INFINITY;
    default: return (double)sample;
    }
}

static void
put_sample(const struct recipe *r, uint64_t at, uint8_t *dst)
{
    size_t size = zblob_sample_size(r->grid.sample_type);
    uint64_t bits = (uint64_t)sample_at(r, at);
    if (r->grid.sample_type == ZBLOB_FLOAT32) {
        float number = (float)real_at(r, at);
        uint32_t own;
        memcpy(&own, &number, sizeof own);
        bits = own;
    } else if (r->grid.sample_type == ZBLOB_FLOAT64) {
        double number = real_at(r, at);
        memcpy(&bits, &number, sizeof bits);
    }
    for (size_t i = 0; i < size; i++)
        dst[r->grid.big_endian ? size - 1 - i : i] = (uint8_t)(bits >> (8 * i));
}

/* Extents whose product stays within what there is time for. */
static void
read_extents(struct fuzz_input *input, struct recipe *r, uint64_t most)
{
    static const uint16_t extents[] = {1,  2,  3,  4,   5,   8,   16,   23,   24,   25,   31,
                                       32, 33, 64, 100, 257, 600, 1500, 4100, 8192, 20000};
    enum { COUNT = sizeof extents / sizeof *extents };
    uint64_t left = most / zblob_sample_size(r->grid.sample_type) / r->grid.components;
    for (uint32_t axis = 0; axis < r->grid.dimension; axis++) {
        unsigned choice = fuzz_byte(input);
        uint64_t extent = choice < 8 * COUNT ? extents[choice / 8] + choice % 8 / 4 : choice;
        extent = extent > left ? left : extent;
        r->grid.size[axis] = extent ? extent : 1;
        left /= r->grid.size[axis];
    }
    r->row = r->grid.components * r->grid.size[0];
    r->slice = r->grid.dimension > 1 ? r->row * r->grid.size[1] : r->row;
    r->count = r->grid.components;
    for (uint32_t axis = 0; axis < r->grid.dimension; axis++)
        r->count *= r->grid.size[axis];
}

void
fuzz_arrays(const uint8_t *data, size_t size)
{
    static const uint8_t components[] = {1, 1, 1, 1, 2, 3, 4, 7};
    struct fuzz_input input = {data, data + size};
    struct recipe r = {.kind = fuzz_below(&input, KINDS)};
    struct zblob_options options;
    zblob_options_init(&options);
    r.grid.sample_type = (enum zblob_sample_type)(1 + fuzz_below(&input, ZBLOB_FLOAT64));
    r.grid.dimension = 1 + fuzz_below(&input, 5);
    unsigned ways = fuzz_byte(&input), level = fuzz_byte(&input);
    r.grid.components = components[ways & 7];
    r.grid.big_endian = (ways & 8) && zblob_sample_size(r.grid.sample_type) > 1;
    options.level = (int)(level % 9) + 1;
    bool is_large = level >= 240;
    if (is_large)
        options.level = options.level > 3 ? 1 : options.level;
    options.codec = ways & 16 ? ZBLOB_CODEC_VOXEL : ways & 32 ? ZBLOB_CODEC_PLANES : ZBLOB_CODEC_AUTO;
    options.threads = ways & 64 ? 2 : 1;
    read_extents(&input, &r, is_large ? LARGE_MAX : options.level > 6 ? BYTES_MAX / 4 : BYTES_MAX);
    r.texture = input.at;
    r.texture_size = (size_t)(input.end - input.at);
    size_t sample_size = zblob_sample_size(r.grid.sample_type), raw_size = (size_t)r.count * sample_size;
    uint8_t *samples = malloc(raw_size);
    require(samples != NULL, "memory");
    for (uint64_t i = 0; i < r.count; i++)
        put_sample(&r, i, samples + i * sample_size);
    if (!(ways & 128)) { /* otherwise the codec is not told, and guesses */
        options.grid = r.grid;
        options.is_complex =
            r.grid.components == 2 && (r.grid.sample_type == ZBLOB_FLOAT32 || r.grid.sample_type == ZBLOB_FLOAT64);
        options.is_hint = level & 16;
        if (r.grid.components > 1 && !options.is_complex) { /* options know components as the fastest axis alone */
            memmove(options.grid.size + 1, options.grid.size, r.grid.dimension * sizeof *options.grid.size);
            options.grid.size[0] = r.grid.components;
            options.grid.dimension++;
        }
        options.grid.components = 1;
    }
    fuzz_round_trip(&options, samples, raw_size);
    free(samples);
}
