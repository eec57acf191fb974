/*
 * voxel_label.c: label maps and masks: few values in flat areas.
 *
 * A row is coded as its even labels, then its odd ones; no label of a half-row refers to another, so 64 are
 * looked at at once. Where all neighbours agree a label is *flat*: a copy, with the exceptions listed by their
 * distances. All others are symbols (the first neighbour's label? the second one's that differs? the third?
 * none of them?) whose context is the pattern of equalities around. Rows amid one label take no work at all.
 */
#include "voxel_label.h"

#include <stdlib.h>
#include <string.h>

#define EVEN UINT64_C(0x5555555555555555)
#define HOPELESS_AFTER ((size_t)1 << 16) /* labels */

enum {
    FLAG_PALETTE = 16,
    FLAG_WIDE = 32,
    SIDE = 2, /* labels left and right of a row that repeat its ends */
};

/* What is known of a row besides its labels. */
struct row_state {
    bool is_constant; /* all labels are `value` */
    bool is_filled;   /* labels and edges are there; rows that are not constant always are */
    uint16_t value;
};

/* One row of the working planes. */
struct row {
    struct row_state *state;
    void *labels;
    uint64_t *edges; /* bit x: label x = label x + 1 */
};

struct label {
    struct label_coder coder;
    struct label_gaps gaps;
    struct label_pixels pixels;
    const struct voxel_label_ops *ops;
    size_t width, height, words, stride; /* words of 64 labels; stride in labels */
    uint64_t tail;                       /* the last word's bits that belong to the row */
    unsigned char *labels;               /* rows of two slices, and one of nothing but the first label */
    struct row_state *states;
    uint64_t *edges;
    uint64_t *agree, *uniform, *flat, *same; /* bits of the row at hand */
    uint16_t recent[LABEL_RECENT];           /* literals, the latest first */
    size_t recent_count;
    size_t literal_count; /* that were not recent */
    bool decode, failed;
    /* a batch */
    size_t batch_count;
    uint32_t positions[LABEL_BATCH_MAX];
    uint16_t contexts[LABEL_BATCH_MAX], second[LABEL_BATCH_MAX];
    uint8_t symbols[LABEL_BATCH_MAX];
};

static struct row
row_at(const struct label *l, size_t index)
{
    return (struct row){l->states + index, l->labels + (index * l->stride + SIDE) * l->pixels.label_size,
                        l->edges + index * l->words};
}

static inline unsigned
get_label(const struct label *l, const void *labels, size_t x)
{
    return l->pixels.label_size == 1 ? ((const uint8_t *)labels)[x] : ((const uint16_t *)labels)[x];
}

static inline void
put_label(const struct label *l, void *labels, size_t x, unsigned label)
{
    if (l->pixels.label_size == 1)
        ((uint8_t *)labels)[x] = (uint8_t)label;
    else
        ((uint16_t *)labels)[x] = (uint16_t)label;
}

/* ---- Literals ---------------------------------------------------------------------------------------- */

/* What the label cannot be, since it would have been coded otherwise. */
struct candidates {
    unsigned label[3];
};

static inline bool
is_excluded(const struct candidates *c, unsigned label)
{
    return label == c->label[0] || label == c->label[1] || label == c->label[2];
}

static unsigned
code_symbol(struct label *l, uint16_t context, unsigned symbol)
{
    uint8_t coded = (uint8_t)symbol;
    if (l->decode)
        label_decode_batch(&l->coder, &context, &coded, 1);
    else
        label_encode_batch(&l->coder, &context, &coded, 1);
    return coded;
}

/* A place in the list, by threes; false: it lies behind all of them. */
static bool
code_rank(struct label *l, size_t *rank)
{
    enum { STEP = LABEL_SYMBOLS - 1 };
    for (size_t step = 0; step < LABEL_LITERAL_CONTEXTS; step++) {
        size_t left = *rank - step * STEP;
        unsigned symbol = code_symbol(l, (uint16_t)(LABEL_LITERALS + step), left < STEP ? (unsigned)left : STEP);
        if (symbol < STEP) {
            *rank = step * STEP + symbol;
            return true;
        }
    }
    return false;
}

