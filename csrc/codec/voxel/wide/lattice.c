/*
 * lattice.c: are values an affine image of integers? The smallest gaps between values give a first step, larger ones
 * make it exact enough to count steps, and least squares give offset and step so that few keys differ from those of
 * the image, or none.
 *
 * Doubles serve for guesses alone: what the guesses leave over is calculated with integers.
 */
#include "lattice.h"

#include "../../base/sample_types.h"

#include <stdlib.h>
#include <string.h>

enum {
    GAP_MAX = 1 << 20,
    FEWEST = 8,
    ROUNDS = 3,
    MISSES = 4,         /* one value in so many, and the step is not the true one */
    FARTHEST = 1 << 21, /* integers of values outside the lattice must not be so far from 0 */
    FINER = 400,        /* a step may consist of so many true ones */
    FINE_ATTEMPTS = 12,
    FINE_OFF = 3,   /* of these may be something else */
    SOME_GAPS = 64, /* are looked at first */
};
#define FINE_TOLERANCE 0.08 /* their distance from whole steps */
#define TOLERANCE 0.25      /* a gap may differ by so many steps from a whole number of steps */

/* ---- Numbers ----------------------------------------------------------------------------------------- */

/* A key's number is whole * 2^exponent. False: infinities, NaN, and denormals, which are not worth the trouble. */
static bool
parts_of_key(const struct voxel_wide *wide, uint64_t key, int64_t *whole, int *exponent)
{
    const struct sample_type *type = sample_type_of(wide_key_type(wide));
    uint64_t top = wide_key_mask(wide) / 2 + 1;
    *exponent = 0;
    *whole = (int64_t)(type->is_signed ? key - top : key);
    if (!type->is_float)
        return type->is_signed || *whole >= 0;
    bool negative = key < top;
    uint64_t magnitude = (negative ? top - 1 - key : key - top) << wide->shift;
    int bits = type->mantissa_bits, exponents = 1 << (8 * wide->sample_size - 1 - bits);
    int own = (int)(magnitude >> bits);
    uint64_t mantissa = magnitude & ((UINT64_C(1) << bits) - 1);
    if (own == exponents - 1 || (own == 0 && magnitude != 0))
        return false;
    *whole = own ? (int64_t)(mantissa | UINT64_C(1) << bits) : 0;
    *whole = negative ? -*whole : *whole;
    *exponent = own ? own - exponents / 2 + 1 - bits : 0;
    return true;
}

/* 2^exponent; beyond the range of normal doubles, its nearest end. */
static double
power_of_two(int exponent)
{
    exponent = exponent < -1022 ? -1022 : exponent > 1023 ? 1023 : exponent;
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static struct fixed
add(struct fixed a, struct fixed b)
{
    uint64_t part = (uint64_t)a.part + b.part;
    return (struct fixed){(int64_t)((uint64_t)a.whole + (uint64_t)b.whole + (part >> 32)), (uint32_t)part};
}

/* The largest fixed number that is not above a double; 0 beyond +-2^62, where no sum of values is. */
static struct fixed
fixed_of(double number)
{
    if (!(number > -0x1p62 && number < 0x1p62))
        return (struct fixed){0, 0};
    int64_t whole = (int64_t)number;
    whole -= (double)whole > number;
    double part = (number - (double)whole) * 4294967296.0;
    return (struct fixed){whole, (uint32_t)part};
}

/* whole * 2^shift, nearly. */
static struct fixed
fixed_of_parts(int64_t whole, int shift)
{
    bool negative = whole < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)whole : (uint64_t)whole, high = 0, low = 0;
    if (shift >= 0)
        high = shift < 64 ? magnitude << shift : 0;
    else {
        high = shift > -64 ? magnitude >> -shift : 0;
        low = shift >= -32 ? magnitude << (32 + shift) : shift > -96 ? magnitude >> (-shift - 32) : 0;
    }
    uint32_t part = (uint32_t)low;
    if (negative)
        return (struct fixed){(int64_t)(~high + (part == 0)), 0 - part};
    return (struct fixed){(int64_t)high, part};
}

/* ---- Integers ---------------------------------------------------------------------------------------- */

struct lattice {
    const struct voxel_wide *wide;
    const uint64_t *keys;
    uint32_t count; /* of keys */
    int32_t most;
    int32_t *integers;
    /* of the values that are finite: */
    double *numbers;
    uint32_t *places; /* among the keys */
    uint32_t number_count;
    double largest, step;
    bool is_exact; /* no key differs from the image's */
};

