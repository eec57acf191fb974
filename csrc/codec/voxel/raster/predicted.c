/* predicted.c: see predicted.h. */
#include "predicted.h"

#include "../../base/interrupt.h"
#include "../../base/sample_types.h"
#include "arithmetic.h"
#include "rows.h"
#include "spans.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = PREDICTED_SIDE,
    WEIGHT_BITS = 7,
    FINE_BITS = 3, /* of predictions and errors, below those of samples */
    MEAN_BITS = 8, /* of means of errors, below fine ones */
    STEPS = 28,    /* of energy */
    STEP_LEAST = 8,
    PLACES = 64,
    BIAS_SEEN_MAX = 40,
    WIDTH_BITS = 20,
    WIDTH_SEEN = 4, /* as many errors as are guessed by the energy alone, */
    WIDTH_SEEN_MAX = 200,
    SHARPEST = 3 << 19,
    FLAT_BITS = 14, /* a distribution that is wider has buckets of several values */
    BUCKETS = 128,
    BUCKETS_SHARP = 32,
    SHARP = 1 << 16,
    KNOTS = 65,
    KNOT_BITS = 8, /* between two of them */
};

/* What lies beyond a distance of n / 4 times the mean error, of 65536. */
static const uint16_t knots[KNOTS] = {32768, 25706, 19615, 14659, 10826, 7974, 5901, 4413, 3348, 2582, 2026, 1618, 1314,
                                      1084,  907,   768,   658,   569,   497,  437,  387,  344,  308,  277,  249,  225,
                                      204,   186,   169,   154,   141,   128,  117,  108,  99,   90,   83,   76,   70,
                                      64,    59,    54,    50,    46,    42,   39,   36,   33,   30,   28,   25,   23,
                                      22,    20,    18,    17,    15,    14,   13,   12,   11,   10,   9,    9,    0};

/* Errors of predictions in fine units: their mean, and how large they are. */
struct bias {
    int32_t mean, seen;
};
struct width {
    uint32_t sum, seen;
};

struct predicted {
    const struct raster_box *box;
    int32_t low, most; /* samples are 0..most above low */
    struct spans_coder coder;
    struct bias biases[STEPS / 2 * PLACES];
    struct width widths[STEPS];
    int32_t shares[BIAS_SEEN_MAX + 1];     /* by what part a mean moves to an error, of 32768 */
    uint8_t knot_of[128];                  /* of 256 numbers, the first one's that is not below them; to begin from */
    int32_t *memory, *rows[3], *errors[3]; /* this one and the two above */
    uint32_t *pixels;
};

/* ---- One sample -------------------------------------------------------------------------------------------- */

/* Samples around: W, N, NW, NE, WW, NN, NNE, NEE, NNW, NWW. */
enum { W, N, NW, NE, WW, NN, NNE, NEE, NNW, NWW, AROUND };

static inline int32_t
length_of(int32_t n)
{
    return n ? 32 - __builtin_clz((unsigned)n) : 0;
}

static inline void
look_around(const struct predicted *p, size_t x, bool is_first, int32_t a[AROUND])
{
    const int32_t *now = p->rows[0] + x, *above = p->rows[1] + x, *second = p->rows[2] + x;
    if (is_first) {
        for (int i = 0; i < AROUND; i++)
            a[i] = now[-1];
        return;
    }
    a[W] = now[-1], a[WW] = now[-2];
    a[N] = above[0], a[NW] = above[-1], a[NE] = above[1], a[NEE] = above[2], a[NWW] = above[-2];
    a[NN] = second[0], a[NNE] = second[1], a[NNW] = second[-1];
}

/* In fine units. */
static inline int32_t
predict(const struct predicted *p, const int32_t a[AROUND])
{
    int32_t sum = a[W] * (1 << WEIGHT_BITS);
    for (int i = 1; i < AROUND; i++)
        sum += p->box->weights[i - 1] * (a[i] - a[W]);
    return clamp(sum >> (WEIGHT_BITS - FINE_BITS), p->most << FINE_BITS);
}

