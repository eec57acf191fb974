/*
 * voxel_label.c: label maps and masks: few values in flat areas.
 *
 * A sample is *flat* where its decoded neighbours N NE P PE PS PSE are all equal, and W too. Flat
 * samples are copied in runs; the exceptions are listed as distances. All others are coded by adaptive
 * binary decisions (equal to W? to the next neighbour that differs? to the one after?) whose context
 * is the pattern of equalities around; what equals none of them is a literal.
 *
 * Layout of a chunk: u32 size of the distances; the distances as varints; the range coder's bytes.
 */
#include "voxel_internal.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 4, CONTEXTS = 1 << 12, SIDE = 4, STEPS = 3 };

/* Probability of a one, as the mean of a fast and a slow estimate. */
struct odds {
    uint16_t fast, slow;
};

struct label {
    struct odds steps[STEPS][CONTEXTS];
    struct odds literal[2][256]; /* upper byte, lower byte, as binary trees */
    size_t width, height, stride;
    int16_t *planes[2]; /* now, before: height rows of stride elements */
    int16_t *blank;     /* a row of the modal value */
    const struct voxel_ops *ops;
    uint8_t *uniform;
    uint16_t *pattern; /* bits of the context that the rows above and before give */
    int16_t *scratch;
    void *memory;
    uint64_t flat_left; /* flat samples before the next exception (encoder: since the last one) */
    unsigned char *gaps, *gaps_end;          /* distances: written or read */
    unsigned char *bytes, *bytes_end;        /* range coder: written or read */
    uint64_t low;
    uint32_t range, code, pending;
    unsigned char cache;
    bool failed;
};

/* ---- Binary range coder ------------------------------------------------------------------------- */

static void shift_out(struct label *l)
{
    if (l->low < 0xFF000000u || l->low > 0xFFFFFFFFu) {
        for (unsigned char byte = l->cache; l->pending > 0; l->pending--, byte = 0xFF) {
            if (l->bytes == l->bytes_end)
                l->failed = true;
            else
                *l->bytes++ = (unsigned char)(byte + (l->low >> 32));
        }
        l->cache = (unsigned char)(l->low >> 24);
    }
    l->pending++;
    l->low = (l->low & 0x00FFFFFF) << 8;
}

static inline unsigned char shift_in(struct label *l)
{
    return l->bytes < l->bytes_end ? *l->bytes++ : 0;
}

static inline __attribute__((always_inline)) bool code_bit(struct label *l, struct odds *odds, bool bit,
                                                           bool decode)
{
    uint32_t p = ((uint32_t)odds->fast + odds->slow) >> 1;
    p = p < 32 ? 32 : p > 65504 ? 65504 : p;
    uint32_t bound = (uint32_t)((uint64_t)l->range * p >> 16);
    if (decode)
        bit = l->code < bound;
    if (bit) {
        l->range = bound;
        odds->fast = (uint16_t)(odds->fast + ((65535 - odds->fast) >> 4));
        odds->slow = (uint16_t)(odds->slow + ((65535 - odds->slow) >> 7));
    } else {
        l->range -= bound;
        if (decode)
            l->code -= bound;
        else
            l->low += bound;
        odds->fast = (uint16_t)(odds->fast - (odds->fast >> 4));
        odds->slow = (uint16_t)(odds->slow - (odds->slow >> 7));
    }
    while (l->range < 1u << 24) {
        l->range <<= 8;
        if (decode)
            l->code = l->code << 8 | shift_in(l);
        else
            shift_out(l);
    }
    return bit;
}

static int16_t code_literal(struct label *l, int16_t value, bool decode)
{
    uint16_t rest = (uint16_t)((uint16_t)value ^ 0x8000), result = 0;
    for (int half = 0; half < 2; half++) {
        unsigned node = 1;
        for (int i = 0; i < 8; i++, rest = (uint16_t)(rest << 1))
            node = node << 1 | code_bit(l, &l->literal[half][node], rest >> 15, decode);
        result = (uint16_t)(result << 8 | (node & 255));
    }
    return (int16_t)(result ^ 0x8000);
}

/* ---- Distances between exceptions ---------------------------------------------------------------- */

static void put_distance(struct label *l, uint64_t value)
{
    if (l->gaps_end - l->gaps < 10) {
        l->failed = true;
        return;
    }
    for (; value >= 128; value >>= 7)
        *l->gaps++ = (unsigned char)(value | 128);
    *l->gaps++ = (unsigned char)value;
}

static uint64_t get_distance(struct label *l)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 63 && l->gaps < l->gaps_end; shift += 7) {
        unsigned char byte = *l->gaps++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
    return UINT64_MAX; /* behind the last one: no more exceptions */
}

