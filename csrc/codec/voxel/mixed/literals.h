/* literals.h: labels that are none of their candidates: among a few labels, nearby, among the latest such labels, by
 * number, or new. Section 10 of docs/label-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_MIXED_LITERALS_H
#define ZBLOB_CODEC_VOXEL_MIXED_LITERALS_H

#include "../label/pixels.h"
#include "../label/recall.h"
#include "decisions.h"
#include "sites.h"

enum { MIXED_FEW = 8 };

/* Where a literal stands, and the labels that it is known not to be. */
struct mixed_place {
    const struct mixed_above *above;
    size_t x, width;
    bool is_exception;
    unsigned candidates[LABEL_CANDIDATES]; /* where there are fewer, the first one again */
};

struct mixed_literals {
    struct label_pixels *pixels;
    uint16_t *labels;             /* in the order in which they appear */
    uint16_t *numbers;            /* encoder: label -> its place in that order */
    size_t label_count, capacity; /* that have appeared; that there can be */
    unsigned newest;              /* the label that appeared last */
    struct label_recent recent;
    struct label_looks looks; /* encoder */
    struct odds is_new[2], is_nearby[2];
    struct odds few[MIXED_FEW][MIXED_FEW][MIXED_FEW]; /* by numbers: of two candidates, and of the label */
    struct mixed_numbers ranks, places, first_words, other_words;
};

/* The chunk's first label has appeared. `literals` is all zeros. False: no memory. To be closed in any case. */
bool mixed_literals_open(struct mixed_literals *literals, struct label_pixels *pixels, bool decodes, unsigned first);
void mixed_literals_close(struct mixed_literals *literals);

/* Codes a label that is none of its place's candidates, and returns it. A decoder's `label` is not looked at. */
unsigned mixed_literal(struct mixed_literals *literals, struct mixed_decisions *d, const struct mixed_place *place,
                       unsigned label);

#endif
