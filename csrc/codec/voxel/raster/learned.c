/* learned.c: see learned.h. */
#include "learned.h"

#include "../../base/interrupt.h"
#include "../../base/sample_types.h"
#include "rows.h"
#include "shapes.h"
#include "spans.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 4, /* samples beyond both ends of a row */
    PLANES = 4,
    TAPS = 9,  /* in a plane of its own, beside W, */
    LATER = 4, /* and in each one that is coded before it */
    TAPS_MAX = TAPS + LATER * (PLANES - 1),
    WEIGHT_BITS = 16,
    WEIGHT_MOST = 1 << 20,
    GUESSES = 2,
    STEP_BITS = 12, /* of what weights move by, below their units */
    CALMEST = 8,    /* what the sum of squared differences is at least */
    PATTERNS = 1024,
    CHANCES = 32, /* for each pattern, by how likely the shape makes it */
    CHANCE_LEAST = 16,
    CHANCE_SEEN = 4, /* samples that the shape's own opinion counts for at first */
    CHANCE_SEEN_MAX = 250,
    UNLIKELY = 3932, /* of 65536: a neighbour that is so unlikely is not asked for */
};

/* By how much less than by the whole error the weights of each prediction move, as a power of two. */
static const int slowness[GUESSES] = {7, 4};
/* Of N, NW, NE in a plane of its own, and of the same pixel, N and NW in the plane before. */
static const int32_t first_weights[3] = {49152, -32768, 8192}, first_later[3] = {49152, -32768, 16384};

struct chance {
    uint16_t one, seen; /* of 65536; 0: not used yet */
};

struct plane {
    int32_t *values[3], *errors[3]; /* this row and the two above, with SIDE more on either side */
    uint32_t
        *misses[GUESSES]; /* of each prediction in this column and the ones beside it, with one more on either side */
    int32_t weights[GUESSES][TAPS_MAX];
    struct bias biases[STEPS / 2 * PLACES];
    struct width widths[STEPS];
    struct chance chances[2][PATTERNS][CHANCES]; /* that a sample equals W; if it does not, that it equals N */
};

struct learned {
    const struct raster_box *box;
    int32_t most; /* samples are 0..most above the box's low */
    struct spans_coder coder;
    struct shape_tables tables;
    int32_t shares[CHANCE_SEEN_MAX + 1]; /* by what part a chance moves, of 65536 */
    struct plane planes[PLANES];
    int32_t *memory;
    uint32_t *pixels;
};

/* What is around a sample, and what is expected of it. */
struct place {
    int32_t w, n, nw, ne, ww, nn;
    int32_t taps[TAPS_MAX]; /* differences */
    int count;
    int64_t sums[GUESSES]; /* predictions, in units of weights; */
    int32_t fine[GUESSES]; /* and in fine ones, in the range of values */
    unsigned pattern;      /* of equal neighbours */
};

/* ---- Prediction -------------------------------------------------------------------------------------------- */

static inline void
look_at_plane(const struct plane *plane, size_t x, bool is_first, struct place *at)
{
    const int32_t *now = plane->values[0] + x, *above = plane->values[1] + x, *second = plane->values[2] + x;
    int32_t w = now[-1];
    at->w = at->n = at->nw = at->ne = at->ww = at->nn = w;
    at->count = TAPS;
    if (is_first) {
        memset(at->taps, 0, TAPS * sizeof *at->taps);
    } else {
        at->n = above[0], at->nw = above[-1], at->ne = above[1], at->ww = now[-2], at->nn = second[0];
        const int32_t around[TAPS] = {at->n,     at->nw,   at->ne,     at->ww,   at->nn,
                                      second[1], above[2], second[-1], above[-2]};
        for (int i = 0; i < TAPS; i++)
            at->taps[i] = around[i] - w;
    }
    at->pattern = (unsigned)((w == at->n) + 2 * (w == at->nw) + 4 * (at->n == at->nw) + 8 * (at->n == at->ne) +
                             16 * (at->ww == w) + 32 * (at->nn == at->n));
}

