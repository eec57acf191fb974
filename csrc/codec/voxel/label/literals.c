/* literals.c: labels that none of their neighbours has. */
#include "literals.h"

#include <string.h>

static inline bool
is_candidate(const unsigned candidates[3], unsigned label)
{
    return label == candidates[0] || label == candidates[1] || label == candidates[2];
}

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

/* Codes a place in the list of latest labels, three places to a symbol. False: the label is not in the list. */
static bool
code_rank(struct label_coder *coder, bool decode, size_t *rank)
{
    enum { STEP = LABEL_SYMBOLS - 1 };
    for (size_t step = 0; step < LABEL_LITERAL_CONTEXTS; step++) {
        size_t left = *rank - step * STEP;
        unsigned symbol = code_symbol(coder, decode, LABEL_LITERALS + step, left < STEP ? (unsigned)left : STEP);
        if (symbol < STEP) {
            *rank = step * STEP + symbol;
            return true;
        }
    }
    return false;
}

/* A byte whose values are all equally likely. */
static unsigned
code_byte(struct label_coder *coder, bool decode, unsigned byte)
{
    enum { SHARE = LABEL_SCALE / 256 };
    if (!decode) {
        note(coder, label_note(byte * SHARE, SHARE));
        return byte;
    }
    uint32_t x = coder->states[0], slot = x & (LABEL_SCALE - 1);
    x = SHARE * (x >> LABEL_SCALE_BITS) + slot % SHARE;
    if (x < UINT32_C(1) << LABEL_STATE_BITS)
        x = x << 16 | label_coder_word(coder);
    coder->states[0] = x;
    return slot / SHARE;
}

/* A label of the list is coded by its place among those of the list that are possible, which candidates are not. */
unsigned
label_code_literal(struct label_literals *l, struct label_coder *coder, bool decode, unsigned label,
                   const unsigned candidates[3])
{
    size_t rank = SIZE_MAX - LABEL_RECENT, possible = 0, place = 0;
    for (; !decode && place < l->recent_count && l->recent[place] != label; place++)
        possible += !is_candidate(candidates, l->recent[place]);
    if (!decode && place < l->recent_count)
        rank = possible;
    if (!code_rank(coder, decode, &rank)) {
        unsigned low = code_byte(coder, decode, label & 255), high = 0;
        if (l->label_size == 2)
            high = code_byte(coder, decode, label >> 8);
        label = low | high << 8;
        l->count++;
        place = l->recent_count < LABEL_RECENT ? l->recent_count++ : LABEL_RECENT - 1;
    } else if (decode) {
        for (place = 0; place < l->recent_count; place++)
            if (!is_candidate(candidates, l->recent[place]) && rank-- == 0)
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
