/*
 * maps.c: maps of values for each slice. Slices that have most of their values in common with those before share one.
 * Where the values are an affine image of integers, these become the cells: then slices stay comparable whatever slope
 * each has. Otherwise cells are the values' ranks.
 */
#include "maps.h"

#include "../../base/hash.h"
#include "../../base/interrupt.h"
#include "../wide/keys.h"
#include "../wide/lattice.h"
#include "../wide/maps.h"
#include "value_set.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOKS = 4,           /* slices that are looked at first */
    LOOK_SAMPLES = 2048, /* in each */
    FEWEST_PAIRS = 16,   /* of samples that have the same value */
    APART = 4,           /* such pairs are so many times rarer between slices than within one */
    COMPARED = 2047,     /* samples by which slices are aligned */
    EARLY = 4,           /* runs after which maps are given up if they have too many values */
    RUN_SLICES = 4,      /* a run may have so many more values than a slice has samples */
    TOO_MANY = 2,        /* one value for so many samples is too many */
};

static size_t
slice_size(const struct voxel_model *model)
{
    return (size_t)(model->shape.width * model->shape.height * model->shape.components);
}

static void
load_slice(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint64_t *keys)
{
    size_t size = slice_size(model);
    wide_load_keys(model->wide, samples + (size_t)slice * size * model->wide->sample_size, keys, size);
}

/* ---- Likely? ----------------------------------------------------------------------------------------- */

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
    g->count = size < LOOK_SAMPLES ? size : LOOK_SAMPLES;
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

bool
voxel_maps_are_likely(const struct voxel_model *model, const unsigned char *samples)
{
    uint64_t slices = model->shape.slices, pairs[LOOKS];
    struct glance *looks = slices > 1 ? malloc(LOOKS * sizeof *looks) : NULL;
    bool likely = false;
    for (uint64_t i = 0; looks && i < LOOKS; i++) {
        take_glance(&looks[i], model, samples, slices * (2 * i + 1) / (2 * LOOKS));
        pairs[i] = count_pairs(&looks[i], &looks[i]);
        for (uint64_t j = 0; j < i; j++) {
            uint64_t least = pairs[j] < pairs[i] ? pairs[j] : pairs[i];
            likely |= least >= FEWEST_PAIRS && count_pairs(&looks[j], &looks[i]) * APART < least;
        }
    }
    free(looks);
    return likely;
}

/* ---- A run of slices --------------------------------------------------------------------------------- */

struct work {
    const struct voxel_model *model;
    const unsigned char *samples;
    struct slice_maps *result;
    struct value_set *run, *slice; /* values of the run, and of the next slice */
    uint64_t *keys;                /* of a slice */
    int32_t integers[CELLS_MAX];   /* of the run's values */
    struct wide_entries entries;
    uint64_t first, end; /* the run's slices */
    uint64_t values, seen, runs;
};

static int
ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The base that gives most samples of the run's first slice nearly the cells that they have in the slice before. */
static int32_t
aligned_base(struct work *w)
{
    int32_t apart[COMPARED];
    size_t size = slice_size(w->model), count = size < COMPARED ? size : COMPARED;
    const uint16_t *before = w->result->cells + (size_t)(w->first - 1) * size;
    load_slice(w->model, w->samples, w->first, w->keys);
    for (size_t i = 0; i < count; i++) {
        size_t start = size * i / count, span = size * (i + 1) / count - start, at = start + hash_place(i, span);
        apart[i] = before[at] - (int32_t)w->run->cells[value_set_place(w->run, w->keys[at])];
    }
    qsort(apart, count, sizeof *apart, ascending);
    return apart[count / 2];
}

/* Gives each of the run's values its integer, or its rank; those outside a lattice, whose number is returned, come before
 * the others. */
static uint32_t
choose_integers(struct work *w, struct wide_map *map, int32_t *least, int32_t *most)
{
    uint32_t exceptions = 0;
    struct value_set *run = w->run;
    map->is_affine = wide_fit_lattice(w->model->wide, run->list, run->count, CELLS_MAX - 1 - LATTICE_EXCEPTIONS_MAX,
                                      &map->affine, w->integers);
    if (!map->is_affine)
        for (uint32_t k = 0; k < run->count; k++)
            w->integers[k] = (int32_t)k;
    *least = INT32_MAX;
    *most = INT32_MIN;
    for (uint32_t k = 0; k < run->count; k++) {
        int32_t integer = w->integers[k];
        *least = integer != LATTICE_NONE && integer < *least ? integer : *least;
        *most = integer > *most ? integer : *most;
    }
    for (uint32_t k = run->count; k-- > 0;)
        if (w->integers[k] == LATTICE_NONE) {
            w->integers[k] = --*least;
            exceptions++;
        }
    return exceptions;
}

