/* affine.c: lists of values that are an affine image of integers. */
#include "affine.h"

#include "../../base/integers.h"
#include "../../base/sample_types.h"

#include <stdlib.h>
#include <string.h>

enum { GAP_MAX = 1 << 20 };

/* magnitude * 2^exponent as a float of the type, rounded to nearest, ties to even: its bits without the sign. */
static uint64_t
nearest_float(uint64_t magnitude, int exponent, const struct sample_type *type)
{
    int mantissa_bits = type->mantissa_bits, length = bit_length(magnitude);
    int largest = (1 << (8 * type->size - 1 - mantissa_bits)) - 1; /* exponent: of infinities and NaN */
    int bias = largest / 2, own = exponent + length - 1 + bias;    /* of the result */
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

uint64_t
wide_affine_key(const struct voxel_wide *wide, const struct wide_affine *a, uint32_t i)
{
    const struct sample_type *type = sample_type_of(wide->sample_type);
    uint64_t part = (uint64_t)a->step * i + ((uint64_t)a->step_low * i >> 32);
    uint64_t sum = (uint64_t)a->offset + part, top = wide_key_mask(wide) / 2 + 1;
    bool negative = sum >> 63;
    uint64_t magnitude = negative ? 0 - sum : sum;
    if (type->is_float) {
        uint64_t bits = nearest_float(magnitude, a->exponent, type) >> wide->shift;
        return negative ? top - 1 - bits : top + bits;
    }
    int down = -a->exponent;
    uint64_t rounded = down <= 0 ? magnitude : down > 63 ? 0 : (magnitude + (UINT64_C(1) << (down - 1))) >> down;
    return ((type->is_signed ? top : 0) + (negative ? 0 - rounded : rounded)) & wide_key_mask(wide);
}

/* A key as a number; false for infinities and NaN. */
static bool
number_of(const struct voxel_wide *wide, uint64_t key, double *number)
{
    const struct sample_type *type = sample_type_of(wide->sample_type);
    uint64_t top = wide_key_mask(wide) / 2 + 1;
    if (!type->is_float) {
        *number = type->is_signed ? (double)(int64_t)(key - top) : (double)key;
        return true;
    }
    bool negative = key < top;
    uint64_t magnitude = (negative ? top - 1 - key : key - top) << wide->shift;
    int mantissa_bits = type->mantissa_bits;
    int exponents = 1 << (8 * wide->sample_size - 1 - mantissa_bits), own = (int)(magnitude >> mantissa_bits);
    if (own == exponents - 1)
        return false;
    /* denormals are not worth the trouble; all others are the same number as a double */
    if (own == 0 && magnitude != 0)
        return false;
    uint64_t bits = (uint64_t)(own - exponents / 2 + 1 + 1023) << 52 |
                    (magnitude & ((UINT64_C(1) << mantissa_bits) - 1)) << (52 - mantissa_bits);
    bits = magnitude == 0 ? 0 : bits;
    memcpy(number, &bits, sizeof *number);
    *number = negative ? -*number : *number;
    return true;
}

/* Integers whose multiples of `step` are near the ascending numbers. False: there are none. */
static bool
fit_integers(const double *numbers, uint32_t count, double step, uint32_t *integers)
{
    integers[0] = 0;
    for (uint32_t k = 1; k < count; k++) {
        double gap = (numbers[k] - numbers[k - 1]) / step;
        if (gap < 0.5 || gap > GAP_MAX)
            return false;
        uint32_t whole = (uint32_t)(gap + 0.5);
        if (gap - whole > 0.3 || whole - gap > 0.3 || integers[k - 1] + whole > AFFINE_INTEGER_MAX)
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

/* The affine image at the largest scale at which all its values stay below 2^61. */
static void
set_affine(struct wide_affine *a, double offset, double step, double largest)
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

bool
wide_fit_affine(const struct voxel_wide *wide, struct wide_affine *a, uint32_t *integers)
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
