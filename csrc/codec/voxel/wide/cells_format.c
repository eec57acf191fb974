/*
 * cells_format.c: the cells' part of a model: runs of cells, or a list of values. A list that is an affine image of
 * integers (affine.h) is written as the gaps between those integers, and the differences that rounding left.
 */
#include "cells_format.h"

#include "formula.h"
#include "lattice.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists ------------------------------------------------------------------------------------------- */

static bool
has_exceptions(const int32_t *integers, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        if (integers[k] == LATTICE_NONE)
            return true;
    return false;
}

static void
write_values(struct bit_writer *w, const struct voxel_wide *wide, const struct wide_affine *affine,
             const struct wide_values *values)
{
    bits_put(w, values->count, 17);
    bits_put(w, affine != NULL, 1);
    if (affine)
        wide_write_integers(w, values, NULL);
    wide_write_values(w, wide, affine, values);
}

/* Bytes written since then, with those that there was no room for. */
static size_t
written(const struct bit_writer *w, const struct bit_writer *start)
{
    return (size_t)(w->at - start->at) + (w->lost_size - start->lost_size);
}

static void
write_list(struct bit_writer *w, const struct voxel_wide *wide)
{
    struct wide_affine affine;
    uint32_t count = wide->run_count;
    uint64_t *keys = malloc(count * (sizeof *keys + 2 * sizeof(int32_t)));
    if (keys == NULL) {
        w->overflow = true;
        return;
    }
    int32_t *integers = (int32_t *)(void *)(keys + count), *coarse = integers + count;
    struct wide_values values = {count, integers, keys};
    for (uint32_t k = 0; k < count; k++)
        keys[k] = wide->runs[k].start;
    bool is_affine = wide_fit_lattice(wide, keys, count, AFFINE_INTEGER_MAX, &affine, integers, coarse) &&
                     !has_exceptions(integers, count);
    struct bit_writer start = *w;
    write_values(w, wide, NULL, &values);
    if (is_affine) {
        struct bit_writer plain = *w;
        *w = start;
        write_values(w, wide, &affine, &values);
        if (written(w, &start) > written(&plain, &start)) {
            *w = start;
            write_values(w, wide, NULL, &values);
        }
    }
    free(keys);
}

static bool
take_list(struct bit_reader *r, struct voxel_wide *wide, uint64_t *keys, int32_t *integers, bool is_affine)
{
    uint32_t count = wide->run_count;
    struct wide_values values = {count, integers, keys};
    for (uint32_t k = 0; k < count; k++)
        integers[k] = (int32_t)k;
    if ((is_affine && !wide_read_integers(r, &values, NULL)) || !wide_read_values(r, wide, &values))
        return false;
    for (uint32_t k = 0; k < count; k++) {
        if (k && keys[k] <= keys[k - 1])
            return false;
        wide->runs[k] = (struct cell_run){keys[k], 1, k, 0};
    }
    return true;
}

static bool
read_list(struct bit_reader *r, struct voxel_wide *wide, uint64_t sample_count)
{
    uint32_t count = bits_get(r, 17);
    bool is_affine = bits_get(r, 1);
    if (count == 0 || count > CELLS_MAX || count > sample_count || !bits_may_hold(r, count - 1))
        return false;
    wide->run_count = wide->cell_count = count;
    wide->runs = malloc(count * sizeof *wide->runs);
    uint64_t *keys = malloc(count * (sizeof *keys + sizeof(int32_t)));
    r->lacks_memory = wide->runs == NULL || keys == NULL;
    bool ok = !r->lacks_memory && take_list(r, wide, keys, (int32_t *)(void *)(keys + count), is_affine);
    free(keys);
    return ok;
}

/* ---- Runs -------------------------------------------------------------------------------------------- */

static void
write_runs(struct bit_writer *w, const struct voxel_wide *wide)
{
    bits_put(w, wide->run_count, 13);
    for (uint32_t k = 0; k < wide->run_count; k++) {
        const struct cell_run *run = &wide->runs[k];
        bits_put(w, run->width, 6);
        bits_put_golomb(w, run->count - 1, 0);
        if (k + 1 < wide->run_count) /* the last cell is cut short by so many keys */
            bits_put_long(w, run->start + ((uint64_t)run->count << run->width) - run[1].start, run->width);
    }
}

static void
write_formula(struct bit_writer *w, const struct wide_formula *formula)
{
    uint64_t divisor;
    memcpy(&divisor, &formula->divisor, sizeof divisor);
    bits_put(w, formula->kind, 2);
    if (formula->kind)
        bits_put_long(w, divisor, 64);
}

static bool
read_formula(struct bit_reader *r, struct wide_formula *formula)
{
    uint64_t divisor;
    formula->kind = (uint8_t)bits_get(r, 2);
    if (!formula->kind)
        return true;
    divisor = bits_get_long(r, 64);
    memcpy(&formula->divisor, &divisor, sizeof divisor);
    return formula->kind <= WIDE_ROOT && formula->divisor >= FORMULA_DIVISOR_MIN && /* which NaN is not */
           formula->divisor <= FORMULA_DIVISOR_MAX;
}

/* Runs must cover all keys from 0 on without gaps. */
static bool
read_runs(struct bit_reader *r, struct voxel_wide *wide)
{
    uint32_t count = bits_get(r, 13);
    uint64_t start = 0, mask = wide_key_mask(wide);
    if (count == 0 || count > CELL_RUNS_MAX || !bits_may_hold(r, count))
        return false;
    wide->runs = malloc(count * sizeof *wide->runs);
    r->lacks_memory = wide->runs == NULL;
    if (r->lacks_memory)
        return false;
    wide->run_count = count;
    for (uint32_t k = 0; k < count; k++) {
        struct cell_run run = {start, 0, wide->cell_count, (uint8_t)bits_get(r, 6)};
        uint64_t cells = (uint64_t)bits_get_golomb(r, 0) + 1;
        if (r->overflow || run.width > CELL_WIDTH_MAX || cells > CELLS_MAX - wide->cell_count)
            return false;
        run.count = (uint32_t)cells;
        uint64_t whole = (cells - 1) << run.width, last = k + 1 < count ? UINT64_C(1) << run.width : 0;
        if (whole > mask || whole >> run.width != cells - 1 || start > mask - whole)
            return false;
        wide->cell_count += run.count;
        wide->runs[k] = run;
        if (last)
            last -= bits_get_long(r, run.width);
        if (last > mask - start - whole)
            return false;
        start += whole + last;
    }
    return true;
}

void
wide_write_cells(struct bit_writer *w, const struct voxel_wide *wide)
{
    bits_put(w, wide->has_maps, 1);
    if (wide->has_maps)
        return;
    if (wide_formula_suits(wide->sample_type))
        write_formula(w, &wide->formula);
    bits_put(w, wide->shift, 6);
    bits_put(w, wide->axes, 3);
    bits_put(w, wide->is_list, 1);
    if (wide->is_list)
        write_list(w, wide);
    else
        write_runs(w, wide);
}

bool
wide_read_cells(struct bit_reader *r, struct voxel_wide *wide, uint64_t sample_count)
{
    wide->has_maps = bits_get(r, 1);
    if (wide->has_maps)
        return true;
    if (wide_formula_suits(wide->sample_type) && !read_formula(r, &wide->formula))
        return false;
    wide->shift = (uint8_t)bits_get(r, 6);
    wide->axes = (uint8_t)bits_get(r, 3);
    wide->is_list = bits_get(r, 1);
    if (wide->shift > wide_shift_max(wide))
        return false;
    return wide->is_list ? read_list(r, wide, sample_count) : read_runs(r, wide);
}
