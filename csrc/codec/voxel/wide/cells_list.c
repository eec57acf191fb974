/*
 * cells_list.c: cells for an image with few values, however far apart: one for each. A hash set collects
 * the values, and then leads from each to its cell.
 */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

enum { SET_BITS = 18, SET_SIZE = 1 << SET_BITS, PIECE = 1024 };

/* UINT64_MAX marks a free place; as a value it has no place, and the last cell. */
struct wide_set {
    uint64_t values[SET_SIZE];
    uint16_t cells[SET_SIZE];
};

static inline size_t
place_of(const struct wide_set *set, uint64_t key)
{
    size_t place = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - SET_BITS));
    while (set->values[place] != UINT64_MAX && set->values[place] != key)
        place = (place + 1) & (SET_SIZE - 1);
    return place;
}

uint16_t
wide_cell_of_value(const struct voxel_wide *wide, uint64_t key)
{
    return key == UINT64_MAX ? (uint16_t)(wide->cell_count - 1) : wide->set->cells[place_of(wide->set, key)];
}

static int
ascending(const void *a, const void *b)
{
    uint64_t x = ((const struct cell_run *)a)->start, y = ((const struct cell_run *)b)->start;
    return (x > y) - (x < y);
}

static bool
collect_values(struct voxel_wide *wide, const unsigned char *samples, uint64_t count, uint32_t most)
{
    uint64_t keys[PIECE], before = UINT64_MAX;
    bool has_max = false;
    for (uint64_t at = 0; at < count; at += PIECE) {
        size_t n = (size_t)(count - at < PIECE ? count - at : PIECE);
        wide_keys(wide, samples + at * wide->sample_size, keys, n);
        for (size_t i = 0; i < n; i++) {
            has_max |= keys[i] == UINT64_MAX;
            if (keys[i] == before || keys[i] == UINT64_MAX)
                continue;
            before = keys[i];
            size_t place = place_of(wide->set, before);
            if (wide->set->values[place] == before)
                continue;
            if (wide->run_count == most)
                return false;
            wide->set->values[place] = before;
            wide->runs[wide->run_count++].start = before;
        }
    }
    if (has_max && wide->run_count == most)
        return false;
    if (has_max)
        wide->runs[wide->run_count++].start = UINT64_MAX;
    return true;
}

bool
wide_list_cells(struct voxel_wide *wide, const unsigned char *samples, uint64_t count, uint32_t most)
{
    wide->set = malloc(sizeof *wide->set);
    wide->runs = malloc(most * sizeof *wide->runs);
    bool few = wide->set != NULL && wide->runs != NULL;
    if (few) {
        memset(wide->set->values, 0xFF, sizeof wide->set->values);
        few = collect_values(wide, samples, count, most);
    }
    if (!few) {
        free(wide->set);
        free(wide->runs);
        wide->set = NULL;
        wide->runs = NULL;
        wide->run_count = 0;
        return false;
    }
    qsort(wide->runs, wide->run_count, sizeof *wide->runs, ascending);
    for (uint32_t i = 0; i < wide->run_count; i++) {
        wide->runs[i] = (struct cell_run){wide->runs[i].start, 1, i, 0};
        if (wide->runs[i].start != UINT64_MAX)
            wide->set->cells[place_of(wide->set, wide->runs[i].start)] = (uint16_t)i;
    }
    wide->cell_count = wide->run_count;
    wide->is_list = true;
    return true;
}
