/*
 * label_rows_template.h: rows of a label map, their even labels and then their odd ones. Included by target_template.h
 * for labels of 8 and of 16 bits, so that each target's compiler sees all of it.
 *
 * The rows at work do not refer to each other: their symbols are coded together.
 */

/* An unsigned type for one label, and one for two of them; and a function's name for this width of labels. */
#ifndef LABEL_T
#error "LABEL_T: uint8_t or uint16_t"
#endif
#ifndef LABEL_PAIR
#error "LABEL_PAIR: uint16_t or uint32_t"
#endif
#ifndef LABEL_NAME
#error "LABEL_NAME(name): name##_8 or name##_16"
#endif

#include "../label/rows.h"
#include "label_groups_template.h"
#include "label_words_template.h"

#include <string.h>

/* ---- Symbols ----------------------------------------------------------------------------------------------- */

/* The half-row's neighbours, in the order in which candidates are taken from them. */
static inline __attribute__((always_inline)) void
LABEL_NAME(find_sites)(const struct label_work *work, int parity, bool is_first, const LABEL_T *at[LABEL_SITES])
{
    const struct label_above *a = &work->above;
    const LABEL_T *n = a->n.half[parity], *p = a->p.half[parity], *now = work->row.half[0];
    /* the labels to the right; those to the left are at the place before */
    const LABEL_T *ne = (const LABEL_T *)a->n.half[!parity] + parity,
                  *pe = (const LABEL_T *)a->p.half[!parity] + parity;
    const LABEL_T *nn = a->nn.half[parity], *nne = (const LABEL_T *)a->nn.half[!parity] + parity;
    const LABEL_T *pn = a->pn.half[parity], *ps = a->ps.half[parity];
    const LABEL_T *pse = (const LABEL_T *)a->ps.half[!parity] + parity;
#define SITES(...) memcpy(at, ((const LABEL_T *[]){__VA_ARGS__}), LABEL_SITES * sizeof *at)
    if (parity == 0 && is_first)
        SITES(n, ne, ne - 1, n + 1, n - 1, nn, nne, nne - 1, nn + 1, nn - 1);
    else if (parity == 0)
        SITES(n, p, ne, ne - 1, pe, ps, pe - 1, pn, pse, nn);
    else if (is_first)
        SITES(now, now + 1, n, ne, ne - 1, n + 1, n - 1, nn, nne, nne - 1);
    else
        SITES(now, now + 1, n, p, ne, ne - 1, pe, ps, pe - 1, pn);
#undef SITES
}

static inline const LABEL_T *
LABEL_NAME(first_candidates)(const struct label_work *work, int parity)
{
    return parity ? work->row.half[0] : work->above.n.half[0];
}

static __attribute__((noinline)) LABEL_T
LABEL_NAME(third_candidate)(const struct label_work *work, size_t x, int parity, unsigned first, unsigned second)
{
    const LABEL_T *sites[LABEL_SITES];
    LABEL_NAME(find_sites)(work, parity, work->above.is_first, sites);
    for (int k = 1; k < LABEL_SITES; k++)
        if (sites[k][x] != first && sites[k][x] != second)
            return sites[k][x];
    return (LABEL_T)first;
}

/* Encoder: notes the symbols of a word; the first of them is symbol number `count`. */
static inline void
LABEL_NAME(note_symbols)(struct label *l, const struct label_work *work, size_t word, int parity, size_t count)
{
    const LABEL_T *now = (const LABEL_T *)work->row.half[parity] + word * LABEL_BLOCK;
    const LABEL_T *first = LABEL_NAME(first_candidates)(work, parity) + word * LABEL_BLOCK;
    const LABEL_T *second = (const LABEL_T *)work->second + word * LABEL_BLOCK;
    uint64_t coded = work->coded[word], other = coded & ~LABEL_NAME(equal_word)(now, first), none = 0;
    uint64_t rare = other & ~LABEL_NAME(equal_word)(now, second);
    for (uint64_t bits = rare; bits; bits &= bits - 1) {
        size_t i = (size_t)__builtin_ctzll(bits);
        LABEL_T third = LABEL_NAME(third_candidate)(work, word * LABEL_BLOCK + i, parity, first[i], second[i]);
        none |= third == now[i] ? 0 : bits & -bits;
    }
    label_put_bits(l->above[0], count, label_pack(other, coded));
    label_put_bits(l->above[1], count, label_pack(rare, coded));
    label_put_bits(l->above[2], count, label_pack(none, coded));
}