/* A plane that is coded before: the one before this, the one before that, and so on. */
static inline void
look_at_other(const struct plane *other, size_t x, bool is_first, int distance, struct place *at)
{
    const int32_t *now = other->values[0] + x, *above = other->values[1] + x;
    int32_t w = now[-1], n = is_first ? w : above[0], *taps = at->taps + at->count;
    taps[0] = now[0] - w;
    taps[1] = n - w;
    taps[2] = is_first ? 0 : above[-1] - w;
    taps[3] = is_first ? 0 : above[1] - w;
    at->count += LATER;
    if (distance <= 2)
        at->pattern |= (unsigned)((now[0] == w) + 2 * (now[0] == n)) << (4 + 2 * distance);
}

/* In fine units: both predictions, the better one nearby for more. */
static inline int32_t
predict(const struct plane *plane, size_t x, int32_t most, struct place *at)
{
    uint64_t squares[GUESSES];
    for (int i = 0; i < GUESSES; i++) {
        int64_t sum = (int64_t)at->w << WEIGHT_BITS;
        for (int t = 0; t < at->count; t++)
            sum += (int64_t)plane->weights[i][t] * at->taps[t];
        int64_t fine = sum >> (WEIGHT_BITS - FINE_BITS);
        at->sums[i] = sum;
        at->fine[i] = (int32_t)(fine < 0 ? 0 : fine > most << FINE_BITS ? most << FINE_BITS : fine);
        const uint32_t *misses = plane->misses[i] + x;
        uint64_t missed = (uint64_t)misses[-1] + misses[0] + misses[1] + 2;
        squares[i] = missed * missed;
    }
    return (int32_t)(((uint64_t)at->fine[0] * squares[1] + (uint64_t)at->fine[1] * squares[0]) /
                     (squares[0] + squares[1]));
}

static inline void
learn(struct plane *plane, size_t x, const struct place *at, int32_t value)
{
    int64_t squares = CALMEST;
    for (int t = 0; t < at->count; t++)
        squares += (int64_t)at->taps[t] * at->taps[t];
    int length = 64 - __builtin_clzll((unsigned long long)squares);
    for (int i = 0; i < GUESSES; i++) {
        int64_t error = ((int64_t)value << WEIGHT_BITS) - at->sums[i];
        int64_t by = error * (1 << STEP_BITS) >> (length + slowness[i]);
        for (int t = 0; t < at->count; t++) {
            int64_t weight = plane->weights[i][t] + ((by * at->taps[t] + (1 << (STEP_BITS - 1))) >> STEP_BITS);
            weight = weight > WEIGHT_MOST ? WEIGHT_MOST : weight;
            plane->weights[i][t] = (int32_t)(weight < -WEIGHT_MOST ? -WEIGHT_MOST : weight);
        }
        uint32_t *missed = plane->misses[i] + x;
        *missed = *missed / 2 + (uint32_t)magnitude_of((value << FINE_BITS) - at->fine[i]);
    }
}

/* How uncertain the prediction is, from errors and changes nearby; `before`: the error of the plane before at this pixel. */
static inline int32_t
energy_of(const struct plane *plane, size_t x, const struct place *at, const struct plane *before)
{
    const int32_t *now = plane->errors[0] + x, *above = plane->errors[1] + x, *second = plane->errors[2] + x;
    int32_t changes = magnitude_of(at->w - at->nw) + magnitude_of(at->n - at->nw) + magnitude_of(at->n - at->ne);
    int32_t farther = magnitude_of(at->w - at->ww) + magnitude_of(at->n - at->nn);
    int32_t energy = 8 * (now[-1] + above[0]) + 4 * (above[1] + above[-1]) + 2 * (now[-2] + second[0]) + 10 * changes +
                     6 * farther + 16;
    return before ? (energy * 3 >> 2) + 7 * before->errors[0][x] + 4 : energy; /* at least 16 either way */
}

/* ---- Values ------------------------------------------------------------------------------------------------ */

/* Spans of values that a sample is known not to have, the lower one first. */
struct spared {
    uint32_t starts[2], sizes[2], whole; /* whole: what is left of SPANS_WHOLE */
    int count;
};

/* A value's span, or none, and its share of that. */
static inline uint32_t
likelihood_of(const struct shape *shape, int32_t value, uint32_t *start, uint32_t *size)
{
    int32_t bucket = (value - shape->middle) >> shape->bits;
    *start = *size = 0;
    if (bucket < shape->first || bucket > shape->last)
        return 0;
    *start = start_of(shape, bucket);
    uint32_t width = start_of(shape, bucket + 1) - *start;
    *size = shape->bits || bucket == shape->most || bucket == -shape->most - 1 ? 0 : width;
    return width >> shape->bits;
}