/* The cell of integer 0. */
static int32_t
choose_base(struct work *w, const struct wide_map *map, int32_t least, int32_t most)
{
    int32_t base = (CELLS_MAX - (most - least)) / 2 - least;
    bool has_zero = map->is_affine && map->affine.offset.whole == 0 && map->affine.offset.part == 0;
    if (has_zero)
        base = CELLS_MAX / 2;
    else if (w->first > 0) {
        for (uint32_t k = 0; k < w->run->count; k++) /* for now without a base, modulo 2^16 */
            w->run->cells[value_set_place(w->run, w->run->list[k])] = (uint16_t)(w->integers[k] - least);
        base = aligned_base(w) - least;
    }
    base = base > -least ? base : -least;
    return base < CELLS_MAX - 1 - most ? base : CELLS_MAX - 1 - most;
}

static void
count_bits(struct work *w, const struct wide_map *map)
{
    size_t capacity = 64 + 16 * (size_t)w->run->count;
    unsigned char *bytes = malloc(capacity);
    if (bytes == NULL)
        return;
    struct bit_writer writer = bits_write_to(bytes, capacity);
    wide_write_map(&writer, w->model->wide, map, &w->entries);
    w->result->bits += 8 * (uint64_t)(writer.at - bytes);
    free(bytes);
}

static void
finish_run(struct work *w)
{
    struct value_set *run = w->run;
    struct wide_map *map = &w->result->maps[w->first];
    int32_t least, most;
    size_t size = slice_size(w->model);
    value_sort(run->list, run->count, w->entries.keys);
    uint32_t exceptions = choose_integers(w, map, &least, &most);
    int32_t base = choose_base(w, map, least, most);
    map->base = (uint16_t)base;
    for (uint32_t k = 0; k < run->count; k++)
        run->cells[value_set_place(run, run->list[k])] = (uint16_t)(w->integers[k] + base);
    for (uint64_t z = w->first; z < w->end; z++) {
        uint16_t *cells = w->result->cells + (size_t)z * size;
        w->result->maps[z] = *map;
        w->result->maps[z].is_shared = z > w->first;
        load_slice(w->model, w->samples, z, w->keys);
        for (size_t i = 0; i < size; i++)
            cells[i] = i && w->keys[i] == w->keys[i - 1] ? cells[i - 1] : run->cells[value_set_place(run, w->keys[i])];
    }
    wide_find_entries(&w->entries, w->result->cells + (size_t)w->first * size, (size_t)(w->end - w->first) * size);
    uint32_t at = 0;
    for (int others = 0; others < 2; others++) /* cells of values outside the lattice come first */
        for (uint32_t k = 0; k < run->count; k++)
            if (others == (w->integers[k] >= least + (int32_t)exceptions))
                w->entries.keys[at++] = run->list[k];
    count_bits(w, map);
    w->values += run->count;
    w->seen += (w->end - w->first) * size;
    w->runs++;
}

/* Does the slice belong to the run? At least half of its values do. */
static bool
joins_run(const struct work *w)
{
    uint32_t strange = 0;
    for (uint32_t k = 0; k < w->slice->count; k++)
        strange += w->run->keys[value_set_place(w->run, w->slice->list[k])] == UINT64_MAX;
    return strange <= w->slice->count / 2 && w->run->count + strange <= CELLS_MAX &&
           w->run->count + strange < 1u << (w->run->bits - 1);
}

static bool
build_all(struct work *w)
{
    size_t size = slice_size(w->model);
    uint64_t slices = w->model->shape.slices;
    for (uint64_t z = 0; z < slices; z++) {
        if (interrupt_is_set())
            return false;
        load_slice(w->model, w->samples, z, w->keys);
        value_set_clear(w->slice, RUN_SLICES * (uint64_t)size);
        if (!value_set_add(w->slice, w->keys, size))
            return false;
        if (z && joins_run(w)) {
            value_set_add(w->run, w->slice->list, w->slice->count);
            w->end = z + 1;
            continue;
        }
        if (z)
            finish_run(w);
        if (w->runs >= EARLY && w->values * TOO_MANY > w->seen)
            return false;
        struct value_set *swap = w->run;
        w->run = w->slice;
        w->slice = swap;
        w->first = z;
        w->end = z + 1;
    }
    finish_run(w);
    return true;
}

enum zblob_result
voxel_build_maps(const struct voxel_model *model, const unsigned char *samples, struct slice_maps *result, bool *found)
{
    size_t size = slice_size(model), slices = (size_t)model->shape.slices;
    struct work *w = calloc(1, sizeof *w);
    *result = (struct slice_maps){calloc(slices, sizeof *result->maps), malloc(slices * size * sizeof(uint16_t)), 0};
    *found = false;
    bool ok = w && result->maps && result->cells;
    if (ok) {
        w->model = model;
        w->samples = samples;
        w->result = result;
        w->run = malloc(sizeof *w->run);
        w->slice = malloc(sizeof *w->slice);
        w->keys = malloc(size * sizeof *w->keys);
        ok = w->run && w->slice && w->keys;
        *found = ok && build_all(w);
        free(w->run);
        free(w->slice);
        free(w->keys);
    }
    free(w);
    return !ok ? ZBLOB_NO_MEMORY : interrupt_is_set() ? ZBLOB_INTERRUPTED : ZBLOB_OK;
}