/* Finds the contexts of all labels of the half that are not flat. Returns the number of symbols so far. */
static inline __attribute__((always_inline)) size_t
LABEL_NAME(find_symbols)(struct label *l, const struct label_work *work, int parity, bool is_first, size_t count,
                         bool decode)
{
    const LABEL_T *sites[LABEL_SITES];
    LABEL_NAME(find_sites)(work, parity, is_first, sites);
    unsigned table = (unsigned)(2 * is_first + parity) * LABEL_CONTEXTS;
    for (size_t word = 0; word < l->words; word++) {
        uint64_t tail = word + 1 == l->words ? l->tail[parity] : UINT64_MAX, coded = ~work->flat[word] & tail;
        work->flat[word] &= tail;
        work->coded[word] = coded;
        if (coded == 0)
            continue;
        LABEL_NAME(find_contexts)
        (sites, word * LABEL_BLOCK, coded, table, l->contexts + count, (LABEL_T *)work->second + word * LABEL_BLOCK);
        if (!decode)
            LABEL_NAME(note_symbols)(l, work, word, parity, count);
        count += (size_t)__builtin_popcountll(coded);
    }
    return count;
}

/* Symbols 2 and 3 of a word. */
static void
LABEL_NAME(place_rare)(struct label *l, const struct label_work *work, size_t word, int parity, uint64_t rare,
                       uint64_t none)
{
    LABEL_T *now = work->row.half[parity];
    const LABEL_T *first = LABEL_NAME(first_candidates)(work, parity), *second = work->second;
    for (; rare; none >>= 1, rare &= rare - 1) {
        size_t x = word * LABEL_BLOCK + (size_t)__builtin_ctzll(rare);
        LABEL_T third = LABEL_NAME(third_candidate)(work, x, parity, first[x], second[x]);
        if (none & 1) {
            const struct label_place place = {
                &work->above, &work->row, 2 * x + (size_t)parity, false, {first[x], second[x], third}};
            now[x] = (LABEL_T)label_code_literal(&l->literals, &l->coder, &place, now[x]);
        } else
            now[x] = third;
    }
}

/* Decoder: stores the labels that the symbols stand for. Encoder and decoder: codes literals. */
static inline __attribute__((always_inline)) size_t
LABEL_NAME(place_symbols)(struct label *l, const struct label_work *work, int parity, size_t count, bool decode)
{
    LABEL_T *now = work->row.half[parity];
    const LABEL_T *first = LABEL_NAME(first_candidates)(work, parity), *second = work->second;
    for (size_t word = 0; word < l->words; word++) {
        uint64_t coded = work->coded[word];
        if (coded == 0)
            continue;
        size_t x = word * LABEL_BLOCK;
        uint64_t rare = label_spread(label_get_bits(l->above[1], count), coded);
        if (decode) {
            uint64_t other = label_spread(label_get_bits(l->above[0], count), coded);
            LABEL_NAME(choose)(now + x, coded & ~other, other, first + x, second + x);
        }
        if (__builtin_expect(rare != 0, 0)) {
            uint64_t none = label_spread(label_get_bits(l->above[2], count), coded);
            LABEL_NAME(place_rare)(l, work, word, parity, rare, label_pack(none, rare));
        }
        count += (size_t)__builtin_popcountll(coded);
    }
    return count;
}

/* ---- Flat labels -------------------------------------------------------------------------------------------- */

static LABEL_T
LABEL_NAME(code_exception)(struct label *l, const struct label_work *work, size_t x, LABEL_T usual, LABEL_T label)
{
    const struct label_place place = {&work->above, &work->row, x, true, {usual, usual, usual}};
    label = (LABEL_T)label_code_literal(&l->literals, &l->coder, &place, label);
    if (l->decode)
        label_gaps_next(&l->gaps);
    else if (!label_gaps_add(&l->gaps))
        l->coder.failed = true;
    return label;
}

