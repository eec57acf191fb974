/*
 * cells_bits.c: the cells' part of a model: runs of cells, or a list of values. A list that is an affine
 * image of integers, as casts and rescaling leave it, is written as those integers' gaps, and what rounding did.
 */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

/* value = (offset + step * i + (step_low * i >> 32)) * 2^exponent for integers i, in floats or integers. */
struct affine {
    int64_t offset, step;
    uint32_t step_low;
    int exponent;
};

enum { EXPONENT_BIAS = 1 << 15, GAP_MAX = 1 << 20, INTEGER_MAX = 1 << 24, RESIDUAL_MAX = 1 << 20, PLAIN = 31 };

static uint32_t
zigzag(int64_t v)
{
    return (uint32_t)(v < 0 ? -v * 2 - 1 : v * 2);
}

static int64_t
unzigzag(uint32_t v)
{
    return v & 1 ? -(int64_t)(v / 2) - 1 : (int64_t)(v / 2);
}

static void
put_long(struct voxel_bit_writer *w, uint64_t value, int count)
{
    for (; count > 0; count -= 16, value >>= 16)
        voxel_put_bits(w, (uint32_t)(value & (count < 16 ? (1u << count) - 1 : 0xFFFF)), count < 16 ? count : 16);
}

static uint64_t
get_long(struct voxel_bit_reader *r, int count)
{
    uint64_t value = 0;
    for (int at = 0; at < count; at += 16)
        value |= (uint64_t)voxel_get_bits(r, count - at < 16 ? count - at : 16) << at;
    return value;
}

/* ---- Affine lists ---------------------------------------------------------------------------------- */

/* magnitude * 2^exponent as a float of the type, to nearest, ties to even; its bits without the sign. */
static uint64_t
nearest_float(uint64_t magnitude, int exponent, enum zblob_sample_type type)
{
    int mantissa_bits = wide_mantissa_bits(type), length = wide_bit_length(magnitude);
    int largest = type == ZBLOB_FLOAT16 ? 31 : type == ZBLOB_FLOAT32 ? 255 : 2047;
    int bias = largest / 2, own = exponent + length - 1 + bias; /* of the result */
    if (magnitude == 0)
        return 0;
    if (own >= largest)
        return (uint64_t)largest << mantissa_bits;
    int drop = length - 1 - mantissa_bits; /* bits that do not fit */
    if (own < 1)
        drop += 1 - own;
    if (drop > 63)
        return 0;
    uint64_t kept = drop > 0 ? magnitude >> drop : magnitude << -drop;
    if (drop > 0) {
        uint64_t rest = magnitude & ((UINT64_C(1) << drop) - 1), half = UINT64_C(1) << (drop - 1);
        kept += rest > half || (rest == half && (kept & 1));
    }
    /* the leading one adds 1 to the exponent, and so does a carry */
    return own < 1 ? kept : ((uint64_t)(own - 1) << mantissa_bits) + kept;
}

static uint64_t
affine_key(const struct voxel_wide *wide, const struct affine *a, uint32_t i)
{
    uint64_t part = (uint64_t)a->step * i + ((uint64_t)a->step_low * i >> 32);
    uint64_t sum = (uint64_t)a->offset + part, top = wide_key_mask(wide) / 2 + 1;
    bool negative = sum >> 63;
    uint64_t magnitude = negative ? 0 - sum : sum;
    if (wide_is_float(wide->sample_type)) {
        uint64_t bits = nearest_float(magnitude, a->exponent, wide->sample_type) >> wide->shift;
        return negative ? top - 1 - bits : top + bits;
    }
    int down = -a->exponent;
    uint64_t rounded = down <= 0 ? magnitude : down > 63 ? 0 : (magnitude + (UINT64_C(1) << (down - 1))) >> down;
    bool is_signed = wide->sample_type == ZBLOB_INT32 || wide->sample_type == ZBLOB_INT64;
    return ((is_signed ? top : 0) + (negative ? 0 - rounded : rounded)) & wide_key_mask(wide);
}

