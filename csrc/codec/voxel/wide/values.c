/* values.c: the keys of values, written and read. */
#include "values.h"

#include "../../base/integers.h"

/* How keys are written: as their distances, or as differences from an affine image of the integers: each in a Golomb code
 * of order 0..24, or only those that are not 0. */
enum { SPARSE = 30, DISTANCES = 31, RUN_ORDER = 4, EXPONENT_BIAS = 1 << 15 };

/* ---- Numbers of up to 64 bits ------------------------------------------------------------------------ */

/* The number's length in bits, then its bits below the leading one. It is not 0. */
static void
put_number(struct bit_writer *w, uint64_t number)
{
    int length = bit_length(number);
    bits_put_golomb(w, (uint32_t)length - 1, 0);
    bits_put_long(w, number ^ UINT64_C(1) << (length - 1), length - 1);
}

static uint64_t
get_number(struct bit_reader *r)
{
    uint32_t below = bits_get_golomb(r, 0);
    if (below > 63) {
        r->overflow = true;
        return 1;
    }
    return UINT64_C(1) << below | bits_get_long(r, (int)below);
}

/* zigzag of 64 bits. */
static uint64_t
fold(uint64_t difference)
{
    return difference >> 63 ? ~(difference << 1) : difference << 1;
}

static uint64_t
unfold(uint64_t folded)
{
    return folded & 1 ? ~(folded >> 1) : folded >> 1;
}

/* ---- Orders of Golomb codes --------------------------------------------------------------------------- */

enum { LENGTHS = 65 };

/* The order up to `most` that suits numbers of which lengths[n] have n bits, and about what they take. */
static int
choose_golomb(const uint32_t lengths[LENGTHS], int most, uint64_t *bits)
{
    int best = 0;
    *bits = UINT64_MAX;
    for (int order = 0; order <= most; order++) {
        uint64_t sum = 0;
        for (uint64_t n = 0; n < LENGTHS; n++)
            sum += lengths[n] * (n > (uint64_t)order ? 2 * n - (uint64_t)order : (uint64_t)order + 1);
        if (sum < *bits) {
            *bits = sum;
            best = order;
        }
    }
    return best;
}

/* ---- Integers ---------------------------------------------------------------------------------------- */

enum { FIRST_BITS = 26, RATIO_BITS = 28, RATIO_ONE = 256, ORDER_BITS = 4, ORDER_MAX = 15 };

static int64_t
steps_before(const uint16_t *cells, uint32_t k)
{
    return cells ? (int64_t)cells[k] - cells[k - 1] : 1;
}

/* Integers that ascend by one or more are not below what is expected. */
static bool
is_ascending(const uint16_t *cells, uint32_t ratio)
{
    return cells == NULL && ratio == RATIO_ONE;
}

/* How integer k differs from the one before and the usual step. */
static uint32_t
surprise_of(const struct wide_values *v, const uint16_t *cells, uint32_t k, uint32_t ratio)
{
    int64_t expected = (ratio * steps_before(cells, k) + RATIO_ONE / 2) / RATIO_ONE;
    int64_t difference = (int64_t)v->integers[k] - v->integers[k - 1] - expected;
    return is_ascending(cells, ratio) ? (uint32_t)difference : zigzag(difference);
}

static uint64_t
integer_bits(const struct wide_values *v, const uint16_t *cells, uint32_t ratio, int *order)
{
    uint32_t lengths[LENGTHS] = {0};
    uint64_t bits;
    for (uint32_t k = 1; k < v->count; k++)
        lengths[bit_length(surprise_of(v, cells, k, ratio))]++;
    *order = choose_golomb(lengths, ORDER_MAX, &bits);
    return bits;
}

void
wide_write_integers(struct bit_writer *w, const struct wide_values *v, const uint16_t *cells)
{
    int64_t steps = cells ? (int64_t)cells[v->count - 1] - cells[0] : (int64_t)v->count - 1;
    int64_t apart = (int64_t)v->integers[v->count - 1] - v->integers[0];
    uint32_t mean = steps && apart > 0 ? (uint32_t)((uint64_t)apart * RATIO_ONE / (uint64_t)steps) : RATIO_ONE;
    uint32_t ratio = mean < 1u << RATIO_BITS ? mean : RATIO_ONE;
    int order, even_order;
    /* most integers may follow each other, with a few gaps between them */
    if (integer_bits(v, cells, RATIO_ONE, &even_order) <= integer_bits(v, cells, ratio, &order)) {
        ratio = RATIO_ONE;
        order = even_order;
    }
    bits_put(w, zigzag(v->integers[0]), FIRST_BITS);
    bits_put(w, ratio, RATIO_BITS);
    bits_put(w, (uint32_t)order, ORDER_BITS);
    for (uint32_t k = 1; k < v->count; k++)
        bits_put_golomb(w, surprise_of(v, cells, k, ratio), order);
}

bool
wide_read_integers(struct bit_reader *r, const struct wide_values *v, const uint16_t *cells)
{
    int64_t integer = unzigzag(bits_get(r, FIRST_BITS));
    uint32_t ratio = bits_get(r, RATIO_BITS);
    int order = (int)bits_get(r, ORDER_BITS);
    for (uint32_t k = 0; k < v->count; k++) {
        if (k > 0) {
            uint32_t surprise = bits_get_golomb(r, order);
            integer += (ratio * steps_before(cells, k) + RATIO_ONE / 2) / RATIO_ONE;
            integer += is_ascending(cells, ratio) ? surprise : unzigzag(surprise);
        }
        if (r->overflow || integer < -AFFINE_INTEGER_MAX || integer > AFFINE_INTEGER_MAX)
            return false;
        v->integers[k] = (int32_t)integer;
    }
    return true;
}

