/*
 * codec.c: label maps and masks: few values in flat areas.
 *
 * A row is coded as its even labels, then its odd ones. No label of a half-row refers to another of it, so that 64 are
 * handled at once. Where all neighbours agree a label is *flat*: it is taken to be a copy of them, and the exceptions
 * are listed by their distances. Each other label is a symbol: it is the first neighbour's label, or the first
 * different one, or the next different one, or none of these. The symbol's context is which of the neighbours are
 * equal. Rows that are surrounded by a single label are skipped as a whole.
 */
#include "codec.h"

#include "../../base/integers.h"
#include "../../base/interrupt.h"

#include <stdlib.h>
#include <string.h>

enum { ORDERS = 16, FLAG_SINGLE = 64 }; /* of the head's number: that of the distances, and is there a single state? */

#define HOPELESS_AFTER ((size_t)1 << 16) /* labels */

static struct label_row
row_at(const struct label *l, size_t index)
{
    size_t size = l->pixels.label_size, half = l->stride * size;
    unsigned char *even = l->labels + index * 2 * half;
    return (struct label_row){l->states + index, {even, even + half}, l->edges + index * 2 * l->words};
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

/* The row `rows` below. */
static inline struct label_row
beside(const struct label *l, struct label_row row, ptrdiff_t rows)
{
    ptrdiff_t size = rows * (ptrdiff_t)(2 * l->stride * l->pixels.label_size);
    return (struct label_row){row.state + rows,
                              {(unsigned char *)row.half[0] + size, (unsigned char *)row.half[1] + size},
                              row.edges + rows * (ptrdiff_t)(2 * l->words)};
}

static inline void
refer(const struct label *l, size_t slice, size_t y, struct label_work *work)
{
    struct label_above *a = &work->above;
    struct label_row now = row_at(l, slice % l->ring * l->height + y), n, p;
    a->is_first = slice == 0;
    p = row_at(l, a->is_first ? l->ring * l->height : (slice - 1) % l->ring * l->height + y);
    n = y > 0 ? beside(l, now, -1) : p;
    work->row = now;
    a->n = n;
    a->nn = y > 1 ? beside(l, now, -2) : n;
    a->p = a->is_first ? a->nn : p;
    a->pn = a->is_first || y == 0 ? a->p : beside(l, p, -1);
    a->ps = a->is_first || y + 1 == l->height ? a->p : beside(l, p, 1);
}

/* Do all neighbours of all labels agree? */
static inline bool
is_amid_one_label(const struct label_above *a)
{
    const struct label_state *n = a->n.state, *p = a->p.state, *ps = a->ps.state;
    return n->is_constant && p->is_constant && ps->is_constant && n->value == p->value && n->value == ps->value;
}

/* A row that is surrounded by one label and consists of it needs no work. False: it does not consist of it. */
static bool
pass_row(struct label *l, const struct label_work *work)
{
    struct label_state *state = work->row.state;
    uint16_t value = work->above.n.state->value, found = value;
    if (l->decode ? l->gaps.left < l->width : !label_is_constant(work->src, l->pixels.size, l->width))
        return false;
    if (l->decode)
        label_fill(&l->pixels, value, work->dst, l->width);
    else
        label_load(&l->pixels, work->src, &found, 1);
    if (found != value)
        return false;
    *state = (struct label_state){true, state->is_filled && state->is_constant && state->value == value, value};
    if (!l->decode)
        l->gaps.left += l->width;
    else if (l->gaps.left != UINT64_MAX)
        l->gaps.left -= l->width;
    return true;
}

static void
swap(struct label_work *a, struct label_work *b)
{
    struct label_work other = *a;
    *a = *b;
    *b = other;
}

/* A row that is surrounded by one label but does not consist of it is coded by itself, before the others at work. */
static void
code_alone(struct label *l, size_t index)
{
    size_t others = l->work_count;
    swap(&l->work[0], &l->work[index]);
    l->work_count = 1;
    l->code_rows(l);
    swap(&l->work[0], &l->work[index]);
    l->work_count = others;
}

/* Codes one row of each of up to LABEL_FRONT slices. Each slice is two rows later than the one before it, so that the
 * rows that it refers to are there. */
static void
code_step(struct label *l, size_t slice, size_t slices, size_t step, const unsigned char *src, unsigned char *dst)
{
    size_t size = l->width * l->pixels.size;
    l->work_count = 0;
    for (size_t k = 0; k < slices && 2 * k <= step; k++) {
        size_t y = step - 2 * k, offset = ((slice + k) * l->height + y) * size;
        struct label_work *work = &l->work[l->work_count];
        if (y >= l->height)
            continue;
        work->above.width = l->width;
        work->above.place = k;
        work->src = src ? src + offset : NULL;
        work->dst = dst ? dst + offset : NULL;
        refer(l, slice + k, y, work);
        if (!is_amid_one_label(&work->above))
            l->work_count++;
        else if (!pass_row(l, work))
            code_alone(l, l->work_count);
    }
    if (l->work_count)
        l->code_rows(l);
}

/* ---- Chunks ------------------------------------------------------------------------------------------------- */

/* Working memory for a chunk whose pixels are known. */
static bool
label_start(struct label *l, const struct label_kernels *kernels, struct label_box box, unsigned first)
{
    size_t size = l->pixels.label_size;
    l->width = box.width;
    l->height = box.height;
    l->count[0] = (l->width + 1) / 2;
    l->count[1] = l->width / 2;
    l->words = (l->count[0] + LABEL_BLOCK - 1) / LABEL_BLOCK;
    l->stride = l->count[0] + 2 * LABEL_SIDE;
    if (l->stride * size > LABEL_LINE / 2) /* halves begin at cache lines, unless they are short */
        l->stride = (l->stride * size + LABEL_LINE - 1) / LABEL_LINE * LABEL_LINE / size;
    for (int parity = 0; parity < 2; parity++) { /* the odd half may have one word less */
        size_t beyond = l->words * LABEL_BLOCK - l->count[parity];
        l->tail[parity] = beyond < LABEL_BLOCK ? UINT64_MAX >> beyond : 0;
    }
    l->code_rows = kernels->code_rows[l->decode][size - 1];
    l->ring = box.slices < LABEL_FRONT + 1 ? box.slices : LABEL_FRONT + 1;
    size_t rows = l->ring * l->height + 1, half = l->words * LABEL_BLOCK;
    l->memory = calloc(rows * 2 * l->stride * size + 4 * LABEL_LINE, 1); /* kernels read whole blocks */
    l->line = malloc(l->width * size);
    l->states = calloc(rows, sizeof *l->states);
    l->edges = malloc(rows * 2 * l->words * sizeof *l->edges);
    l->bits = calloc(5 * LABEL_FRONT * l->words + 2 * LABEL_SYMBOLS, sizeof *l->bits);
    l->seconds = malloc(LABEL_FRONT * half * size);
    l->contexts = calloc(LABEL_FRONT * half + LABEL_LANES, sizeof *l->contexts);
    if (l->memory == NULL || l->line == NULL || l->states == NULL || l->edges == NULL || l->bits == NULL ||
        l->seconds == NULL || l->contexts == NULL)
        return false;
    l->labels = l->memory + 2 * LABEL_LINE - (uintptr_t)l->memory % LABEL_LINE;
    for (size_t k = 0; k < LABEL_FRONT; k++) {
        l->work[k].flat = l->bits + 2 * k * l->words;
        l->work[k].coded = l->work[k].flat + l->words;
        l->work[k].second = l->seconds + k * half * size;
    }
    for (size_t j = 0; j < LABEL_SYMBOLS - 1; j++)
        l->above[j] = l->bits + 2 * LABEL_FRONT * l->words + j * (LABEL_FRONT * l->words + 2);
    l->states[rows - 1] = (struct label_state){true, false, (uint16_t)first};
    label_coder_open(&l->coder);
    return label_literals_open(&l->literals, &l->pixels, l->decode, first);
}

static void
label_close(struct label *l)
{
    label_coder_close(&l->coder);
    label_pixels_close(&l->pixels);
    label_gaps_close(&l->gaps);
    label_literals_close(&l->literals);
    free(l->memory);
    free(l->states);
    free(l->edges);
    free(l->bits);
    free(l->line);
    free(l->seconds);
    free(l->contexts);
    free(l);
}

/* So many literals that the chunk will not become smaller. */
static bool
is_hopeless(const struct label *l, size_t done)
{
    size_t count = l->literals.label_count + l->literals.far_count;
    return count > HOPELESS_AFTER / 2 && count > done / 2;
}

/* False: damage, no memory, or not worth going on with. */
static bool
code_box(struct label *l, struct label_box box, const unsigned char *src, unsigned char *dst)
{
    for (size_t slice = 0; slice < box.slices; slice += LABEL_FRONT) {
        size_t slices = box.slices - slice < LABEL_FRONT ? box.slices - slice : LABEL_FRONT;
        for (size_t step = 0; step < l->height + 2 * (slices - 1); step++) {
            code_step(l, slice, slices, step, src, dst);
            if (l->literals.failed || l->coder.failed || interrupt_is_set())
                return false;
        }
        if (!l->decode && is_hopeless(l, (slice + slices) * l->height * l->width))
            return false;
    }
    return true;
}

/* Everything before the symbols; returns its size, 0 where it does not fit. */
static size_t
write_head(const struct label *l, const unsigned char *first, unsigned char *dst, size_t capacity)
{
    if (capacity < 32 + l->pixels.size)
        return 0;
    int order = label_gaps_order(&l->gaps);
    unsigned char *at = label_write_head(&l->pixels, (unsigned)order, first, dst);
    at = put_varint(at, l->gaps.count);
    if (l->gaps.count) {
        at = put_varint(at, label_gaps_size(&l->gaps, order));
        struct bit_writer writer = bits_write_to(at, (size_t)(dst + capacity - at));
        label_gaps_write(&l->gaps, order, &writer);
        if (writer.overflow)
            return 0;
        at = writer.at;
    }
    return (size_t)(at - dst);
}

enum zblob_result
label_encode_box(const struct label_kernels *kernels, struct label_box box, const unsigned char *src,
                 unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    *dst_size = 0;
    if (box.pixel_size > LABEL_PIXEL_MAX)
        return ZBLOB_OK;
    struct label *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    uint16_t first = 0;
    size_t count = box.slices * box.height * box.width;
    enum zblob_result result = label_pixels_survey(&l->pixels, box.pixel_size, src, count);
    l->pixels.is_reversed = box.is_reversed && box.pixel_size > 1;
    if (result == ZBLOB_OK && l->pixels.label_size) {
        label_choose_shift(&l->pixels);
        label_load(&l->pixels, src, &first, 1);
        if (!label_start(l, kernels, box, first))
            result = ZBLOB_NO_MEMORY;
    }
    if (result == ZBLOB_OK && l->pixels.label_size) {
        size_t head = code_box(l, box, src, NULL) ? write_head(l, src, dst, dst_capacity) : 0;
        size_t rest = head ? label_coder_write(&l->coder, dst + head, dst_capacity - head) : 0;
        if (head && l->coder.is_single)
            dst[0] |= FLAG_SINGLE;
        *dst_size = head && rest != SIZE_MAX ? head + rest : 0;
        if (l->coder.failed)
            result = ZBLOB_NO_MEMORY;
    }
    label_close(l);
    return result;
}

/* The head's counterpart: false where it contradicts itself. *first is the first pixel. */
static bool
read_head(struct label *l, const unsigned char **at, const unsigned char *end, const unsigned char **first,
          bool *is_single)
{
    uint64_t count, size = 0;
    unsigned number;
    if (!label_read_head(&l->pixels, &number, at, end, first) || !get_varint(at, end, &count) ||
        (count && !get_varint(at, end, &size)) || size > (size_t)(end - *at))
        return false;
    l->gaps.order = (int)(number % ORDERS);
    l->gaps.count = (size_t)count;
    l->gaps.reader = bits_read_from(*at, (size_t)size);
    *at += size;
    label_gaps_next(&l->gaps);
    *is_single = number & FLAG_SINGLE;
    return number / ORDERS * ORDERS == (*is_single ? FLAG_SINGLE : 0);
}

size_t
label_decode_memory(struct label_box box)
{
    size_t ring = box.slices < LABEL_FRONT + 1 ? box.slices : LABEL_FRONT + 1, blocks = box.width / 2 / LABEL_BLOCK + 1;
    size_t label_size = box.pixel_size == 1 ? 1 : 2, pixels = box.slices * box.height * box.width;
    size_t palette = box.pixel_size <= 2 ? 0 : pixels < 65536 ? pixels : 65536;
    size_t row = 2 * (blocks * LABEL_BLOCK + 2 * LABEL_SIDE + LABEL_LINE) * label_size + 16 * blocks +
                 sizeof(struct label_state);
    return (ring * box.height + 1) * row + LABEL_FRONT * blocks * (LABEL_BLOCK * 4 + 80) +
           4 * palette * box.pixel_size + ((size_t)256 << 10);
}

enum zblob_result
label_decode_box(const struct label_kernels *kernels, struct label_box box, const unsigned char *src, size_t src_size,
                 unsigned char *dst)
{
    struct label *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    l->decode = true;
    l->pixels.size = box.pixel_size;
    l->pixels.has_palette = l->pixels.size > 2;
    const unsigned char *at = src, *end = src + src_size, *first;
    bool is_single;
    enum zblob_result result = ZBLOB_DAMAGED;
    if (l->pixels.size <= LABEL_PIXEL_MAX && read_head(l, &at, end, &first, &is_single)) {
        result = ZBLOB_NO_MEMORY;
        if (label_pixels_open(&l->pixels) && label_start(l, kernels, box, label_add_pixel(&l->pixels, first))) {
            label_coder_read(&l->coder, is_single, at, (size_t)(end - at));
            bool is_whole =
                code_box(l, box, NULL, dst) && label_coder_is_at_end(&l->coder) && label_gaps_are_used_up(&l->gaps);
            result = is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
        }
    }
    label_close(l);
    return result;
}
