/*
 * coder.c: symbols of four values with adaptive probabilities, by rANS.
 *
 * Probabilities change only between groups, so that the symbols of a group do not wait for each other.
 * The encoder notes each symbol's share as it goes forward and codes the notes backwards.
 */
#include "coder.h"

#include "../../base/bytes.h"

#include <stdlib.h>

enum { WORD_SIZE = 2, STATES_SIZE = LABEL_LANES * 4 };

/* The first odds: ends at 0.6, 0.9 and 0.97 of the scale, for literals at its quarters. The rate is 1 at first. */
#define INITIAL UINT64_C(0x00807C2973334CCC)
#define INITIAL_LITERAL UINT64_C(0x0080600040002000)

/* After a symbol, its end and those above it move up by 1 / 2^rate of their distance to the scale's end, and those
 * below it move down by 1 / 2^rate of their distance to 0. Each rate but the last serves for about 2^rate symbols,
 * so that adaptation is fast at first. */
#define FADE(rate) ((UINT64_C(0x7FFF) >> (rate)) * UINT64_C(0x000100010001))
#define STEP(rate) (UINT64_C(128) >> (rate) << 48)

const uint64_t label_fade[LABEL_RATES] = {FADE(0), FADE(1), FADE(2), FADE(3), FADE(4), FADE(5), FADE(6), FADE(7)};
const uint64_t label_step[LABEL_RATES] = {0, STEP(1), STEP(2), STEP(3), STEP(4), STEP(5), STEP(6), 0};

void
label_coder_open(struct label_coder *coder)
{
    for (size_t i = 0; i < LABEL_LITERALS; i++)
        coder->odds[i] = INITIAL;
    for (size_t i = LABEL_LITERALS; i < LABEL_ENTRIES; i++)
        coder->odds[i] = INITIAL_LITERAL;
}

void
label_coder_close(struct label_coder *coder)
{
    free(coder->log);
    free(coder->groups);
}

/* ---- Encoder ------------------------------------------------------------------------------------- */

bool
label_coder_reserve(struct label_coder *coder, size_t count)
{
    if (coder->failed) /* what is missing by now cannot come back: a later success would hide it */
        return false;
    if (coder->log_capacity - coder->log_count >= count)
        return true;
    size_t capacity = coder->log_capacity * 2 + count + 4096;
    uint32_t *log = realloc(coder->log, (capacity + LABEL_LANES) * sizeof *log); /* kernels write whole groups */
    if (log != NULL)
        coder->log = log;
    uint8_t *groups = realloc(coder->groups, capacity); /* a group has a symbol at least */
    if (groups != NULL)
        coder->groups = groups;
    coder->failed = log == NULL || groups == NULL;
    if (!coder->failed)
        coder->log_capacity = capacity;
    return !coder->failed;
}

size_t
label_coder_write(const struct label_coder *coder, unsigned char *dst, size_t dst_capacity)
{
    if (coder->log_count == 0)
        return 0;
    if (dst_capacity < STATES_SIZE)
        return SIZE_MAX;
    unsigned char *first = dst + STATES_SIZE, *at = dst + dst_capacity, *end = at;
    uint32_t states[LABEL_LANES];
    for (int i = 0; i < LABEL_LANES; i++)
        states[i] = UINT32_C(1) << LABEL_STATE_BITS;
    const uint32_t *entry = coder->log + coder->log_count;
    for (size_t group = coder->group_count; group-- > 0;) {
        if (at - first < LABEL_LANES * WORD_SIZE)
            return SIZE_MAX;
        for (size_t lane = coder->groups[group]; lane-- > 0;) {
            uint32_t x = states[lane], start = *--entry & (LABEL_SCALE - 1);
            uint32_t share = (*entry >> LABEL_SCALE_BITS) + 1;
            store_le16(at - WORD_SIZE, (uint16_t)x);
            bool is_full = x >= (uint64_t)share << (LABEL_STATE_BITS + 16 - LABEL_SCALE_BITS);
            at -= is_full ? WORD_SIZE : 0;
            x >>= is_full ? 16 : 0;
            states[lane] = (x / share << LABEL_SCALE_BITS) + x % share + start;
        }
    }
    for (int i = 0; i < LABEL_LANES; i++)
        store_le32(dst + 4 * i, states[i]);
    memmove(first, at, (size_t)(end - at));
    return STATES_SIZE + (size_t)(end - at);
}

/* ---- Decoder ------------------------------------------------------------------------------------- */

uint32_t
label_coder_word(struct label_coder *coder)
{
    if (coder->words_end - coder->words < WORD_SIZE) {
        coder->failed = true;
        return 0;
    }
    const unsigned char *p = coder->words;
    coder->words += WORD_SIZE;
    return load_le16(p);
}

void
label_coder_read(struct label_coder *coder, const unsigned char *src, size_t src_size)
{
    coder->words = src;
    coder->words_end = src + src_size;
    if (src_size == 0) { /* nothing is coded */
        for (int i = 0; i < LABEL_LANES; i++)
            coder->states[i] = UINT32_C(1) << LABEL_STATE_BITS;
        return;
    }
    coder->failed = src_size < STATES_SIZE;
    for (int i = 0; i < LABEL_LANES && !coder->failed; i++, coder->words += 4)
        coder->states[i] = load_le32(coder->words);
}

bool
label_coder_is_at_end(const struct label_coder *coder)
{
    bool is_end = !coder->failed && coder->words == coder->words_end;
    for (int i = 0; i < LABEL_LANES; i++)
        is_end &= coder->states[i] == UINT32_C(1) << LABEL_STATE_BITS;
    return is_end;
}
