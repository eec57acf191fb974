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

enum { LOWEST_SHARE = 4, STATE_BITS = 31, WORD_SIZE = 4 };

static const struct label_odds initial = {{19661, 29491, 31785}, 0};
static const struct label_odds initial_literal = {{8192, 16384, 24576}, 0};

/* Where the ends go once a symbol was seen. */
static const int32_t targets[LABEL_SYMBOLS][LABEL_SYMBOLS - 1] = {
    {LABEL_SCALE - 3 * LOWEST_SHARE, LABEL_SCALE - 2 * LOWEST_SHARE, LABEL_SCALE - LOWEST_SHARE},
    {LOWEST_SHARE, LABEL_SCALE - 2 * LOWEST_SHARE, LABEL_SCALE - LOWEST_SHARE},
    {LOWEST_SHARE, 2 * LOWEST_SHARE, LABEL_SCALE - LOWEST_SHARE},
    {LOWEST_SHARE, 2 * LOWEST_SHARE, 3 * LOWEST_SHARE},
};

enum { COUNT_LIMIT = 96 };

/* Adaptation is fast at first: 2 to the minus this much. */
static const uint8_t rates[COUNT_LIMIT + 1] = {
    1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
    6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7,
};

static inline __attribute__((always_inline)) void
adapt(struct label_odds *odds, unsigned symbol)
{
    int rate = rates[odds->count];
    odds->count = (uint16_t)(odds->count + (odds->count < COUNT_LIMIT));
    for (int i = 0; i < LABEL_SYMBOLS - 1; i++)
        odds->end[i] = (uint16_t)(odds->end[i] + ((targets[symbol][i] - odds->end[i]) >> rate));
}

void
label_coder_open(struct label_coder *coder)
{
    for (size_t i = 0; i < LABEL_LITERALS; i++)
        coder->odds[i] = initial;
    for (size_t i = LABEL_LITERALS; i < LABEL_ENTRIES; i++)
        coder->odds[i] = initial_literal;
    coder->log = NULL;
    coder->log_count = coder->log_capacity = 0;
    coder->failed = false;
}

void
label_coder_close(struct label_coder *coder)
{
    free(coder->log);
}

/* ---- Encoder ------------------------------------------------------------------------------------- */

static bool
reserve(struct label_coder *coder, size_t count)
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

static inline uint32_t
note(uint32_t start, uint32_t share, size_t lane)
{
    return start | (share - 1) << LABEL_SCALE_BITS | (uint32_t)lane << (2 * LABEL_SCALE_BITS);
}

void
label_encode_batch(struct label_coder *coder, const uint16_t *contexts, const uint8_t *symbols, size_t count)
{
    if (!reserve(coder, count))
        return;
    uint32_t *log = coder->log + coder->log_count;
    for (size_t i = 0; i < count; i++) {
        const struct label_odds *odds = &coder->odds[contexts[i]];
        unsigned symbol = symbols[i];
        uint32_t start = symbol ? odds->end[symbol - 1] : 0;
        uint32_t end = symbol < LABEL_SYMBOLS - 1 ? odds->end[symbol] : LABEL_SCALE;
        log[i] = note(start, end - start, i % LABEL_LANES);
    }
    coder->log_count += count;
    for (size_t i = 0; i < count; i++)
        adapt(&coder->odds[contexts[i]], symbols[i]);
}

void
label_encode_raw(struct label_coder *coder, unsigned byte)
{
    enum { SHARE = LABEL_SCALE / 256 };
    if (reserve(coder, 1))
        coder->log[coder->log_count++] = note(byte * SHARE, SHARE, 0);
}

static void
put_word(unsigned char *p, uint64_t value)
{
    for (int i = 0; i < WORD_SIZE; i++, value >>= 8)
        p[i] = (unsigned char)value;
}