static void
LABEL_NAME(decode_exceptions)(struct label *l, const struct label_work *work, int parity)
{
    LABEL_T *now = work->row.half[parity];
    for (size_t word = 0; word < l->words; word++) {
        uint64_t flat = work->flat[word];
        while (l->gaps.left < (uint64_t)__builtin_popcountll(flat)) {
            for (; l->gaps.left; l->gaps.left--)
                flat &= flat - 1;
            size_t x = word * LABEL_BLOCK + (size_t)__builtin_ctzll(flat);
            flat &= flat - 1;
            now[x] = LABEL_NAME(code_exception)(l, work, 2 * x + (size_t)parity, now[x], 0);
        }
        if (l->gaps.left != UINT64_MAX)
            l->gaps.left -= (uint64_t)__builtin_popcountll(flat);
    }
}

static void
LABEL_NAME(encode_exceptions)(struct label *l, const struct label_work *work, int parity)
{
    const LABEL_T *n = work->above.n.half[parity], *now = work->row.half[parity];
    for (size_t word = 0; word < l->words; word++) {
        size_t x = word * LABEL_BLOCK;
        uint64_t flat = work->flat[word], same = LABEL_NAME(equal_word)(now + x, n + x);
        for (uint64_t other = flat & ~same; other; other &= other - 1) {
            size_t i = (size_t)__builtin_ctzll(other);
            uint64_t upto = (UINT64_C(2) << i) - 1;
            l->gaps.left += (uint64_t)__builtin_popcountll(flat & upto) - 1;
            flat &= ~upto;
            LABEL_NAME(code_exception)(l, work, 2 * (x + i) + (size_t)parity, n[x + i], now[x + i]);
        }
        l->gaps.left += (uint64_t)__builtin_popcountll(flat);
    }
}

static inline __attribute__((always_inline)) void
LABEL_NAME(code_exceptions)(struct label *l, const struct label_work *work, int parity, bool decode)
{
    uint64_t count = 0;
    for (size_t word = 0; word < l->words; word++)
        count += (uint64_t)__builtin_popcountll(work->flat[word]);
    if (!decode)
        LABEL_NAME(encode_exceptions)(l, work, parity);
    else if (l->gaps.left < count)
        LABEL_NAME(decode_exceptions)(l, work, parity);
    else if (l->gaps.left != UINT64_MAX)
        l->gaps.left -= count;
}

/* ---- Rows ---------------------------------------------------------------------------------------------------- */

static void
LABEL_NAME(fill_row)(const struct label *l, struct label_row row)
{
    for (int parity = 0; parity < 2; parity++) {
        LABEL_T *labels = (LABEL_T *)row.half[parity] - LABEL_SIDE;
        for (size_t i = 0; i < l->stride; i++)
            labels[i] = (LABEL_T)row.state->value;
    }
    memset(row.edges, 255, 2 * l->words * sizeof *row.edges);
    row.state->is_filled = true;
}

static inline void
LABEL_NAME(fill_rows)(const struct label *l, const struct label_above *a)
{
    const struct label_row *rows[] = {&a->n, &a->nn, &a->p, &a->pn, &a->ps};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!rows[i]->state->is_filled)
            LABEL_NAME(fill_row)(l, *rows[i]);
}

static inline __attribute__((always_inline)) void
LABEL_NAME(begin_row)(struct label *l, const struct label_work *work, bool decode)
{
    const struct label_row *row = &work->row;
    LABEL_NAME(fill_rows)(l, &work->above);
    if (decode) {
        for (int parity = 0; parity < 2; parity++)
            memcpy(row->half[parity], work->above.n.half[parity], l->count[parity] * sizeof(LABEL_T));
    } else if (l->pixels.has_palette) {
        label_load(&l->pixels, work->src, l->line, l->width);
        LABEL_NAME(split)(l->line, row->half[0], row->half[1], l->width);
    } else {
        LABEL_NAME(split)(work->src, row->half[0], row->half[1], l->width);
    }
}

