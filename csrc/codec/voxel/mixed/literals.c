/* literals.c: see literals.h. One function for both directions, as for all decisions. */
#include "literals.h"

#include "../../base/integers.h"

#include <stdlib.h>

enum { NEARBY = LABEL_NEAREST };

bool
mixed_literals_open(struct mixed_literals *l, struct label_pixels *pixels, bool decodes, unsigned first)
{
    l->pixels = pixels;
    l->capacity = (size_t)1 << 8 * pixels->label_size;
    l->labels = malloc(l->capacity * sizeof *l->labels);
    l->numbers = decodes ? NULL : calloc(l->capacity, sizeof *l->numbers);
    if (l->labels == NULL || (!decodes && l->numbers == NULL))
        return false;
    l->labels[0] = (uint16_t)first;
    l->label_count = 1;
    l->newest = first;
    label_looks_open(&l->looks);
    odds_clear(l->is_new, 2);
    odds_clear(l->is_nearby, 2);
    odds_clear(l->few[0][0], sizeof l->few / sizeof(struct odds));
    mixed_numbers_clear(&l->ranks);
    mixed_numbers_clear(&l->places);
    mixed_numbers_clear(&l->first_words);
    mixed_numbers_clear(&l->other_words);
    return true;
}

void
mixed_literals_close(struct mixed_literals *l)
{
    free(l->labels);
    free(l->numbers);
}

/* A decoder has met what cannot be. */
static unsigned
fail(struct mixed_decisions *d)
{
    d->failed = true;
    return 0;
}

/* ---- A few labels ------------------------------------------------------------------------------------------ */

static size_t
number_among_few(const struct mixed_literals *l, unsigned label)
{
    size_t number = 0;
    while (number + 1 < l->label_count && l->labels[number] != label)
        number++;
    return number;
}

/* Is it this one? All that are possible are asked for, but the last one. */
static unsigned
code_few(struct mixed_literals *l, struct mixed_decisions *d, const struct mixed_place *place, unsigned label)
{
    size_t first = number_among_few(l, place->candidates[0]), second = number_among_few(l, place->candidates[1]);
    size_t possible[MIXED_FEW], count = 0;
    for (size_t number = 0; number < l->label_count; number++)
        if (!label_is_candidate(place->candidates, l->labels[number]))
            possible[count++] = number;
    if (count == 0)
        return fail(d);
    for (size_t i = 0; i + 1 < count; i++) {
        unsigned found = l->labels[possible[i]];
        if (mixed_decide(d, &l->few[first][second][possible[i]], label == found))
            return found;
    }
    return l->labels[possible[count - 1]];
}

/* ---- Nearby ------------------------------------------------------------------------------------------------ */

/* Finds labels nearby until `wanted` was found, or `count` were; the last one found is it. False: there are not enough. */
static bool
find_nearby(const struct mixed_place *place, struct label_nearby *near, unsigned wanted, size_t count)
{
    const struct mixed_above *a = place->above;
    const uint16_t *rows[] = {a->p, a->n, a->ps, a->pn, a->nn, a->now};
    size_t x = place->x, width = place->width;
    *near = (struct label_nearby){.candidates = place->candidates};
    for (size_t distance = 0; distance <= LABEL_REACH; distance++)
        for (size_t row = 0; row < 6; row++)
            for (int side = 0; side < 2; side++) {
                size_t column = side ? x + distance : x - distance; /* beyond the left end: very large */
                if (column >= width || (row == 5 && column >= x) || !label_nearby_add(near, rows[row][column]))
                    continue;
                if (near->labels[near->count - 1] == wanted || near->count == count)
                    return true;
            }
    return false;
}

/* Encoder: the rank of a label among those nearby, or NEARBY. */
static size_t
rank_nearby(struct mixed_literals *l, const struct mixed_place *place, unsigned label)
{
    struct label_nearby near;
    if (!label_should_look(&l->looks))
        return NEARBY;
    bool has_found = find_nearby(place, &near, label, NEARBY) && near.labels[near.count - 1] == label;
    label_has_looked(&l->looks, has_found);
    return has_found ? near.count - 1 : NEARBY;
}

static unsigned
code_nearby(struct mixed_literals *l, struct mixed_decisions *d, const struct mixed_place *place, size_t rank)
{
    struct label_nearby near;
    rank = (size_t)mixed_number(d, &l->ranks, rank);
    if (rank >= NEARBY || !find_nearby(place, &near, UINT32_MAX, rank + 1))
        return fail(d);
    return near.labels[rank];
}

/* ---- Far, and new ------------------------------------------------------------------------------------------ */

/* A label that is not nearby: its place, from 1, among the latest ones that are possible, or its number. */
static unsigned
code_far(struct mixed_literals *l, struct mixed_decisions *d, const struct mixed_place *place, unsigned label)
{
    size_t wanted = 0, count = 0;
    uint16_t possible[LABEL_RECENT];
    for (size_t i = 0; i < l->recent.count; i++)
        if (!label_is_candidate(place->candidates, l->recent.labels[i])) {
            possible[count++] = l->recent.labels[i];
            wanted = l->recent.labels[i] == label ? count : wanted;
        }
    wanted = (size_t)mixed_number(d, &l->places, d->coder.decodes ? 0 : wanted);
    if (wanted)
        return wanted <= count ? possible[wanted - 1] : fail(d);
    uint64_t number = d->coder.decodes ? 0 : l->numbers[label];
    number = mixed_plain(d, bit_length(l->label_count - 1), number);
    return number < l->label_count ? l->labels[number] : fail(d);
}

/* A new label's value, in words. They are expected to be those of the newest label, but the first one more by one. */
static unsigned
code_new(struct mixed_literals *l, struct mixed_decisions *d, unsigned label)
{
    struct label_pixels *pixels = l->pixels;
    uint64_t words[LABEL_PIXEL_MAX / sizeof(uint64_t)];
    if (l->label_count == l->capacity)
        return fail(d);
    for (size_t i = 0; i * sizeof *words < pixels->size; i++) {
        int bits = label_word_bits(pixels, i);
        uint64_t expected = label_get_word(pixels, l->newest, i) + (i == 0);
        uint64_t own = d->coder.decodes ? expected : label_get_word(pixels, label, i);
        uint64_t folded =
            mixed_number(d, i ? &l->other_words : &l->first_words, label_fold_difference(own - expected, bits));
        if (bit_length(folded) > bits)
            return fail(d);
        words[i] = expected + label_unfold_difference(folded);
    }
    if (d->coder.decodes)
        label = label_add_words(pixels, words);
    else
        l->numbers[label] = (uint16_t)l->label_count;
    l->labels[l->label_count++] = (uint16_t)label;
    l->newest = label;
    return label;
}

unsigned
mixed_literal(struct mixed_literals *l, struct mixed_decisions *d, const struct mixed_place *place, unsigned label)
{
    bool is_new = !d->coder.decodes && l->labels[l->numbers[label]] != label;
    size_t rank = NEARBY;
    if (mixed_decide(d, &l->is_new[place->is_exception], is_new)) {
        label = code_new(l, d, label);
    } else if (l->label_count <= MIXED_FEW) {
        return code_few(l, d, place, label);
    } else {
        rank = d->coder.decodes ? 0 : rank_nearby(l, place, label);
        if (mixed_decide(d, &l->is_nearby[place->is_exception], rank < NEARBY))
            return code_nearby(l, d, place, rank);
        label = code_far(l, d, place, label);
    }
    label_remember(&l->recent, label);
    return label;
}