static unsigned
code_new_label(struct label *l, unsigned label)
{
    unsigned result = 0;
    l->literal_count++;
    for (size_t i = 0; i < l->pixels.label_size; i++) {
        if (l->decode)
            result |= label_decode_raw(&l->coder) << 8 * i;
        else
            label_encode_raw(&l->coder, label >> 8 * i & 255);
    }
    return l->decode ? result : label;
}

/* Recent literals are told by their place among those that are possible. */
static unsigned
code_literal(struct label *l, unsigned label, const struct candidates *excluded)
{
    size_t rank = SIZE_MAX - LABEL_RECENT, possible = 0, place = 0;
    for (; !l->decode && place < l->recent_count && l->recent[place] != label; place++)
        possible += !is_excluded(excluded, l->recent[place]);
    if (!l->decode && place < l->recent_count)
        rank = possible;
    if (!code_rank(l, &rank)) {
        label = code_new_label(l, label);
        place = l->recent_count < LABEL_RECENT ? l->recent_count++ : LABEL_RECENT - 1;
    } else if (l->decode) {
        for (place = 0; place < l->recent_count; place++)
            if (!is_excluded(excluded, l->recent[place]) && rank-- == 0)
                break;
        if (place == l->recent_count) {
            l->failed = true;
            return 0;
        }
        label = l->recent[place];
    }
    memmove(l->recent + 1, l->recent, place * sizeof *l->recent);
    l->recent[0] = (uint16_t)label;
    return label;
}

/* ---- Symbols ------------------------------------------------------------------------------------------- */

/* The neighbours of a half-row, in the order in which they are asked for; labels of either size. */
struct sites {
    const void *at[LABEL_SITES];
};

static unsigned
third_candidate(const struct label *l, const struct sites *sites, size_t x, unsigned first, unsigned second)
{
    for (int k = 1; k < LABEL_SITES; k++) {
        unsigned label = get_label(l, sites->at[k], x);
        if (label != first && label != second)
            return label;
    }
    return first;
}

static inline __attribute__((always_inline)) void
find_symbols(struct label *l, const struct sites *sites, const void *now, size_t label_size)
{
    for (size_t i = 0; i < l->batch_count; i++) {
        size_t x = l->positions[i];
        unsigned label = label_size == 1 ? ((const uint8_t *)now)[x] : ((const uint16_t *)now)[x];
        unsigned first =
            label_size == 1 ? ((const uint8_t *)sites->at[0])[x] : ((const uint16_t *)sites->at[0])[x];
        unsigned symbol = label == first ? 0 : label == l->second[i] ? 1 : 2;
        if (symbol == 2 && third_candidate(l, sites, x, first, l->second[i]) != label)
            symbol = 3;
        l->symbols[i] = (uint8_t)symbol;
    }
}

static inline __attribute__((always_inline)) void
place_labels(struct label *l, const struct sites *sites, void *now, size_t label_size)
{
    for (size_t i = 0; i < l->batch_count; i++) {
        size_t x = l->positions[i];
        unsigned first =
            label_size == 1 ? ((const uint8_t *)sites->at[0])[x] : ((const uint16_t *)sites->at[0])[x];
        unsigned label = l->symbols[i] ? l->second[i] : first;
        if (l->symbols[i] == 2)
            label = third_candidate(l, sites, x, first, l->second[i]);
        if (label_size == 1)
            ((uint8_t *)now)[x] = (uint8_t)label;
        else
            ((uint16_t *)now)[x] = (uint16_t)label;
    }
}

