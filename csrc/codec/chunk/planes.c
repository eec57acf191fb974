/*
 * planes.c: an encoded chunk is one byte that says along which axes differences were taken, then a zstd frame of the
 * residuals' byte planes. An excerpt of the chunk shows which axes are best, and whether that beats zstd on the raw bytes.
 */
#include "planes.h"

#include "../base/bytes.h"
#include "../base/kept.h"
#include "zstd.h"

#include <stdlib.h>

#define CHUNK_TARGET ((size_t)2 << 20)
#define EXCERPT_TARGET ((size_t)64 << 10)
#define TRIAL_ZSTD_LEVEL 1

/* Differences are taken along x, then y, then z: from the pixel, the row and the plane before. */
#define AXIS_COUNT 3
#define AXES_COMBINATIONS (1U << AXIS_COUNT)

/* How samples become residuals. */
struct transform {
    unsigned axes;               /* one bit per axis along which differences are taken */
    bool swap;                   /* samples are big-endian */
    size_t distance[AXIS_COUNT]; /* to the neighbour along each axis, in samples */
};

#define SAMPLE uint8_t
#define NAME(x) x##_8
#include "planes_template.h"
#define SAMPLE uint16_t
#define NAME(x) x##_16
#include "planes_template.h"
#define SAMPLE uint32_t
#define NAME(x) x##_32
#include "planes_template.h"
#define SAMPLE uint64_t
#define NAME(x) x##_64
#include "planes_template.h"

static struct transform
transform_of(const struct zblob_grid *grid, unsigned axes)
{
    size_t row = (size_t)(grid->components * grid->size[0]);
    size_t plane = grid->dimension > 1 ? (size_t)(row * grid->size[1]) : row;
    return (struct transform){.axes = axes, .swap = grid->big_endian, .distance = {grid->components, row, plane}};
}

static void
forward(unsigned char *planes, void *work, size_t size, size_t width, const struct transform *t)
{
    switch (width) {
    case 1: forward_8(planes, work, size, t); break;
    case 2: forward_16(planes, work, size / 2, t); break;
    case 4: forward_32(planes, work, size / 4, t); break;
    default: forward_64(planes, work, size / 8, t); break;
    }
}

static void
backward(void *work, const unsigned char *planes, size_t size, size_t width, const struct transform *t)
{
    switch (width) {
    case 1: backward_8(work, planes, size, t); break;
    case 2: backward_16(work, planes, size / 2, t); break;
    case 4: backward_32(work, planes, size / 4, t); break;
    default: backward_64(work, planes, size / 8, t); break;
    }
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

size_t
planes_chunk_size(const struct zblob_grid *grid)
{
    uint64_t total, unit = zblob_sample_size(grid->sample_type);
    if (!zblob_grid_size(grid, &total) || !multiply_checked(&unit, grid->components) ||
        !multiply_checked(&unit, grid->size[0]) || unit > ZBLOB_CHUNK_RAW_MAX)
        return 0;
    if (grid->dimension > 1 && unit * grid->size[1] <= 2 * CHUNK_TARGET)
        unit *= grid->size[1];
    uint64_t units = CHUNK_TARGET / unit;
    return (size_t)(units > 1 ? unit * units : unit);
}

/* Residuals are nearly noise: zstd's entropy coder does all the work, and the longer searches of its middle levels find
 * chance matches that cost more than literals (up to 6 % of the size on micro-CT). Only the highest level pays. */
static int
residual_zstd_level(int level)
{
    static const int zstd_levels[ZBLOB_LEVEL_MAX + 1] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 19};
    return zstd_levels[level];
}

#define REPETITIVE_RATIO 8

bool
planes_are_same(int level, int other)
{
    return residual_zstd_level(level) == residual_zstd_level(other);
}

/* ---- Choice ---------------------------------------------------------------------------------- */

struct scratch {
    unsigned char *work, *planes;
};

static bool
allocate_scratch(struct scratch *scratch, size_t size)
{
    scratch->work = kept_take(size);
    scratch->planes = kept_take(size);
    return scratch->work && scratch->planes;
}

static void
free_scratch(struct scratch *scratch)
{
    kept_return(scratch->work);
    kept_return(scratch->planes);
}

/* The size of an excerpt's encoding by this transform; `size`, if it would grow. */
static size_t
trial_size(struct scratch *scratch, const unsigned char *excerpt, size_t size, size_t width, const struct transform *t)
{
    size_t encoded = 0;
    memcpy(scratch->work, excerpt, size);
    forward(scratch->planes, scratch->work, size, width, t);
    zstd_encode(TRIAL_ZSTD_LEVEL, scratch->planes, size, scratch->work, size, &encoded);
    return encoded ? encoded : size;
}

