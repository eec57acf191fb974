/*
 * coder.h: symbols of four values with adaptive probabilities, coded by rANS in groups of up to LABEL_LANES. Groups are
 * coded by kernels (kernels/label_groups_template.h), single symbols here. Sections 5, 7 and 8 of docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_CODER_H
#define ZBLOB_CODEC_VOXEL_LABEL_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LABEL_CONTEXTS = 1024,                    /* of one phase: ten bits */
    LABEL_LITERALS = 4 * LABEL_CONTEXTS,      /* contexts of literals.c: */
    LABEL_SOURCES = LABEL_LITERALS,           /* where a literal is found, for eight kinds of places */
    LABEL_NEARBY = LABEL_SOURCES + 8,         /* ranks among the labels nearby, three to a symbol */
    LABEL_RANKS = LABEL_NEARBY + 3,           /* places among the latest literals */
    LABEL_LENGTHS = LABEL_RANKS + 6,          /* the length of what a new label's value adds to the expected one */
    LABEL_OTHER_LENGTHS = LABEL_LENGTHS + 22, /* the same of the value's later words */
    LABEL_IDLE = LABEL_OTHER_LENGTHS + 22,    /* a context for lanes without a symbol */
    LABEL_ENTRIES,
    LABEL_SYMBOLS = 4,
    LABEL_SCALE_BITS = 15, /* of probabilities */
    LABEL_SCALE = 1 << LABEL_SCALE_BITS,
    LABEL_LANES = 16,      /* symbols of a group, each with a rANS state of its own in chunks that are not small */
    LABEL_STATE_BITS = 16, /* states are not below this power of two */
    LABEL_RATES = 8,
    LABEL_RATE_SHIFT = 55, /* of odds: the rate is the count's upper part */
};
#define LABEL_ENDS UINT64_C(0x7FFF7FFF7FFF)
#define LABEL_TOPS UINT64_C(0x800080008000)
/* What turns odds into ends: it leaves every symbol a share that is not empty. */
#define LABEL_PULL UINT64_C(0x003F003F003F)
#define LABEL_PUSH UINT64_C(0x8000003000200010)

/* Four numbers of 16 bits: the upper ends of the first three symbols' shares of LABEL_SCALE, from the lowest
 * bits up, and 128 times the rate of adaptation, which grows with use. */
typedef uint64_t label_odds;

struct label_coder {
    label_odds odds[LABEL_ENTRIES];
    uint32_t states[LABEL_LANES];
    bool is_single;                         /* all symbols have the first state, as in small chunks */
    const unsigned char *words, *words_end; /* decoder: not yet read */
    uint32_t *log;                          /* encoder: share of each symbol, to be coded backwards */
    uint8_t *groups;                        /* encoder: symbols of each group */
    size_t log_count, group_count, log_capacity;
    bool failed; /* decoder: damage; encoder: no memory */
};

void label_coder_open(struct label_coder *coder);
void label_coder_close(struct label_coder *coder);
/* Decoder: states and words, all of [src, src + src_size). */
void label_coder_read(struct label_coder *coder, bool is_single, const unsigned char *src, size_t src_size);
/* After the last symbol: are all words read, and the states those that the encoder began with? */
bool label_coder_is_at_end(const struct label_coder *coder);
/* Encoder: states and words at dst; returns their size, SIZE_MAX where they do not fit. If they are few, it leaves all
 * symbols to a single state. */
size_t label_coder_write(struct label_coder *coder, unsigned char *dst, size_t dst_capacity);
/* Encoder: room in the log for that many more symbols, and one group more than they fill. */
bool label_coder_reserve(struct label_coder *coder, size_t count);
/* Decoder: a state that became small, with the next word. A single state stays small after the last one. */
uint32_t label_coder_refilled(struct label_coder *coder, uint32_t state);

/* By rate: the part of the scale that ends move towards, in each of three lanes; and what the count grows by. */
extern const uint64_t label_fade[LABEL_RATES];
extern const uint64_t label_step[LABEL_RATES];

static inline __attribute__((always_inline)) label_odds
label_adapted(label_odds odds, unsigned symbol)
{
    unsigned rate = (unsigned)(odds >> LABEL_RATE_SHIFT) & (LABEL_RATES - 1);
    uint64_t fade = label_fade[rate];
    return odds + (fade & UINT64_MAX << 16 * symbol) + label_step[rate] - (odds >> rate & fade);
}

/* The ends by which symbols are coded, that of the last symbol included. */
static inline uint64_t
label_ends(label_odds odds)
{
    return (odds & LABEL_ENDS) - (odds >> 9 & LABEL_PULL) + LABEL_PUSH;
}

static inline uint32_t
label_note(uint32_t start, uint32_t share)
{
    return start | (share - 1) << LABEL_SCALE_BITS;
}

static inline __attribute__((always_inline)) uint32_t
label_note_symbol(label_odds odds, unsigned symbol)
{
    uint64_t ends = label_ends(odds);
    uint32_t start = (uint32_t)(ends << 16 >> 16 * symbol & 0xFFFF);
    return label_note(start, (uint32_t)(ends >> 16 * symbol & 0xFFFF) - start);
}

/* The symbol whose share the state's low bits fall in. */
static inline __attribute__((always_inline)) unsigned
label_take(struct label_coder *coder, uint32_t *state, label_odds odds)
{
    uint64_t ends = label_ends(odds);
    uint32_t x = *state, slot = x & (LABEL_SCALE - 1);
    uint64_t behind = (((slot * UINT64_C(0x000100010001) | LABEL_TOPS) - (ends & LABEL_ENDS)) & LABEL_TOPS) >> 15;
    unsigned symbol = (unsigned)(behind * UINT64_C(0x000100010001) >> 32 & 3);
    uint32_t start = (uint32_t)(ends << 16 >> 16 * symbol & 0xFFFF), end = (uint32_t)(ends >> 16 * symbol & 0xFFFF);
    x = (end - start) * (x >> LABEL_SCALE_BITS) + slot - start;
    if (x < UINT32_C(1) << LABEL_STATE_BITS)
        x = label_coder_refilled(coder, x);
    *state = x;
    return symbol;
}

#endif