/* A key as a number; false for infinities and NaN. */
static bool
number_of(const struct voxel_wide *wide, uint64_t key, double *number)
{
    uint64_t top = wide_key_mask(wide) / 2 + 1;
    if (!wide_is_float(wide->sample_type)) {
        bool is_signed = wide->sample_type == ZBLOB_INT32 || wide->sample_type == ZBLOB_INT64;
        *number = is_signed ? (double)(int64_t)(key - top) : (double)key;
        return true;
    }
    bool negative = key < top;
    uint64_t magnitude = (negative ? top - 1 - key : key - top) << wide->shift;
    int mantissa_bits = wide_mantissa_bits(wide->sample_type);
    int exponents = 1 << (8 * wide->sample_size - 1 - mantissa_bits), own = (int)(magnitude >> mantissa_bits);
    if (own == exponents - 1)
        return false;
    /* the same number as a double: denormals of the smaller types are not worth the trouble */
    if (own == 0 && magnitude != 0)
        return false;
    uint64_t bits = (uint64_t)(own - exponents / 2 + 1 + 1023) << 52 |
                    (magnitude & ((UINT64_C(1) << mantissa_bits) - 1)) << (52 - mantissa_bits);
    bits = magnitude == 0 ? 0 : bits;
    memcpy(number, &bits, sizeof *number);
    *number = negative ? -*number : *number;
    return true;
}

/* Integers for ascending numbers: multiples of a step that follows what has been seen. False: there are none. */
static bool
fit_integers(const double *numbers, uint32_t count, double step, uint32_t *integers)
{
    integers[0] = 0;
    for (uint32_t k = 1; k < count; k++) {
        double gap = (numbers[k] - numbers[k - 1]) / step;
        if (gap < 0.5 || gap > GAP_MAX)
            return false;
        uint32_t whole = (uint32_t)(gap + 0.5);
        if (gap - whole > 0.3 || whole - gap > 0.3 || integers[k - 1] + whole > INTEGER_MAX)
            return false;
        integers[k] = integers[k - 1] + whole;
    }
    return true;
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double
small_gap(const double *numbers, uint32_t count, double *gaps)
{
    for (uint32_t k = 1; k < count; k++)
        gaps[k - 1] = numbers[k] - numbers[k - 1];
    qsort(gaps, count - 1, sizeof *gaps, ascending);
    return gaps[(count - 1) / 8];
}

/* The largest scale at which all terms stay below 2^61. */
static void
set_affine(struct affine *a, double offset, double step, double largest)
{
    uint64_t bits;
    memcpy(&bits, &largest, sizeof bits);
    a->exponent = (int)(bits >> 52) - 1023 + 1 - 61;
    uint64_t scale_bits = (uint64_t)(1023 - (a->exponent < -1000 ? -1000 : a->exponent)) << 52;
    double scale;
    memcpy(&scale, &scale_bits, sizeof scale);
    a->offset = (int64_t)(offset * scale);
    a->step = (int64_t)(step * scale);
    a->step_low = (uint32_t)((step * scale - (double)a->step) * 4294967296.0);
}

static bool
fit_affine(const struct voxel_wide *wide, struct affine *a, uint32_t *integers)
{
    uint32_t count = wide->run_count;
    double *numbers = malloc(2 * count * sizeof *numbers), largest = 0;
    bool ok = numbers != NULL;
    for (uint32_t k = 0; ok && k < count; k++) {
        ok = number_of(wide, wide->runs[k].start, &numbers[k]);
        double size = ok && numbers[k] < 0 ? -numbers[k] : numbers[k];
        largest = ok && size > largest ? size : largest;
    }
    ok = ok && largest > 1e-200 && largest < 1e200;
    if (ok) {
        double step = small_gap(numbers, count, numbers + count);
        ok = step > largest * 1e-14 && fit_integers(numbers, count, step, integers);
        if (ok)
            set_affine(a, numbers[0], (numbers[count - 1] - numbers[0]) / integers[count - 1], largest);
    }
    free(numbers);
    return ok;
}

/* ---- Lists ------------------------------------------------------------------------------------------- */

/* Differences of keys: the change of their length in bits, then the bits below the leading one. */
static void
write_plain(struct voxel_bit_writer *w, const struct voxel_wide *wide)
{
    int length = 1;
    for (uint32_t k = 1; k < wide->run_count; k++) {
        uint64_t gap = wide->runs[k].start - wide->runs[k - 1].start;
        int own = wide_bit_length(gap);
        voxel_put_golomb(w, zigzag(own - length), 0);
        put_long(w, gap, own - 1);
        length = own;
    }
}

static bool
read_plain(struct voxel_bit_reader *r, struct voxel_wide *wide)
{
    int64_t length = 1;
    uint64_t mask = wide_key_mask(wide), key = wide->runs[0].start;
    for (uint32_t k = 1; k < wide->run_count; k++) {
        length += unzigzag(voxel_get_golomb(r, 0));
        if (length < 1 || length > 64 || r->overflow)
            return false;
        uint64_t gap = UINT64_C(1) << (length - 1);
        gap |= get_long(r, (int)length - 1);
        if (gap > mask - key)
            return false;
        wide->runs[k].start = key += gap;
    }
    return true;
}

/* The order of the Golomb code that suits the residuals; PLAIN where they are too large. */
static int
residual_order(const struct voxel_wide *wide, const struct affine *a, const uint32_t *integers)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < wide->run_count; k++) {
        int64_t residual = (int64_t)(wide->runs[k].start - affine_key(wide, a, integers[k]));
        if (residual < -RESIDUAL_MAX || residual > RESIDUAL_MAX)
            return PLAIN;
        sum += zigzag(residual);
    }
    int order = wide_bit_length(sum / wide->run_count);
    return order > 1 ? order - 1 : 0;
}