/* How uncertain the prediction is, from errors and changes nearby. */
static inline int32_t
energy_of(const struct predicted *p, size_t x, const int32_t a[AROUND])
{
    const int32_t *now = p->errors[0] + x, *above = p->errors[1] + x, *second = p->errors[2] + x;
    int32_t changes = magnitude_of(a[W] - a[NW]) + magnitude_of(a[N] - a[NW]) + magnitude_of(a[N] - a[NE]);
    int32_t farther = magnitude_of(a[W] - a[WW]) + magnitude_of(a[N] - a[NN]);
    return 8 * (now[-1] + above[0]) + 4 * (above[1] + above[-1]) + 2 * (now[-2] + second[0]) + 10 * changes +
           6 * farther + 16;
}

/* Two steps to each doubling. */
static inline int32_t
step_of(int32_t energy)
{
    int32_t length = length_of(energy) - 1, step = 2 * length + (energy >> (length - 1) & 1) - STEP_LEAST;
    return step < STEPS ? step : STEPS - 1;
}

/* How values are distributed around `middle`: buckets, the first and the last of which hold all that lies beyond. */
struct shape {
    int32_t middle, offset; /* from a prediction in fine units to the lower end of bucket 0 */
    int32_t first, last;    /* buckets */
    uint32_t sharpness;     /* of 2^WIDTH_BITS, by the mean error in fine units */
    int32_t most;           /* buckets on either side, before the first one that only says: farther */
    int bits;               /* of values in a bucket */
};

static inline struct shape
shape_of(const struct predicted *p, const struct width *width, int32_t energy, int32_t guess)
{
    struct shape shape = {.middle = (guess + 4) >> FINE_BITS};
    shape.sharpness = ((width->seen + WIDTH_SEEN) << WIDTH_BITS) / (width->sum + ((uint32_t)energy * 10 >> 6) + 4);
    shape.sharpness = shape.sharpness < 1 ? 1 : shape.sharpness > SHARPEST ? SHARPEST : shape.sharpness;
    int bits = FLAT_BITS + 1 - length_of((int32_t)shape.sharpness);
    shape.bits = bits > 0 ? bits : 0;
    shape.offset = shape.middle * (1 << FINE_BITS) - 4 - guess;
    shape.first = -shape.middle >> shape.bits;
    shape.last = (p->most - shape.middle) >> shape.bits;
    shape.most = shape.sharpness < SHARP ? BUCKETS : BUCKETS_SHARP;
    shape.first = shape.first < -shape.most - 1 ? -shape.most - 1 : shape.first;
    shape.last = shape.last > shape.most ? shape.most : shape.last;
    return shape;
}

/* Where a bucket begins, of SPANS_WHOLE. Each has a width, however unlikely it is. */
static inline uint32_t
start_of(const struct shape *shape, int32_t bucket)
{
    if (bucket == shape->first)
        return 0;
    if (bucket > shape->last)
        return SPANS_WHOLE;
    int32_t fine = bucket * (1 << (shape->bits + FINE_BITS)) + shape->offset;
    uint64_t far = (uint64_t)magnitude_of(fine) * shape->sharpness >> (WIDTH_BITS - KNOT_BITS - 2);
    uint32_t beyond = 0, knot = (uint32_t)(far >> KNOT_BITS);
    if (far < (KNOTS - 1) << KNOT_BITS)
        beyond = knots[knot] - ((uint32_t)(knots[knot] - knots[knot + 1]) * (far & 255) >> KNOT_BITS);
    beyond = fine < 0 ? beyond : SPANS_WHOLE - beyond;
    return (beyond * (uint32_t)(SPANS_WHOLE - 2 * shape->most - 2) >> SPANS_BITS) + (uint32_t)(bucket - shape->first);
}

/* About the bucket that a place lies in. */
static inline int32_t
guess_bucket(const struct predicted *p, const struct shape *shape, uint32_t place)
{
    bool is_above = place >= SPANS_WHOLE / 2;
    uint32_t beyond = is_above ? SPANS_WHOLE - 1 - place : place, knot = p->knot_of[beyond >> 8];
    while (knots[knot + 1] > beyond)
        knot++;
    uint32_t far = (2 * knot + 1) << (KNOT_BITS - 1);
    int32_t fine = (int32_t)((far << (WIDTH_BITS - KNOT_BITS - 2)) / shape->sharpness);
    int32_t bucket = ((is_above ? fine : -fine) - shape->offset) >> (shape->bits + FINE_BITS);
    return bucket < shape->first ? shape->first : bucket > shape->last ? shape->last : bucket;
}

