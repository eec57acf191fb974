/*
 * cells.c: which cells suit an image. Few values become a list. Otherwise candidates are compared
 * on an excerpt, by what simple predictions of their cells would cost. Integers only: the choice is the same
 * on every machine.
 */
#include "cells.h"

#include "../../base/hash.h"
#include "../../base/integers.h"
#include "../../base/interrupt.h"
#include "../../base/kept.h"
#include "../../base/sample_types.h"
#include "../chunks.h"
#include "../wide/keys.h"
#include "cell_list.h"
#include "cell_ranges.h"
#include "formula.h"
#include "residuals.h"
#include "value_set.h"

#include <stdlib.h>
#include <string.h>

enum {
    SURVEY_COUNT = 8192,
    BLOCKS = 20,       /* of the excerpt; fewer where the image is small */
    BLOCK_WIDTH = 448, /* samples of a row in it */
    PREDICTIONS = 6,
    ENOUGH = 5,        /* bits of a residual that contexts can predict: the others are noise */
    LONG_LIST = 1024,  /* values of which a list takes a part that is worth the search for something shorter */
    FORMULA_GAIN = 64, /* the part that a formula must save, as its samples take time to calculate */
    ALL = 1 << 12,     /* exponents: cells follow the floats' own precision everywhere */
};

/* ---- Survey ------------------------------------------------------------------------------------------ */

static uint64_t
sample_count(const struct voxel_model *model)
{
    return model->shape.width * model->shape.height * model->shape.slices * model->shape.components;
}

/* The number of low bits that are zero in all samples. Stops as soon as there are none, which is early for true
 * floats. */
static int
common_shift(const struct voxel_wide *wide, const unsigned char *samples, uint64_t count)
{
    uint64_t keys[1024], any = 0;
    const struct sample_type *type = sample_type_of(wide_key_type(wide));
    uint64_t top = wide_key_mask(wide) / 2 + 1;
    for (uint64_t at = 0; at < count && !(any & 1) && !interrupt_is_set(); at += 1024) {
        size_t n = (size_t)(count - at < 1024 ? count - at : 1024);
        wide_load_keys(wide, samples + at * wide->sample_size, keys, n);
        for (size_t i = 0; i < n; i++) /* a negative float's key is the complement of its magnitude */
            any |= type->is_float && keys[i] < top ? ~keys[i] : keys[i];
    }
    int shift = 0, most = wide_shift_max(wide);
    while (shift < most && !(any >> shift & 1))
        shift++;
    return shift;
}

/* Keys from places spread by a hash: a fixed stride could follow the image's structure. */
static void
take_keys(struct cell_survey *s, const unsigned char *samples, uint64_t count)
{
    size_t size = s->wide->sample_size;
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t start = count * i / s->count, span = count * (i + 1) / s->count - start;
        uint64_t at = start + hash_place(i, span ? span : 1);
        wide_load_keys(s->wide, samples + at * size, s->keys + i, 1);
    }
    value_sort(s->keys, s->count, s->keys + s->count);
}

static void
count_repeats(struct cell_survey *s)
{
    uint32_t distinct = 0;
    for (uint32_t i = 0, run; i < s->count; i += run) {
        for (run = 1; i + run < s->count && s->keys[i + run] == s->keys[i];)
            run++;
        distinct++;
        s->modal_count = run > s->modal_count ? run : s->modal_count;
        if (run * 128 > s->count && run > 8 && s->atom_count < CELL_ATOMS_MAX)
            s->atoms[s->atom_count++] = (struct cell_atom){s->keys[i], run * 16 > s->count};
    }
    s->repeats = s->count - s->modal_count - (distinct - 1);
}

/* ---- Excerpt ----------------------------------------------------------------------------------------- */

/* Blocks of three rows in each of three slices (or in one slice). */
struct excerpt {
    uint64_t *keys; /* [block][slice][row][BLOCK_WIDTH] */
    size_t blocks, depth, width, components;
};

static uint64_t *
excerpt_row(const struct excerpt *e, size_t block, size_t z, size_t y)
{
    return e->keys + ((block * e->depth + z) * 3 + y) * BLOCK_WIDTH;
}

