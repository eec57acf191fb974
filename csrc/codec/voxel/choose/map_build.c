/*
 * map_build.c: maps of values for each slice. Slices that have most of their values in common with those before share one.
 * Where the values are an affine image of integers, these become the cells: then slices stay comparable whatever slope
 * each has. Otherwise cells are the values' ranks.
 */
#include "map_build.h"

#include "../../base/hash.h"
#include "../../base/interrupt.h"
#include "../wide/keys.h"
#include "../wide/lattice.h"
#include "../wide/maps.h"
#include "cell_cost.h"
#include "value_set.h"

#include <stdlib.h>
#include <string.h>

enum {
    COMPARED = 2047, /* samples by which slices are aligned */
    TRIAL = 8,       /* so many of the slices show whether maps pay */
    LISTS = 4,       /* a map with one value for so many samples, which are listed, takes time: it must gain more */
    EARLY = 4,       /* runs after which maps are given up if they have too many values */
    STRANGE = 4,     /* a run may lack one in so many of a slice's values */
    MANY = 7,        /* values for eight samples are too many */
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

/* ---- A run of slices --------------------------------------------------------------------------------- */

struct work {
    const struct voxel_model *model;
    const unsigned char *samples;
    struct slice_maps *result;
    const struct voxel_wide *present;
    struct value_set *run, *slice;                   /* values of the run, and of the next slice */
    uint64_t *keys;                                  /* of a slice */
    int32_t integers[CELLS_MAX], numbers[CELLS_MAX]; /* of the run's values */
    struct wide_entries entries;
    uint64_t first, end; /* the run's slices */
    uint64_t values, seen, runs;
};

/* The base that gives most samples of the run's first slice nearly the cells that they have in the slice before. */
static int32_t
aligned_base(struct work *w)
{
    uint64_t apart[COMPARED], aside[COMPARED];
    size_t size = slice_size(w->model), count = size < COMPARED ? size : COMPARED;
    const uint16_t *before = w->result->cells + (size_t)(w->first - 1) * size;
    load_slice(w->model, w->samples, w->first, w->keys);
    for (size_t i = 0; i < count; i++) {
        size_t start = size * i / count, span = size * (i + 1) / count - start, at = start + hash_place(i, span);
        apart[i] = (uint64_t)before[at] + CELLS_MAX - w->run->cells[value_set_place(w->run, w->keys[at])];
    }
    value_sort(apart, count, aside);
    return (int32_t)apart[count / 2] - CELLS_MAX;
}

/* Gives each of the run's values the number of its cell, apart from the base: its integer, the number of its step, or its
 * rank. Values outside a lattice, whose number is returned, come before the others. */
static uint32_t
choose_numbers(struct work *w, struct wide_map *map, int32_t *least, int32_t *most)
{
    uint32_t exceptions = 0, count = w->run->count;
    map->is_affine = wide_fit_lattice(w->model->wide, w->run->list, count, CELLS_MAX - 1 - LATTICE_EXCEPTIONS_MAX,
                                      &map->affine, w->integers, w->numbers);
    map->has_integers = map->is_affine && memcmp(w->integers, w->numbers, count * sizeof *w->numbers) != 0;
    for (uint32_t k = 0; !map->is_affine && k < count; k++)
        w->numbers[k] = (int32_t)k;
    *least = INT32_MAX;
    *most = INT32_MIN;
    for (uint32_t k = 0; k < count; k++) {
        int32_t number = w->numbers[k];
        *least = number != LATTICE_NONE && number < *least ? number : *least;
        *most = number > *most ? number : *most;
    }
    for (uint32_t k = count; k-- > 0;)
        if (w->numbers[k] == LATTICE_NONE) {
            w->numbers[k] = --*least;
            exceptions++;
        }
    return exceptions;
}

/* The cell of integer 0. */
static int32_t
choose_base(struct work *w, const struct wide_map *map, int32_t least, int32_t most)
{
    int32_t base = (CELLS_MAX - (most - least)) / 2 - least;
    bool has_zero =
        map->is_affine && !map->has_integers && map->affine.offset.whole == 0 && map->affine.offset.part == 0;
    if (has_zero)
        base = CELLS_MAX / 2;
    else if (w->first > 0) {
        for (uint32_t k = 0; k < w->run->count; k++) /* for now without a base, modulo 2^16 */
            w->run->cells[value_set_place(w->run, w->run->list[k])] = (uint16_t)(w->numbers[k] - least);
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
    uint32_t exceptions = choose_numbers(w, map, &least, &most);
    int32_t base = choose_base(w, map, least, most);
    map->base = (uint16_t)base;
    for (uint32_t k = 0; k < run->count; k++)
        run->cells[value_set_place(run, run->list[k])] = (uint16_t)(w->numbers[k] + base);
    for (uint64_t z = w->first; z < w->end; z++) {
        uint16_t *cells = w->result->cells + (size_t)z * size;
        w->result->maps[z] = *map;
        w->result->maps[z].is_shared = z > w->first;
        load_slice(w->model, w->samples, z, w->keys);
        for (size_t i = 0; i < size; i++)
            cells[i] = i && w->keys[i] == w->keys[i - 1] ? cells[i - 1] : run->cells[value_set_place(run, w->keys[i])];
    }
    uint32_t at = 0;
    for (int others = 0; others < 2; others++) /* cells of values outside the lattice come first */
        for (uint32_t k = 0; k < run->count; k++)
            if (others == (w->numbers[k] >= least + (int32_t)exceptions)) {
                w->entries.cells[at] = (uint16_t)(w->numbers[k] + base);
                w->entries.keys[at++] = run->list[k];
            }
    w->entries.count = run->count;
    count_bits(w, map);
    w->values += run->count;
    w->result->listed += map->is_affine ? 0 : run->count;
    w->seen += (w->end - w->first) * size;
    w->runs++;
}

/* Does the slice belong to the run? Most of its values do then: far more than if it had values at random within the run's
 * range. */
static bool
joins_run(const struct work *w)
{
    const struct value_set *run = w->run, *slice = w->slice;
    uint64_t strange = 0, least = run->list[0], most = run->list[0];
    for (uint32_t k = 0; k < run->count; k++) {
        least = run->list[k] < least ? run->list[k] : least;
        most = run->list[k] > most ? run->list[k] : most;
    }
    for (uint32_t k = 0; k < slice->count; k++)
        strange += run->keys[value_set_place(run, slice->list[k])] == UINT64_MAX;
    uint64_t used = run->count, span = most - least < UINT32_MAX ? most - least + 1 : UINT32_MAX;
    return strange * STRANGE * span <= slice->count * (span - used) && used + strange <= CELLS_MAX;
}

bool
voxel_maps_pay(const struct voxel_wide *present, const struct slice_maps *maps, const struct voxel_shape *shape,
               uint64_t slices)
{
    struct voxel_shape part = *shape;
    part.slices = slices;
    uint64_t now = voxel_cell_bits(&part, present->cells, present->is_list ? NULL : present);
    uint64_t with = voxel_cell_bits(&part, maps->cells, NULL) + maps->bits;
    uint64_t samples = part.width * part.height * part.components * slices;
    return with < now - now / (maps->listed * LISTS > samples ? 8 : 64);
}

static bool
build_all(struct work *w)
{
    size_t size = slice_size(w->model);
    const struct voxel_shape *shape = &w->model->shape;
    uint64_t slices = shape->slices, trial = slices / TRIAL > EARLY ? slices / TRIAL : EARLY;
    for (uint64_t z = 0; z < slices; z++) {
        if (interrupt_is_set())
            return false;
        load_slice(w->model, w->samples, z, w->keys);
        value_set_clear(w->slice);
        if (!value_set_add(w->slice, w->keys, size))
            return false;
        if (z && joins_run(w)) {
            value_set_add(w->run, w->slice->list, w->slice->count);
            w->end = z + 1;
            continue;
        }
        if (z)
            finish_run(w);
        if (w->runs >= EARLY && w->values > w->seen / 8 * MANY)
            return false;
        if (z == trial && w->runs >= EARLY && !voxel_maps_pay(w->present, w->result, shape, z))
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
voxel_build_maps(const struct voxel_model *model, const unsigned char *samples, const struct voxel_wide *present,
                 struct slice_maps *result, bool *found)
{
    size_t size = slice_size(model), slices = (size_t)model->shape.slices;
    struct work *w = calloc(1, sizeof *w);
    *result = (struct slice_maps){calloc(slices, sizeof *result->maps), malloc(slices * size * sizeof(uint16_t)), 0, 0};
    *found = false;
    bool ok = w && result->maps && result->cells;
    if (ok) {
        w->model = model;
        w->samples = samples;
        w->result = result;
        w->present = present;
        w->run = value_set_new(wide_key_bits(model->wide));
        w->slice = value_set_new(wide_key_bits(model->wide));
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