/* ---- Rows ------------------------------------------------------------------------------------------ */

struct neighbours {
    const int16_t *n, *nn, *p, *pn, *ps;
};

static inline __attribute__((always_inline)) int16_t code_sample(struct label *l, const struct neighbours *s,
                                                                 const int16_t *now, size_t i, bool decode)
{
    const int16_t *n = s->n + i, *p = s->p + i, *pn = s->pn + i, *ps = s->ps + i;
    int16_t w = now[(ptrdiff_t)i - 1], value = now[i];
    unsigned pattern = l->pattern[i] | (unsigned)(w == n[0]) | (unsigned)(w == p[0]) << 1 |
                       (unsigned)(w == n[-1]) << 3 | (unsigned)(w == now[(ptrdiff_t)i - 2]) << 10;
    if (code_bit(l, &l->steps[0][pattern], value == w, decode))
        return w;
    const int16_t others[8] = {n[0], p[0], n[1], p[1], ps[0], n[-1], ps[1], pn[0]};
    int16_t seen[2] = {w, w};
    int step = 1;
    for (int k = 0; k < 8 && step < STEPS; k++) {
        if (others[k] == seen[0] || others[k] == seen[1])
            continue;
        if (code_bit(l, &l->steps[step++][pattern], value == others[k], decode))
            return others[k];
        seen[1] = others[k];
    }
    return code_literal(l, value, decode);
}

/* Copy up to `length` flat samples; returns how many before an exception. */
static inline __attribute__((always_inline)) size_t code_flat(struct label *l, int16_t *now, size_t length, bool decode)
{
    int16_t value = now[-1];
    size_t count = 0;
    if (decode) {
        count = l->flat_left < length ? (size_t)l->flat_left : length;
        for (size_t x = 0; x < count; x++)
            now[x] = value;
        if (l->flat_left != UINT64_MAX)
            l->flat_left -= count;
    } else {
        while (count < length && now[count] == value)
            count++;
        l->flat_left += count;
    }
    return count;
}

static inline __attribute__((always_inline)) void code_row(struct label *l, const struct neighbours *s, int16_t *now, bool decode)
{
    size_t width = l->width;
    const int16_t *const rows[5] = {s->n, s->nn, s->p, s->pn, s->ps};
    l->ops->label_marks(rows, width, l->uniform, l->pattern);
    now[-1] = now[-2] = s->n[0];
    for (size_t x = 0; x < width;) {
        if (!l->uniform[x] || now[(ptrdiff_t)x - 1] != s->n[x]) {
            now[x] = code_sample(l, s, now, x, decode);
            x++;
            continue;
        }
        const uint8_t *stop = memchr(l->uniform + x, 0, width - x);
        size_t length = stop ? (size_t)(stop - (l->uniform + x)) : width - x;
        size_t count = code_flat(l, now + x, length, decode);
        x += count;
        if (count < length) { /* an exception: a value of its own */
            if (!decode)
                put_distance(l, l->flat_left);
            now[x] = code_literal(l, now[x], decode);
            l->flat_left = decode ? get_distance(l) : 0;
            x++;
        }
    }
    now[-1] = now[-2] = now[0];
    now[width] = now[width + 1] = now[width - 1];
}

static void code_plane(struct label *l, bool first, bool decode)
{
    for (size_t y = 0; y < l->height; y++) {
        int16_t *now = l->planes[0] + y * l->stride + SIDE;
        const int16_t *before = l->planes[1] + y * l->stride + SIDE;
        struct neighbours s;
        s.n = y ? now - l->stride : first ? l->blank : before;
        s.nn = y > 1 ? now - 2 * l->stride : s.n;
        s.p = first ? s.n : before;
        s.pn = first ? s.nn : y ? before - l->stride : before;
        s.ps = first ? s.n : y + 1 < l->height ? before + l->stride : before;
        if (decode)
            code_row(l, &s, now, true);
        else
            code_row(l, &s, now, false);
    }
}