static bool
open_excerpt(struct excerpt *e, const struct voxel_shape *shape, const struct voxel_wide *wide,
             const unsigned char *samples)
{
    size_t row = (size_t)(shape->width * shape->components);
    e->depth = shape->slices > 2 ? 3 : 1;
    e->width = row < BLOCK_WIDTH ? row : BLOCK_WIDTH;
    e->components = (size_t)shape->components;
    uint64_t worth = shape->slices * shape->height * row / (32 * BLOCK_WIDTH) + 4;
    e->blocks = worth < BLOCKS ? (size_t)worth : BLOCKS;
    e->keys = malloc(BLOCKS * e->depth * 3 * BLOCK_WIDTH * sizeof *e->keys);
    if (e->keys == NULL)
        return false;
    for (size_t b = 0; b < e->blocks; b++) {
        uint64_t hash = hash_number(b + 1);
        uint64_t slice = (shape->slices - e->depth) * b / (e->blocks - 1);
        uint64_t y = (shape->height - 3) * (hash >> 40) >> 24;
        uint64_t x = (row - e->width) * (hash >> 16 & 0xFFFFFF) >> 24;
        x -= x % e->components;
        for (size_t dz = 0; dz < e->depth; dz++)
            for (size_t dy = 0; dy < 3; dy++) {
                uint64_t at = ((slice + dz) * shape->height + y + dy) * row + x;
                wide_load_keys(wide, samples + at * wide->sample_size, excerpt_row(e, b, dz, dy), e->width);
            }
    }
    return true;
}

/* A row's keys, or their differences along axes. */
static void
difference_row(const struct excerpt *e, size_t block, size_t z, size_t y, unsigned axes, uint64_t mask, uint64_t *row)
{
    uint64_t half = axes ? mask / 2 + 1 : 0;
    memcpy(row, excerpt_row(e, block, z, y), e->width * sizeof *row);
    for (unsigned corner = 1; corner < 8; corner++) {
        if (corner & ~axes)
            continue;
        bool odd = (corner & 1) ^ (corner >> 1 & 1) ^ (corner >> 2 & 1);
        size_t x = corner & WIDE_AXIS_X ? e->components : 0;
        const uint64_t *from =
            excerpt_row(e, block, corner & WIDE_AXIS_Z ? z - 1 : z, corner & WIDE_AXIS_Y ? y - 1 : y);
        for (size_t i = e->components; i < e->width; i++)
            row[i] += odd ? 0 - from[i - x] : from[i - x];
    }
    for (size_t i = 0; i < e->width; i++)
        row[i] = (row[i] + half) & mask;
}

/* ---- Candidates -------------------------------------------------------------------------------------- */

struct trial {
    uint32_t counts[PREDICTIONS][RESIDUAL_CLASSES];
    uint64_t inner_bits; /* within cells */
};

/* The cells of a block's last two rows in its last two slices, as cells[z][y]. *inner_bits grows by the bits within the
 * cells of the last row. */
static void
cells_of_block(const struct cell_survey *s, const struct excerpt *e, size_t block, int32_t cells[2][2][BLOCK_WIDTH],
               uint64_t *inner_bits)
{
    const struct voxel_wide *wide = s->wide;
    uint64_t row[BLOCK_WIDTH];
    size_t last = e->depth - 1;
    for (size_t z = e->depth > 1 ? 0 : 1; z < 2; z++)
        for (size_t y = 0; y < 2; y++) {
            difference_row(e, block, z ? last : last - 1, y + 1, wide->axes, wide_key_mask(wide), row);
            for (size_t i = 0; i < e->width; i++) {
                uint32_t run;
                cells[z][y][i] = (int32_t)wide_find_cell(wide, &s->index, row[i], &run);
                if (z && y && i >= 2 * e->components)
                    *inner_bits += wide->runs[run].width;
            }
        }
}

/* Predicts the last row of cells[z][y] in each way. Where there is one slice, both z are the same. */
static void
try_row(struct trial *t, int32_t (*cells[2])[BLOCK_WIDTH], const struct excerpt *e)
{
    size_t c = e->components;
    const int32_t *now = cells[1][1], *n = cells[1][0], *p = cells[0][1], *pn = cells[0][0];
    for (size_t i = 2 * c; i < e->width; i++) {
        int32_t w = now[i - c], nw = n[i - c];
        int32_t predictions[PREDICTIONS] = {
            n[i], w + n[i] - nw, p[i], n[i] + p[i] - pn[i], w + n[i] + p[i] - nw - p[i - c] - pn[i] + pn[i - c], 32768,
        };
        for (int k = 0; k < PREDICTIONS; k++)
            count_residual(t->counts[k], now[i] - predictions[k]);
    }
}

