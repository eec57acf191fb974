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
#include "../codec.h"
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
    PART = 8,        /* an excerpt is an eighth of a chunk */
    PART_SLICES = 4, /* slices of an excerpt, at least: the first one refers to none */
    PART_ROWS = 64,  /* rows of an excerpt of a single slice, at least */
    PART_LEAST = 128 << 10, /* bytes of an excerpt, at least */
    PART_MARGIN = 96,       /* models that an excerpt shows to be larger by one part in 96 are given up */
    RICH_MARGIN = 40,       /* the same at levels with the rich preset, whose tables take more of an excerpt */
    FIRST_PIECES = 4,       /* after each group of this many pieces, an image is given up that is not a computed one */
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

/* A part of the model's middle chunk: slices, or rows of a single slice as they lie, which may be the ends of the model's. */
struct excerpt {
    struct voxel_model model; /* shares all but its shape */
    struct voxel_box box;
    const unsigned char *samples;
};

/* False: the chunk is too small for that. */
static bool
find_excerpt(struct excerpt *e, const struct voxel_model *model, const unsigned char *samples)
{
    *e = (struct excerpt){*model, voxel_chunk_box(model, voxel_chunk_count(model) / 2), samples};
    struct voxel_box *box = &e->box;
    uint64_t slices = box->slices / PART, rows = box->rows / PART, columns = model->shape.width / PART;
    if (model->wide || box->slices * box->rows * voxel_row_size(model) < PART * PART_LEAST)
        return false;
    if (slices >= PART_SLICES) {
        box->slice += (box->slices - slices) / 2;
        box->slices = slices;
        return true;
    }
    if (model->is_transposed && model->shape.slices == 1 && columns >= PART_ROWS) {
        uint64_t pitch = voxel_row_size(model) / model->shape.width * model->shape.height;
        e->samples += (size_t)((model->shape.width - columns) / 2 * pitch);
        e->model.shape.width = columns;
        return true;
    }
    box->row += (box->rows - rows) / 2;
    box->rows = rows;
    return !model->is_transposed && box->slices == 1 && rows >= PART_ROWS;
}

/* Bytes for the image as an excerpt shows them; 0: there is none. */
static enum zblob_result
excerpt_size(const struct voxel_model *model, const unsigned char *samples, uint64_t *expected)
{
    struct excerpt e;
    uint64_t all = voxel_row_size(model) * model->shape.height * model->shape.slices;
    *expected = 0;
    if (!find_excerpt(&e, model, samples))
        return ZBLOB_OK;
    size_t raw_size = (size_t)(e.box.slices * e.box.rows * voxel_row_size(&e.model)), encoded = 0;
    unsigned char *dst = malloc(raw_size + VOXEL_ENCODE_SLACK);
    if (dst == NULL)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result = voxel_encode_box(&e.model, e.box, e.samples, dst, raw_size, &encoded);
    free(dst);
    *expected = (uint64_t)((double)(encoded ? encoded : raw_size) * ((double)all / (double)raw_size));
    *expected += voxel_model_size(model);
    return result;
}

/* The models that are tried. The image's own is the first. */
struct trials {
    struct voxel_model *models[ZBLOB_LEVEL_MAX + 1];
    uint64_t parts[ZBLOB_LEVEL_MAX + 1]; /* what excerpts show */
    int count;
};

static enum zblob_result
add_trial(struct trials *trials, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    struct voxel_model **model = &trials->models[trials->count];
    enum zblob_result result = build(model, grid, samples, level);
    if (*model && result == ZBLOB_OK)
        result = excerpt_size(*model, samples, &trials->parts[trials->count++]);
    return result;
}

/* Is this one of those that may be the smallest? All are where excerpts do not show it. */
static bool
comes_close(const struct trials *trials, int i, int level)
{
    uint64_t least = UINT64_MAX, margin = level > VOXEL_LEVEL_NORMAL ? RICH_MARGIN : PART_MARGIN;
    for (int k = 0; k < trials->count; k++)
        least = trials->parts[k] < least ? trials->parts[k] : least;
    return least == 0 || trials->parts[i] <= least + least / margin;
}

/* The smallest of those that come close takes the first place. */
static enum zblob_result
choose_trial(struct trials *trials, const unsigned char *samples, int level)
{
    enum zblob_result result = ZBLOB_OK;
    uint64_t least = UINT64_MAX, size;
    int best = 0;
    for (int i = 0; i < trials->count && result == ZBLOB_OK; i++) {
        if (!comes_close(trials, i, level))
            continue;
        result = expected_size(trials->models[i], samples, &size);
        best = result == ZBLOB_OK && size < least ? i : best;
        least = size < least ? size : least;
    }
    struct voxel_model *first = trials->models[0];
    trials->models[0] = trials->models[best];
    trials->models[best] = first;
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
    struct trials trials = {.models = {*model}, .count = 1};
    enum zblob_result result = ZBLOB_OK;
    if ((*model)->is_folded)
        return result;
    choose_tried(*model, grid, samples, level, tried);
    for (int lower = VOXEL_LEVEL_TRIAL; lower < level && result == ZBLOB_OK; lower++)
        if (tried[lower])
            result = add_trial(&trials, grid, samples, lower);
    if (result == ZBLOB_OK && trials.count > 1)
        result = excerpt_size(*model, samples, &trials.parts[0]);
    if (result == ZBLOB_OK && trials.count > 1)
        result = choose_trial(&trials, samples, level);
    *model = trials.models[0];
    for (int i = 1; i < trials.count; i++)
        voxel_model_free(trials.models[i]);
    return result;
}
