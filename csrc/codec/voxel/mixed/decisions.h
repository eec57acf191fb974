/* decisions.h: what a chunk's decisions go through, and numbers that are made of them. Section 10 of
 * docs/label-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_MIXED_DECISIONS_H
#define ZBLOB_CODEC_VOXEL_MIXED_DECISIONS_H

#include "../raster/odds.h"

struct mixed_decisions {
    struct odds_coder coder;
    struct odds_tables tables;
    bool failed; /* a decoder has met what cannot be */
};

static inline unsigned
mixed_decide(struct mixed_decisions *d, struct odds *odds, unsigned bit)
{
    return odds_decide(&d->coder, &d->tables, odds, bit);
}

/* Numbers of one kind: how many bits they have, as a path through a tree; then the two bits below the leading one. */
enum { MIXED_LENGTH_BITS = 7, MIXED_LENGTH_MAX = 64 };

struct mixed_numbers {
    struct odds length[1 << MIXED_LENGTH_BITS];
    struct odds below[MIXED_LENGTH_MAX + 1][4];
};

void mixed_numbers_clear(struct mixed_numbers *numbers);
/* An encoder's number comes back. */
uint64_t mixed_number(struct mixed_decisions *d, struct mixed_numbers *numbers, uint64_t number);
/* One that may be anything below 2^bits. */
uint64_t mixed_plain(struct mixed_decisions *d, int bits, uint64_t number);

#endif
