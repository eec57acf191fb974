/*
 * codec.c: label maps and masks, pixel after pixel. Where all sites have one label, pixels are *flat*: they have it, too,
 * and the distances between exceptions are coded. Any other pixel is asked whether it has the label of its first site,
 * that of the first site that differs, and that of the next one; how sure the answers are is learned for what all sites
 * are alike in, some of them, fewer, and for the labels themselves, and the four are mixed.
 */
#include "codec.h"

#include "../../base/interrupt.h"
#include "../label/gaps.h"
#include "../label/recall.h"
#include "literals.h"

#include <stdlib.h>

enum {
    KEPT = 3, /* slices of a decoder: the one at work, and two before */
    TABLES = ODDS_MIXED,
    LEAST_BITS = 10, /* of a table's places */
    MOST_BITS = 17,
    SHAPES = TABLES - 1, /* tables whose contexts say which sites have equal labels: 6, 12 or all of the sites */
    FEWEST = 6,
    FEWER = 12,
    NEAREST = 8, /* sites of the last table's contexts, which have the labels, too */
    LEVELS = 3,  /* of how well odds are known: seen less than twice, less than 30 times, or more often */
    NEW_BELOW = 2,
    KNOWN_FROM = 30,
    LEVELS_ALL = 81,         /* LEVELS to the power of TABLES */
    DISTANCE_BITS = 32,      /* of the number of flat pixels before an exception, at most */
    ALIKE = -MIXED_SIDE - 1, /* in a row's memory: have all pixels one label? */
    LEFT = MIXED_SIDE + 1,   /* what lies in a row's memory before its first label */
};

struct mixed {
    struct mixed_decisions d;
    struct label_pixels pixels;
    struct mixed_literals literals;
    struct label_gaps gaps; /* encoder: all; `left`: flat pixels before the next exception */
    size_t gaps_done;
    struct odds is_more;
    struct mixed_numbers distances;
    struct odds *tables[TABLES];
    int bits; /* of a table's places */
    int32_t weights[LABEL_CANDIDATES][LEVELS_ALL][ODDS_MIXED];
    size_t width, height, slices, kept, stride;
    uint16_t *rows, *first; /* of the kept slices; and one with nothing but the first label */
    uint16_t *recent[KEPT]; /* the first row of the slice at work, and of those before it; NULL: there is none */
    uint8_t *flat;          /* of a row: are the sites of other rows alike? */
    struct mixed_above above;
};

/* ---- Pixels to labels of 16 bits, and back ----------------------------------------------------------------- */

static void
load(const struct label_pixels *pixels, const unsigned char *src, uint16_t *labels, size_t count)
{
    struct label_pixels wide = *pixels;
    wide.label_size = sizeof *labels;
    if (pixels->size > 1)
        label_load(&wide, src, labels, count);
    for (size_t i = 0; pixels->size == 1 && i < count; i++)
        labels[i] = src[i];
}

