/* cell_list.c: a cell for each value. A hash set collects the values, and then leads from each to its cell. */
#include "cell_list.h"

#include "../../base/hash.h"
#include "../../base/interrupt.h"
#include "../wide/keys.h"

#include <stdlib.h>
#include <string.h>

enum { SET_BITS = 18, SET_SIZE = 1 << SET_BITS, PIECE = 1024 };

/* UINT64_MAX marks a free place. As a value it has no place in the set; its cell is the last one. */
struct cell_list {
    uint64_t values[SET_SIZE];
    uint16_t cells[SET_SIZE];
};

static inline size_t
place_of(const struct cell_list *list, uint64_t key)
{
    size_t place = (size_t)(hash_number(key) >> (64 - SET_BITS));
    while (list->values[place] != UINT64_MAX && list->values[place] != key)
        place = (place + 1) & (SET_SIZE - 1);
    return place;
}

uint16_t
wide_find_value(const struct voxel_wide *wide, const struct cell_list *list, uint64_t key)
{
    return key == UINT64_MAX ? (uint16_t)(wide->cell_count - 1) : list->cells[place_of(list, key)];
}

static int
ascending(const void *a, const void *b)
{
    uint64_t x = ((const struct cell_run *)a)->start, y = ((const struct cell_run *)b)->start;
    return (x > y) - (x < y);
}

static bool
collect_values(struct cell_list *list, struct voxel_wide *wide, const unsigned char *samples, uint64_t count,
               uint32_t most)
{
    uint64_t keys[PIECE], before = UINT64_MAX;
    bool has_max = false;
    for (uint64_t at = 0; at < count; at += PIECE) {
        size_t n = (size_t)(count - at < PIECE ? count - at : PIECE);
        if (interrupt_is_set())
            return false;
        wide_load_keys(wide, samples + at * wide->sample_size, keys, n);
        for (size_t i = 0; i < n; i++) {
            has_max |= keys[i] == UINT64_MAX;
            if (keys[i] == before || keys[i] == UINT64_MAX)
                continue;
            before = keys[i];
            size_t place = place_of(list, before);
            if (list->values[place] == before)
                continue;
            if (wide->run_count == most)
                return false;
            list->values[place] = before;
            wide->runs[wide->run_count++].start = before;
        }
    }
    if (has_max && wide->run_count == most)
        return false;
    if (has_max)
        wide->runs[wide->run_count++].start = UINT64_MAX;
    return true;
}

struct cell_list *
wide_list_cells(struct voxel_wide *wide, const unsigned char *samples, uint64_t count, uint32_t most)
{
    struct cell_list *list = malloc(sizeof *list);
    wide->runs = malloc(most * sizeof *wide->runs);
    bool few = list != NULL && wide->runs != NULL;
    if (few) {
        memset(list->values, 0xFF, sizeof list->values);
        few = collect_values(list, wide, samples, count, most);
    }
    if (!few) {
        free(list);
        free(wide->runs);
        wide->runs = NULL;
        wide->run_count = 0;
        return NULL;
    }
    qsort(wide->runs, wide->run_count, sizeof *wide->runs, ascending);
    for (uint32_t i = 0; i < wide->run_count; i++) {
        wide->runs[i] = (struct cell_run){wide->runs[i].start, 1, i, 0};
        if (wide->runs[i].start != UINT64_MAX)
            list->cells[place_of(list, wide->runs[i].start)] = (uint16_t)i;
    }
    wide->cell_count = wide->run_count;
    wide->is_list = true;
    return list;
}