/* An excerpt from the chunk's middle: whole planes if they are small, otherwise whole rows. */
static const unsigned char *
choose_excerpt(const struct transform *t, const unsigned char *src, size_t src_size, size_t width, size_t *size)
{
    size_t row = t->distance[1] * width, plane = t->distance[2] * width;
    size_t unit = 3 * plane <= 2 * EXCERPT_TARGET ? plane : row;
    size_t units = EXCERPT_TARGET / unit + 1, available = src_size / unit;
    if (units >= available) {
        *size = src_size;
        return src;
    }
    *size = units * unit;
    return src + (available - units) / 2 * unit;
}

/* Do fewer axes give the same residuals, as no sample has a neighbour along the last one? */
static bool
has_idle_axis(const struct transform *t, size_t count)
{
    unsigned last = 1U << (AXIS_COUNT - 1);
    return t->axes > last && t->distance[AXIS_COUNT - 1] >= count;
}

/* The axes by which the excerpt becomes smallest; -1 if zstd makes as little of its raw bytes, unless `forced`. */
static int
choose_axes(const struct zblob_grid *grid, const unsigned char *src, size_t src_size, bool forced,
            struct scratch *scratch)
{
    int best_axes = -1;
    size_t width = zblob_sample_size(grid->sample_type), size, best = 0;
    struct transform t = transform_of(grid, 0);
    const unsigned char *excerpt = choose_excerpt(&t, src, src_size, width, &size);
    if (!forced)
        zstd_encode(TRIAL_ZSTD_LEVEL, excerpt, size, scratch->work, size, &best);
    if (best == 0)
        best = forced ? SIZE_MAX : size;
    for (unsigned axes = width == 1; axes < AXES_COMBINATIONS; axes++) {
        t.axes = axes;
        if (has_idle_axis(&t, size / width))
            continue;
        size_t encoded = trial_size(scratch, excerpt, size, width, &t);
        if (encoded < best) {
            best = encoded;
            best_axes = (int)axes;
        }
    }
    return best_axes;
}

/* ---- Encode and decode ----------------------------------------------------------------------- */

/* Of planes that repeat, zstd's deepest level can make more than its lowest. */
static enum zblob_result
encode_planes(int level, const unsigned char *planes, size_t size, unsigned char *dst, size_t dst_capacity,
              size_t *dst_size)
{
    size_t quick = 0;
    enum zblob_result result = zstd_encode(residual_zstd_level(level), planes, size, dst, dst_capacity, dst_size);
    if (result != ZBLOB_OK || planes_are_same(level, ZBLOB_LEVEL_MIN) || *dst_size > size / REPETITIVE_RATIO)
        return result;
    unsigned char *other = kept_take(zstd_bound(size));
    if (!other)
        return ZBLOB_NO_MEMORY;
    result = zstd_encode(residual_zstd_level(ZBLOB_LEVEL_MIN), planes, size, other, zstd_bound(size), &quick);
    if (result == ZBLOB_OK && quick && (quick < *dst_size || *dst_size == 0) && quick <= dst_capacity) {
        memcpy(dst, other, quick);
        *dst_size = quick;
    }
    kept_return(other);
    return result;
}

enum zblob_result
planes_encode(int level, bool forced, const struct zblob_grid *grid, const unsigned char *src, size_t src_size,
              unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    size_t width = zblob_sample_size(grid->sample_type);
    struct scratch scratch;
    enum zblob_result result = ZBLOB_NO_MEMORY;
    *dst_size = 0;
    if (src_size % width || dst_capacity < 1)
        return ZBLOB_OK;
    if (allocate_scratch(&scratch, src_size)) {
        int axes = choose_axes(grid, src, src_size, forced, &scratch);
        result = ZBLOB_OK;
        if (axes >= 0) {
            struct transform t = transform_of(grid, (unsigned)axes);
            memcpy(scratch.work, src, src_size);
            forward(scratch.planes, scratch.work, src_size, width, &t);
            dst[0] = (unsigned char)axes;
            result = encode_planes(level, scratch.planes, src_size, dst + 1, dst_capacity - 1, dst_size);
            *dst_size += *dst_size != 0;
        }
    }
    free_scratch(&scratch);
    return result;
}

enum zblob_result
planes_decode(const struct zblob_grid *grid, const unsigned char *src, size_t src_size, unsigned char *dst,
              size_t dst_size)
{
    size_t width = zblob_sample_size(grid->sample_type);
    struct scratch scratch;
    if (src_size < 1 || src[0] >= AXES_COMBINATIONS || dst_size % width)
        return ZBLOB_DAMAGED;
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (allocate_scratch(&scratch, dst_size)) {
        result = zstd_decode(src + 1, src_size - 1, scratch.planes, dst_size);
        if (result == ZBLOB_OK) {
            struct transform t = transform_of(grid, src[0]);
            backward(scratch.work, scratch.planes, dst_size, width, &t);
            memcpy(dst, scratch.work, dst_size);
        }
    }
    free_scratch(&scratch);
    return result;
}