static void
write_affine(struct voxel_bit_writer *w, const struct voxel_wide *wide, const struct affine *a,
             const uint32_t *integers, int order)
{
    put_long(w, (uint64_t)a->offset, 64);
    put_long(w, (uint64_t)a->step, 64);
    put_long(w, a->step_low, 32);
    voxel_put_bits(w, (uint32_t)(a->exponent + EXPONENT_BIAS), 16);
    for (uint32_t k = 0; k < wide->run_count; k++) {
        int64_t residual = (int64_t)(wide->runs[k].start - affine_key(wide, a, integers[k]));
        if (k > 0)
            voxel_put_golomb(w, integers[k] - integers[k - 1] - 1, 0);
        voxel_put_golomb(w, zigzag(residual), order);
    }
}

static bool
read_affine(struct voxel_bit_reader *r, struct voxel_wide *wide, int order)
{
    struct affine a;
    a.offset = (int64_t)get_long(r, 64);
    a.step = (int64_t)get_long(r, 64);
    a.step_low = (uint32_t)get_long(r, 32);
    a.exponent = (int)voxel_get_bits(r, 16) - EXPONENT_BIAS;
    uint32_t integer = 0;
    for (uint32_t k = 0; k < wide->run_count; k++) {
        if (k > 0)
            integer += voxel_get_golomb(r, 0) + 1;
        uint64_t key = affine_key(wide, &a, integer) + (uint64_t)unzigzag(voxel_get_golomb(r, order));
        if (integer > INTEGER_MAX || key > wide_key_mask(wide) || (k > 0 && key <= wide->runs[k - 1].start) ||
            r->overflow)
            return false;
        wide->runs[k].start = key;
    }
    return true;
}

static void
write_list(struct voxel_bit_writer *w, const struct voxel_wide *wide)
{
    struct affine a;
    uint32_t *integers = wide->run_count > 8 ? malloc(wide->run_count * sizeof *integers) : NULL;
    int order = integers != NULL && fit_affine(wide, &a, integers) ? residual_order(wide, &a, integers) : PLAIN;
    voxel_put_bits(w, wide->run_count, 17);
    voxel_put_bits(w, (uint32_t)order, 5);
    if (order == PLAIN) {
        put_long(w, wide->runs[0].start, 64);
        write_plain(w, wide);
    } else
        write_affine(w, wide, &a, integers, order);
    free(integers);
}