/* The bucket that the decoder's place lies in: steps that double, from one about there, then halves. */
static inline int32_t
find_bucket(const struct predicted *p, const struct shape *shape, uint32_t place)
{
    int32_t low = guess_bucket(p, shape, place), high = low + 1, by = 1;
    if (start_of(shape, low) <= place) {
        for (; start_of(shape, high) <= place; by *= 2) {
            low = high;
            high = high + by <= shape->last ? high + by : shape->last + 1;
        }
    } else {
        do {
            high = low;
            low = low - by >= shape->first ? low - by : shape->first;
            by *= 2;
        } while (start_of(shape, low) > place);
    }
    while (low + 1 < high) {
        int32_t middle = (low + high) >> 1;
        bool is_low = start_of(shape, middle) <= place;
        low = is_low ? middle : low;
        high = is_low ? high : middle;
    }
    return low;
}

/* How many buckets farther than the last one that has a span of its own. */
static int32_t
code_farther(struct spans_coder *coder, int32_t farther)
{
    int wanted = coder->decodes ? 0 : length_of(farther + 1), length = 1;
    while (length < 17 && spans_number(coder, 1, length < wanted, coder->decodes))
        length++;
    int32_t rest =
        (int32_t)spans_number(coder, length - 1, (uint32_t)(farther + 1) & ((1u << (length - 1)) - 1), coder->decodes);
    return (1 << (length - 1)) + rest - 1;
}

static inline int32_t
code_value(struct predicted *p, const struct shape *shape, int32_t value, bool decodes)
{
    struct spans_coder *coder = &p->coder;
    int32_t whole = 0, bucket;
    if (decodes) {
        bucket = find_bucket(p, shape, spans_place(coder, SPANS_BITS));
    } else {
        bucket = whole = (value - shape->middle) >> shape->bits;
        bucket = bucket < shape->first ? shape->first : bucket > shape->last ? shape->last : bucket;
    }
    uint32_t start = start_of(shape, bucket);
    spans_enter(coder, start, start_of(shape, bucket + 1) - start, SPANS_BITS, decodes);
    if (bucket == shape->most)
        bucket += code_farther(coder, whole - bucket);
    else if (bucket == -shape->most - 1)
        bucket -= code_farther(coder, bucket - whole);
    uint32_t rest = (uint32_t)(value - shape->middle) & ((1u << shape->bits) - 1);
    if (shape->bits)
        rest = spans_number(coder, shape->bits, rest, decodes);
    int64_t result = shape->middle + (int64_t)bucket * (1 << shape->bits) + (int64_t)rest;
    return result < 0 || result > p->most ? -1 : (int32_t)result;
}

static inline void
adapt(struct predicted *p, struct bias *bias, struct width *width, int32_t fine, int32_t guess, int32_t error)
{
    int64_t off = (int64_t)(fine - guess) * (1 << MEAN_BITS) - bias->mean;
    bias->mean += (int32_t)(off * p->shares[bias->seen] >> 15);
    bias->seen += bias->seen < BIAS_SEEN_MAX;
    width->sum += (uint32_t)error;
    if (++width->seen > WIDTH_SEEN_MAX) {
        width->sum /= 2;
        width->seen /= 2;
    }
}