static bool
open_numbers(struct lattice *l)
{
    l->numbers = malloc(l->count * sizeof *l->numbers);
    l->places = malloc(l->count * sizeof *l->places);
    if (l->numbers == NULL || l->places == NULL)
        return false;
    for (uint32_t k = 0; k < l->count; k++) {
        int64_t whole;
        int exponent;
        l->integers[k] = LATTICE_NONE;
        if (!parts_of_key(l->wide, l->keys[k], &whole, &exponent))
            continue;
        double number = (double)whole * power_of_two(exponent), size = number < 0 ? -number : number;
        if (l->number_count && number == l->numbers[l->number_count - 1]) /* -0 and 0 */
            continue;
        l->largest = size > l->largest ? size : l->largest;
        l->places[l->number_count] = k;
        l->numbers[l->number_count++] = number;
    }
    return l->number_count >= FEWEST && l->number_count + LATTICE_EXCEPTIONS_MAX >= l->count && l->largest > 1e-200 &&
           l->largest < 1e200;
}

/* The step that suits gaps of up to `reach` steps, if `step` suits the shorter ones. */
static double
better_step(const struct lattice *l, double step, double reach)
{
    double sum = 0, steps = 0, inverse = 1 / step;
    for (uint32_t k = 1; k < l->number_count; k++) {
        double gap = l->numbers[k] - l->numbers[k - 1], exact = gap * inverse;
        if (exact > reach)
            continue;
        double whole = (double)(int64_t)(exact + 0.5);
        if (whole >= 1 && exact - whole < TOLERANCE && whole - exact < TOLERANCE) {
            sum += gap;
            steps += whole;
        }
    }
    return steps > 0 ? sum / steps : step;
}

