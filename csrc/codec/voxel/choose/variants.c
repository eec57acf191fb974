/*
 * variants.c: on images whose rows or columns repeat, weights that are fitted to the average sample are beside the point,
 * and richer contexts only dilute the counts: there a lower level often makes less than a higher one. So it is tried; and
 * also where pixels resemble the next but one rather than the next, as in interleaved images, and in strips of a few
 * columns or rows, which mostly are images of another width: there it is luck which training finds better weights.
 * Small images get the fast preset, whose tables and weights take little; many are smaller by the normal one all the same,
 * and the smallest ones by the swift preset.
 */
#include "variants.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../samples.h"
#include "bins.h"
#include "doubled.h"
#include "encoded_size.h"
#include "intensities.h"
#include "levels.h"
#include "repeats.h"
#include "train.h"

#include <stdlib.h>

enum {
    ROWS = 512,
    BOTH_LEVEL = 6, /* from here on, small images are tried by both presets: that takes twice the time */
    DEFAULT_LEVEL = 5,
    TINY = 1 << 13,  /* pixels of images of which tables take so much that the swift preset, which has none, is tried */
    TRIAL = 4 << 20, /* about so many bytes of the image are coded */
    STRIP = 64,      /* a strip's shorter side is less, */
    LONG = 16,       /* and its longer side so many times as long */
    PIECES = 64,     /* of rows, in which pixels are held against their neighbours */
    PIECE = 64,      /* pixels of a piece */
    FIRST_PIECES = 4, /* after each group of this many pieces, an image is given up that is not a computed one */
};

static bool
has_repeats(const struct voxel_model *model, const struct zblob_grid *grid, const unsigned char *samples)
{
    struct repeats seen = {.varied = 0};
    uint64_t size;
    if (!zblob_grid_size(grid, &size))
        return false;
    repeats_look(&seen, grid, samples, (size_t)size, ROWS);
    return repeats_are_many(&seen) || (model->wide == NULL && voxel_columns_are_doubled(model, samples));
}

static bool
is_strip(const struct voxel_model *model)
{
    uint64_t width = model->shape.width, height = model->shape.height;
    uint64_t least = width < height ? width : height;
    return least < STRIP && width + height - least >= LONG * least;
}

/* Do pixels differ more from the next one in the row than from the next but one? */
static bool
alternates(const struct voxel_model *model, const unsigned char *samples)
{
    const struct voxel_shape *shape = &model->shape;
    size_t step = (size_t)shape->components, pixel = step * zblob_sample_size(model->grid.sample_type);
    size_t n = shape->width < PIECE ? (size_t)shape->width : PIECE;
    uint64_t next = 0, second = 0;
    if (model->wide != NULL || model->is_transposed)
        return false;
    for (uint64_t i = 0; i < PIECES; i++) {
        int16_t values[PIECE];
        size_t x = hash_place(3 * i, (size_t)shape->width - n + 1), y = hash_place(3 * i + 1, (size_t)shape->height);
        size_t z = hash_place(3 * i + 2, (size_t)shape->slices);
        voxel_load(model, voxel_row_address(model, samples, z, y) + x * pixel, i % step, step, values, n);
        for (size_t at = 2; at < n; at++) {
            next += (uint64_t)abs(values[at] - values[at - 1]);
            second += (uint64_t)abs(values[at] - values[at - 2]);
        }
    }
    return second * 2 < next;
}

/* Is what stands in a piece of a row the sum of what is beside and above it, but for rounding, as in what was computed? Adds
 * how many samples there are that are not flat, and how many are such sums. */
static void
count_sums(const int16_t now[], const int16_t above[], size_t n, uint64_t *varied, uint64_t *sums)
{
    for (size_t at = 2; at < n; at++) {
        bool is_flat = now[at] == now[at - 1] && now[at] == above[at];
        uint16_t rest = (uint16_t)(now[at] - now[at - 1] - above[at] + above[at - 1] + 1);
        *varied += !is_flat;
        *sums += !is_flat && rest <= 2;
    }
}