static inline void
spare(struct spared *spared, uint32_t start, uint32_t size)
{
    if (size == 0 || size >= spared->whole)
        return;
    int at = spared->count++;
    if (at && start < spared->starts[0]) {
        spared->starts[1] = spared->starts[0];
        spared->sizes[1] = spared->sizes[0];
        at = 0;
    }
    spared->starts[at] = start;
    spared->sizes[at] = size;
    spared->whole -= size;
}

static inline struct chance *
chance_of(struct chance *chances, uint32_t likely)
{
    int32_t other = SPANS_WHOLE - (int32_t)likely;
    int32_t bin = likely < SPANS_WHOLE / 2 ? length_of((int32_t)likely) : CHANCES - length_of(other);
    struct chance *chance = &chances[bin < CHANCES ? bin : CHANCES - 1];
    if (chance->seen == 0) {
        chance->one = (uint16_t)(likely < SPANS_WHOLE ? likely : SPANS_WHOLE - 1);
        chance->seen = CHANCE_SEEN;
    }
    return chance;
}

/* Does the sample equal the neighbour? */
static inline bool
code_equal(struct learned *l, const struct chance *chance, bool is_equal, bool decodes)
{
    const uint32_t most = SPANS_WHOLE - CHANCE_LEAST;
    uint32_t one = chance->one < CHANCE_LEAST ? CHANCE_LEAST : chance->one > most ? most : chance->one;
    if (decodes)
        is_equal = spans_place(&l->coder, SPANS_BITS) < one;
    spans_enter(&l->coder, is_equal ? 0 : one, is_equal ? one : SPANS_WHOLE - one, SPANS_BITS, decodes);
    return is_equal;
}

static inline void
adapt_chance(const struct learned *l, struct chance *chance, bool is_equal)
{
    int32_t off = (is_equal ? SPANS_WHOLE - 1 : 0) - chance->one;
    chance->seen += chance->seen < CHANCE_SEEN_MAX;
    chance->one = (uint16_t)(chance->one + (off * l->shares[chance->seen] >> 15));
}

/* The place, of all, of one of those that are left. */
static inline uint32_t
place_with_spared(const struct spared *spared, uint32_t place)
{
    for (int i = 0; i < spared->count; i++)
        place += place >= spared->starts[i] ? spared->sizes[i] : 0;
    return place;
}

/* -1: damage. */
static inline int32_t
code_other(struct learned *l, const struct shape *shape, const struct spared *spared, int32_t value, bool decodes)
{
    struct spans_coder *coder = &l->coder;
    int32_t whole = 0, bucket;
    if (decodes) {
        bucket = find_bucket(&l->tables, shape, place_with_spared(spared, spans_place_of(coder, spared->whole)));
    } else {
        bucket = whole = (value - shape->middle) >> shape->bits;
        bucket = bucket < shape->first ? shape->first : bucket > shape->last ? shape->last : bucket;
    }
    uint32_t start = start_of(shape, bucket), size = start_of(shape, bucket + 1) - start, before = 0;
    for (int i = 0; i < spared->count; i++)
        before += spared->starts[i] < start ? spared->sizes[i] : 0;
    spans_enter_of(coder, start - before, size, spared->whole, decodes);
    return code_rest(coder, shape, l->most, bucket, whole, value, decodes);
}

/* A neighbour's value, if that is what the sample has; what it has not is spared. It is not asked for if neither the shape
 * nor what came before makes it likely. -1: another value. */
static inline int32_t
code_neighbour(struct learned *l, const struct shape *shape, struct chance *chances, int32_t neighbour,
               struct spared *spared, int32_t value, struct chance **chance, bool decodes)
{
    uint32_t start, size, likely = likelihood_of(shape, neighbour, &start, &size);
    if (spared->count)
        likely = likely < spared->whole ? (uint32_t)((uint64_t)likely * SPANS_WHOLE / spared->whole) : SPANS_WHOLE;
    *chance = chance_of(chances, likely);
    if ((*chance)->one < UNLIKELY && likely < UNLIKELY)
        return -1;
    if (code_equal(l, *chance, value == neighbour, decodes))
        return neighbour;
    spare(spared, start, size);
    return -1;
}