static inline __attribute__((always_inline)) void
code_sample(struct predicted *p, size_t x, bool is_first, bool decodes)
{
    int32_t a[AROUND];
    look_around(p, x, is_first, a);
    int32_t guess = predict(p, a), energy = energy_of(p, x, a), step = step_of(energy), whole = guess >> FINE_BITS;
    int32_t place = (a[W] > whole) + 2 * (a[N] > whole) + 4 * (a[NW] > whole) + 8 * (a[NE] > whole) +
                    16 * (a[WW] > whole) + 32 * (a[NN] > whole);
    struct bias *bias = &p->biases[step / 2 * PLACES + place];
    int32_t better = clamp(guess + (bias->mean >> MEAN_BITS), p->most << FINE_BITS);
    struct shape shape = shape_of(p, &p->widths[step], energy, better);
    int32_t value = code_value(p, &shape, p->rows[0][x], decodes), fine = value * (1 << FINE_BITS);
    if (value < 0) { /* damage */
        p->coder.failed = true;
        value = 0;
    }
    p->rows[0][x] = value;
    p->errors[0][x] = magnitude_of(fine - better);
    adapt(p, bias, &p->widths[step], fine, guess, p->errors[0][x]);
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

static void
code_row(struct predicted *p, bool is_first)
{
    for (int i = 1; i <= SIDE; i++) {
        p->rows[0][-i] = p->rows[1][0];
        p->errors[0][-i] = 0;
    }
    if (p->coder.decodes)
        for (size_t x = 0; x < p->box->width; x++)
            code_sample(p, x, is_first, true);
    else
        for (size_t x = 0; x < p->box->width; x++)
            code_sample(p, x, is_first, false);
    pad(p->rows[0], p->box->width);
    pad(p->errors[0], p->box->width);
    if (is_first) /* it is the one above itself */
        memcpy(p->rows[1] - SIDE, p->rows[0] - SIDE, (p->box->width + 2 * SIDE) * sizeof *p->rows[0]);
}

static void
next_row(int32_t *rows[3])
{
    int32_t *last = rows[2];
    rows[2] = rows[1];
    rows[1] = rows[0];
    rows[0] = last;
}

/* All rows, from src or to dst. False: damage, no room, or interrupted. */
static bool
code_rows(struct predicted *p, const unsigned char *src, unsigned char *dst)
{
    size_t width = p->box->width, size = width * sample_type_of(p->box->sample_type)->size, left = 0;
    for (size_t y = 0; y < p->box->rows; y++) {
        if (interrupt_is_due(&left, width))
            return false;
        if (src)
            raster_load_row(p->box, src + y * size, p->pixels);
        for (size_t x = 0; src && x < width; x++)
            p->rows[0][x] = (int32_t)p->pixels[x] - p->low;
        code_row(p, y == 0);
        if (p->coder.failed)
            return false;
        for (size_t x = 0; dst && x < width; x++)
            p->pixels[x] = (uint32_t)(p->rows[0][x] + p->low);
        if (dst)
            raster_store_row(p->box, p->pixels, dst + y * size);
        next_row(p->rows);
        next_row(p->errors);
    }
    return true;
}

/* ---- Boxes ------------------------------------------------------------------------------------------------- */

size_t
predicted_memory(const struct raster_box *box)
{
    return sizeof(struct predicted) + (6 * (box->width + 2 * SIDE) + box->width) * sizeof(int32_t);
}

static void
predicted_free(struct predicted *p)
{
    free(p->memory);
    free(p->pixels);
    free(p);
}

/* NULL: no memory. */
static struct predicted *
predicted_new(const struct raster_box *box)
{
    size_t row = box->width + 2 * SIDE;
    struct predicted *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->box = box;
    p->low = box->low;
    p->most = box->high - box->low;
    p->memory = calloc(6 * row, sizeof *p->memory);
    p->pixels = malloc(box->width * sizeof *p->pixels);
    if (p->memory == NULL || p->pixels == NULL) {
        predicted_free(p);
        return NULL;
    }
    for (size_t i = 0; i < 3; i++) {
        p->rows[i] = p->memory + i * row + SIDE;
        p->errors[i] = p->memory + (3 + i) * row + SIDE;
    }
    for (int32_t seen = 0; seen <= BIAS_SEEN_MAX; seen++)
        p->shares[seen] = 327680 / (10 * seen + 46);
    for (uint32_t i = 0; i < sizeof p->knot_of; i++)
        while (knots[p->knot_of[i] + 1] > 256 * i + 255)
            p->knot_of[i]++;
    return p;
}

enum zblob_result
predicted_encode_box(const struct raster_box *box, const unsigned char *src, unsigned char *dst, size_t dst_capacity,
                     size_t *dst_size)
{
    struct predicted *p = predicted_new(box);
    *dst_size = 0;
    if (p == NULL)
        return ZBLOB_NO_MEMORY;
    spans_write_to(&p->coder, dst, dst_capacity);
    unsigned char *end = code_rows(p, src, NULL) ? spans_finish(&p->coder) : dst;
    *dst_size = p->coder.failed ? 0 : (size_t)(end - dst);
    predicted_free(p);
    return ZBLOB_OK;
}

enum zblob_result
predicted_decode_box(const struct raster_box *box, const unsigned char *src, size_t src_size, unsigned char *dst)
{
    struct predicted *p = predicted_new(box);
    if (p == NULL)
        return ZBLOB_NO_MEMORY;
    spans_read_from(&p->coder, src, src_size);
    bool is_whole = code_rows(p, NULL, dst) && spans_are_used_up(&p->coder);
    predicted_free(p);
    return is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
}
