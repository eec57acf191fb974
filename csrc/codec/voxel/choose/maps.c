/*
 * maps.c: do slices get maps of values of their own? A glance at some slices settles it for most images. For the others,
 * maps are built, and what simple predictions make of their cells decides.
 */
#include "maps.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../samples.h"
#include "../wide/keys.h"
#include "../wide/maps.h"
#include "map_build.h"
#include "ranks.h"
#include "value_set.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOKS = 4,            /* slices that are looked at first */
    LOOK_SAMPLES = 2048,  /* in each; */
    NARROW_SAMPLES = 512, /* so many in images of 8 and 16 bits */
    FEWEST_PAIRS = 16,    /* of samples that have the same value */
    APART = 2,            /* such pairs are so many times rarer between slices than within one */
    SPARSE = 26,          /* in 1/256 of a bit for each sample: what a slice's values must be apart */
};

static size_t
slice_size(const struct voxel_model *model)
{
    return (size_t)(model->shape.width * model->shape.height * model->shape.components);
}

/* ---- A glance ---------------------------------------------------------------------------------------- */

struct glance {
    uint64_t keys[LOOK_SAMPLES]; /* ascending */
    size_t count;
    uint64_t modal;
};

/* Length of the run of equal keys from `at` on. */
static size_t
run_at(const struct glance *g, size_t at)
{
    size_t end = at + 1;
    while (end < g->count && g->keys[end] == g->keys[at])
        end++;
    return end - at;
}

static void
take_glance(struct glance *g, const struct voxel_model *model, const unsigned char *samples, uint64_t slice)
{
    uint64_t aside[LOOK_SAMPLES], modal_count = 0;
    size_t size = slice_size(model), width = model->wide->sample_size;
    size_t most = width > 2 ? LOOK_SAMPLES : NARROW_SAMPLES;
    g->count = size < most ? size : most;
    for (size_t i = 0; i < g->count; i++) {
        size_t start = size * i / g->count, span = size * (i + 1) / g->count - start;
        size_t at = (size_t)slice * size + start + hash_place(i, span ? span : 1);
        wide_load_keys(model->wide, samples + at * width, g->keys + i, 1);
    }
    value_sort(g->keys, g->count, aside);
    for (size_t i = 0, run; i < g->count; i += run) {
        run = run_at(g, i);
        g->modal = run > modal_count ? g->keys[i] : g->modal;
        modal_count = run > modal_count ? run : modal_count;
    }
}

/* Pairs of samples that have the same value, twice; the most frequent values do not count. */
static uint64_t
count_pairs(const struct glance *a, const struct glance *b)
{
    uint64_t pairs = 0;
    for (size_t i = 0, j = 0, run; i < a->count; i += run) {
        run = run_at(a, i);
        while (j < b->count && b->keys[j] < a->keys[i])
            j++;
        if (j < b->count && b->keys[j] == a->keys[i] && a->keys[i] != a->modal && a->keys[i] != b->modal)
            pairs += run * (run_at(b, j) - (a == b));
    }
    return pairs;
}

/* Do values occur again within a slice, but not in other slices? */
static bool
are_likely(const struct voxel_model *with, const unsigned char *samples)
{
    uint64_t slices = with->shape.slices, pairs[LOOKS];
    struct glance *looks = slices > 1 ? malloc(LOOKS * sizeof *looks) : NULL;
    bool likely = false;
    for (uint64_t i = 0; looks && i < LOOKS; i++) {
        take_glance(&looks[i], with, samples, slices * (2 * i + 1) / (2 * LOOKS));
        pairs[i] = count_pairs(&looks[i], &looks[i]);
        for (uint64_t j = 0; j < i; j++) {
            uint64_t least = pairs[j] < pairs[i] ? pairs[j] : pairs[i];
            likely |= least >= FEWEST_PAIRS && count_pairs(&looks[j], &looks[i]) * APART < least;
        }
    }
    free(looks);
    return likely;
}

/* ---- Images of 8 and 16 bits -------------------------------------------------------------------------- */