/* -1: damage. */
static inline int32_t
code_value(struct learned *l, struct plane *plane, const struct shape *shape, const struct place *at, int32_t value,
           bool decodes)
{
    struct spared spared = {.whole = SPANS_WHOLE};
    struct chance *equal_w, *equal_n = NULL;
    int32_t known = code_neighbour(l, shape, plane->chances[0][at->pattern], at->w, &spared, value, &equal_w, decodes);
    if (known < 0 && at->n != at->w)
        known = code_neighbour(l, shape, plane->chances[1][at->pattern], at->n, &spared, value, &equal_n, decodes);
    value = known >= 0 ? known : code_other(l, shape, &spared, value, decodes);
    adapt_chance(l, equal_w, value == at->w);
    if (equal_n && value != at->w)
        adapt_chance(l, equal_n, value == at->n);
    return value;
}

static inline __attribute__((always_inline)) void
code_sample(struct learned *l, int number, size_t x, bool is_first, bool decodes)
{
    struct plane *plane = &l->planes[number];
    struct place at;
    look_at_plane(plane, x, is_first, &at);
    for (int other = number - 1; other >= 0; other--)
        look_at_other(&l->planes[other], x, is_first, number - other, &at);
    int32_t guess = predict(plane, x, l->most, &at), whole = guess >> FINE_BITS;
    int32_t energy = energy_of(plane, x, &at, number ? plane - 1 : NULL), step = step_of(energy);
    int32_t sides = (at.w > whole) + 2 * (at.n > whole) + 4 * (at.nw > whole) + 8 * (at.ne > whole) +
                    16 * (at.ww > whole) + 32 * (at.nn > whole);
    struct bias *bias = &plane->biases[step / 2 * PLACES + sides];
    int32_t better = clamp(guess + (bias->mean >> MEAN_BITS), l->most << FINE_BITS);
    struct shape shape = shape_of(l->most, &plane->widths[step], energy, better);
    int32_t value = code_value(l, plane, &shape, &at, plane->values[0][x], decodes);
    if (value < 0) {
        l->coder.failed = true;
        value = 0;
    }
    plane->values[0][x] = value;
    plane->errors[0][x] = magnitude_of((value << FINE_BITS) - better);
    learn(plane, x, &at, value);
    adapt_bias(&l->tables, bias, value << FINE_BITS, guess);
    adapt_width(&plane->widths[step], plane->errors[0][x]);
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

static void
pad(int32_t *row, size_t width)
{
    for (size_t i = 1; i <= SIDE; i++) {
        row[-(ptrdiff_t)i] = row[0];
        row[width - 1 + i] = row[width - 1];
    }
}

static inline __attribute__((always_inline)) void
code_samples(struct learned *l, bool is_first, bool decodes)
{
    for (size_t x = 0; x < l->box->width; x++)
        for (int number = 0; number < (int)l->box->components; number++)
            code_sample(l, number, x, is_first, decodes);
}

static void
code_row(struct learned *l, bool is_first)
{
    size_t width = l->box->width;
    for (size_t number = 0; number < l->box->components; number++)
        for (int i = 1; i <= SIDE; i++) {
            l->planes[number].values[0][-i] = l->planes[number].values[1][0];
            l->planes[number].errors[0][-i] = 0;
        }
    if (l->coder.decodes)
        code_samples(l, is_first, true);
    else
        code_samples(l, is_first, false);
    for (size_t number = 0; number < l->box->components; number++) {
        struct plane *plane = &l->planes[number];
        pad(plane->values[0], width);
        pad(plane->errors[0], width);
        if (is_first) /* it is the one above itself */
            memcpy(plane->values[1] - SIDE, plane->values[0] - SIDE, (width + 2 * SIDE) * sizeof(int32_t));
    }
}

static void
next_row(int32_t *rows[3])
{
    int32_t *last = rows[2];
    rows[2] = rows[1];
    rows[1] = rows[0];
    rows[0] = last;
}

/* The component that a plane holds: green comes first. */
static int
component_of(const struct learned *l, size_t number)
{
    return (int)(l->box->components >= 3 && number < 2 ? 1 - number : number);
}

static void
split_row(struct learned *l)
{
    uint32_t mask = l->box->components > 1 ? 255 : UINT32_MAX;
    for (size_t number = 0; number < l->box->components; number++)
        for (size_t x = 0; x < l->box->width; x++)
            l->planes[number].values[0][x] =
                (int32_t)(l->pixels[x] >> (8 * component_of(l, number)) & mask) - l->box->low;
}

static void
join_row(struct learned *l)
{
    memset(l->pixels, 0, l->box->width * sizeof *l->pixels);
    for (size_t number = 0; number < l->box->components; number++)
        for (size_t x = 0; x < l->box->width; x++)
            l->pixels[x] |= (uint32_t)(l->planes[number].values[0][x] + l->box->low) << (8 * component_of(l, number));
}

/* All rows, from src or to dst. False: damage, no room, or interrupted. */
static bool
code_rows(struct learned *l, const unsigned char *src, unsigned char *dst)
{
    size_t width = l->box->width, left = 0;
    size_t size = width * l->box->components * sample_type_of(l->box->sample_type)->size;
    for (size_t y = 0; y < l->box->rows; y++) {
        if (interrupt_is_due(&left, width))
            return false;
        if (src) {
            raster_load_row(l->box, src + y * size, l->pixels);
            split_row(l);
        }
        code_row(l, y == 0);
        if (l->coder.failed)
            return false;
        if (dst) {
            join_row(l);
            raster_store_row(l->box, l->pixels, dst + y * size);
        }
        for (size_t number = 0; number < l->box->components; number++) {
            next_row(l->planes[number].values);
            next_row(l->planes[number].errors);
        }
    }
    return true;
}

/* ---- Boxes ------------------------------------------------------------------------------------------------- */

static size_t
plane_memory(const struct raster_box *box)
{
    return (6 * (box->width + 2 * SIDE) + GUESSES * (box->width + 2)) * sizeof(int32_t);
}

size_t
learned_memory(const struct raster_box *box)
{
    return sizeof(struct learned) + box->components * plane_memory(box) + box->width * sizeof(uint32_t);
}

static void
learned_free(struct learned *l)
{
    free(l->memory);
    free(l->pixels);
    free(l);
}

static void
open_plane(struct plane *plane, int number, int32_t *memory, size_t width)
{
    size_t row = width + 2 * SIDE;
    for (size_t i = 0; i < 3; i++) {
        plane->values[i] = memory + i * row + SIDE;
        plane->errors[i] = memory + (3 + i) * row + SIDE;
    }
    for (size_t i = 0; i < GUESSES; i++) {
        plane->misses[i] = (uint32_t *)memory + 6 * row + i * (width + 2) + 1;
        memcpy(plane->weights[i], first_weights, sizeof first_weights);
        if (number)
            memcpy(plane->weights[i] + TAPS, first_later, sizeof first_later);
    }
}

/* NULL: no memory. */
static struct learned *
learned_new(const struct raster_box *box)
{
    size_t each = plane_memory(box) / sizeof(int32_t);
    struct learned *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->box = box;
    l->most = box->high - box->low;
    l->memory = calloc(box->components * each, sizeof *l->memory);
    l->pixels = malloc(box->width * sizeof *l->pixels);
    if (l->memory == NULL || l->pixels == NULL) {
        learned_free(l);
        return NULL;
    }
    for (size_t number = 0; number < box->components; number++)
        open_plane(&l->planes[number], (int)number, l->memory + number * each, box->width);
    shape_fill_tables(&l->tables);
    for (int32_t seen = 1; seen <= CHANCE_SEEN_MAX; seen++)
        l->shares[seen] = 32768 / seen;
    return l;
}

enum zblob_result
learned_encode_box(const struct raster_box *box, const unsigned char *src, unsigned char *dst, size_t dst_capacity,
                   size_t *dst_size)
{
    struct learned *l = learned_new(box);
    *dst_size = 0;
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    spans_write_to(&l->coder, dst, dst_capacity);
    unsigned char *end = code_rows(l, src, NULL) ? spans_finish(&l->coder) : dst;
    *dst_size = l->coder.failed ? 0 : (size_t)(end - dst);
    learned_free(l);
    return ZBLOB_OK;
}

enum zblob_result
learned_decode_box(const struct raster_box *box, const unsigned char *src, size_t src_size, unsigned char *dst)
{
    struct learned *l = learned_new(box);
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    spans_read_from(&l->coder, src, src_size);
    bool is_whole = code_rows(l, NULL, dst) && spans_are_used_up(&l->coder);
    learned_free(l);
    return is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
}
