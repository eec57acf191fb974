/* literals.c: labels that none of their neighbours has. */
#include "literals.h"

#include "../../base/integers.h"

#include <stdlib.h>
#include <string.h>

enum {
    SOURCE_NEW,    /* a label that the chunk has not had yet */
    SOURCE_NEARBY, /* the first label nearby that is none of the candidates */
    SOURCE_AROUND, /* another one nearby */
    SOURCE_FAR,
};

enum {
    NEARBY = LABEL_NEAREST,
    FEW = 4,         /* labels in all */
    PIECE_BITS = 12, /* of numbers whose values are all equally likely */
    STEP = LABEL_SYMBOLS - 1,
    NO_LABEL = 65536,
};

/* ---- Labels in the order in which they appear -------------------------------------------------------------- */

bool
label_literals_open(struct label_literals *l, struct label_pixels *pixels, bool decode, unsigned first)
{
    l->pixels = pixels;
    l->decode = decode;
    size_t values = (size_t)1 << 8 * pixels->label_size;
    l->capacity = !decode && pixels->has_palette ? pixels->palette_count : values;
    l->labels = malloc(l->capacity * sizeof *l->labels);
    l->numbers = decode ? NULL : calloc(l->capacity, sizeof *l->numbers);
    if (l->labels == NULL || (!decode && l->numbers == NULL))
        return false;
    l->labels[0] = (uint16_t)first;
    l->label_count = 1;
    label_looks_open(&l->looks);
    for (size_t k = 0; k < LABEL_GROUP; k++)
        l->latest[k] = (uint16_t)first;
    return true;
}

void
label_literals_close(struct label_literals *l)
{
    free(l->labels);
    free(l->numbers);
}

/* Encoder: has the label appeared? */
static bool
is_known(const struct label_literals *l, unsigned label)
{
    return l->labels[l->numbers[label]] == label;
}

/* ---- Symbols ------------------------------------------------------------------------------------------------ */

/* Encoder: a symbol that is a group of its own. */
static void
note(struct label_coder *coder, uint32_t entry)
{
    if (label_coder_reserve(coder, 1)) {
        coder->log[coder->log_count++] = entry;
        coder->groups[coder->group_count++] = 1;
    }
}

static unsigned
code_symbol(struct label_coder *coder, bool decode, size_t context, unsigned symbol)
{
    label_odds *odds = &coder->odds[context];
    if (decode)
        symbol = label_take(coder, &coder->states[0], *odds);
    else
        note(coder, label_note_symbol(*odds, symbol));
    *odds = label_adapted(*odds, symbol);
    return symbol;
}

/* A number below `limit`, three values to a symbol. A decoder that finds a larger one returns `limit`. */
static size_t
code_number(struct label_coder *coder, bool decode, size_t context, size_t number, size_t limit)
{
    for (size_t from = 0; from < limit; from += STEP, context++) {
        unsigned symbol = code_symbol(coder, decode, context, number - from < STEP ? (unsigned)(number - from) : STEP);
        if (symbol < STEP)
            return from + symbol < limit ? from + symbol : limit;
    }
    return limit;
}

/* Bits whose values are all equally likely, from the lowest ones on. */
static uint64_t
code_bits(struct label_coder *coder, bool decode, uint64_t bits, int count)
{
    uint64_t found = 0;
    for (int at = 0; at < count; at += PIECE_BITS) {
        int size = count - at < PIECE_BITS ? count - at : PIECE_BITS;
        uint32_t share = LABEL_SCALE >> size, piece = (uint32_t)(bits >> at) & ((1u << size) - 1);
        if (!decode) {
            note(coder, label_note(piece * share, share));
            continue;
        }
        uint32_t x = coder->states[0], slot = x & (LABEL_SCALE - 1);
        x = share * (x >> LABEL_SCALE_BITS) + slot % share;
        if (x < UINT32_C(1) << LABEL_STATE_BITS)
            x = label_coder_refilled(coder, x);
        coder->states[0] = x;
        found |= (uint64_t)(slot / share) << at;
    }
    return decode ? found : bits;
}

/* ---- Nearby -------------------------------------------------------------------------------------------------- */

static inline unsigned
label_at(const struct label_row *row, size_t label_size, size_t column)
{
    const void *half = row->half[column & 1];
    return label_size == 1 ? ((const uint8_t *)half)[column / 2] : ((const uint16_t *)half)[column / 2];
}

/* Finds labels nearby until `wanted` was found, or as many as the rank says. Returns its rank; NEARBY: there is none. */
static size_t
find_nearby(const struct label_place *place, size_t label_size, size_t width, unsigned wanted, size_t rank,
            unsigned *label)
{
    const struct label_above *a = place->above;
    const struct label_row *all[] = {&a->p, &a->n, &a->ps, &a->pn, &a->nn, place->row}, *rows[6];
    struct label_nearby near = {.candidates = place->candidates};
    size_t all_count = place->x % 2 ? 6 : 5, row_count = 0;
    for (size_t i = 0; i < all_count; i++) { /* in the first slice, four are the same */
        size_t k = 0;
        while (k < row_count && rows[k]->state != all[i]->state)
            k++;
        if (k == row_count)
            rows[row_count++] = all[i];
    }
    for (size_t d = 1; d <= LABEL_REACH; d++)
        for (size_t r = 0; r < row_count; r++)
            for (int side = 0; side < 2; side++) {
                size_t column = side ? place->x + d : place->x - d; /* beyond the left end: very large */
                if (column >= width || (rows[r] == place->row && column % 2) ||
                    !label_nearby_add(&near, label_at(rows[r], label_size, column)))
                    continue;
                *label = near.labels[near.count - 1];
                if (*label == wanted || near.count - 1 == rank || near.count == NEARBY)
                    return *label == wanted || near.count - 1 == rank ? near.count - 1 : NEARBY;
            }
    return NEARBY;
}

