/*
 * channel_cost.c: an estimate of the bits that a plane would take, from short pieces of rows spread over the image. A
 * fixed rule predicts each piece. What it leaves is predicted again from what the rule left in earlier planes, and the
 * rest is counted in contexts like the codec's. The estimates are good for comparisons only.
 */
#include "channel_cost.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../samples.h"
#include "entropy.h"

#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    PIECE = 32,
    EDGE = 2,
    SPAN = PIECE + 2 * EDGE,
    ROWS = 3,
    PIECES_MAX = 128,
    PIXELS_SHARE = 8, /* pieces take at most one pixel in so many */
    BINS = 24,        /* of activity */
    TOKENS = 40,
    EXACT = 64, /* a sample that is predicted exactly still costs one part of a bit in so many */
    LOG_UNIT = 256,
    KNOWN_MAX = 32
};

/* What the fixed rule leaves of a plane's samples, and how much their neighbours differ from one another. */
struct guess {
    bool is_known;
    int16_t rest[PIECES_MAX * PIECE];
    uint16_t activity[PIECES_MAX * PIECE];
};

struct voxel_channel_look {
    size_t count;
    bool has_before;
    struct {
        const struct guess *planes[3];
        uint64_t cost;
    } known[KNOWN_MAX];
    size_t known_count;
    int16_t rows[VOXEL_CHANNELS_MAX][PIECES_MAX][2 * ROWS][SPAN]; /* from y - 2 on; the same of the slice before */
    struct guess before;
    struct guess guesses[VOXEL_CHANNELS_MAX][VOXEL_CHANNELS_MAX + 1]; /* [component][1 + subtracted one] */
};

static inline size_t
rows_of(const struct voxel_channel_look *look)
{
    return look->has_before ? 2 * ROWS : ROWS;
}

static void
load_piece(struct voxel_channel_look *look, const struct voxel_model *model, const unsigned char *samples, size_t piece,
           uint64_t slice, uint64_t y, uint64_t x)
{
    const struct voxel_shape *shape = &model->shape;
    size_t size = zblob_sample_size(model->grid.sample_type), components = (size_t)shape->components;
    size_t step = model->is_transposed ? (size_t)shape->height * components : components;
    size_t left = SPAN < shape->width ? SPAN : (size_t)shape->width;
    for (size_t r = 0; r < rows_of(look); r++) {
        uint64_t z = slice - r / ROWS, row = y + r % ROWS - 2;
        const unsigned char *at = voxel_row_address(model, samples, z, row) + (size_t)x * step * size;
        for (size_t c = 0; c < components; c++) {
            int16_t *to = look->rows[c][piece][r];
            voxel_load(model, at, c, step, to, left);
            for (size_t i = left; i < SPAN; i++)
                to[i] = to[left - 1];
        }
    }
}

struct voxel_channel_look *
voxel_look_at_channels(const struct voxel_model *model, const unsigned char *samples)
{
    const struct voxel_shape *shape = &model->shape;
    struct voxel_channel_look *look = malloc(sizeof *look);
    if (look == NULL)
        return NULL;
    for (size_t c = 0; c < VOXEL_CHANNELS_MAX; c++)
        for (size_t minus = 0; minus <= VOXEL_CHANNELS_MAX; minus++)
            look->guesses[c][minus].is_known = false;
    uint64_t pixels = shape->width * shape->height * shape->slices;
    uint64_t pieces = pixels / (PIECE * PIXELS_SHARE) + 1;
    pieces = pieces < PIECES_MAX ? pieces : PIECES_MAX;
    look->has_before = model->chunk_slices > 1 && shape->slices > 1;
    look->count = look->known_count = 0;
    uint64_t places = shape->height > 2 ? shape->height - 2 : 0, first = look->has_before;
    uint64_t rows = (shape->slices - first) * places, span = shape->width > SPAN ? shape->width - SPAN + 1 : 1;
    /* at places given by a hash: a fixed stride could follow the image's structure */
    for (uint64_t i = 0; i < pieces && rows > 0; i++) {
        uint64_t hash = hash_number(i + 1), share = rows / pieces;
        uint64_t row = i * rows / pieces + hash_place(i + 1, share ? share : 1);
        load_piece(look, model, samples, look->count, first + row / places, 2 + row % places,
                   (hash * UINT64_C(0xBF58476D1CE4E5B9) >> 33) % span & ~UINT64_C(1));
        look->count++;
    }
    return look;
}