/* ---- Distances --------------------------------------------------------------------------------------- */

/* The first key, then for each the change of the distance's length in bits, and its bits below the leading one. */
static void
write_distances(struct bit_writer *w, const struct wide_values *v)
{
    int length = 1;
    bits_put_long(w, v->keys[0], 64);
    for (uint32_t k = 1; k < v->count; k++) {
        uint64_t distance = v->keys[k] - v->keys[k - 1];
        int own = bit_length(distance);
        bits_put_golomb(w, zigzag(own - length), 0);
        bits_put_long(w, distance ^ UINT64_C(1) << (own - 1), own - 1);
        length = own;
    }
}

static bool
read_distances(struct bit_reader *r, const struct wide_values *v)
{
    int64_t length = 1;
    v->keys[0] = bits_get_long(r, 64);
    for (uint32_t k = 1; k < v->count; k++) {
        length += unzigzag(bits_get_golomb(r, 0));
        if (length < 1 || length > 64)
            return false;
        v->keys[k] = v->keys[k - 1] + (UINT64_C(1) << (length - 1) | bits_get_long(r, (int)length - 1));
        if (v->keys[k] <= v->keys[k - 1])
            return false;
    }
    return true;
}

/* ---- Differences from an affine image ---------------------------------------------------------------- */

static uint64_t
difference_of(const struct voxel_wide *wide, const struct wide_affine *a, const struct wide_values *v, uint32_t k)
{
    return fold(v->keys[k] - wide_affine_key(wide, a, v->integers[k]));
}

/* The order of the code that takes least. */
static int
choose_order(const struct voxel_wide *wide, const struct wide_affine *a, const struct wide_values *v)
{
    uint32_t lengths[LENGTHS] = {0};
    uint64_t sparse = 0, dense, longest = 0;
    for (uint32_t k = 0; k < v->count; k++) {
        uint64_t difference = difference_of(wide, a, v, k);
        longest = difference > longest ? difference : longest;
        lengths[bit_length(difference)]++;
        sparse += difference ? 8 + 2 * (uint64_t)bit_length(difference) : 0;
    }
    int order = choose_golomb(lengths, GOLOMB_BITS_MAX, &dense);
    return longest >= 1 << 20 || sparse < dense ? SPARSE : order;
}

static void
write_differences(struct bit_writer *w, const struct voxel_wide *wide, const struct wide_affine *a,
                  const struct wide_values *v, int order)
{
    uint32_t run = 0;
    for (uint32_t k = 0; k < v->count; k++) {
        uint64_t difference = difference_of(wide, a, v, k);
        if (order != SPARSE)
            bits_put_golomb(w, (uint32_t)difference, order);
        else if (difference == 0)
            run++;
        else {
            bits_put_golomb(w, run, RUN_ORDER);
            put_number(w, difference);
            run = 0;
        }
    }
    if (order == SPARSE && run)
        bits_put_golomb(w, run, RUN_ORDER);
}

static bool
read_differences(struct bit_reader *r, const struct voxel_wide *wide, const struct wide_affine *a,
                 const struct wide_values *v, int order)
{
    uint32_t run = order == SPARSE ? bits_get_golomb(r, RUN_ORDER) : 0;
    if (run > v->count)
        return false;
    for (uint32_t k = 0; k < v->count; k++) {
        uint64_t difference = 0;
        if (order != SPARSE)
            difference = bits_get_golomb(r, order);
        else if (run)
            run--;
        else {
            difference = get_number(r);
            run = k + 1 < v->count ? bits_get_golomb(r, RUN_ORDER) : 0;
            if (r->overflow || run > v->count - k - 1)
                return false;
        }
        v->keys[k] = wide_affine_key(wide, a, v->integers[k]) + unfold(difference);
    }
    return true;
}

/* ---- The whole --------------------------------------------------------------------------------------- */

static void
put_fixed(struct bit_writer *w, struct fixed number)
{
    bits_put_long(w, (uint64_t)number.whole, 64);
    bits_put_long(w, number.part, 32);
}

static struct fixed
get_fixed(struct bit_reader *r)
{
    int64_t whole = (int64_t)bits_get_long(r, 64);
    return (struct fixed){whole, (uint32_t)bits_get_long(r, 32)};
}

void
wide_write_values(struct bit_writer *w, const struct voxel_wide *wide, const struct wide_affine *affine,
                  const struct wide_values *v)
{
    int order = affine ? choose_order(wide, affine, v) : DISTANCES;
    bits_put(w, (uint32_t)order, 5);
    if (affine == NULL) {
        write_distances(w, v);
        return;
    }
    put_fixed(w, affine->offset);
    put_fixed(w, affine->step);
    bits_put(w, (uint32_t)(affine->exponent + EXPONENT_BIAS), 16);
    write_differences(w, wide, affine, v, order);
}

bool
wide_read_values(struct bit_reader *r, const struct voxel_wide *wide, const struct wide_values *v)
{
    uint64_t mask = wide_key_mask(wide);
    int order = (int)bits_get(r, 5);
    if (order == DISTANCES) {
        if (!read_distances(r, v))
            return false;
    } else if (order <= GOLOMB_BITS_MAX || order == SPARSE) {
        struct wide_affine affine = {.offset = get_fixed(r)};
        affine.step = get_fixed(r);
        affine.exponent = (int)bits_get(r, 16) - EXPONENT_BIAS;
        if (!read_differences(r, wide, &affine, v, order))
            return false;
    } else
        return false;
    for (uint32_t k = 0; k < v->count; k++)
        if (v->keys[k] > mask)
            return false;
    return !r->overflow;
}
