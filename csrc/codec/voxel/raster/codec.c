/* codec.c: pixels in raster order: equal to a candidate, or literal. */
#include "codec.h"

#include "../../base/interrupt.h"
#include "../../base/sample_types.h"
#include "literals.h"
#include "memory.h"
#include "predicted.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 4, /* pixels beyond both ends of a row */
    FLAT_CONTEXTS = 3 << 7,
    MEMORY_CONTEXTS = 8 * 5 * 2 * 3 * 8,
    AROUND_CONTEXTS = 128 * 4 * 4 * 3,
    UNLIKELY = 55536, /* of 65536: a candidate that is so unlikely is not asked for */
    LONG_BITS = 16,
    SHORT_BITS = 14,
    CANDIDATES = 8,
    MISSES = 2, /* the most that count */
    CALM = 16,  /* pixels after which a miss counts no longer */
};

struct raster {
    const struct raster_box *box;
    const struct sample_type *type;
    struct odds_coder coder;
    struct raster_literals literals;
    struct odds flat[FLAT_CONTEXTS], flat_literals; /* the second is not used to code */
    struct odds memory_odds[MEMORY_CONTEXTS], around[AROUND_CONTEXTS];
    struct memory *memories[2]; /* after six neighbours, and after four */
    uint32_t *pixels;
    uint32_t *rows[3]; /* this one and the two above, with SIDE pixels before them */
    unsigned misses;   /* of flat pixels, lately */
    size_t decisions;  /* the most that there may be */
};

bool
raster_accepts(enum zblob_sample_type sample_type, uint64_t components)
{
    const struct sample_type *type = sample_type_of(sample_type);
    return type && !type->is_float &&
           ((type->size == 1 && components <= RASTER_SAMPLES_MAX) || (type->size == 2 && components == 1));
}