static struct label *label_open(const struct voxel_model *model, struct voxel_box box)
{
    struct label *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->width = (size_t)model->shape.width;
    l->height = (size_t)box.rows;
    l->stride = l->width + 2 * SIDE;
    size_t plane = l->stride * l->height;
    l->memory = calloc(2 * plane + 2 * l->stride + 2 * l->width + 64, sizeof(int16_t));
    if (l->memory == NULL) {
        free(l);
        return NULL;
    }
    l->planes[0] = l->memory;
    l->planes[1] = l->planes[0] + plane;
    l->scratch = l->planes[1] + plane;
    l->blank = l->scratch + l->stride + SIDE;
    l->pattern = (uint16_t *)(l->scratch + 2 * l->stride);
    l->uniform = (uint8_t *)(l->pattern + l->width + 16);
    l->ops = voxel_ops();
    for (size_t x = 0; x < l->stride; x++)
        (l->blank - SIDE)[x] = model->modal;
    for (int i = 0; i < STEPS * CONTEXTS; i++)
        l->steps[i / CONTEXTS][i % CONTEXTS] = (struct odds){32768, 32768};
    for (int i = 0; i < 512; i++)
        l->literal[i / 256][i % 256] = (struct odds){32768, 32768};
    l->range = UINT32_MAX;
    return l;
}

static void label_close(struct label *l)
{
    free(l->memory);
    free(l);
}

/* All planes of a box, a component after the other (each begins afresh but keeps the statistics). */
static void code_box(struct label *l, const struct voxel_model *model, struct voxel_box box,
                     const unsigned char *samples, unsigned char *dst)
{
    size_t size = voxel_sample_size(model->grid.sample_type), components = (size_t)model->shape.components;
    size_t pitch = l->width * components * size;
    for (size_t c = 0; c < components; c++)
        for (uint64_t z = 0; z < box.slices; z++) {
            int16_t *rows = l->planes[0] + SIDE;
            for (size_t y = 0; samples != NULL && y < l->height; y++)
                voxel_load(model, voxel_row_address(model, samples, box.slice + z, box.row + y) + c * size,
                           components, rows + y * l->stride, l->width);
            code_plane(l, z == 0, dst != NULL);
            for (size_t y = 0; dst != NULL && y < l->height; y++)
                voxel_store(model, rows + y * l->stride, dst + ((size_t)z * l->height + y) * pitch + c * size,
                            components, l->width);
            int16_t *swap = l->planes[0];
            l->planes[0] = l->planes[1];
            l->planes[1] = swap;
        }
}

enum zblob_result voxel_encode_label(const struct voxel_model *model, struct voxel_box box,
                                     const unsigned char *samples, unsigned char *dst,
                                     size_t dst_capacity, size_t *dst_size)
{
    *dst_size = 0;
    if (dst_capacity < 64)
        return ZBLOB_OK;
    struct label *l = label_open(model, box);
    size_t half = dst_capacity / 2;
    unsigned char *gaps = malloc(half);
    if (l == NULL || gaps == NULL) {
        free(gaps);
        if (l != NULL)
            label_close(l);
        return ZBLOB_NO_MEMORY;
    }
    /* each stream may fill half the room: a chunk that needs more gains nothing */
    l->gaps = gaps;
    l->gaps_end = gaps + half - HEADER_SIZE;
    l->bytes = dst;
    l->bytes_end = dst + half;
    l->pending = 1; /* a first byte, always 0, takes what would be carried out of the second */
    code_box(l, model, box, samples, NULL);
    for (int i = 0; i < 5; i++)
        shift_out(l);
    size_t gaps_size = (size_t)(l->gaps - gaps), bytes_size = (size_t)(l->bytes - dst);
    if (!l->failed) {
        memmove(dst + HEADER_SIZE + gaps_size, dst, bytes_size);
        memcpy(dst + HEADER_SIZE, gaps, gaps_size);
        voxel_put32(dst, (uint32_t)gaps_size);
        *dst_size = HEADER_SIZE + gaps_size + bytes_size;
        while (*dst_size > HEADER_SIZE + gaps_size && dst[*dst_size - 1] == 0)
            --*dst_size; /* the decoder reads zeros behind the end */
    }
    free(gaps);
    label_close(l);
    return ZBLOB_OK;
}

enum zblob_result voxel_decode_label(const struct voxel_model *model, struct voxel_box box,
                                     const unsigned char *src, size_t src_size, unsigned char *dst)
{
    if (src_size < HEADER_SIZE || voxel_get32(src) > src_size - HEADER_SIZE)
        return ZBLOB_DAMAGED;
    struct label *l = label_open(model, box);
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    size_t gaps_size = voxel_get32(src);
    unsigned char *bytes = (unsigned char *)(uintptr_t)src; /* only read */
    l->gaps = bytes + HEADER_SIZE;
    l->gaps_end = l->bytes = l->gaps + gaps_size;
    l->bytes_end = bytes + src_size;
    for (int i = 0; i < 5; i++)
        l->code = l->code << 8 | shift_in(l);
    l->flat_left = get_distance(l);
    code_box(l, model, box, NULL, dst);
    label_close(l);
    return ZBLOB_OK;
}