/* Are most samples that are not flat sums of their neighbours? No scan's are, and which training finds that is luck. */
static bool
is_computed(const struct voxel_model *model, const unsigned char *samples)
{
    const struct voxel_shape *shape = &model->shape;
    size_t width = (size_t)(model->is_transposed ? shape->height : shape->width); /* as the samples lie */
    size_t height = (size_t)(model->is_transposed ? shape->width : shape->height), n = width < PIECE ? width : PIECE;
    size_t step = (size_t)shape->components, pixel = step * zblob_sample_size(model->grid.sample_type);
    uint64_t varied = 0, sums = 0;
    if (model->wide != NULL || height < 2)
        return false;
    for (uint64_t i = 0; i < PIECES; i++) {
        int16_t now[PIECE], above[PIECE];
        size_t x = hash_place(3 * i, width - n + 1), y = 1 + hash_place(3 * i + 1, height - 1);
        size_t z = hash_place(3 * i + 2, (size_t)shape->slices);
        const unsigned char *at = samples + ((z * height + y) * width + x) * pixel;
        voxel_load(model, at, i % step, step, now, n);
        voxel_load(model, at - width * pixel, i % step, step, above, n);
        count_sums(now, above, n, &varied, &sums);
        if (i % FIRST_PIECES == FIRST_PIECES - 1 && sums * 4 <= varied * 3) /* as in most images */
            return false;
    }
    return varied >= PIECES;
}

/* Bytes for the image, from its first slices. */
static enum zblob_result
expected_size(struct voxel_model *model, const unsigned char *samples, uint64_t *expected)
{
    uint64_t coded, seen, all = voxel_row_size(model) * model->shape.height * model->shape.slices;
    enum zblob_result result = voxel_encoded_size(model, samples, TRIAL, &coded, &seen);
    *expected = seen == all ? coded : coded * (all / 256) / (seen / 256 + 1);
    *expected += voxel_model_size(model);
    return result;
}

static enum zblob_result
build(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    bool gain = true;
    *model = voxel_model_new(grid);
    enum zblob_result result = *model ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK)
        result = voxel_choose_intensities(*model, samples, level, false, &gain);
    if (result == ZBLOB_OK && gain && !voxel_model_pack(*model))
        result = ZBLOB_NO_MEMORY;
    if (result != ZBLOB_OK || !gain) {
        voxel_model_free(*model);
        *model = NULL;
    }
    return result;
}

/* Replace the model by one of the given level if that makes less. */
static enum zblob_result
try_level(struct voxel_model **model, uint64_t *least, const struct zblob_grid *grid, const unsigned char *samples,
          int level)
{
    struct voxel_model *other, *worse;
    uint64_t size = UINT64_MAX;
    enum zblob_result result = build(&other, grid, samples, level);
    if (other && result == ZBLOB_OK)
        result = expected_size(other, samples, &size);
    bool is_better = result == ZBLOB_OK && size < *least;
    worse = is_better ? *model : other;
    *model = is_better ? other : *model;
    *least = is_better ? size : *least;
    voxel_model_free(worse);
    return result;
}

static uint64_t
pixels_of(const struct voxel_model *model)
{
    return model->shape.width * model->shape.height * model->shape.slices;
}

static bool
is_small(const struct voxel_model *model)
{
    return pixels_of(model) < VOXEL_SMALL;
}

/* Models of these levels, lower than the image's, are tried. */
static void
choose_tried(const struct voxel_model *model, const struct zblob_grid *grid, const unsigned char *samples, int level,
             bool tried[ZBLOB_LEVEL_MAX + 1])
{
    bool is_tiny = level > VOXEL_LEVEL_SWIFT && pixels_of(model) < TINY;
    bool is_short = voxel_row_size(model) * model->shape.height * model->shape.slices <= TRIAL;
    bool computed = level > VOXEL_LEVEL_FAST && is_computed(model, samples);
    bool is_odd = level > VOXEL_LEVEL_FAST && (computed || is_strip(model) || alternates(model, samples));
    bool repeats = level > VOXEL_LEVEL_FAST && has_repeats(model, grid, samples);
    tried[VOXEL_LEVEL_SWIFT] = is_tiny;
    tried[VOXEL_LEVEL_TRIAL] = level >= BOTH_LEVEL && is_small(model);
    tried[VOXEL_LEVEL_FAST] = repeats || is_odd || (is_tiny && model->is_transposed);
    tried[3] = is_odd && level > 3;
    tried[DEFAULT_LEVEL] = (repeats || computed) && level > DEFAULT_LEVEL;
    tried[VOXEL_LEVEL_NORMAL] = ((repeats && is_short) || is_odd) && level > VOXEL_LEVEL_NORMAL;
    tried[level - 1] = tried[level - 1] || is_odd;
}

enum zblob_result
voxel_try_variants(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    bool tried[ZBLOB_LEVEL_MAX + 1] = {false};
    uint64_t least = 0;
    enum zblob_result result = ZBLOB_OK;
    if ((*model)->is_folded)
        return result;
    choose_tried(*model, grid, samples, level, tried);
    for (int lower = VOXEL_LEVEL_TRIAL; lower < level && result == ZBLOB_OK; lower++) {
        if (tried[lower] && least == 0)
            result = expected_size(*model, samples, &least);
        if (tried[lower] && result == ZBLOB_OK)
            result = try_level(model, &least, grid, samples, lower);
    }
    return result;
}