size_t
label_coder_write(struct label_coder *coder, unsigned char *dst, size_t dst_capacity)
{
    enum { STATES_SIZE = LABEL_LANES * 2 * WORD_SIZE };
    if (coder->log_count == 0)
        return 0;
    if (dst_capacity < STATES_SIZE)
        return SIZE_MAX;
    unsigned char *first = dst + STATES_SIZE, *at = dst + dst_capacity, *end = at;
    uint64_t states[LABEL_LANES];
    for (int i = 0; i < LABEL_LANES; i++)
        states[i] = UINT64_C(1) << STATE_BITS;
    for (size_t i = coder->log_count; i-- > 0;) {
        uint32_t entry = coder->log[i];
        uint64_t *state = &states[entry >> (2 * LABEL_SCALE_BITS)], x = *state;
        uint64_t start = entry & (LABEL_SCALE - 1), share = (entry >> LABEL_SCALE_BITS & (LABEL_SCALE - 1)) + 1;
        if (x >= share << (STATE_BITS + 32 - LABEL_SCALE_BITS)) {
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

static inline uint64_t
get_word(struct label_coder *coder)
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
        coder->states[i] = src_size ? get_word(coder) : 0;
        coder->states[i] |= src_size ? get_word(coder) << 32 : 0;
    }
}

/* The symbol whose share the state's low bits fall in. */
static inline __attribute__((always_inline)) unsigned
take(struct label_coder *coder, uint64_t *state, const struct label_odds *odds)
{
    uint64_t x = *state, ends = (uint64_t)odds->end[0] | (uint64_t)odds->end[1] << 16 | (uint64_t)odds->end[2] << 32;
    uint32_t slot = x & (LABEL_SCALE - 1);
    unsigned symbol = (unsigned)(slot >= odds->end[0]) + (slot >= odds->end[1]) + (slot >= odds->end[2]);
    uint32_t start = (uint32_t)(ends << 16 >> 16 * symbol & 0xFFFF);
    uint32_t end = (uint32_t)((ends | (uint64_t)LABEL_SCALE << 48) >> 16 * symbol & 0xFFFF);
    x = (uint64_t)(end - start) * (x >> LABEL_SCALE_BITS) + slot - start;
    if (__builtin_expect(x < UINT64_C(1) << STATE_BITS, 0))
        x = x << 32 | get_word(coder);
    *state = x;
    return symbol;
}

void
label_decode_batch(struct label_coder *coder, const uint16_t *contexts, uint8_t *symbols, size_t count)
{
    uint64_t a = coder->states[0], b = coder->states[1], c = coder->states[2], d = coder->states[3];
    const struct label_odds *odds = coder->odds;
    size_t i = 0;
    for (; i + LABEL_LANES <= count; i += LABEL_LANES) {
        symbols[i] = (uint8_t)take(coder, &a, &odds[contexts[i]]);
        symbols[i + 1] = (uint8_t)take(coder, &b, &odds[contexts[i + 1]]);
        symbols[i + 2] = (uint8_t)take(coder, &c, &odds[contexts[i + 2]]);
        symbols[i + 3] = (uint8_t)take(coder, &d, &odds[contexts[i + 3]]);
    }
    if (i < count)
        symbols[i] = (uint8_t)take(coder, &a, &odds[contexts[i]]);
    if (i + 1 < count)
        symbols[i + 1] = (uint8_t)take(coder, &b, &odds[contexts[i + 1]]);
    if (i + 2 < count)
        symbols[i + 2] = (uint8_t)take(coder, &c, &odds[contexts[i + 2]]);
    coder->states[0] = a;
    coder->states[1] = b;
    coder->states[2] = c;
    coder->states[3] = d;
    for (i = 0; i < count; i++)
        adapt(&coder->odds[contexts[i]], symbols[i]);
}

unsigned
label_decode_raw(struct label_coder *coder)
{
    enum { SHARE = LABEL_SCALE / 256 };
    uint64_t x = coder->states[0];
    uint32_t slot = x & (LABEL_SCALE - 1);
    x = SHARE * (x >> LABEL_SCALE_BITS) + slot % SHARE;
    if (x < UINT64_C(1) << STATE_BITS)
        x = x << 32 | get_word(coder);
    coder->states[0] = x;
    return slot / SHARE;
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
