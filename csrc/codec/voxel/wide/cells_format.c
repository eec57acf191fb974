/*
 * cells_format.c: the cells' part of a model: runs of cells, or a list of values. A list that is an affine image of
 * integers (affine.h) is written as the gaps between those integers, and the differences that rounding left.
 */
#include "cells_format.h"

#include "../../base/integers.h"
#include "affine.h"

#include <stdlib.h>

enum { EXPONENT_BIAS = 1 << 15, RESIDUAL_MAX = 1 << 20, PLAIN = 31 };

/* ---- Lists ------------------------------------------------------------------------------------------- */

/* The gaps between keys: how their length in bits changes, then the bits below the leading one. */
static void
write_plain(struct bit_writer *w, const struct voxel_wide *wide)
{
    int length = 1;
    for (uint32_t k = 1; k < wide->run_count; k++) {
        uint64_t gap = wide->runs[k].start - wide->runs[k - 1].start;
        int own = bit_length(gap);
        bits_put_golomb(w, zigzag(own - length), 0);
        bits_put_long(w, gap, own - 1);
        length = own;
    }
}

static bool
read_plain(struct bit_reader *r, struct voxel_wide *wide)
{
    int64_t length = 1;
    uint64_t mask = wide_key_mask(wide), key = wide->runs[0].start;
    for (uint32_t k = 1; k < wide->run_count; k++) {
        length += unzigzag(bits_get_golomb(r, 0));
        if (length < 1 || length > 64 || r->overflow)
            return false;
        uint64_t gap = UINT64_C(1) << (length - 1);
        gap |= bits_get_long(r, (int)length - 1);
        if (gap > mask - key)
            return false;
        wide->runs[k].start = key += gap;
    }
    return true;
}

/* The order of the Golomb code that suits the residuals; PLAIN where they are too large. */
static int
residual_order(const struct voxel_wide *wide, const struct wide_affine *a, const uint32_t *integers)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < wide->run_count; k++) {
        int64_t residual = (int64_t)(wide->runs[k].start - wide_affine_key(wide, a, integers[k]));
        if (residual < -RESIDUAL_MAX || residual > RESIDUAL_MAX)
            return PLAIN;
        sum += zigzag(residual);
    }
    int order = bit_length(sum / wide->run_count);
    return order > 1 ? order - 1 : 0;
}

static void
write_affine(struct bit_writer *w, const struct voxel_wide *wide, const struct wide_affine *a, const uint32_t *integers,
             int order)
{
    bits_put_long(w, (uint64_t)a->offset, 64);
    bits_put_long(w, (uint64_t)a->step, 64);
    bits_put_long(w, a->step_low, 32);
    bits_put(w, (uint32_t)(a->exponent + EXPONENT_BIAS), 16);
    for (uint32_t k = 0; k < wide->run_count; k++) {
        int64_t residual = (int64_t)(wide->runs[k].start - wide_affine_key(wide, a, integers[k]));
        if (k > 0)
            bits_put_golomb(w, integers[k] - integers[k - 1] - 1, 0);
        bits_put_golomb(w, zigzag(residual), order);
    }
}

static bool
read_affine(struct bit_reader *r, struct voxel_wide *wide, int order)
{
    struct wide_affine a;
    a.offset = (int64_t)bits_get_long(r, 64);
    a.step = (int64_t)bits_get_long(r, 64);
    a.step_low = (uint32_t)bits_get_long(r, 32);
    a.exponent = (int)bits_get(r, 16) - EXPONENT_BIAS;
    uint32_t integer = 0;
    for (uint32_t k = 0; k < wide->run_count; k++) {
        if (k > 0)
            integer += bits_get_golomb(r, 0) + 1;
        uint64_t key = wide_affine_key(wide, &a, integer) + (uint64_t)unzigzag(bits_get_golomb(r, order));
        if (integer > AFFINE_INTEGER_MAX || key > wide_key_mask(wide) || (k > 0 && key <= wide->runs[k - 1].start) ||
            r->overflow)
            return false;
        wide->runs[k].start = key;
    }
    return true;
}

static void
write_list(struct bit_writer *w, const struct voxel_wide *wide)
{
    struct wide_affine a;
    uint32_t *integers = wide->run_count > 8 ? malloc(wide->run_count * sizeof *integers) : NULL;
    int order = integers != NULL && wide_fit_affine(wide, &a, integers) ? residual_order(wide, &a, integers) : PLAIN;
    bits_put(w, wide->run_count, 17);
    bits_put(w, (uint32_t)order, 5);
    if (order == PLAIN) {
        bits_put_long(w, wide->runs[0].start, 64);
        write_plain(w, wide);
    } else
        write_affine(w, wide, &a, integers, order);
    free(integers);
}

static bool
read_list(struct bit_reader *r, struct voxel_wide *wide)
{
    uint32_t count = bits_get(r, 17);
    int order = (int)bits_get(r, 5);
    if (count == 0 || count > CELLS_MAX || !bits_may_hold(r, count) || order > PLAIN)
        return false;
    wide->runs = malloc(count * sizeof *wide->runs);
    r->lacks_memory = wide->runs == NULL;
    if (r->lacks_memory)
        return false;
    wide->run_count = wide->cell_count = count;
    for (uint32_t k = 0; k < count; k++)
        wide->runs[k] = (struct cell_run){0, 1, k, 0};
    if (order != PLAIN)
        return order <= GOLOMB_BITS_MAX && read_affine(r, wide, order);
    wide->runs[0].start = bits_get_long(r, 64);
    return wide->runs[0].start <= wide_key_mask(wide) && read_plain(r, wide);
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
    bits_put(w, wide->shift, 6);
    bits_put(w, wide->axes, 3);
    bits_put(w, wide->is_list, 1);
    if (wide->is_list)
        write_list(w, wide);
    else
        write_runs(w, wide);
}

bool
wide_read_cells(struct bit_reader *r, struct voxel_wide *wide)
{
    wide->shift = (uint8_t)bits_get(r, 6);
    wide->axes = (uint8_t)bits_get(r, 3);
    wide->is_list = bits_get(r, 1);
    if (wide->shift > wide_shift_max(wide))
        return false;
    return wide->is_list ? read_list(r, wide) : read_runs(r, wide);
}
