/*
 * odds.h: binary decisions, each with odds that adapt, and the arithmetic coder that they go through. One function codes
 * a decision in either direction, so that encoder and decoder cannot part. Section 13 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_ODDS_H
#define ZBLOB_CODEC_VOXEL_RASTER_ODDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ODDS_HALF = 1 << 15,
    ODDS_LEAST = 32, /* of 65536: no decision is more certain to the coder */
    ODDS_SEEN_MAX = 255,
    ODDS_MIXED = 4,     /* how many odds are mixed */
    ODDS_WEIGHT = 4915, /* of each of them at first, in units of 1 / 16384 */
    ODDS_WEIGHT_MAX = 1 << 17,
    ODDS_LOGIT_MAX = 2047, /* in units of 1 / 256 */
};

struct odds {
    uint16_t one;  /* that a decision is 1, of 65536 */
    uint16_t seen; /* decisions, up to ODDS_SEEN_MAX: the more, the slower these odds adapt */
};

struct odds_coder {
    bool decodes, failed; /* encoding: no room; decoding: the source ended before */
    uint32_t low, high, code;
    int lacking, lacking_most; /* decoding: zeros that were read after the source's end */
    size_t decisions;          /* so far: what time goes by */
    const unsigned char *src, *src_end;
    unsigned char *dst, *dst_end;
};

/* What follows from the format, and is filled before the first use. */
struct odds_tables {
    uint16_t share[ODDS_SEEN_MAX + 1];         /* by what part odds move to a decision, of 32768 */
    uint16_t squashed[2 * ODDS_LOGIT_MAX + 1]; /* odds of a logit */
    int16_t logit[4096];                       /* of odds / 16 */
};

void odds_fill_tables(struct odds_tables *tables);
void odds_clear(struct odds *odds, size_t count);
void odds_clear_weights(int32_t (*weights)[ODDS_MIXED], size_t count);

void odds_write_to(struct odds_coder *coder, unsigned char *dst, size_t capacity);
void odds_read_from(struct odds_coder *coder, const unsigned char *src, size_t size);
/* The last bytes. Returns where they end. */
unsigned char *odds_finish(struct odds_coder *coder);
/* Has a decoder used up its source, and no more than that? */
bool odds_are_used_up(const struct odds_coder *coder);
/* The same with an end that is as short as possible: zeros stand for what a decoder lacks. */
void odds_read_from_short(struct odds_coder *coder, const unsigned char *src, size_t size);
unsigned char *odds_finish_short(struct odds_coder *coder);
bool odds_are_used_up_short(const struct odds_coder *coder);

static inline void
odds_shift_out(struct odds_coder *c)
{
    if (!c->decodes && c->dst == c->dst_end)
        c->failed = true;
    else if (!c->decodes)
        *c->dst++ = (unsigned char)(c->high >> 24);
    else if (c->src == c->src_end)
        c->failed = c->lacking++ >= c->lacking_most;
    c->code = c->code << 8 | (c->src < c->src_end ? *c->src++ : 0);
    c->low <<= 8;
    c->high = c->high << 8 | 255;
}

/* Codes one bit that is 1 with the probability one / 65536. An encoder's `bit` comes back. */
static inline unsigned
odds_code(struct odds_coder *c, uint32_t one, unsigned bit)
{
    c->decisions++;
    one = one < ODDS_LEAST ? ODDS_LEAST : one > 65536 - ODDS_LEAST ? 65536 - ODDS_LEAST : one;
    uint32_t middle = c->low + (uint32_t)(((uint64_t)(c->high - c->low) * one) >> 16);
    if (c->decodes)
        bit = c->code <= middle;
    if (bit)
        c->high = middle;
    else
        c->low = middle + 1;
    while ((c->low ^ c->high) >> 24 == 0)
        odds_shift_out(c);
    return bit;
}

static inline void
odds_adapt(const struct odds_tables *tables, struct odds *odds, unsigned bit)
{
    int32_t distance = (bit ? 65535 : 0) - (int32_t)odds->one;
    odds->one = (uint16_t)(odds->one + (distance * tables->share[odds->seen] >> 15));
    odds->seen += odds->seen < ODDS_SEEN_MAX;
}

static inline unsigned
odds_decide(struct odds_coder *c, const struct odds_tables *tables, struct odds *odds, unsigned bit)
{
    bit = odds_code(c, odds->one, bit);
    odds_adapt(tables, odds, bit);
    return bit;
}

/* A decision by several odds: their logits are added, with weights that adapt as well. */
static inline unsigned
odds_decide_mixed(struct odds_coder *c, const struct odds_tables *tables, struct odds *const odds[ODDS_MIXED],
                  int32_t weights[ODDS_MIXED], unsigned bit)
{
    int32_t logits[ODDS_MIXED];
    int32_t sum = 0;
    for (int i = 0; i < ODDS_MIXED; i++) {
        logits[i] = tables->logit[odds[i]->one >> 4];
        sum += weights[i] * logits[i]; /* at most 2^30 */
    }
    sum >>= 14;
    sum = sum < -ODDS_LOGIT_MAX ? -ODDS_LOGIT_MAX : sum > ODDS_LOGIT_MAX ? ODDS_LOGIT_MAX : sum;
    int32_t one = tables->squashed[sum + ODDS_LOGIT_MAX];
    bit = odds_code(c, (uint32_t)one, bit);
    int32_t error = (int32_t)(bit << 16) - one;
    for (int i = 0; i < ODDS_MIXED; i++) {
        int32_t weight = weights[i] + (error * logits[i] >> 16);
        weights[i] = weight < -ODDS_WEIGHT_MAX ? -ODDS_WEIGHT_MAX : weight > ODDS_WEIGHT_MAX ? ODDS_WEIGHT_MAX : weight;
        odds_adapt(tables, odds[i], bit);
    }
    return bit;
}

#endif