/* The magnitude class that half of the residuals do not exceed. Zeros do not count: they may be a background. */
static int
middle_class(const uint32_t counts[RESIDUAL_CLASSES])
{
    uint64_t total = 0, below = 0;
    int c = 1;
    for (int i = 1; i < RESIDUAL_CLASSES; i++)
        total += counts[i];
    while (c < RESIDUAL_CLASSES - 1 && (below += counts[c]) * 2 < total)
        c++;
    return c;
}

/* What the excerpt costs with the cells that the survey has now. *wider: so many low bits of the residuals are
 * noise, and could as well be bits within wider cells. */
static uint64_t
trial_cost(const struct cell_survey *s, const struct excerpt *e, int *wider)
{
    struct trial t = {.inner_bits = 0};
    int32_t cells[2][2][BLOCK_WIDTH], (*slices[2])[BLOCK_WIDTH] = {cells[e->depth > 1 ? 0 : 1], cells[1]};
    for (size_t block = 0; block < e->blocks; block++) {
        cells_of_block(s, e, block, cells, &t.inner_bits);
        try_row(&t, slices, e);
    }
    uint64_t best = UINT64_MAX;
    for (int k = 0; k < PREDICTIONS; k++) {
        uint64_t cost = residual_cost(t.counts[k]);
        if (cost >= best)
            continue;
        best = cost;
        *wider = middle_class(t.counts[k]) - ENOUGH;
    }
    *wider = *wider > 0 ? *wider : 0;
    return best + 16 * t.inner_bits;
}

/* The median magnitude of the excerpt's differences, rounded to a power of two. */
static uint64_t
typical_difference(const struct voxel_wide *wide, const struct excerpt *e)
{
    uint64_t row[BLOCK_WIDTH], mask = wide_key_mask(wide), half = mask / 2 + 1, seen = 0, below = 0;
    uint32_t counts[65] = {0};
    for (size_t block = 0; block < e->blocks; block++) {
        difference_row(e, block, e->depth - 1, 2, wide->axes, mask, row);
        for (size_t i = e->components; i < e->width; i++)
            counts[bit_length(row[i] < half ? half - 1 - row[i] : row[i] - half)]++;
        seen += e->width - e->components;
    }
    int length = 0;
    while (length < 64 && (below += counts[length]) * 2 < seen)
        length++;
    return UINT64_C(1) << length >> 1;
}

struct candidate {
    unsigned axes;
    int linear;
    bool with_halos;
};

static bool
build(struct cell_survey *s, const struct excerpt *e, struct candidate c, int wider)
{
    s->wide->axes = (uint8_t)c.axes;
    return c.axes ? wide_build_differences(s, typical_difference(s->wide, e))
                  : wide_build_direct(s, c.linear, c.with_halos, wider);
}

static bool
has_heavy_atom(const struct cell_survey *s)
{
    bool any = false;
    for (uint32_t i = 0; i < s->atom_count; i++)
        any |= s->atoms[i].is_heavy;
    return any;
}

/* Takes the candidate that costs least. Differences take time: they must be clearly better. */
static bool
choose_candidate(struct cell_survey *s, const struct excerpt *e, uint64_t *least)
{
    static const struct candidate candidates[] = {
        {0, 0, false}, {0, 3, false},  {0, 7, false}, {0, ALL, false},
        {0, 0, true},  {0, ALL, true}, {3, 0, false}, {7, 0, false},
    };
    const struct candidate *best = NULL;
    int best_wider = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        const struct candidate *c = &candidates[i];
        bool integers_again = s->exponents.counts == NULL && c->linear && c->axes == 0;
        if (integers_again || (c->with_halos && !has_heavy_atom(s)) || (c->axes & WIDE_AXIS_Z && e->depth == 1) ||
            !build(s, e, *c, 0))
            continue;
        int wider = 0;
        uint64_t cost = trial_cost(s, e, &wider);
        if (c->axes && best && best->axes == 0)
            cost += cost / 256;
        if (cost < *least) {
            *least = cost;
            best = c;
            best_wider = wider;
        }
    }
    return best != NULL && build(s, e, *best, best_wider);
}