/* Counts steps from number `first` on. Numbers at which the count is not whole are left out. */
static bool
count_steps(struct lattice *l, uint32_t first)
{
    uint32_t last = first, exceptions = first + l->count - l->number_count;
    double inverse = 1 / l->step;
    for (uint32_t k = 0; k < l->count; k++)
        l->integers[k] = LATTICE_NONE;
    l->integers[l->places[first]] = 0;
    for (uint32_t k = first + 1; k < l->number_count; k++) {
        double exact = (l->numbers[k] - l->numbers[last]) * inverse;
        int64_t whole = exact < GAP_MAX ? (int64_t)(exact + 0.5) : 0;
        int64_t integer = l->integers[l->places[last]] + whole;
        double off = exact - (double)whole;
        if (whole >= 1 && off < TOLERANCE && off > -TOLERANCE && integer <= l->most) {
            l->integers[l->places[k]] = (int32_t)integer;
            last = k;
        } else if (++exceptions > LATTICE_EXCEPTIONS_MAX)
            return false;
    }
    return true;
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The gap of which one gap in `share` is smaller, of some gaps all over the numbers. */
static double
small_gap(const struct lattice *l, uint32_t share)
{
    enum { GAPS = 256 };
    double gaps[GAPS];
    uint32_t count = 0, all = l->number_count - 1, stride = all / GAPS + 1;
    for (uint32_t k = 1; k <= all; k += stride)
        gaps[count++] = l->numbers[k] - l->numbers[k - 1];
    qsort(gaps, count, sizeof *gaps, ascending);
    return gaps[count / share];
}

static double
smallest_gap(const struct lattice *l)
{
    double least = l->numbers[1] - l->numbers[0];
    for (uint32_t k = 2; k < l->number_count; k++) {
        double gap = l->numbers[k] - l->numbers[k - 1];
        least = gap < least ? gap : least;
    }
    return least;
}

/* Some of the gaps below `reach`, from all over the numbers. */
static uint32_t
take_gaps(const struct lattice *l, double reach, double gaps[SOME_GAPS])
{
    uint32_t count = 0, stride = (l->number_count - 1) / SOME_GAPS + 1;
    for (uint32_t k = 1; k < l->number_count; k += stride) {
        double gap = l->numbers[k] - l->numbers[k - 1];
        if (gap < reach)
            gaps[count++] = gap;
    }
    return count;
}

/* How many of some gaps are no whole number of steps, give or take? */
static uint32_t
count_off(const double *gaps, uint32_t count, double step, double tolerance)
{
    uint32_t off = 0;
    for (uint32_t k = 0; k < count; k++) {
        double exact = gaps[k] / step, rest = exact - (double)(int64_t)(exact + 0.5);
        off += rest > tolerance || rest < -tolerance;
    }
    return off;
}

/* Is it worth counting steps? Quick, and wrong for what is no lattice in hardly any case. */
static bool
is_promising(const struct lattice *l, double step)
{
    double gaps[SOME_GAPS];
    uint32_t count = take_gaps(l, step * 8, gaps); /* longer ones need a step that is more exact */
    return count * 32 >= SOME_GAPS && count_off(gaps, count, step, TOLERANCE) * 4 <= count;
}

static bool
try_step(struct lattice *l, double step)
{
    if (step < l->largest * 1e-14)
        return false;
    for (double reach = 1.5; reach < 1e5; reach *= 16)
        step = better_step(l, step, reach);
    l->step = step;
    return count_steps(l, 0) || count_steps(l, 1);
}

/* A rare value, as one that was clipped, can be closer to another one than a step. */
static bool
find_integers(struct lattice *l)
{
    double smallest = smallest_gap(l);
    bool is_float = sample_type_of(wide_key_type(l->wide))->is_float;
    if (smallest <= 1 && !is_float) /* all integers are in that lattice */
        return false;
    double steps[3] = {small_gap(l, 16), smallest, small_gap(l, 4)};
    for (int i = 0; i < 3; i++)
        if (is_promising(l, steps[i]) && try_step(l, steps[i]))
            return true;
    return false;
}

/* ---- The image --------------------------------------------------------------------------------------- */

/* A value and how it differs from the image's, both in units of 2^exponent: the difference, and half of what rounding
 * can have changed. */
static void
compare(const struct lattice *l, const struct wide_affine *a, uint32_t k, double *difference, double *half)
{
    int64_t whole, i = l->integers[k];
    int exponent;
    parts_of_key(l->wide, l->keys[k], &whole, &exponent);
    struct fixed value = fixed_of_parts(whole, exponent - a->exponent);
    int64_t low = (int64_t)a->step.part * i + a->offset.part;
    uint64_t image = (uint64_t)a->offset.whole + (uint64_t)a->step.whole * (uint64_t)i + (uint64_t)(low >> 32);
    *difference =
        (double)(int64_t)((uint64_t)value.whole - image) + ((double)value.part - (double)(uint32_t)low) / 4294967296.0;
    int half_exponent = exponent - a->exponent - 1 + l->wide->shift;
    *half = power_of_two(half_exponent > -33 ? half_exponent : -33); /* a fixed number is no more exact */
}

/* Moves offset and step to the least squares of differences in units of rounding. */
static void
fit_both(const struct lattice *l, struct wide_affine *a)
{
    double weights = 0, sum_i = 0, sum_d = 0, square = 0, product = 0, difference, half;
    for (uint32_t k = 0; k < l->count; k++) {
        if (l->integers[k] == LATTICE_NONE)
            continue;
        compare(l, a, k, &difference, &half);
        double weight = 1 / (half * half), i = l->integers[k];
        weights += weight;
        sum_i += weight * i;
        sum_d += weight * difference;
    }
    double middle_i = sum_i / weights, middle_d = sum_d / weights;
    for (uint32_t k = 0; k < l->count; k++) {
        if (l->integers[k] == LATTICE_NONE)
            continue;
        compare(l, a, k, &difference, &half);
        double weight = 1 / (half * half), i = l->integers[k] - middle_i;
        square += weight * i * i;
        product += weight * i * (difference - middle_d);
    }
    double step = square > 0 ? product / square : 0;
    a->step = add(a->step, fixed_of(step));
    a->offset = add(a->offset, fixed_of(middle_d - step * middle_i));
}

/* Moves the step of an image without offset to the middle of those that give each value; false: there is none. */
static bool
fit_step(const struct lattice *l, struct wide_affine *a)
{
    double low = -1e300, high = 1e300, difference, half;
    for (uint32_t k = 0; k < l->count; k++) {
        double i = l->integers[k];
        if (l->integers[k] == LATTICE_NONE || i == 0)
            continue;
        compare(l, a, k, &difference, &half);
        double from = (difference - (i > 0 ? half : -half)) / i, to = (difference + (i > 0 ? half : -half)) / i;
        low = from > low ? from : low;
        high = to < high ? to : high;
    }
    if (low > high)
        return false;
    a->step = add(a->step, fixed_of(low / 2 + high / 2));
    return true;
}

static uint32_t
count_misses(const struct lattice *l, const struct wide_affine *a)
{
    uint32_t misses = 0;
    for (uint32_t k = 0; k < l->count; k++)
        misses += l->integers[k] != LATTICE_NONE && wide_affine_key(l->wide, a, l->integers[k]) != l->keys[k];
    return misses;
}

/* First and last of the places that have an integer. */
static void
find_ends(const struct lattice *l, uint32_t *first, uint32_t *last)
{
    *first = 0;
    *last = l->count - 1;
    while (l->integers[*first] == LATTICE_NONE)
        ++*first;
    while (l->integers[*last] == LATTICE_NONE)
        --*last;
}

static void
move_integers(const struct lattice *l, int32_t by)
{
    for (uint32_t k = 0; k < l->count; k++)
        if (l->integers[k] != LATTICE_NONE)
            l->integers[k] += by;
}

static double
number_at(const struct lattice *l, uint32_t k)
{
    int64_t whole;
    int exponent;
    parts_of_key(l->wide, l->keys[k], &whole, &exponent);
    return (double)whole * power_of_two(exponent);
}

/* The largest scale at which all of the image's values stay below 2^61. */
static void
fit_image(struct lattice *l, struct wide_affine *a)
{
    uint32_t first, last;
    uint64_t bits;
    find_ends(l, &first, &last);
    double from = number_at(l, first), step = (number_at(l, last) - from) / l->integers[last];
    memcpy(&bits, &l->largest, sizeof bits);
    a->exponent = (int)(bits >> 52) - 1023 + 1 - 61;
    double scale = power_of_two(-a->exponent), start = from / step;
    int64_t whole = (int64_t)(start < 0 ? start - 0.5 : start + 0.5);
    bool is_zero = start - (double)whole < 0.05 && (double)whole - start < 0.05;
    if (is_zero && whole >= -l->most && whole + l->integers[last] <= l->most) {
        move_integers(l, (int32_t)whole);
        a->offset = (struct fixed){0, 0};
        a->step = fixed_of(step * scale);
        if (fit_step(l, a) && fit_step(l, a) && count_misses(l, a) == 0)
            return;
        move_integers(l, -(int32_t)whole);
    }
    a->offset = fixed_of(from * scale);
    a->step = fixed_of(step * scale);
    for (int round = 0; round < ROUNDS; round++)
        fit_both(l, a);
}

/* A lattice with a step so many times smaller than the smallest gap that gaps are multiples of it. */
static bool
fit_finer(struct lattice *l, struct wide_affine *a)
{
    double gaps[SOME_GAPS], smallest = smallest_gap(l);
    uint32_t count = take_gaps(l, smallest * 8, gaps);
    int attempts = 0;
    if (!sample_type_of(wide_key_type(l->wide))->is_float)
        return false;
    for (int times = 2; times < FINER && count > FINE_OFF * 4; times++) {
        if (count_off(gaps, count, smallest / times, FINE_TOLERANCE) > FINE_OFF)
            continue;
        if (attempts++ == FINE_ATTEMPTS)
            return false;
        if (!try_step(l, smallest / times))
            continue;
        fit_image(l, a);
        if (count_misses(l, a) * MISSES < l->count)
            return true;
    }
    return false;
}

/* Do the integers come in steps that are not whole, so that the lattice found is not the true one? Then the true one takes
 * its place. */
static void
refine(struct lattice *l, struct wide_affine *a, const int32_t *coarse)
{
    struct wide_affine coarse_image = *a;
    if (count_misses(l, a) * 2 <= l->count || fit_finer(l, a))
        return;
    *a = coarse_image;
    memcpy(l->integers, coarse, l->count * sizeof *coarse);
}

/* Small steps that are not whole show no lattice but the true one. The values' ranks then count the steps. */
static bool
fit_fine(struct lattice *l, struct wide_affine *a, int32_t *coarse)
{
    if (!fit_finer(l, a))
        return false;
    int32_t rank = 0;
    for (uint32_t k = 0; k < l->count; k++)
        coarse[k] = l->integers[k] == LATTICE_NONE ? LATTICE_NONE : rank++;
    return true;
}

bool
wide_fit_lattice(const struct voxel_wide *wide, const uint64_t *keys, uint32_t count, int32_t most,
                 struct wide_affine *affine, int32_t *integers, int32_t *coarse)
{
    struct lattice l = {.wide = wide, .keys = keys, .count = count, .most = most, .integers = integers};
    bool ok = count >= FEWEST && open_numbers(&l);
    if (ok && find_integers(&l)) {
        fit_image(&l, affine);
        if (coarse) {
            memcpy(coarse, integers, count * sizeof *coarse);
            refine(&l, affine, coarse);
        }
    } else
        ok = ok && coarse && fit_fine(&l, affine, coarse);
    free(l.numbers);
    free(l.places);
    return ok;
}

void
wide_find_integers(const struct voxel_wide *wide, const struct wide_affine *a, const uint64_t *keys, uint32_t count,
                   int32_t *integers)
{
    double unit = power_of_two(a->exponent), offset = ((double)a->offset.whole + a->offset.part / 4294967296.0) * unit;
    double step = ((double)a->step.whole + a->step.part / 4294967296.0) * unit;
    int32_t before = 0;
    for (uint32_t k = 0; k < count; k++) {
        int64_t whole;
        int exponent;
        integers[k] = before;
        if (!parts_of_key(wide, keys[k], &whole, &exponent))
            continue;
        double exact = ((double)whole * power_of_two(exponent) - offset) / step;
        if (exact > -FARTHEST && exact < FARTHEST)
            before = integers[k] = (int32_t)(exact < 0 ? exact - 0.5 : exact + 0.5);
    }
}