size_t
raster_memory(const struct raster_box *box)
{
    if (box->way == RASTER_PREDICTED)
        return predicted_memory(box);
    return sizeof(struct raster) + (sizeof(struct memory) << LONG_BITS) + (sizeof(struct memory) << SHORT_BITS) +
           3 * (box->width + 2 * SIDE) * sizeof(uint32_t) + raster_literals_memory(box->components, box->width);
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

/* Beyond its ends a row repeats its first and last pixel; while it is coded, the first one of the row above. */
static void
pad_left(uint32_t *row, uint32_t pixel)
{
    for (int i = 1; i <= SIDE; i++)
        row[-i] = pixel;
}

static void
pad_right(uint32_t *row, size_t width)
{
    for (size_t i = 0; i < SIDE; i++)
        row[width + i] = row[width - 1];
}

/* ---- Pixels ------------------------------------------------------------------------------------------------ */

/* The candidates of a pixel so far. Their odds adapt when the pixel is known. */
struct tried {
    uint32_t pixels[CANDIDATES];
    struct odds *odds[CANDIDATES];
    unsigned count;
};

static inline bool
is_new(const struct tried *tried, uint32_t pixel)
{
    for (unsigned i = 0; i < tried->count; i++)
        if (tried->pixels[i] == pixel)
            return false;
    return true;
}

/* Is it this one? Where that is too unlikely nothing is coded, and literals include it. */
static inline bool
try_candidate(struct raster *r, struct tried *tried, struct odds *odds, uint32_t candidate, uint32_t pixel)
{
    tried->odds[tried->count] = odds;
    tried->pixels[tried->count++] = candidate;
    return odds->one <= UNLIKELY && !odds_code(&r->coder, odds->one, pixel != candidate);
}

static inline struct memory *
recall(struct memory *memories, uint32_t hash, int bits)
{
    hash = (hash ^ hash >> 15) * 0x2C1B3C6Du;
    hash ^= hash >> 12;
    struct memory *memory = &memories[hash >> (32 - bits)];
    if (memory->check != (hash & 255)) {
        memory->check = hash & 255;
        memory->confidence = 0;
    }
    return memory;
}

/* The pixel of column x, by candidates: what came last after such neighbours, then the neighbours. Last, literally. */
static uint32_t
code_pixel(struct raster *r, const struct raster_site *s, size_t x, bool is_flat, uint32_t pixel)
{
    uint32_t four = s->w * 0x9E3779B1u + s->n * 0x85EBCA77u + s->nw * 0xC2B2AE3Du + s->ne * 0x27D4EB2Fu;
    struct memory *memories[2] = {
        recall(r->memories[0], four + s->ww * 0x165667B1u + s->nn * 0xD3A2646Du, LONG_BITS),
        recall(r->memories[1], four, SHORT_BITS),
    };
    struct tried tried = {.count = 0};
    bool is_found = false;
    size_t pattern = (s->w == s->n) + 2 * (s->w == s->nw) + 4 * (s->n == s->ne) + 8 * (s->n == s->nw) +
                     16 * (s->w == s->ww) + 32 * (s->n == s->nn) + 64 * (s->nw == s->ne);
    size_t unknown = (memories[0]->confidence == 0) + (size_t)(memories[1]->confidence == 0);
    if (is_flat)
        tried = (struct tried){{s->w}, {&r->flat_literals}, 1};
    for (size_t i = 0; i < 2 && !is_found; i++) {
        uint32_t candidate = memories[i]->pixel;
        if (memories[i]->confidence == 0 || !is_new(&tried, candidate))
            continue;
        size_t like = candidate == s->w    ? 1
                      : candidate == s->n  ? 2
                      : candidate == s->ne ? 3
                      : candidate == s->nw ? 4
                                           : 0;
        size_t context = (((memories[i]->confidence * 5u + like) * 2 + i) * 3 + tried.count) * 8 + (pattern & 7);
        if ((is_found = try_candidate(r, &tried, &r->memory_odds[context], candidate, pixel)))
            pixel = candidate;
    }
    const uint32_t neighbours[] = {s->w, s->n, s->ne, s->nw};
    for (size_t i = 0; i < 4 && !is_found; i++) {
        if (!is_new(&tried, neighbours[i]))
            continue;
        size_t context = ((pattern * 4 + i) * 4 + (tried.count < 3 ? tried.count : 3)) * 3 + unknown;
        if ((is_found = try_candidate(r, &tried, &r->around[context], neighbours[i], pixel)))
            pixel = neighbours[i];
    }
    if (!is_found)
        pixel = raster_literal(&r->literals, &r->coder, s, x, pixel);
    for (unsigned i = 0; i < tried.count; i++)
        odds_adapt(&r->literals.tables, tried.odds[i], pixel != tried.pixels[i]);
    remember(memories[0], pixel);
    remember(memories[1], pixel);
    return pixel;
}

/* Four equal neighbours: most pixels that have them continue. */
static inline bool
code_flat(struct raster *r, const uint32_t *now, const uint32_t *above, const uint32_t *second, bool differs)
{
    uint32_t w = now[-1];
    size_t context = (now[-2] == w) + 2 * (second[0] == w) + 4 * (above[2] == w) + 8 * (above[-2] == w) +
                     16 * (second[1] == w) + 32 * (second[-1] == w) + 64 * (now[-3] == w);
    return odds_decide(&r->coder, &r->literals.tables, &r->flat[context + 128 * r->misses], differs);
}

static void
code_row(struct raster *r)
{
    uint32_t *now = r->rows[0];
    const uint32_t *above = r->rows[1], *second = r->rows[2];
    raster_literals_next_row(&r->literals, r->box->width);
    pad_left(now, above[0]);
    r->misses = 0;
    for (size_t x = 0; x < r->box->width; x++, now++, above++, second++) {
        uint32_t w = now[-1], n = above[0], nw = above[-1], ne = above[1];
        bool is_flat = w == n && w == nw && w == ne;
        if (is_flat) {
            if (!code_flat(r, now, above, second, *now != w)) {
                *now = w;
                r->misses -= r->misses && x % CALM == 0;
                continue;
            }
            r->misses += r->misses < MISSES;
        }
        struct raster_site site = {w, n, nw, ne, now[-2], second[0], second[1]};
        *now = code_pixel(r, &site, x, is_flat, *now);
    }
    pad_left(r->rows[0], r->rows[0][0]);
    pad_right(r->rows[0], r->box->width);
}

/* ---- Boxes ------------------------------------------------------------------------------------------------- */

static void
raster_free(struct raster *r)
{
    raster_literals_close(&r->literals);
    free(r->memories[0]);
    free(r->memories[1]);
    free(r->pixels);
    free(r);
}

/* NULL: no memory. */
static struct raster *
raster_new(const struct raster_box *box)
{
    size_t row = box->width + 2 * SIDE;
    struct raster *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->box = box;
    r->type = sample_type_of(box->sample_type);
    r->literals.components = box->components;
    r->literals.sample_bits = 8 * (int)r->type->size;
    r->literals.by_value = box->way == RASTER_BY_VALUE;
    r->memories[0] = calloc((size_t)1 << LONG_BITS, sizeof(struct memory));
    r->memories[1] = calloc((size_t)1 << SHORT_BITS, sizeof(struct memory));
    r->pixels = calloc(3 * row, sizeof *r->pixels);
    bool is_open = raster_literals_open(&r->literals, box->width);
    if (!is_open || r->memories[0] == NULL || r->memories[1] == NULL || r->pixels == NULL) {
        raster_free(r);
        return NULL;
    }
    for (size_t i = 0; i < 3; i++)
        r->rows[i] = r->pixels + i * row + SIDE;
    odds_clear(r->flat, FLAT_CONTEXTS);
    odds_clear(r->memory_odds, MEMORY_CONTEXTS);
    odds_clear(r->around, AROUND_CONTEXTS);
    return r;
}

/* All rows, from src or to dst. False: damage, no room, or interrupted. */
static bool
code_rows(struct raster *r, const unsigned char *src, unsigned char *dst)
{
    size_t size = r->box->width * r->box->components * r->type->size, left = 0;
    for (size_t y = 0; y < r->box->rows; y++) {
        if (interrupt_is_due(&left, r->box->width))
            return false;
        if (src)
            raster_load_row(r->box, src + y * size, r->rows[0]);
        code_row(r);
        if (r->coder.failed || r->coder.decisions > r->decisions)
            return false;
        if (dst)
            raster_store_row(r->box, r->rows[0], dst + y * size);
        uint32_t *next = r->rows[2];
        r->rows[2] = r->rows[1];
        r->rows[1] = r->rows[0];
        r->rows[0] = next;
    }
    return true;
}

enum zblob_result
raster_encode_box(const struct raster_box *box, const unsigned char *src, unsigned char *dst, size_t dst_capacity,
                  size_t *dst_size, size_t decisions)
{
    if (box->way == RASTER_PREDICTED)
        return predicted_encode_box(box, src, dst, dst_capacity, dst_size);
    struct raster *r = raster_new(box);
    *dst_size = 0;
    if (r == NULL)
        return ZBLOB_NO_MEMORY;
    odds_write_to(&r->coder, dst, dst_capacity);
    r->decisions = decisions;
    unsigned char *end = code_rows(r, src, NULL) ? odds_finish(&r->coder) : dst;
    *dst_size = r->coder.failed ? 0 : (size_t)(end - dst);
    raster_free(r);
    return ZBLOB_OK;
}

enum zblob_result
raster_decode_box(const struct raster_box *box, const unsigned char *src, size_t src_size, unsigned char *dst)
{
    if (box->way == RASTER_PREDICTED)
        return predicted_decode_box(box, src, src_size, dst);
    struct raster *r = raster_new(box);
    if (r == NULL)
        return ZBLOB_NO_MEMORY;
    odds_read_from(&r->coder, src, src_size);
    r->decisions = SIZE_MAX;
    bool is_whole = code_rows(r, NULL, dst) && odds_are_used_up(&r->coder);
    raster_free(r);
    return is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
}