static void
code_batch(struct label *l, const struct sites *sites, void *now)
{
    size_t size = l->pixels.label_size;
    if (l->decode) {
        label_decode_batch(&l->coder, l->contexts, l->symbols, l->batch_count);
        if (size == 1)
            place_labels(l, sites, now, 1);
        else
            place_labels(l, sites, now, 2);
    } else {
        if (size == 1)
            find_symbols(l, sites, now, 1);
        else
            find_symbols(l, sites, now, 2);
        label_encode_batch(&l->coder, l->contexts, l->symbols, l->batch_count);
    }
    for (size_t i = 0; i < l->batch_count; i++)
        if (l->symbols[i] == 3) {
            size_t x = l->positions[i];
            struct candidates c = {{get_label(l, sites->at[0], x), l->second[i], 0}};
            c.label[2] = third_candidate(l, sites, x, c.label[0], c.label[1]);
            put_label(l, now, x, code_literal(l, get_label(l, now, x), &c));
        }
    l->batch_count = 0;
}

/* All labels of one parity that are not flat. */
static void
code_symbols(struct label *l, const struct sites *sites, void *now, uint16_t table, uint64_t parity)
{
    uint16_t contexts[LABEL_BLOCK];
    _Alignas(2) unsigned char second[2 * LABEL_BLOCK];
    for (size_t word = 0; word < l->words; word++) {
        uint64_t coded = parity & ~l->flat[word] & (word + 1 == l->words ? l->tail : UINT64_MAX);
        if (coded == 0)
            continue;
        l->ops->context(sites->at, word * LABEL_BLOCK, contexts, second);
        size_t count = l->batch_count;
        for (; coded; coded &= coded - 1, count++) {
            size_t i = (size_t)__builtin_ctzll(coded);
            l->positions[count] = (uint32_t)(word * LABEL_BLOCK + i);
            l->contexts[count] = (uint16_t)(table + contexts[i]);
            l->second[count] = (uint16_t)get_label(l, second, i);
        }
        l->batch_count = count;
        if (count >= LABEL_BATCH)
            code_batch(l, sites, now);
    }
    if (l->batch_count)
        code_batch(l, sites, now);
}

/* ---- Flat labels ----------------------------------------------------------------------------------------- */

static inline uint64_t
flat_word(const struct label *l, size_t word, uint64_t parity)
{
    return parity & l->flat[word] & (word + 1 == l->words ? l->tail : UINT64_MAX);
}

static void
code_exception(struct label *l, const void *n, void *now, size_t x)
{
    unsigned usual = get_label(l, n, x);
    struct candidates c = {{usual, usual, usual}};
    put_label(l, now, x, code_literal(l, get_label(l, now, x), &c));
    if (l->decode)
        label_gaps_next(&l->gaps);
    else if (!label_gaps_add(&l->gaps))
        l->coder.failed = true;
}

/* The place of bit number `index` in a word that has more. */
static size_t
select_bit(uint64_t word, uint64_t index)
{
    for (; index > 0; index--)
        word &= word - 1;
    return (size_t)__builtin_ctzll(word);
}

static void
decode_exceptions(struct label *l, const void *n, void *now, uint64_t parity)
{
    for (size_t word = 0; word < l->words; word++) {
        uint64_t flat = flat_word(l, word, parity);
        while (l->gaps.left < (uint64_t)__builtin_popcountll(flat)) {
            size_t i = select_bit(flat, l->gaps.left);
            flat &= ~((UINT64_C(2) << i) - 1);
            code_exception(l, n, now, word * LABEL_BLOCK + i);
        }
        if (l->gaps.left != UINT64_MAX)
            l->gaps.left -= (uint64_t)__builtin_popcountll(flat);
    }
}

static void
encode_exceptions(struct label *l, const void *n, void *now, uint64_t parity)
{
    for (size_t word = 0; word < l->words; word++) {
        uint64_t flat = flat_word(l, word, parity);
        for (uint64_t other = flat & ~l->same[word]; other; other &= other - 1) {
            size_t i = (size_t)__builtin_ctzll(other);
            uint64_t upto = (UINT64_C(2) << i) - 1;
            l->gaps.left += (uint64_t)__builtin_popcountll(flat & upto) - 1;
            flat &= ~upto;
            code_exception(l, n, now, word * LABEL_BLOCK + i);
        }
        l->gaps.left += (uint64_t)__builtin_popcountll(flat);
    }
}

