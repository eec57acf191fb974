/*
 * formula.c: are samples quotients of integers by one divisor, or roots of such quotients? Numbers from all over the image
 * show the distance that all distances are multiples of. Rounding leaves an interval for the divisor, of which the
 * number with the fewest digits is taken. At last all samples are calculated and compared.
 */
#include "formula.h"

#include "../../base/hash.h"
#include "../../base/interrupt.h"
#include "../../base/kept.h"
#include "../wide/formula.h"
#include "value_set.h"

#include <string.h>

enum {
    LOOKS = 2048,          /* samples from which the step is found; */
    LOOKS_SHARE = 8,       /* fewer in small images */
    EXACT_LOOKS = 1 << 16, /* from which the divisor is found first */
    FEWEST = 64,           /* different numbers that show a step */
    TIMES_MAX = 6,         /* so many times larger than the step can the smallest distance be */
    PIECE = 1024,
};

#define TOLERANCE 0.2  /* of a step */
#define FIRST_REACH 16 /* in steps: numbers below it refine the step first */
#define LONGEST 65536  /* distance between neighbours, in steps */
#define REACH_GROWTH 8
#define NOISE 0x1p-20 /* distances smaller than this part of a number are rounding */

struct numbers {
    double values[LOOKS]; /* positive and ascending, no two of them equal */
    uint32_t count;
    uint64_t bits[LOOKS], aside[LOOKS]; /* to sort them */
};

/* Positive doubles are in the order of their bits. */
static void
sort_numbers(struct numbers *n)
{
    memcpy(n->bits, n->values, n->count * sizeof *n->bits);
    value_sort(n->bits, n->count, n->aside);
    memcpy(n->values, n->bits, n->count * sizeof *n->bits);
}

/* What the integers are proportional to, from places all over the image. False: some sample is no number that a formula
 * can give. */
static bool
take_numbers(struct numbers *n, const struct voxel_wide *wide, const unsigned char *samples, uint64_t count)
{
    uint64_t looks = count / LOOKS_SHARE < LOOKS ? count / LOOKS_SHARE : LOOKS;
    uint32_t kept = 0;
    n->count = 0;
    for (uint64_t i = 0; i < looks; i++) {
        uint64_t start = count * i / looks, span = count * (i + 1) / looks - start;
        uint64_t at = start + hash_place(i, span);
        double number = __builtin_fabs(wide_formula_number(wide, samples + at * wide->sample_size));
        if (!(number < 1e18))
            return false;
        if (number > 1e-18)
            n->values[n->count++] = wide->formula.kind == WIDE_ROOT ? number * number : number;
    }
    sort_numbers(n);
    for (uint32_t i = 0; i < n->count; i++)
        if (kept == 0 || n->values[i] > n->values[kept - 1])
            n->values[kept++] = n->values[i];
    n->count = kept;
    return kept >= FEWEST;
}

static double
smallest_distance(const struct numbers *n)
{
    double least = n->values[0];
    for (uint32_t i = 1; i < n->count; i++) {
        double distance = n->values[i] - n->values[i - 1];
        if (distance < least && distance > n->values[i] * NOISE)
            least = distance;
    }
    return least;
}

/* Is that no whole number of steps, give or take? *whole: the nearest one. */
static bool
is_off(double exact, double *whole)
{
    *whole = (double)(int64_t)(exact + 0.5);
    return exact - *whole > TOLERANCE || *whole - exact > TOLERANCE;
}

/* Refines a step by distances between neighbours that are longer and longer. False: many of these are no multiples of it,
 * which is soon seen where there is no step. */
static bool
refine_by_distances(const struct numbers *n, double *step)
{
    for (double reach = 1.5; reach < LONGEST; reach *= 2) {
        double sum = 0, steps = 0, whole;
        uint32_t used = 0, off = 0;
        for (uint32_t i = 1; i < n->count; i++) {
            double distance = n->values[i] - n->values[i - 1];
            if (distance >= reach * *step)
                continue;
            used++;
            off += is_off(distance / *step, &whole);
            sum += distance;
            steps += whole;
        }
        if (used >= FEWEST && off * 4 > used)
            return false;
        *step = steps > 0 ? sum / steps : *step;
    }
    return true;
}

/* Refines a step by numbers that are farther and farther away. False: the numbers are not multiples of it. */
static bool
refine_step(const struct numbers *n, double *step)
{
    for (double reach = FIRST_REACH; reach * NOISE < 1; reach *= REACH_GROWTH) {
        double products = 0, squares = 0;
        uint32_t used = 0, off = 0;
        for (uint32_t i = 0; i < n->count && n->values[i] < reach * *step; i++, used++) {
            double whole;
            off += is_off(n->values[i] / *step, &whole);
            products += n->values[i] * whole;
            squares += whole * whole;
        }
        if (off * 16 > used)
            return false;
        if (used == n->count)
            return true;
        *step = squares > 0 ? products / squares : *step;
    }
    return n->values[FEWEST / 2] < *step / NOISE; /* the others are too large for their integers to be certain */
}