/* Encoder: is a label worth being looked for nearby? */
static bool
may_be_nearby(struct label_literals *l, unsigned label)
{
    if (!is_known(l, label) || l->label_count <= FEW) /* among a few, the latest are the better guess */
        return false;
    return label_should_look(&l->looks);
}

/* Encoder: the rank of a label among those nearby, or NEARBY. */
static size_t
rank_nearby(struct label_literals *l, const struct label_place *place, unsigned label)
{
    unsigned found;
    if (!may_be_nearby(l, label))
        return NEARBY;
    size_t rank = find_nearby(place, l->pixels->label_size, place->above->width, label, NEARBY, &found);
    label_has_looked(&l->looks, rank < NEARBY);
    return rank;
}

/* ---- Literals ------------------------------------------------------------------------------------------------ */

/* How a word of a new value differs from what is expected: its length in bits, and the bits below the leading one. */
static uint64_t
code_difference(struct label_literals *l, struct label_coder *coder, size_t context, uint64_t folded, int bits)
{
    size_t limit = (size_t)bits + 1;
    size_t length = code_number(coder, l->decode, context, (size_t)bit_length(folded), limit);
    if (length == limit) {
        l->failed = true;
        return 0;
    }
    if (length < 2)
        return length;
    uint64_t top = UINT64_C(1) << (length - 1);
    return top | code_bits(coder, l->decode, folded & (top - 1), (int)length - 1);
}

/* A new label's value, in words. They are expected to be those of the latest new label of the same slice of the group,
 * but the first one to be more by one. */
static unsigned
code_new(struct label_literals *l, struct label_coder *coder, const struct label_place *place, unsigned label)
{
    struct label_pixels *pixels = l->pixels;
    uint16_t *latest = &l->latest[place->above->place];
    uint64_t words[LABEL_PIXEL_MAX / sizeof(uint64_t)];
    if (l->label_count == l->capacity) {
        l->failed = true;
        return 0;
    }
    for (size_t i = 0; i * sizeof *words < pixels->size; i++) {
        int bits = label_word_bits(pixels, i);
        size_t context = i ? LABEL_OTHER_LENGTHS : LABEL_LENGTHS;
        uint64_t expected = label_get_word(pixels, *latest, i) + (i == 0);
        uint64_t folded = l->decode ? 0 : label_fold_difference(label_get_word(pixels, label, i) - expected, bits);
        words[i] = expected + label_unfold_difference(code_difference(l, coder, context, folded, bits));
    }
    if (l->decode)
        label = label_add_words(pixels, words);
    else
        l->numbers[label] = (uint16_t)l->label_count;
    l->labels[l->label_count++] = (uint16_t)label;
    *latest = (uint16_t)label;
    return label;
}

/* The place of a label, from 1, among the latest literals that are possible here; 0: it is none of them. */
static size_t
place_among_latest(const struct label_literals *l, const struct label_place *place, unsigned label)
{
    size_t at = 0, possible = 1;
    while (at < l->recent.count && l->recent.labels[at] != label)
        at++;
    if (at == l->recent.count)
        return 0;
    for (size_t i = 0; i < at; i++)
        possible += !label_is_candidate(place->candidates, l->recent.labels[i]);
    return possible;
}

/* Decoder: the label that has this place. */
static unsigned
latest_at(struct label_literals *l, const struct label_place *place, size_t wanted)
{
    for (size_t at = 0; at < l->recent.count; at++)
        if (!label_is_candidate(place->candidates, l->recent.labels[at]) && --wanted == 0)
            return l->recent.labels[at];
    l->failed = true;
    return 0;
}

/* A label that is not nearby: its place among those of the latest that are possible, or its number. */
static unsigned
code_far(struct label_literals *l, struct label_coder *coder, const struct label_place *place, unsigned label)
{
    size_t among = l->decode ? 0 : place_among_latest(l, place, label);
    among = code_number(coder, l->decode, LABEL_RANKS, among, LABEL_RECENT + 1);
    if (among)
        return l->decode ? latest_at(l, place, among) : label;
    size_t number = l->decode ? 0 : l->numbers[label];
    number = (size_t)code_bits(coder, l->decode, number, bit_length(l->label_count - 1));
    l->far_count++;
    l->failed |= number >= l->label_count;
    return l->failed ? 0 : l->labels[number];
}

unsigned
label_code_literal(struct label_literals *l, struct label_coder *coder, const struct label_place *place, unsigned label)
{
    size_t width = place->above->width, size = l->pixels->label_size, rank = NEARBY;
    size_t context = LABEL_SOURCES + place->x % 2 + 2 * place->above->is_first + 4 * place->is_exception;
    unsigned source = SOURCE_NEW;
    if (!l->decode && is_known(l, label)) {
        rank = rank_nearby(l, place, label);
        source = rank == NEARBY ? SOURCE_FAR : rank ? SOURCE_AROUND : SOURCE_NEARBY;
    }
    source = code_symbol(coder, l->decode, context, source);
    if (source == SOURCE_NEARBY || source == SOURCE_AROUND) {
        rank = source == SOURCE_AROUND ? 1 + code_number(coder, l->decode, LABEL_NEARBY, rank - 1, NEARBY - 1) : 0;
        if (l->decode && find_nearby(place, size, width, NO_LABEL, rank, &label) == NEARBY) {
            l->failed = true;
            return 0;
        }
        return label;
    }
    label = source == SOURCE_NEW ? code_new(l, coder, place, label) : code_far(l, coder, place, label);
    label_remember(&l->recent, label);
    return label;
}