/* Is a component predicted better from its own neighbours than from the component before it? */
static bool
is_apart(const struct cell_survey *s, const struct excerpt *e)
{
    uint32_t own[RESIDUAL_CLASSES] = {0}, other[RESIDUAL_CLASSES] = {0};
    uint64_t inner_bits = 0;
    int32_t cells[2][2][BLOCK_WIDTH];
    size_t c = e->components;
    for (size_t block = 0; block < e->blocks; block++) {
        cells_of_block(s, e, block, cells, &inner_bits);
        const int32_t *now = cells[1][1], *n = cells[1][0], *p = cells[0][1], *pn = cells[0][0];
        for (size_t i = 2 * c; i < e->width; i++) {
            if (i % c == 0)
                continue;
            count_residual(own, now[i] - (e->depth > 1 ? n[i] + p[i] - pn[i] : now[i - c] + n[i] - n[i - c]));
            count_residual(other, now[i] - (now[i - 1] + n[i] - n[i - 1]));
        }
    }
    return residual_cost(own) < residual_cost(other);
}

/* Surveys the image's keys and chooses ranges of cells for them. *cost: what they take on an excerpt, if that was
 * looked at. */
static bool
choose_ranges(struct cell_survey *s, struct voxel_model *model, const unsigned char *samples, uint64_t *cost)
{
    struct excerpt excerpt = {NULL, 0, 0, 0, 0};
    uint64_t count = sample_count(model);
    s->wide->shift = (uint8_t)common_shift(s->wide, samples, count);
    s->atom_count = s->modal_count = s->repeats = 0;
    take_keys(s, samples, count);
    count_repeats(s);
    s->wide->runs = malloc(CELL_RUNS_MAX * sizeof *s->wide->runs);
    bool ok = s->wide->runs != NULL;
    *cost = UINT64_MAX;
    if (ok && sample_type_of(wide_key_type(s->wide))->is_float)
        ok = wide_count_exponents(s);
    if (ok && model->shape.height > 2) {
        ok = open_excerpt(&excerpt, &model->shape, s->wide, samples) && choose_candidate(s, &excerpt, cost);
        model->is_apart = ok && excerpt.components > 1 && is_apart(s, &excerpt);
        free(excerpt.keys);
    } else if (ok)
        ok = wide_build_direct(s, ALL, false, 0);
    free(s->exponents.counts);
    s->exponents.counts = NULL;
    return ok;
}

static void
drop_ranges(struct cell_survey *s)
{
    free(s->wide->runs);
    free(s->index.runs);
    s->wide->runs = NULL;
    s->index.runs = NULL;
}

/* A list, if the values are so few that it costs less than the bits that it saves. If the survey hardly met a value
 * twice, there is no need to search. */
static struct cell_list *
choose_list(struct cell_survey *s, const unsigned char *samples, uint64_t count)
{
    uint32_t others = s->count - s->modal_count;
    uint64_t most = 2 + count * others / s->count / 2;
    if (s->repeats * 16 < others)
        return NULL;
    return wide_list_cells(s->wide, samples, count, (uint32_t)(most < CELLS_MAX ? most : CELLS_MAX));
}

/* ---- Formulas ---------------------------------------------------------------------------------------- */

static struct voxel_wide
without_cells(const struct voxel_wide *wide)
{
    return (struct voxel_wide){
        .sample_type = wide->sample_type, .big_endian = wide->big_endian, .sample_size = wide->sample_size};
}

/* A long list of roots is longer than a list of the integers behind them. */
static enum zblob_result
try_list_of_integers(struct voxel_wide *wide, const unsigned char *samples, uint64_t count, struct cell_list **list)
{
    struct voxel_wide with = without_cells(wide);
    if (wide->cell_count < LONG_LIST)
        return ZBLOB_OK;
    if (!voxel_choose_formula(&with, WIDE_ROOT, samples, count))
        return ZBLOB_NO_MEMORY;
    struct cell_list *other = with.formula.kind ? wide_list_cells(&with, samples, count, wide->cell_count) : NULL;
    if (other) {
        free(*list);
        free(wide->runs);
        *list = other;
        *wide = with;
    }
    return ZBLOB_OK;
}