static void
store(const struct label_pixels *pixels, const uint16_t *labels, unsigned char *dst, size_t count)
{
    struct label_pixels wide = *pixels;
    wide.label_size = sizeof *labels;
    if (pixels->size > 1)
        label_store(&wide, labels, dst, count);
    for (size_t i = 0; pixels->size == 1 && i < count; i++)
        dst[i] = (unsigned char)labels[i];
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

static void
begin_slice(struct mixed *m, size_t z)
{
    for (size_t k = 0; k < KEPT; k++)
        m->recent[k] = k <= z ? m->rows + (z - k) % m->kept * m->height * m->stride + LEFT : NULL;
}

static void
refer(struct mixed *m, size_t y)
{
    struct mixed_above *a = &m->above;
    size_t stride = m->stride, here = y * stride, last = m->height - 1;
    const uint16_t *before = m->recent[1];
    a->now = m->recent[0] + here;
    a->is_first = before == NULL;
    a->n = y ? a->now - stride : before ? before : m->first;
    a->nn = y > 1 ? a->now - 2 * stride : a->n;
    a->nnn = y > 2 ? a->now - 3 * stride : a->nn;
    a->p = before ? before + here : a->nn;
    a->pn = before && y ? a->p - stride : a->p;
    a->ps = before && y < last ? a->p + stride : a->p;
    a->pss = before && y + 1 < last ? a->ps + stride : a->ps;
    a->q = m->recent[2] ? m->recent[2] + here : a->p;
}

/* Have all sites of all pixels of the row the label that n has at first? */
static inline bool
is_amid_one(const struct mixed_above *a)
{
    const uint16_t *rows[] = {a->nn, a->nnn, a->p, a->pn, a->ps, a->pss, a->q};
    bool is_one = a->n[ALIKE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        is_one &= rows[i][ALIKE] & (rows[i][0] == a->n[0]);
    return is_one;
}

/* For all pixels of a row: are the sites of other rows alike? */
static void
find_flat(struct mixed *m)
{
    const struct mixed_above *a = &m->above;
    const uint16_t *n = a->n, *nn = a->nn, *nnn = a->nnn, *p = a->p, *pn = a->pn, *ps = a->ps, *pss = a->pss, *q = a->q;
    uint8_t *flat = m->flat;
    if (a->is_first)
        for (ptrdiff_t x = 0; x < (ptrdiff_t)m->width; x++) {
            uint16_t w = n[x];
            flat[x] = (n[x - 1] == w) & (n[x + 1] == w) & (nn[x] == w) & (n[x + 2] == w) & (n[x - 2] == w) &
                      (nn[x + 1] == w) & (nn[x - 1] == w) & (nnn[x] == w) & (n[x + 3] == w) & (nn[x + 2] == w) &
                      (nn[x - 2] == w) & (n[x - 3] == w) & (nnn[x + 1] == w) & (nnn[x - 1] == w) & (nn[x + 3] == w) &
                      (nn[x - 3] == w) & (nnn[x + 2] == w) & (nnn[x - 2] == w);
        }
    else
        for (ptrdiff_t x = 0; x < (ptrdiff_t)m->width; x++) {
            uint16_t w = n[x];
            flat[x] = (p[x] == w) & (n[x - 1] == w) & (n[x + 1] == w) & (p[x + 1] == w) & (ps[x] == w) & (nn[x] == w) &
                      (p[x - 1] == w) & (pn[x] == w) & (n[x + 2] == w) & (ps[x + 1] == w) & (ps[x - 1] == w) &
                      (pn[x + 1] == w) & (pn[x - 1] == w) & (p[x + 2] == w) & (pss[x] == w) & (q[x] == w) &
                      (n[x - 2] == w) & (nn[x - 1] == w) & (nn[x + 1] == w);
        }
    memset(flat + m->width, 0, sizeof(uint64_t)); /* no run goes on beyond */
}

/* Where a row's end is near, sites repeat its end; left of the row at work, the row above. */
static void
pad_left(uint16_t *row, uint16_t label)
{
    for (int i = 1; i <= MIXED_SIDE; i++)
        row[-i] = label;
}

static void
end_row(struct mixed *m, uint16_t *row)
{
    pad_left(row, row[0]);
    for (size_t i = 0; i < MIXED_SIDE; i++)
        row[m->width + i] = row[m->width - 1];
    row[ALIKE] = memcmp(row, row + 1, (m->width - 1) * sizeof *row) == 0;
}

static void
fill(uint16_t *labels, unsigned label, size_t count)
{
    for (size_t i = 0; i < count; i++)
        labels[i] = (uint16_t)label;
}

/* Do the row's own sites have the label as well? */
static inline bool
goes_on(const struct mixed_above *a, size_t x)
{
    const uint16_t *now = a->now + x;
    uint16_t label = a->n[x];
    return now[-1] == label && now[-2] == label && (!a->is_first || now[-3] == label);
}

/* ---- Exceptions -------------------------------------------------------------------------------------------- */

/* How many flat pixels come before the next exception? */
static void
next_exception(struct mixed *m)
{
    bool decodes = m->d.coder.decodes, is_more = !decodes && m->gaps_done < m->gaps.count;
    uint64_t distance = is_more ? m->gaps.list[m->gaps_done++] : 0;
    m->gaps.left = UINT64_MAX;
    if (!mixed_decide(&m->d, &m->is_more, is_more))
        return;
    m->gaps.left = mixed_number(&m->d, &m->distances, distance);
    m->d.failed |= m->gaps.left >> DISTANCE_BITS != 0;
}

/* Encoder: the exceptions of a row. */
static bool
list_exceptions(struct mixed *m)
{
    const struct mixed_above *a = &m->above;
    for (size_t x = 0; x < m->width; x++) {
        if (!m->flat[x] || !goes_on(a, x))
            continue;
        if (a->now[x] == a->n[x])
            m->gaps.left++;
        else if (!label_gaps_add(&m->gaps))
            return false;
    }
    return true;
}

/* Encoder: all exceptions of the box; and all rows get their labels. */
static bool
survey(struct mixed *m, const unsigned char *src)
{
    size_t size = m->width * m->pixels.size, left = 0;
    for (size_t i = 0, y = 0; i < m->slices * m->height; i++, src += size, y = y + 1 < m->height ? y + 1 : 0) {
        if (interrupt_is_due(&left, m->width))
            return false;
        if (y == 0)
            begin_slice(m, i / m->height);
        refer(m, y);
        uint16_t *now = m->above.now;
        load(&m->pixels, src, now, m->width);
        end_row(m, now);
        if (now[ALIKE] && now[0] == m->above.n[0] && is_amid_one(&m->above)) {
            m->gaps.left += m->width;
            continue;
        }
        find_flat(m);
        pad_left(now, m->above.n[0]);
        if (!list_exceptions(m))
            return false;
        pad_left(now, now[0]);
    }
    return true;
}

/* ---- Pixels ------------------------------------------------------------------------------------------------ */

static inline uint32_t
place_in(const struct mixed *m, uint64_t key)
{
    key *= UINT64_C(0x9E3779B97F4A7C15);
    key ^= key >> 32;
    return (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> (64 - m->bits));
}

/* What a pixel's sites say, for each table as a place in it. */
struct asked {
    unsigned candidates[LABEL_CANDIDATES], count;
    uint32_t places[TABLES];
};

static inline struct asked
ask(const struct mixed *m, size_t x)
{
    struct mixed_sites sites = mixed_sites_of(&m->above, x);
    unsigned w = mixed_site(&sites, 0);
    struct asked asked = {{w, w, w}, 1, {0}};
    uint64_t equal[LABEL_CANDIDATES] = {mixed_equal(&sites, w)};
    uint32_t rest = (uint32_t)~equal[0] & MIXED_ALL;
    while (rest && asked.count < LABEL_CANDIDATES) {
        unsigned label = mixed_site(&sites, (unsigned)__builtin_ctz(rest));
        asked.candidates[asked.count] = label;
        equal[asked.count] = mixed_equal(&sites, label);
        rest &= (uint32_t)~equal[asked.count++];
    }
    static const int known[SHAPES] = {FEWEST, FEWER, MIXED_SITES};
    for (int i = 0; i < SHAPES; i++) {
        uint64_t those = ((UINT64_C(1) << known[i]) - 1) & ~UINT64_C(1), key = m->above.is_first;
        for (int k = 0; k < LABEL_CANDIDATES; k++)
            key += (equal[k] & those) << (21 * k); /* bit 0 is free */
        asked.places[i] = place_in(m, key);
    }
    uint64_t labels = asked.candidates[0] | (uint64_t)asked.candidates[1] << 16;
    asked.places[SHAPES] =
        place_in(m, labels | (equal[0] & ((1 << NEAREST) - 2)) << 32 | (uint64_t)m->above.is_first << 32);
    return asked;
}

static inline int
level_of(const struct odds *odds)
{
    return (odds->seen >= NEW_BELOW) + (odds->seen >= KNOWN_FROM);
}

static unsigned
code_pixel(struct mixed *m, size_t x, unsigned label)
{
    struct asked asked = ask(m, x);
    uint32_t mask = (UINT32_C(1) << m->bits) - 1;
    for (unsigned k = 0; k < asked.count; k++) {
        struct odds *odds[TABLES];
        int levels = 0;
        for (int i = 0; i < TABLES; i++) {
            odds[i] = &m->tables[i][(asked.places[i] + k * 0x5555) & mask];
            levels = LEVELS * levels + level_of(odds[i]);
        }
        if (odds_decide_mixed(&m->d.coder, &m->d.tables, odds, m->weights[k][levels], label == asked.candidates[k]))
            return asked.candidates[k];
    }
    struct mixed_place place = {&m->above, x, m->width, false, {0}};
    memcpy(place.candidates, asked.candidates, sizeof place.candidates);
    return mixed_literal(&m->literals, &m->d, &place, label);
}

/* Flat pixels from x on, that is as long as `flat` says; returns how many. The last one may be an exception. */
static size_t
code_flat(struct mixed *m, size_t x)
{
    const struct mixed_above *a = &m->above;
    unsigned label = a->n[x];
    uint64_t eight;
    size_t count = 0;
    while (memcpy(&eight, m->flat + x + count, sizeof eight), eight == UINT64_MAX / 255)
        count += sizeof eight;
    while (m->flat[x + count])
        count++;
    if (m->gaps.left >= count) {
        m->gaps.left -= m->gaps.left == UINT64_MAX ? 0 : count;
        fill(a->now + x, label, count);
        return count;
    }
    count = (size_t)m->gaps.left;
    unsigned own = a->now[x + count];
    fill(a->now + x, label, count);
    struct mixed_place place = {a, x + count, m->width, true, {label, label, label}};
    a->now[x + count] = (uint16_t)mixed_literal(&m->literals, &m->d, &place, own);
    next_exception(m);
    return count + 1;
}

static void
code_row(struct mixed *m)
{
    uint16_t *now = m->above.now;
    find_flat(m);
    pad_left(now, m->above.n[0]);
    for (size_t x = 0; x < m->width;) {
        if (m->flat[x] && goes_on(&m->above, x)) {
            x += code_flat(m, x);
        } else {
            now[x] = (uint16_t)code_pixel(m, x, now[x]);
            x++;
        }
    }
    end_row(m, now);
}

/* A row amid one label that is that label. */
static bool
pass_row(struct mixed *m, unsigned char *dst)
{
    uint16_t *now = m->above.now, label = m->above.n[0];
    if (m->gaps.left < m->width || !is_amid_one(&m->above))
        return false;
    m->gaps.left -= m->gaps.left == UINT64_MAX ? 0 : m->width;
    if (dst == NULL)
        return true;
    if (!now[ALIKE] || now[0] != label) /* a slice before may have left it there */
        fill(now - MIXED_SIDE, label, m->width + 2 * MIXED_SIDE);
    now[ALIKE] = true;
    label_fill(&m->pixels, label, dst, m->width);
    return true;
}

/* ---- Boxes ------------------------------------------------------------------------------------------------- */

/* All rows, from those that were surveyed, or to dst. False: damage, no room, or interrupted. */
static bool
code_box(struct mixed *m, unsigned char *dst)
{
    size_t size = m->width * m->pixels.size, left = 0;
    next_exception(m);
    for (size_t i = 0, y = 0; i < m->slices * m->height; i++, y = y + 1 < m->height ? y + 1 : 0) {
        unsigned char *to = dst ? dst + i * size : NULL;
        if (interrupt_is_due(&left, m->width))
            return false;
        if (y == 0)
            begin_slice(m, i / m->height);
        refer(m, y);
        if (pass_row(m, to))
            continue;
        code_row(m);
        if (m->d.failed || m->d.coder.failed)
            return false;
        if (to)
            store(&m->pixels, m->above.now, to, m->width);
    }
    return true;
}

static int
table_bits(struct label_box box)
{
    int bits = LEAST_BITS;
    while (bits < MOST_BITS && (size_t)1 << bits < box.width * box.height * box.slices)
        bits++;
    return bits;
}

static size_t
stride_of(struct label_box box)
{
    return LEFT + box.width + MIXED_SIDE;
}

size_t
mixed_decode_memory(struct label_box box)
{
    size_t kept = box.slices < KEPT ? box.slices : KEPT, pixels = box.slices * box.height * box.width;
    size_t palette = box.pixel_size <= 2 ? 0 : pixels < 65536 ? pixels : 65536;
    return (kept * box.height + 1) * 2 * stride_of(box) + palette * box.pixel_size +
           (TABLES * sizeof(struct odds) << table_bits(box)) + sizeof(struct mixed) + ((size_t)128 << 10);
}

/* Working memory for a chunk whose pixels are known. */
static bool
mixed_start(struct mixed *m, struct label_box box, unsigned first)
{
    m->width = box.width;
    m->height = box.height;
    m->slices = box.slices;
    m->stride = stride_of(box);
    m->kept = m->d.coder.decodes && box.slices > KEPT ? KEPT : box.slices;
    m->bits = table_bits(box);
    size_t rows = m->kept * m->height + 1;
    m->rows = calloc(rows * m->stride, sizeof *m->rows);
    m->flat = malloc(m->width + sizeof(uint64_t));
    if (m->rows == NULL || m->flat == NULL)
        return false;
    for (int i = 0; i < TABLES; i++) {
        m->tables[i] = malloc(sizeof(struct odds) << m->bits);
        if (m->tables[i] == NULL)
            return false;
        odds_clear(m->tables[i], (size_t)1 << m->bits);
    }
    m->first = m->rows + (rows - 1) * m->stride + LEFT;
    fill(m->first - MIXED_SIDE, first, m->width + 2 * MIXED_SIDE);
    m->first[ALIKE] = true;
    odds_fill_tables(&m->d.tables);
    odds_clear_weights(m->weights[0], LABEL_CANDIDATES * LEVELS_ALL);
    odds_clear(&m->is_more, 1);
    mixed_numbers_clear(&m->distances);
    return mixed_literals_open(&m->literals, &m->pixels, m->d.coder.decodes, first);
}

static void
mixed_close(struct mixed *m)
{
    label_pixels_close(&m->pixels);
    label_gaps_close(&m->gaps);
    mixed_literals_close(&m->literals);
    for (int i = 0; i < TABLES; i++)
        free(m->tables[i]);
    free(m->rows);
    free(m->flat);
    free(m);
}

static enum zblob_result
encode(struct mixed *m, struct label_box box, const unsigned char *src, unsigned char *dst, size_t dst_capacity,
       size_t *dst_size)
{
    uint16_t first;
    if (dst_capacity < LABEL_HEAD_MAX)
        return ZBLOB_OK;
    label_choose_shift(&m->pixels);
    load(&m->pixels, src, &first, 1);
    if (!mixed_start(m, box, first) || !survey(m, src))
        return ZBLOB_NO_MEMORY;
    unsigned char *at = label_write_head(&m->pixels, 0, src, dst);
    odds_write_to(&m->d.coder, at, dst_capacity - (size_t)(at - dst));
    if (code_box(m, NULL)) {
        unsigned char *end = odds_finish_short(&m->d.coder);
        *dst_size = m->d.coder.failed ? 0 : (size_t)(end - dst);
    }
    return ZBLOB_OK;
}

enum zblob_result
mixed_encode_box(struct label_box box, const unsigned char *src, unsigned char *dst, size_t dst_capacity,
                 size_t *dst_size)
{
    *dst_size = 0;
    if (box.pixel_size > LABEL_PIXEL_MAX)
        return ZBLOB_OK;
    struct mixed *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result =
        label_pixels_survey(&m->pixels, box.pixel_size, src, box.slices * box.height * box.width);
    m->pixels.is_reversed = box.is_reversed && box.pixel_size > 1;
    if (result == ZBLOB_OK && m->pixels.label_size)
        result = encode(m, box, src, dst, dst_capacity, dst_size);
    mixed_close(m);
    return result;
}

enum zblob_result
mixed_decode_box(struct label_box box, const unsigned char *src, size_t src_size, unsigned char *dst)
{
    struct mixed *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ZBLOB_NO_MEMORY;
    const unsigned char *at = src, *end = src + src_size, *first;
    unsigned number;
    enum zblob_result result = ZBLOB_DAMAGED;
    m->pixels = (struct label_pixels){.size = box.pixel_size, .has_palette = box.pixel_size > 2};
    m->d.coder.decodes = true;
    if (box.pixel_size <= LABEL_PIXEL_MAX && label_read_head(&m->pixels, &number, &at, end, &first) && number == 0) {
        result = ZBLOB_NO_MEMORY;
        if (label_pixels_open(&m->pixels) && mixed_start(m, box, label_add_pixel(&m->pixels, first))) {
            odds_read_from_short(&m->d.coder, at, (size_t)(end - at));
            bool is_whole = code_box(m, dst) && m->gaps.left == UINT64_MAX && odds_are_used_up_short(&m->d.coder);
            result = is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
        }
    }
    mixed_close(m);
    return result;
}
