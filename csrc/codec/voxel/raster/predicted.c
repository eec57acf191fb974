/* predicted.c: see predicted.h. */
#include "predicted.h"

#include "../../base/interrupt.h"
#include "../../base/sample_types.h"
#include "rows.h"
#include "shapes.h"
#include "spans.h"

#include <stdlib.h>
#include <string.h>

enum {
    SIDE = PREDICTED_SIDE,
    WEIGHT_BITS = 7,
};

struct predicted {
    const struct raster_box *box;
    int32_t low, most; /* samples are 0..most above low */
    struct spans_coder coder;
    struct bias biases[STEPS / 2 * PLACES];
    struct width widths[STEPS];
    struct shape_tables tables;
    int32_t *memory, *rows[3], *errors[3]; /* this one and the two above */
    uint32_t *pixels;
};

/* ---- One sample -------------------------------------------------------------------------------------------- */

/* Samples around: W, N, NW, NE, WW, NN, NNE, NEE, NNW, NWW. */
enum { W, N, NW, NE, WW, NN, NNE, NEE, NNW, NWW, AROUND };

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

static inline int32_t
code_value(struct predicted *p, const struct shape *shape, int32_t value, bool decodes)
{
    struct spans_coder *coder = &p->coder;
    int32_t whole = 0, bucket;
    if (decodes) {
        bucket = find_bucket(&p->tables, shape, spans_place(coder, SPANS_BITS));
    } else {
        bucket = whole = (value - shape->middle) >> shape->bits;
        bucket = bucket < shape->first ? shape->first : bucket > shape->last ? shape->last : bucket;
    }
    uint32_t start = start_of(shape, bucket);
    spans_enter(coder, start, start_of(shape, bucket + 1) - start, SPANS_BITS, decodes);
    return code_rest(coder, shape, p->most, bucket, whole, value, decodes);
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
    struct shape shape = shape_of(p->most, &p->widths[step], energy, better);
    int32_t value = code_value(p, &shape, p->rows[0][x], decodes), fine = value * (1 << FINE_BITS);
    if (value < 0) { /* damage */
        p->coder.failed = true;
        value = 0;
    }
    p->rows[0][x] = value;
    p->errors[0][x] = magnitude_of(fine - better);
    adapt_bias(&p->tables, bias, fine, guess);
    adapt_width(&p->widths[step], p->errors[0][x]);
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
    shape_fill_tables(&p->tables);
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