static bool
find_step(const struct numbers *n, double *step)
{
    double smallest = smallest_distance(n);
    for (int times = 1; times <= TIMES_MAX; times++) {
        *step = smallest / times;
        if (refine_by_distances(n, step) && refine_step(n, step))
            return true;
    }
    return false;
}

/* The number between two positive ones that has the fewest digits in binary. */
static double
simplest_between(double low, double high)
{
    double middle = low + (high - low) / 2;
    uint64_t bits;
    memcpy(&bits, &middle, sizeof bits);
    for (int drop = 52; drop > 0; drop--) {
        uint64_t rounded = ((bits >> (drop - 1)) + 1) >> 1 << drop; /* a carry into the exponent is right, too */
        double number;
        memcpy(&number, &rounded, sizeof number);
        if (number >= low && number <= high)
            return number;
    }
    return middle;
}

/* The divisors with which every `stride`th sample is right up to rounding, all between two. False: there are none. */
static bool
bound_divisor(const struct voxel_wide *wide, const unsigned char *samples, uint64_t count, uint64_t stride, double *low,
              double *high)
{
    bool is_narrow = wide->sample_size == sizeof(float);
    double rounding = is_narrow ? 0x1p-24 : 0x1p-52;
    int32_t most = is_narrow ? 1 << 20 : 1 << 30; /* larger integers can be wrong by one at this point */
    *low = FORMULA_DIVISOR_MIN;
    *high = FORMULA_DIVISOR_MAX;
    for (uint64_t at = 0; at < count && *low <= *high && !interrupt_is_set(); at += stride) {
        int32_t integer;
        wide_formula_integers(wide, samples + at * wide->sample_size, &integer, 1);
        double number = wide_formula_number(wide, samples + at * wide->sample_size);
        double over = number * (1 + rounding), under = number * (1 - rounding);
        if (integer == 0 || integer > most || integer < -most)
            continue;
        if (wide->formula.kind == WIDE_ROOT) {
            over *= __builtin_fabs(over);
            under *= __builtin_fabs(under);
        }
        *low = integer / over > *low ? integer / over : *low;
        *high = integer / under < *high ? integer / under : *high;
    }
    return *low <= *high;
}

static bool
is_exact(const struct voxel_wide *wide, const unsigned char *samples, uint64_t count)
{
    int32_t integers[PIECE];
    unsigned char again[PIECE * sizeof(double)];
    for (uint64_t at = 0; at < count && !interrupt_is_set(); at += PIECE) {
        size_t n = (size_t)(count - at < PIECE ? count - at : PIECE);
        const unsigned char *piece = samples + at * wide->sample_size;
        wide_formula_integers(wide, piece, integers, n);
        wide_formula_samples(wide, integers, again, n);
        if (memcmp(again, piece, n * wide->sample_size) != 0)
            return false;
    }
    return true;
}

static bool
try_divisor(struct voxel_wide *wide, double divisor, const unsigned char *samples, uint64_t count)
{
    wide->formula.divisor = divisor;
    return is_exact(wide, samples, count);
}

/* Some samples say a divisor that has few digits. Others need all samples. */
static bool
try_step(struct voxel_wide *wide, double step, const unsigned char *samples, uint64_t count)
{
    double low, high, rough = 1 / step;
    wide->formula.divisor = rough;
    if (!(rough >= FORMULA_DIVISOR_MIN && rough <= FORMULA_DIVISOR_MAX) ||
        !bound_divisor(wide, samples, count, count / EXACT_LOOKS + 1, &low, &high))
        return false;
    if (try_divisor(wide, simplest_between(low, high), samples, count))
        return true;
    wide->formula.divisor = rough;
    return bound_divisor(wide, samples, count, 1, &low, &high) &&
           (try_divisor(wide, simplest_between(low, high), samples, count) ||
            try_divisor(wide, low + (high - low) / 2, samples, count));
}

bool
voxel_choose_formula(struct voxel_wide *wide, enum wide_formula_kind first, const unsigned char *samples,
                     uint64_t count)
{
    bool found = false, goes_on = true;
    double step;
    wide->formula.kind = WIDE_NO_FORMULA;
    if (!wide_formula_suits(wide->sample_type))
        return true;
    struct numbers *numbers = kept_take(sizeof *numbers);
    for (int kind = WIDE_QUOTIENT; numbers && goes_on && kind <= WIDE_ROOT; kind++) {
        wide->formula.kind = (uint8_t)kind;
        bool is_step = take_numbers(numbers, wide, samples, count) && find_step(numbers, &step);
        found = is_step && kind >= (int)first && try_step(wide, step, samples, count);
        goes_on = !found && !(is_step && kind < (int)first); /* squares of quotients look like what roots come from */
    }
    kept_return(numbers);
    if (!found)
        wide->formula.kind = WIDE_NO_FORMULA;
    return numbers != NULL;
}