/* Ranges of the integers behind the samples, if a formula makes these from integers and that takes less. */
static enum zblob_result
try_formula(struct cell_survey *s, struct voxel_model *model, const unsigned char *samples, uint64_t cost)
{
    struct voxel_wide *wide = model->wide;
    struct voxel_wide with = without_cells(wide);
    struct cell_survey other = {.wide = &with, .keys = s->keys, .count = s->count};
    bool was_apart = model->is_apart;
    uint64_t other_cost;
    if (cost == UINT64_MAX)
        return ZBLOB_OK;
    if (!voxel_choose_formula(&with, WIDE_QUOTIENT, samples, sample_count(model)))
        return ZBLOB_NO_MEMORY;
    if (!with.formula.kind)
        return ZBLOB_OK;
    if (choose_ranges(&other, model, samples, &other_cost) && other_cost < cost - cost / FORMULA_GAIN) {
        drop_ranges(s);
        *wide = with;
        s->index = other.index;
    } else {
        drop_ranges(&other);
        model->is_apart = was_apart;
    }
    return ZBLOB_OK;
}

/* ---- The whole ---------------------------------------------------------------------------------------- */

/* All cells of the image, chunk after chunk; from the list, where there is one. */
static enum zblob_result
fill_cells(struct voxel_model *model, const unsigned char *samples, const struct cell_list *list,
           const struct cell_index *index)
{
    struct voxel_wide *wide = model->wide;
    size_t total = (size_t)(model->shape.width * model->shape.height * model->shape.slices * model->shape.components);
    size_t chunks = voxel_chunk_count(model), at = 0;
    uint64_t *keys = kept_take(wide_layout_of(model, voxel_chunk_box(model, 0)).count * sizeof *keys);
    wide->cells = malloc(total * sizeof *wide->cells);
    if (keys == NULL || wide->cells == NULL) {
        kept_return(keys);
        return ZBLOB_NO_MEMORY;
    }
    for (size_t chunk = 0; chunk < chunks && !interrupt_is_set(); chunk++) {
        struct voxel_box box = voxel_chunk_box(model, chunk);
        size_t count = wide_layout_of(model, box).count;
        wide_load_box(model, box, samples, keys);
        for (size_t i = 0; i < count; i++) {
            uint32_t run;
            if (i && keys[i] == keys[i - 1])
                wide->cells[at + i] = wide->cells[at + i - 1];
            else if (list)
                wide->cells[at + i] = wide_find_value(wide, list, keys[i]);
            else
                wide->cells[at + i] = (uint16_t)wide_find_cell(wide, index, keys[i], &run);
        }
        at += count;
    }
    kept_return(keys);
    return interrupt_is_set() ? ZBLOB_INTERRUPTED : ZBLOB_OK; /* some cells are not set */
}

enum zblob_result
voxel_choose_cells(struct voxel_model *model, const unsigned char *samples, const unsigned char **cells, bool *gain)
{
    uint64_t count = sample_count(model);
    struct voxel_wide *wide = model->wide;
    struct cell_survey s = {.wide = wide, .count = (uint32_t)(count < SURVEY_COUNT ? count : SURVEY_COUNT)};
    s.keys = kept_take(2 * s.count * sizeof *s.keys); /* and as many to sort them */
    if (s.keys == NULL)
        return ZBLOB_NO_MEMORY;
    take_keys(&s, samples, count);
    count_repeats(&s);
    struct cell_list *list = choose_list(&s, samples, count);
    enum zblob_result result = ZBLOB_OK;
    uint64_t cost;
    *gain = list != NULL || choose_ranges(&s, model, samples, &cost);
    if (list)
        result = try_list_of_integers(wide, samples, count, &list);
    else if (*gain)
        result = try_formula(&s, model, samples, cost);
    kept_return(s.keys);
    if (result == ZBLOB_OK && *gain)
        result = fill_cells(model, samples, list, &s.index);
    *cells = (const unsigned char *)wide->cells;
    free(s.index.runs);
    free(list);
    return result;
}
