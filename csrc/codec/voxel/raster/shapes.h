/*
 * shapes.h: how the values of a sample are distributed around its prediction: one shape, as wide as errors were in such
 * surroundings. Section 14 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_SHAPES_H
#define ZBLOB_CODEC_VOXEL_RASTER_SHAPES_H

#include "spans.h"

enum {
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

/* What follows from the format, and is filled before the first use. */
struct shape_tables {
    int32_t shares[BIAS_SEEN_MAX + 1]; /* by what part a mean moves to an error, of 32768 */
    uint8_t knot_of[128];              /* of 256 numbers, the first one's that is not below them; to begin from */
};

static inline void
shape_fill_tables(struct shape_tables *t)
{
    for (int32_t seen = 0; seen <= BIAS_SEEN_MAX; seen++)
        t->shares[seen] = 327680 / (10 * seen + 46);
    for (uint32_t i = 0; i < sizeof t->knot_of; i++)
        for (t->knot_of[i] = 0; knots[t->knot_of[i] + 1] > 256 * i + 255;)
            t->knot_of[i]++;
}

static inline int32_t
magnitude_of(int32_t n)
{
    return n < 0 ? -n : n;
}

static inline int32_t
clamp(int32_t n, int32_t most)
{
    return n < 0 ? 0 : n > most ? most : n;
}

static inline int32_t
length_of(int32_t n)
{
    return n ? 32 - __builtin_clz((unsigned)n) : 0;
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
shape_of(int32_t most, const struct width *width, int32_t energy, int32_t guess)
{
    struct shape shape = {.middle = (guess + 4) >> FINE_BITS};
    shape.sharpness = ((width->seen + WIDTH_SEEN) << WIDTH_BITS) / (width->sum + ((uint32_t)energy * 10 >> 6) + 4);
    shape.sharpness = shape.sharpness < 1 ? 1 : shape.sharpness > SHARPEST ? SHARPEST : shape.sharpness;
    int bits = FLAT_BITS + 1 - length_of((int32_t)shape.sharpness);
    shape.bits = bits > 0 ? bits : 0;
    shape.offset = shape.middle * (1 << FINE_BITS) - 4 - guess;
    shape.first = -shape.middle >> shape.bits;
    shape.last = (most - shape.middle) >> shape.bits;
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
guess_bucket(const struct shape_tables *t, const struct shape *shape, uint32_t place)
{
    bool is_above = place >= SPANS_WHOLE / 2;
    uint32_t beyond = is_above ? SPANS_WHOLE - 1 - place : place, knot = t->knot_of[beyond >> 8];
    while (knots[knot + 1] > beyond)
        knot++;
    uint32_t far = (2 * knot + 1) << (KNOT_BITS - 1);
    int32_t fine = (int32_t)((far << (WIDTH_BITS - KNOT_BITS - 2)) / shape->sharpness);
    int32_t bucket = ((is_above ? fine : -fine) - shape->offset) >> (shape->bits + FINE_BITS);
    return bucket < shape->first ? shape->first : bucket > shape->last ? shape->last : bucket;
}

/* The bucket that the decoder's place lies in: steps that double, from one about there, then halves. */
static inline int32_t
find_bucket(const struct shape_tables *t, const struct shape *shape, uint32_t place)
{
    int32_t low = guess_bucket(t, shape, place), high = low + 1, by = 1;
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
static inline int32_t
code_farther(struct spans_coder *coder, int32_t farther)
{
    int wanted = coder->decodes ? 0 : length_of(farther + 1), length = 1;
    while (length < 17 && spans_number(coder, 1, length < wanted, coder->decodes))
        length++;
    int32_t rest =
        (int32_t)spans_number(coder, length - 1, (uint32_t)(farther + 1) & ((1u << (length - 1)) - 1), coder->decodes);
    return (1 << (length - 1)) + rest - 1;
}

/* What a bucket leaves open; `whole`: the one that a value has farther away. -1: damage. */
static inline int32_t
code_rest(struct spans_coder *coder, const struct shape *shape, int32_t most, int32_t bucket, int32_t whole,
          int32_t value, bool decodes)
{
    if (bucket == shape->most)
        bucket += code_farther(coder, whole - bucket);
    else if (bucket == -shape->most - 1)
        bucket -= code_farther(coder, bucket - whole);
    uint32_t rest = (uint32_t)(value - shape->middle) & ((1u << shape->bits) - 1);
    if (shape->bits)
        rest = spans_number(coder, shape->bits, rest, decodes);
    int64_t result = shape->middle + (int64_t)bucket * (1 << shape->bits) + (int64_t)rest;
    return result < 0 || result > most ? -1 : (int32_t)result;
}

static inline void
adapt_bias(const struct shape_tables *t, struct bias *bias, int32_t fine, int32_t guess)
{
    int64_t off = (int64_t)(fine - guess) * (1 << MEAN_BITS) - bias->mean;
    bias->mean += (int32_t)(off * t->shares[bias->seen] >> 15);
    bias->seen += bias->seen < BIAS_SEEN_MAX;
}

static inline void
adapt_width(struct width *width, int32_t error)
{
    width->sum += (uint32_t)error;
    if (++width->seen > WIDTH_SEEN_MAX) {
        width->sum /= 2;
        width->seen /= 2;
    }
}

#endif