/* What is coded now of a slice, as cells. */
static void
load_values(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint16_t *values)
{
    const struct voxel_shape *shape = &model->shape;
    for (uint64_t y = 0; y < shape->height; y++, values += shape->width) {
        const unsigned char *row = voxel_row_address(model, samples, slice, y);
        voxel_load(model, row, 0, 1, (int16_t *)(void *)values, (size_t)shape->width);
        for (size_t x = 0; x < shape->width; x++)
            values[x] ^= 0x8000;
    }
}

/* Are the values of the slices that a glance goes to sparser than those of the whole? Ranks may be in use by now. */
static bool
are_sparse(const struct voxel_model *model, const unsigned char *samples)
{
    size_t size = slice_size(model);
    uint16_t *values = malloc(size * sizeof *values);
    uint32_t *counts = malloc(VOXEL_VALUES * sizeof *counts);
    uint8_t *used = malloc(VOXEL_VALUES);
    uint64_t spread = 0;
    for (uint64_t i = 0; values && counts && used && i < LOOKS; i++) {
        memset(counts, 0, VOXEL_VALUES * sizeof *counts);
        load_values(model, samples, model->shape.slices * (2 * i + 1) / (2 * LOOKS), values);
        for (size_t k = 0; k < size; k++)
            counts[values[k]]++;
        for (uint32_t v = 0; v < VOXEL_VALUES; v++)
            used[v] = counts[v] > 0;
        spread += voxel_spread(counts, 0, VOXEL_VALUES - 1, used, 0, VOXEL_VALUES);
    }
    free(values);
    free(counts);
    free(used);
    return spread > SPARSE * LOOKS * (uint64_t)size;
}

/* The values of the whole image as they are coded now, as if they were cells. NULL: no memory. */
static uint16_t *
load_image(const struct voxel_model *model, const unsigned char *samples)
{
    size_t size = slice_size(model);
    uint16_t *values = malloc(size * (size_t)model->shape.slices * sizeof *values);
    for (uint64_t z = 0; values && z < model->shape.slices; z++)
        load_values(model, samples, z, values + (size_t)z * size);
    return values;
}

/* ---- The choice -------------------------------------------------------------------------------------- */

static void
take_maps(struct voxel_model *model, struct voxel_wide *wide, struct slice_maps *maps)
{
    voxel_drop_ranks(model);
    voxel_wide_free(model->wide);
    model->wide = wide;
    model->grid.sample_type = ZBLOB_UINT16;
    model->grid.big_endian = false;
    wide->has_maps = true;
    wide->cells = maps->cells;
    wide->maps = maps->maps;
    *maps = (struct slice_maps){NULL, NULL, 0, 0};
}

/* With `with`, a copy of the model whose cells will be values of maps. */
static enum zblob_result
try_maps(struct voxel_model *model, struct voxel_model *with, const unsigned char *samples, bool *found)
{
    struct slice_maps maps = {NULL, NULL, 0, 0};
    struct voxel_wide values = {.is_list = true};
    if (!are_likely(with, samples) || (model->wide == NULL && !are_sparse(model, samples)))
        return ZBLOB_OK;
    if (model->wide == NULL && (values.cells = load_image(model, samples)) == NULL)
        return ZBLOB_NO_MEMORY;
    const struct voxel_wide *present = model->wide ? model->wide : &values;
    enum zblob_result result = voxel_build_maps(with, samples, present, &maps, found);
    *found = result == ZBLOB_OK && *found && voxel_maps_pay(present, &maps, &model->shape, model->shape.slices);
    if (*found) {
        take_maps(model, with->wide, &maps);
        with->wide = NULL;
    }
    free(values.cells);
    free(maps.maps);
    free(maps.cells);
    return result;
}

enum zblob_result
voxel_choose_maps(struct voxel_model *model, const unsigned char *samples, const unsigned char **values, bool *found)
{
    struct voxel_model with = *model;
    *found = false;
    if (model->shape.slices < 2 || (model->wide == NULL && model->shape.components > 1) ||
        (model->wide && model->wide->formula.kind))
        return ZBLOB_OK;
    if (model->wide) {
        with.grid.sample_type = model->wide->sample_type;
        with.grid.big_endian = model->wide->big_endian;
    }
    with.wide = voxel_wide_new(&with.grid);
    if (with.wide == NULL)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result = try_maps(model, &with, samples, found);
    voxel_wide_free(with.wide);
    if (*found)
        *values = (const unsigned char *)model->wide->cells;
    return result;
}