static inline int
magnitude(int x)
{
    return x < 0 ? -x : x;
}

/* Half octaves. */
static inline int
bin_of(uint32_t activity)
{
    if (activity < 2)
        return (int)activity;
    int whole = 31 - __builtin_clz(activity), bin = 2 * whole + (int)(activity >> (whole - 1) & 1);
    return bin < BINS - 1 ? bin : BINS - 1;
}

struct sums {
    int64_t pp, pq, qq, cp, cq;
};

/* Least squares of two unknowns, in units of 1/4096. */
static void
fit_pair(const struct sums *s, int factors[2])
{
    double pp = (double)s->pp * 1.01 + 1, qq = (double)s->qq * 1.01 + 1, pq = (double)s->pq;
    double product = pp * qq, square = pq * pq, det = product - square;
    double a = (double)s->cp * qq, b = (double)s->cq * pq, c = (double)s->cq * pp, d = (double)s->cp * pq;
    double x[2] = {(a - b) / det, (c - d) / det};
    for (int i = 0; i < 2; i++)
        factors[i] = (int)((x[i] > 4 ? 4 : x[i] < -4 ? -4 : x[i]) * 4096);
}

static void
fit_factors(const struct guess *c, const struct guess *p, const struct guess *q, size_t count, int factors[BINS][2])
{
    struct sums sums[BINS] = {{0}};
    for (size_t i = 0; i < count; i++) {
        struct sums *s = &sums[bin_of((uint32_t)c->activity[i] + (uint32_t)magnitude(p->rest[i]))];
        s->pp += (int64_t)p->rest[i] * p->rest[i];
        s->cp += (int64_t)c->rest[i] * p->rest[i];
        s->pq += q ? (int64_t)p->rest[i] * q->rest[i] : 0;
        s->qq += q ? (int64_t)q->rest[i] * q->rest[i] : 0;
        s->cq += q ? (int64_t)c->rest[i] * q->rest[i] : 0;
    }
    for (int b = 0; b < BINS; b++)
        fit_pair(&sums[b], factors[b]);
}

/* What is left of sample i of plane c after it is predicted from planes p and q. */
static inline int
unexplained(const struct guess *c, const struct guess *p, const struct guess *q, const int (*factors)[2], size_t i)
{
    const int *factor = factors[bin_of((uint32_t)c->activity[i] + (uint32_t)magnitude(p->rest[i]))];
    int64_t told = (int64_t)factor[0] * p->rest[i] + (q ? (int64_t)factor[1] * q->rest[i] : 0);
    return (int16_t)(c->rest[i] - (int)((told + 2048) >> 12));
}

/* Predicts even columns from the rows above, and odd ones from their neighbours in the row as well. */
static void
guess_row(const int16_t (*rows)[SPAN], int16_t *rest, uint16_t *activity)
{
    const int16_t *nn = rows[0], *n = rows[1], *now = rows[2];
    for (int i = EDGE; i < PIECE + EDGE; i++) {
        int across = now[i - 1] + now[i + 1], above = n[i - 1] + n[i + 1];
        int even_guess = (2 * n[i] + above + 2) >> 2, odd_guess = (2 * across + 2 * n[i] - above + 2) >> 2;
        int spread = magnitude(n[i] - n[i - 1]) + magnitude(n[i] - n[i + 1]) + magnitude(n[i] - nn[i]);
        int own = magnitude(now[i - 1] - now[i + 1]);
        rest[i - EDGE] = (int16_t)(now[i] - (i & 1 ? odd_guess : even_guess));
        activity[i - EDGE] = (uint16_t)(i & 1 ? 2 * own + spread : 2 * spread);
    }
}

