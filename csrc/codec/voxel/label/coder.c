/*
 * coder.c: symbols of four values with adaptive probabilities, by rANS.
 *
 * Probabilities change only between groups, so that the symbols of a group do not wait for each other.
 * The encoder notes each symbol's share as it goes forward and codes the notes backwards.
 */
#include "coder.h"

#include "../../base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_SIZE = 2, STATE_SIZE = 4 };

/* States that make less than this are done without: they would be a tenth of it or more. As the symbols of a group then
 * wait for each other, larger chunks keep them. */
enum { SINGLE_BELOW = 512 };

/* What the encoder begins with. A single state may begin low, as it is known after which symbols words were written. */
static inline uint32_t
first_state(bool is_single)
{
    return is_single ? 1 : UINT32_C(1) << LABEL_STATE_BITS;
}

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

/* Encodes all notes backwards; words end at `end`. Returns the first word, NULL where there are too many. */
static inline __attribute__((always_inline)) unsigned char *
encode_notes(const struct label_coder *coder, uint32_t states[], size_t mask, unsigned char *dst, unsigned char *end)
{
    unsigned char *at = end;
    const uint32_t *entry = coder->log + coder->log_count;
    for (size_t group = coder->group_count; group-- > 0;) {
        if (at - dst < LABEL_LANES * WORD_SIZE)
            return NULL;
        for (size_t i = coder->groups[group]; i-- > 0;) {
            uint32_t x = states[i & mask], start = *--entry & (LABEL_SCALE - 1);
            uint32_t share = (*entry >> LABEL_SCALE_BITS) + 1;
            store_le16(at - WORD_SIZE, (uint16_t)x);
            bool is_full = x >= (uint64_t)share << (LABEL_STATE_BITS + 16 - LABEL_SCALE_BITS);
            at -= is_full ? WORD_SIZE : 0;
            x >>= is_full ? 16 : 0;
            states[i & mask] = (x / share << LABEL_SCALE_BITS) + x % share + start;
        }
    }
    return at;
}

/* A single state takes as many bytes as it needs: all of fewer than four, or three where their number is odd. */
static size_t
single_size(size_t rest)
{
    return rest < STATE_SIZE ? rest : STATE_SIZE - rest % WORD_SIZE;
}

static size_t
size_of_single(uint32_t state, bool has_words)
{
    size_t size = has_words ? STATE_SIZE - 1 : 1;
    while (size < STATE_SIZE && state >> 8 * size)
        size++;
    return size;
}

static size_t
write_all(const struct label_coder *coder, unsigned char *dst, size_t dst_capacity)
{
    uint32_t states[LABEL_LANES];
    size_t lanes = coder->is_single ? 1 : LABEL_LANES, room = STATE_SIZE * lanes;
    unsigned char *end = dst + dst_capacity, *at;
    for (size_t i = 0; i < lanes; i++)
        states[i] = first_state(coder->is_single);
    if (dst_capacity < room)
        return SIZE_MAX;
    at = coder->is_single ? encode_notes(coder, states, 0, dst + room, end)
                          : encode_notes(coder, states, LABEL_LANES - 1, dst + room, end);
    if (at == NULL)
        return SIZE_MAX;
    if (coder->is_single)
        room = size_of_single(states[0], at < end);
    for (size_t i = 0; i < room; i++)
        dst[i] = (unsigned char)(states[i / STATE_SIZE] >> 8 * (i % STATE_SIZE));
    memmove(dst + room, at, (size_t)(end - at));
    return room + (size_t)(end - at);
}

size_t
label_coder_write(struct label_coder *coder, unsigned char *dst, size_t dst_capacity)
{
    if (coder->log_count == 0)
        return 0;
    size_t size = write_all(coder, dst, dst_capacity);
    coder->is_single = size < SINGLE_BELOW;
    return coder->is_single ? write_all(coder, dst, dst_capacity) : size;
}

/* ---- Decoder ------------------------------------------------------------------------------------- */

uint32_t
label_coder_refilled(struct label_coder *coder, uint32_t state)
{
    if (coder->words_end - coder->words < WORD_SIZE) {
        coder->failed |= !coder->is_single;
        return state;
    }
    const unsigned char *p = coder->words;
    coder->words += WORD_SIZE;
    return state << 16 | load_le16(p);
}

void
label_coder_read(struct label_coder *coder, bool is_single, const unsigned char *src, size_t src_size)
{
    coder->words = src;
    coder->words_end = src + src_size;
    coder->is_single = is_single;
    if (src_size == 0) { /* nothing is coded */
        coder->failed = is_single;
        for (size_t i = 0; i < LABEL_LANES; i++)
            coder->states[i] = first_state(is_single);
        return;
    }
    size_t size = is_single ? single_size(src_size) : STATE_SIZE * LABEL_LANES;
    coder->failed = src_size < size;
    for (size_t i = 0; i < size && !coder->failed; i++)
        coder->states[i / STATE_SIZE] |= (uint32_t)*coder->words++ << 8 * (i % STATE_SIZE);
}

bool
label_coder_is_at_end(const struct label_coder *coder)
{
    bool is_end = !coder->failed && coder->words == coder->words_end;
    for (size_t i = 0; i < (coder->is_single ? 1 : LABEL_LANES); i++)
        is_end &= coder->states[i] == first_state(coder->is_single);
    return is_end;
}