static bool
read_list(struct voxel_bit_reader *r, struct voxel_wide *wide)
{
    uint32_t count = voxel_get_bits(r, 17);
    int order = (int)voxel_get_bits(r, 5);
    if (count == 0 || count > CELLS_MAX || count > (size_t)(r->end - r->at) * 8 + 64 || order > PLAIN)
        return false;
    wide->runs = malloc(count * sizeof *wide->runs);
    if (wide->runs == NULL)
        return false;
    wide->run_count = wide->cell_count = count;
    for (uint32_t k = 0; k < count; k++)
        wide->runs[k] = (struct cell_run){0, 1, k, 0};
    if (order != PLAIN)
        return order <= 24 && read_affine(r, wide, order);
    wide->runs[0].start = get_long(r, 64);
    return wide->runs[0].start <= wide_key_mask(wide) && read_plain(r, wide);
}

/* ---- Runs -------------------------------------------------------------------------------------------- */

static void
write_runs(struct voxel_bit_writer *w, const struct voxel_wide *wide)
{
    voxel_put_bits(w, wide->run_count, 13);
    for (uint32_t k = 0; k < wide->run_count; k++) {
        const struct cell_run *run = &wide->runs[k];
        voxel_put_bits(w, run->width, 6);
        voxel_put_golomb(w, run->count - 1, 0);
        if (k + 1 < wide->run_count) /* the last cell is cut short by so many keys */
            put_long(w, run->start + ((uint64_t)run->count << run->width) - run[1].start, run->width);
    }
}

/* From key 0 to the last one, without gaps. */
static bool
read_runs(struct voxel_bit_reader *r, struct voxel_wide *wide)
{
    uint32_t count = voxel_get_bits(r, 13);
    uint64_t start = 0, mask = wide_key_mask(wide);
    if (count == 0 || count > CELL_RUNS_MAX || count > (size_t)(r->end - r->at) * 8 + 64)
        return false;
    wide->runs = malloc(count * sizeof *wide->runs);
    if (wide->runs == NULL)
        return false;
    wide->run_count = count;
    for (uint32_t k = 0; k < count; k++) {
        struct cell_run run = {start, 0, wide->cell_count, (uint8_t)voxel_get_bits(r, 6)};
        uint64_t cells = (uint64_t)voxel_get_golomb(r, 0) + 1;
        if (r->overflow || run.width > CELL_WIDTH_MAX || cells > CELLS_MAX - wide->cell_count)
            return false;
        run.count = (uint32_t)cells;
        uint64_t whole = (cells - 1) << run.width, last = k + 1 < count ? UINT64_C(1) << run.width : 0;
        if (whole > mask || whole >> run.width != cells - 1 || start > mask - whole)
            return false;
        wide->cell_count += run.count;
        wide->runs[k] = run;
        if (last)
            last -= get_long(r, run.width);
        if (last > mask - start - whole)
            return false;
        start += whole + last;
    }
    return true;
}

void
voxel_wide_write(struct voxel_bit_writer *w, const struct voxel_wide *wide)
{
    voxel_put_bits(w, wide->shift, 6);
    voxel_put_bits(w, wide->axes, 3);
    voxel_put_bits(w, wide->is_list, 1);
    if (wide->is_list)
        write_list(w, wide);
    else
        write_runs(w, wide);
}

bool
voxel_wide_read(struct voxel_bit_reader *r, struct voxel_wide *wide)
{
    wide->shift = (uint8_t)voxel_get_bits(r, 6);
    wide->axes = (uint8_t)voxel_get_bits(r, 3);
    wide->is_list = voxel_get_bits(r, 1);
    int most = wide_is_float(wide->sample_type) ? wide_mantissa_bits(wide->sample_type) : 8 * wide->sample_size - 8;
    if (wide->shift > most)
        return false;
    return wide->is_list ? read_list(r, wide) : read_runs(r, wide);
}