/* Subtract what can be predicted from what the same rule leaves in the slice before. */
static void
use_before(struct guess *guess, const struct guess *before, size_t count)
{
    int factors[BINS][2];
    fit_factors(guess, before, NULL, count, factors);
    for (size_t i = 0; i < count; i++)
        guess->rest[i] = (int16_t)unexplained(guess, before, NULL, (const int(*)[2])factors, i);
}

static const struct guess *
guess_of(struct voxel_channel_look *look, size_t component, size_t minus)
{
    struct guess *guess = &look->guesses[component][minus];
    if (guess->is_known)
        return guess;
    int16_t rows[2 * ROWS][SPAN];
    for (size_t p = 0; p < look->count; p++) {
        for (size_t r = 0; r < rows_of(look); r++)
            for (size_t i = 0; i < SPAN; i++)
                rows[r][i] = (int16_t)((uint16_t)look->rows[component][p][r][i] -
                                       (minus ? (uint16_t)look->rows[minus - 1][p][r][i] : 0));
        guess_row((const int16_t(*)[SPAN])rows, guess->rest + p * PIECE, guess->activity + p * PIECE);
        if (look->has_before)
            guess_row((const int16_t(*)[SPAN])rows + ROWS, look->before.rest + p * PIECE,
                      look->before.activity + p * PIECE);
    }
    if (look->has_before)
        use_before(guess, &look->before, look->count * PIECE);
    guess->is_known = true;
    return guess;
}

/* The cost of a plane after those of p and q, which may be NULL. */
static uint64_t
cost_after(const struct guess *c, const struct guess *p, const struct guess *q, size_t count)
{
    int factors[BINS][2];
    uint32_t counts[BINS][TOKENS] = {{0}};
    uint64_t extra = 0, cost = 0, any = 0;
    if (p)
        fit_factors(c, p, q, count, factors);
    for (size_t i = 0; i < count; i++) {
        int bin = bin_of((uint32_t)c->activity[i] + (p ? (uint32_t)magnitude(p->rest[i]) : 0));
        int rest = p ? unexplained(c, p, q, (const int(*)[2])factors, i) : c->rest[i];
        uint32_t m = (uint32_t)magnitude(rest), token = m;
        any |= (uint16_t)c->rest[i];
        extra += m > 0; /* the sign */
        if (m >= 16) {
            int k = 31 - __builtin_clz(m) - 3;
            token = 8 * (uint32_t)k + (m >> k);
            token = token < TOKENS - 1 ? token : TOKENS - 1;
            extra += (uint64_t)k;
        }
        counts[bin][token]++;
    }
    for (int b = 0; b < BINS; b++)
        cost += voxel_entropy(counts[b], TOKENS);
    return cost + extra * LOG_UNIT + (any ? count * LOG_UNIT / EXACT : 0);
}

uint64_t
voxel_estimate_channel(struct voxel_channel_look *look, const struct voxel_channel *channels, size_t plane)
{
    const struct guess *planes[3] = {NULL, NULL, NULL};
    for (size_t i = 0; i < 3 && i <= plane; i++) {
        const struct voxel_channel *channel = &channels[plane - i];
        planes[i] =
            guess_of(look, channel->component, channel->minus ? 1u + channels[channel->minus - 1].component : 0);
    }
    for (size_t i = 0; i < look->known_count; i++)
        if (memcmp(look->known[i].planes, planes, sizeof planes) == 0)
            return look->known[i].cost;
    uint64_t cost = cost_after(planes[0], planes[1], planes[2], look->count * PIECE);
    if (look->known_count < KNOWN_MAX) {
        memcpy(look->known[look->known_count].planes, planes, sizeof planes);
        look->known[look->known_count++].cost = cost;
    }
    return cost;
}