/* Repeat the ends, find the edges. */
static inline __attribute__((always_inline)) void
LABEL_NAME(finish_row)(const struct label *l, const struct label_work *work, bool decode)
{
    struct label_row row = work->row;
    LABEL_T *even = row.half[0], *odd = row.half[1];
    LABEL_T last = l->width % 2 ? even[l->count[0] - 1] : odd[l->count[1] - 1];
    uint64_t all = UINT64_MAX, left = 1; /* even labels were stored some time ago: look at their neighbours */
    for (size_t word = 0; word < l->words; word++) {
        size_t x = word * LABEL_BLOCK;
        bool is_last = word + 1 == l->words;
        uint64_t right = LABEL_NAME(equal_word)(even + x + 1, odd + x);
        row.edges[word] = LABEL_NAME(equal_word)(even + x, odd + x) | (is_last ? ~l->tail[1] : 0);
        row.edges[l->words + word] = right << 1 | left | (is_last ? ~l->tail[0] : 0);
        all &= row.edges[word] & row.edges[l->words + word];
        left = right >> 63;
    }
    even[-1] = odd[-1] = even[0];
    even[l->count[0]] = odd[l->count[1]] = last;
    *row.state = (struct label_state){all == UINT64_MAX, true, even[0]};
    if (decode && l->pixels.has_palette) {
        LABEL_NAME(join)(even, odd, l->line, l->width);
        label_store(&l->pixels, l->line, work->dst, l->width);
    } else if (decode) {
        LABEL_NAME(join)(even, odd, work->dst, l->width);
    }
}

/* The rows' labels of one parity. */
static inline __attribute__((always_inline)) void
LABEL_NAME(code_half)(struct label *l, int parity, bool decode)
{
    size_t count = 0;
    for (size_t k = 0; k < l->work_count; k++) {
        if (parity == 0)
            LABEL_NAME(find_flat_even)(&l->work[k], l->words);
        else
            LABEL_NAME(find_flat_odd)(&l->work[k], l->words);
        if (l->work[k].above.is_first)
            count = LABEL_NAME(find_symbols)(l, &l->work[k], parity, true, count, decode);
        else
            count = LABEL_NAME(find_symbols)(l, &l->work[k], parity, false, count, decode);
    }
    for (size_t i = 0; i < LABEL_LANES; i++)
        l->contexts[count + i] = LABEL_IDLE;
    if (count && decode)
        label_decode_groups(&l->coder, l->contexts, count, l->above);
    else if (count)
        label_encode_groups(&l->coder, l->contexts, count, l->above);
    count = 0;
    for (size_t k = 0; k < l->work_count; k++)
        count = LABEL_NAME(place_symbols)(l, &l->work[k], parity, count, decode);
    for (size_t k = 0; k < l->work_count; k++)
        LABEL_NAME(code_exceptions)(l, &l->work[k], parity, decode);
}

static inline __attribute__((always_inline)) void
LABEL_NAME(code_rows)(struct label *l, bool decode)
{
    for (size_t k = 0; k < l->work_count; k++)
        LABEL_NAME(begin_row)(l, &l->work[k], decode);
    LABEL_NAME(code_half)(l, 0, decode);
    for (size_t k = 0; k < l->work_count; k++) { /* the last odd label may have its left neighbour on the right, too */
        LABEL_T *even = l->work[k].row.half[0];
        even[l->count[0]] = even[l->count[0] - 1];
    }
    LABEL_NAME(code_half)(l, 1, decode);
    for (size_t k = 0; k < l->work_count; k++)
        LABEL_NAME(finish_row)(l, &l->work[k], decode);
}

static void
LABEL_NAME(encode_rows)(struct label *l)
{
    LABEL_NAME(code_rows)(l, false);
}

static void
LABEL_NAME(decode_rows)(struct label *l)
{
    LABEL_NAME(code_rows)(l, true);
}

#undef LABEL_T
#undef LABEL_PAIR
#undef LABEL_NAME
