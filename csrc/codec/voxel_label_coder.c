/*
 * voxel_label_coder.c: symbols of four values with adaptive probabilities, by rANS; and distances, by a
 * Golomb code.
 *
 * Probabilities change only between batches, so that the symbols of a batch do not wait for each other.
 * The encoder notes each symbol's share as it goes forward and codes the notes backwards.
 */
#include "voxel_label.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_SIZE = 4 };

/* 0.6, 0.9, 0.97 of the scale; quarters for literals. */
#define INITIAL UINT64_C(0x7C2973334CCC)
#define INITIAL_LITERAL UINT64_C(0x600040002000)

/* A gain takes the ends from a symbol's own on by a part of their way to the scale's end, and counts until the
 * slowest rate is reached. */
#define PART(rate) (UINT64_C(0x7FFF) >> (rate))
#define GAIN(rate, lanes) (PART(rate) * (lanes) + ((uint64_t)((rate) < LABEL_RATES - 1) << 48))
#define GAINS(lanes)                                                                                                   \
    {GAIN(0, lanes), GAIN(1, lanes), GAIN(2, lanes), GAIN(3, lanes),                                                   \
     GAIN(4, lanes), GAIN(5, lanes), GAIN(6, lanes), GAIN(7, lanes)}
#define FADE(rate) (PART(rate) * UINT64_C(0x000100010001))

const uint64_t label_gain[LABEL_SYMBOLS][LABEL_RATES] = {
    GAINS(UINT64_C(0x000100010001)),
    GAINS(UINT64_C(0x000100010000)),
    GAINS(UINT64_C(0x000100000000)),
    GAINS(UINT64_C(0)),
};
const uint64_t label_fade[LABEL_RATES] = {FADE(0), FADE(1), FADE(2), FADE(3), FADE(4), FADE(5), FADE(6), FADE(7)};

/* Adaptation is fast at first. */
const uint8_t label_rate[LABEL_COUNTS] = {
    1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7,
};

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
}

/* ---- Encoder ------------------------------------------------------------------------------------- */

bool
label_coder_reserve(struct label_coder *coder, size_t count)
{
    if (coder->log_capacity - coder->log_count >= count)
        return true;
    size_t capacity = coder->log_capacity * 2 + 4096;
    uint32_t *log = realloc(coder->log, capacity * sizeof *log);
    if (log == NULL) {
        coder->failed = true;
        return false;
    }
    coder->log = log;
    coder->log_capacity = capacity;
    return true;
}

static void
put_word(unsigned char *p, uint64_t value)
{
    for (int i = 0; i < WORD_SIZE; i++, value >>= 8)
        p[i] = (unsigned char)value;
}

size_t
label_coder_write(const struct label_coder *coder, unsigned char *dst, size_t dst_capacity)
{
    enum { STATES_SIZE = LABEL_LANES * 2 * WORD_SIZE };
    if (coder->log_count == 0)
        return 0;
    if (dst_capacity < STATES_SIZE)
        return SIZE_MAX;
    unsigned char *first = dst + STATES_SIZE, *at = dst + dst_capacity, *end = at;
    uint64_t states[LABEL_LANES];
    for (int i = 0; i < LABEL_LANES; i++)
        states[i] = UINT64_C(1) << LABEL_STATE_BITS;
    for (size_t i = coder->log_count; i-- > 0;) {
        uint32_t entry = coder->log[i];
        uint64_t *state = &states[entry >> (2 * LABEL_SCALE_BITS)], x = *state;
        uint64_t start = entry & (LABEL_SCALE - 1), share = (entry >> LABEL_SCALE_BITS & (LABEL_SCALE - 1)) + 1;
        if (x >= share << (LABEL_STATE_BITS + 32 - LABEL_SCALE_BITS)) {
            if (at - first < WORD_SIZE)
                return SIZE_MAX;
            at -= WORD_SIZE;
            put_word(at, x);
            x >>= 32;
        }
        *state = (x / share << LABEL_SCALE_BITS) + x % share + start;
    }
    for (int i = 0; i < LABEL_LANES; i++) {
        put_word(dst + 2 * WORD_SIZE * i, states[i]);
        put_word(dst + 2 * WORD_SIZE * i + WORD_SIZE, states[i] >> 32);
    }
    memmove(first, at, (size_t)(end - at));
    return STATES_SIZE + (size_t)(end - at);
}

/* ---- Decoder ------------------------------------------------------------------------------------- */

/* Rarely needed: a word holds many symbols. */
uint64_t
label_coder_word(struct label_coder *coder)
{
    if (coder->words_end - coder->words < WORD_SIZE) {
        coder->failed = true;
        return 0;
    }
    const unsigned char *p = coder->words;
    coder->words += WORD_SIZE;
    return voxel_get32(p);
}

void
label_coder_read(struct label_coder *coder, const unsigned char *src, size_t src_size)
{
    coder->words = src;
    coder->words_end = src + src_size;
    for (int i = 0; i < LABEL_LANES; i++) {
        coder->states[i] = src_size ? label_coder_word(coder) : 0;
        coder->states[i] |= src_size ? label_coder_word(coder) << 32 : 0;
    }
}

/* ---- Distances ------------------------------------------------------------------------------------ */

bool
label_gaps_add(struct label_gaps *gaps)
{
    if (gaps->count == gaps->capacity) {
        size_t capacity = gaps->capacity * 2 + 256;
        uint32_t *list = realloc(gaps->list, capacity * sizeof *list);
        if (list == NULL)
            return false;
        gaps->list = list;
        gaps->capacity = capacity;
    }
    gaps->list[gaps->count++] = (uint32_t)gaps->left;
    gaps->left = 0;
    return true;
}

void
label_gaps_next(struct label_gaps *gaps)
{
    gaps->left = UINT64_MAX; /* behind the last one: no more exceptions */
    if (gaps->count > 0) {
        gaps->count--;
        gaps->left = voxel_get_golomb(&gaps->reader, gaps->order);
    }
}

static uint64_t
golomb_bits(const struct label_gaps *gaps, int order)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < gaps->count; i++)
        bits += 2 * (uint64_t)(31 - __builtin_clz(gaps->list[i] + (1u << order)));
    return bits - gaps->count * (uint64_t)order;
}

int
label_gaps_order(const struct label_gaps *gaps)
{
    uint64_t total = 0;
    for (size_t i = 0; i < gaps->count; i++)
        total += gaps->list[i];
    int order = 0;
    while (order < 15 && total >> (order + 1) > gaps->count)
        order++;
    while (order > 0 && golomb_bits(gaps, order - 1) < golomb_bits(gaps, order))
        order--;
    return order;
}