static void
code_exceptions(struct label *l, const void *n, void *now, uint64_t parity)
{
    if (!l->decode) {
        encode_exceptions(l, n, now, parity);
        return;
    }
    uint64_t count = 0;
    for (size_t word = 0; word < l->words; word++)
        count += (uint64_t)__builtin_popcountll(flat_word(l, word, parity));
    if (l->gaps.left < count)
        decode_exceptions(l, n, now, parity);
    else if (l->gaps.left != UINT64_MAX)
        l->gaps.left -= count;
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

/* The rows that a row refers to. In a chunk's first slice, and where slices do not refer to each other, only n
 * and nn are its own; the others stand in for uniformity. */
struct above {
    struct row n, nn, p, pn, ps;
    bool is_first;
};

static void
fill_row(struct label *l, struct row row)
{
    if (row.state->is_filled)
        return;
    if (l->pixels.label_size == 1)
        memset((uint8_t *)row.labels - SIDE, row.state->value, l->width + 2 * SIDE);
    else
        for (size_t i = 0; i < l->width + 2 * SIDE; i++)
            ((uint16_t *)row.labels - SIDE)[i] = row.state->value;
    memset(row.edges, 255, l->words * sizeof *row.edges);
    row.state->is_filled = true;
}

/* Repeat the ends, find the edges. */
static void
finish_row(struct label *l, struct row row)
{
    unsigned first = get_label(l, row.labels, 0), last = get_label(l, row.labels, l->width - 1);
    size_t size = l->pixels.label_size;
    for (size_t i = 0; i < SIDE; i++) {
        put_label(l, (unsigned char *)row.labels - SIDE * size, i, first);
        put_label(l, row.labels, l->width + i, last);
    }
    l->ops->equal(row.labels, (unsigned char *)row.labels + size, l->words, row.edges);
    row.edges[l->words - 1] |= ~l->tail;
    uint64_t all = UINT64_MAX;
    for (size_t word = 0; word < l->words; word++)
        all &= row.edges[word];
    *row.state = (struct row_state){all == UINT64_MAX, true, (uint16_t)first};
}

/* Do all neighbours of all labels agree? */
static inline bool
is_amid_one_label(const struct above *a)
{
    const struct row_state *n = a->n.state, *p = a->p.state, *ps = a->ps.state;
    return n->is_constant && p->is_constant && ps->is_constant && n->value == p->value && n->value == ps->value;
}

static void
set_constant(struct row row, uint16_t value)
{
    struct row_state *state = row.state;
    *state = (struct row_state){true, state->is_filled && state->is_constant && state->value == value, value};
}

/* Offsets in labels from a row's label x: -1 is W, +1 is E. */
#define SITE(row, offset) ((unsigned char *)(row).labels + (ptrdiff_t)(offset) * (ptrdiff_t)size)

static void
set_sites(const struct label *l, const struct above *a, struct row now, int parity, struct sites *sites)
{
    ptrdiff_t size = (ptrdiff_t)l->pixels.label_size;
    const void **at = sites->at;
    int k = 0;
    if (parity == 0) {
        at[k++] = SITE(a->n, 0);
    } else {
        at[k++] = SITE(now, -1);
        at[k++] = SITE(now, 1);
        at[k++] = SITE(a->n, 0);
    }
    if (a->is_first) {
        static const int8_t beside[] = {1, -1, 2, -2}, two_above[] = {0, 1, -1, 2, -2};
        for (size_t i = 0; i < sizeof beside; i++)
            at[k++] = SITE(a->n, beside[i]);
        for (size_t i = 0; k < LABEL_SITES; i++)
            at[k++] = SITE(a->nn, two_above[i]);
        return;
    }
    at[k++] = SITE(a->p, 0);
    at[k++] = SITE(a->n, 1);
    at[k++] = SITE(a->n, -1);
    at[k++] = SITE(a->p, 1);
    at[k++] = SITE(a->ps, 0);
    at[k++] = SITE(a->p, -1);
    at[k++] = SITE(a->pn, 0);
    if (parity == 0) {
        at[k++] = SITE(a->ps, 1);
        at[k++] = SITE(a->nn, 0);
    }
}

static void
code_row(struct label *l, const struct above *a, struct row now)
{
    const void *rows[3] = {a->n.labels, a->p.labels, a->ps.labels};
    const uint64_t *edges[3] = {a->n.edges, a->p.edges, a->ps.edges};
    size_t size = l->pixels.label_size;
    struct sites sites;
    uint16_t table = a->is_first ? 2 * LABEL_CONTEXTS : 0;
    fill_row(l, a->n);
    fill_row(l, a->nn);
    fill_row(l, a->p);
    fill_row(l, a->pn);
    fill_row(l, a->ps);
    l->ops->uniform(rows, edges, l->words, l->agree, l->uniform);
    if (l->decode)
        memcpy(now.labels, a->n.labels, l->width * size);
    else
        l->ops->equal(now.labels, a->n.labels, l->words, l->same);
    l->flat = l->uniform;
    set_sites(l, a, now, 0, &sites);
    code_symbols(l, &sites, now.labels, table, EVEN);
    code_exceptions(l, a->n.labels, now.labels, EVEN);
    if (l->width % 2 == 0) /* the last label's neighbour on the right is the one on the left */
        put_label(l, now.labels, l->width, get_label(l, now.labels, l->width - 2));
    l->flat = l->agree;
    l->ops->between(now.labels, a->n.labels, l->agree, l->words, l->flat);
    set_sites(l, a, now, 1, &sites);
    code_symbols(l, &sites, now.labels, (uint16_t)(table + LABEL_CONTEXTS), ~EVEN);
    code_exceptions(l, a->n.labels, now.labels, ~EVEN);
    finish_row(l, now);
}

static void
encode_row(struct label *l, const struct above *a, struct row now, const unsigned char *src)
{
    if (is_amid_one_label(a) && label_is_constant(src, l->pixels.size, l->width)) {
        uint16_t value = 0;
        label_load(&l->pixels, src, &value, 1);
        if (value == a->n.state->value) {
            set_constant(now, value);
            l->gaps.left += l->width;
            return;
        }
    }
    label_load(&l->pixels, src, now.labels, l->width);
    code_row(l, a, now);
}

static void
decode_row(struct label *l, const struct above *a, struct row now, unsigned char *dst)
{
    if (is_amid_one_label(a) && l->gaps.left >= l->width) {
        uint16_t value = a->n.state->value;
        set_constant(now, value);
        if (l->gaps.left != UINT64_MAX)
            l->gaps.left -= l->width;
        label_fill(&l->pixels, value, dst, l->width);
        return;
    }
    code_row(l, a, now);
    label_store(&l->pixels, now.labels, dst, l->width);
}

static void
refer(const struct label *l, size_t slice, size_t y, struct above *a)
{
    size_t now = slice % 2 * l->height + y, before = (slice + 1) % 2 * l->height + y, blank = 2 * l->height;
    a->is_first = slice == 0;
    a->n = row_at(l, y > 0 ? now - 1 : a->is_first ? blank : before);
    a->nn = y > 1 ? row_at(l, now - 2) : a->n;
    a->p = a->ps = a->pn = a->nn;
    if (!a->is_first) {
        a->p = row_at(l, before);
        a->pn = y > 0 ? row_at(l, before - 1) : a->p;
        a->ps = y + 1 < l->height ? row_at(l, before + 1) : a->p;
    }
}

/* ---- Chunks ------------------------------------------------------------------------------------------------- */

/* Working memory for a chunk whose pixels are known. */
static bool
label_start(struct label *l, const struct voxel_model *model, struct voxel_box box, unsigned first)
{
    l->width = (size_t)model->shape.width;
    l->height = (size_t)box.rows;
    l->words = (l->width + LABEL_BLOCK - 1) / LABEL_BLOCK;
    l->stride = l->width + 2 * SIDE;
    l->tail = UINT64_MAX >> (l->words * LABEL_BLOCK - l->width);
    l->ops = &voxel_ops()->label[l->pixels.label_size - 1];
    size_t rows = 2 * l->height + 1;
    l->labels = calloc(rows * l->stride + 2 * LABEL_BLOCK, l->pixels.label_size); /* kernels read whole blocks */
    l->states = calloc(rows, sizeof *l->states);
    l->edges = malloc((rows + 3) * l->words * sizeof *l->edges);
    if (l->labels == NULL || l->states == NULL || l->edges == NULL)
        return false;
    l->agree = l->edges + rows * l->words;
    l->uniform = l->agree + l->words;
    l->same = l->uniform + l->words;
    l->states[rows - 1] = (struct row_state){true, false, (uint16_t)first};
    label_coder_open(&l->coder);
    return true;
}

static void
label_close(struct label *l)
{
    label_coder_close(&l->coder);
    label_pixels_close(&l->pixels);
    free(l->gaps.list);
    free(l->labels);
    free(l->states);
    free(l->edges);
    free(l);
}

/* Many literals, little else: such a chunk will not become smaller. */
static bool
is_hopeless(const struct label *l, size_t done)
{
    return l->literal_count > HOPELESS_AFTER / 2 && l->literal_count > done / 2;
}

static void
code_box(struct label *l, struct voxel_box box, const unsigned char *src, unsigned char *dst)
{
    size_t pitch = l->width * l->pixels.size;
    struct above above;
    for (size_t z = 0; z < box.slices; z++)
        for (size_t y = 0; y < l->height && !l->failed && !l->coder.failed; y++) {
            size_t row = z * l->height + y;
            refer(l, z, y, &above);
            if (l->decode)
                decode_row(l, &above, row_at(l, z % 2 * l->height + y), dst + row * pitch);
            else
                encode_row(l, &above, row_at(l, z % 2 * l->height + y), src + row * pitch);
            if (!l->decode && is_hopeless(l, row * l->width))
                l->failed = true;
        }
}

static unsigned char *
put_varint(unsigned char *at, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *at++ = (unsigned char)(value | 128);
    *at++ = (unsigned char)value;
    return at;
}

static bool
get_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 35 && *at < end; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

/* Everything before the symbols; returns its size, 0 where it does not fit. */
static size_t
write_head(const struct label *l, unsigned first, unsigned char *dst, size_t capacity)
{
    const struct label_pixels *pixels = &l->pixels;
    size_t palette_size = pixels->has_palette ? pixels->palette_count * pixels->size : 0;
    if (capacity < 32 + palette_size)
        return 0;
    int order = label_gaps_order(&l->gaps);
    unsigned char *at = dst;
    *at++ = (unsigned char)(order | pixels->has_palette * FLAG_PALETTE | (pixels->label_size == 2) * FLAG_WIDE);
    if (pixels->has_palette) {
        at = put_varint(at, pixels->palette_count);
        memcpy(at, pixels->palette, palette_size);
        at += palette_size;
    }
    *at++ = (unsigned char)first;
    if (pixels->label_size == 2)
        *at++ = (unsigned char)(first >> 8);
    at = put_varint(at, l->gaps.count);
    if (l->gaps.count) {
        struct voxel_bit_writer writer = {at + 4, dst + capacity, 0, 0, false};
        for (size_t i = 0; i < l->gaps.count; i++)
            voxel_put_golomb(&writer, l->gaps.list[i], order);
        voxel_flush_bits(&writer);
        if (writer.overflow)
            return 0;
        voxel_put32(at, (uint32_t)(writer.at - (at + 4)));
        at = writer.at;
    }
    return (size_t)(at - dst);
}

enum zblob_result
voxel_encode_label(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                   unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    *dst_size = 0;
    size_t pixel = (size_t)model->shape.components * voxel_sample_size(model->grid.sample_type);
    const unsigned char *src = voxel_row_address(model, samples, box.slice, box.row);
    if (pixel > LABEL_PIXEL_MAX)
        return ZBLOB_OK;
    struct label *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    uint16_t first = 0;
    size_t count = (size_t)(box.slices * box.rows * model->shape.width);
    enum zblob_result result = label_pixels_survey(&l->pixels, pixel, src, count);
    if (result == ZBLOB_OK && l->pixels.label_size) {
        label_load(&l->pixels, src, &first, 1);
        if (!label_start(l, model, box, first))
            result = ZBLOB_NO_MEMORY;
    }
    if (result == ZBLOB_OK && l->pixels.label_size) {
        code_box(l, box, src, NULL);
        size_t head = l->failed || l->coder.failed ? 0 : write_head(l, first, dst, dst_capacity);
        size_t rest = head ? label_coder_write(&l->coder, dst + head, dst_capacity - head) : 0;
        *dst_size = head && rest != SIZE_MAX ? head + rest : 0;
        if (l->coder.failed)
            result = ZBLOB_NO_MEMORY;
    }
    label_close(l);
    return result;
}

/* The head's counterpart: false where it contradicts itself. *first is the first label. */
static bool
read_head(struct label *l, const unsigned char **at, const unsigned char *end, unsigned *first)
{
    struct label_pixels *pixels = &l->pixels;
    uint64_t count;
    unsigned flags = end - *at > 0 ? *(*at)++ : 255;
    if (flags > 63 || pixels->has_palette != ((flags & FLAG_PALETTE) != 0))
        return false;
    pixels->label_size = flags & FLAG_WIDE ? 2 : 1;
    l->gaps.order = flags & 15;
    if (!pixels->has_palette && pixels->label_size != pixels->size)
        return false;
    if (pixels->has_palette) {
        if (!get_varint(at, end, &count) || count == 0 || count > (uint64_t)(end - *at) / pixels->size)
            return false;
        pixels->palette = *at;
        pixels->palette_count = (size_t)count;
        *at += pixels->palette_count * pixels->size;
    }
    if ((size_t)(end - *at) < pixels->label_size)
        return false;
    *first = *(*at)++;
    if (pixels->label_size == 2)
        *first |= (unsigned)*(*at)++ << 8;
    if (!get_varint(at, end, &count))
        return false;
    l->gaps.count = (size_t)count;
    if (count) {
        if (end - *at < 4 || voxel_get32(*at) > (size_t)(end - *at) - 4)
            return false;
        const unsigned char *bits = *at + 4;
        *at = bits + voxel_get32(*at);
        l->gaps.reader = (struct voxel_bit_reader){bits, *at, 0, 0, false};
    }
    label_gaps_next(&l->gaps);
    return true;
}

enum zblob_result
voxel_decode_label(const struct voxel_model *model, struct voxel_box box, const unsigned char *src, size_t src_size,
                   unsigned char *dst)
{
    struct label *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ZBLOB_NO_MEMORY;
    l->decode = true;
    l->pixels.size = (size_t)model->shape.components * voxel_sample_size(model->grid.sample_type);
    l->pixels.has_palette = l->pixels.size > 2;
    const unsigned char *at = src, *end = src + src_size;
    unsigned first = 0;
    enum zblob_result result = ZBLOB_DAMAGED;
    if (l->pixels.size <= LABEL_PIXEL_MAX && read_head(l, &at, end, &first)) {
        result = ZBLOB_NO_MEMORY;
        if (label_start(l, model, box, first)) {
            label_coder_read(&l->coder, at, (size_t)(end - at));
            code_box(l, box, NULL, dst);
            result = l->failed || l->coder.failed || l->gaps.reader.overflow ? ZBLOB_DAMAGED : ZBLOB_OK;
        }
    }
    label_close(l);
    return result;
}
