/* literals.h: labels that none of their neighbours has. They are found among the labels nearby, in a list of the latest
 * literals, or among all labels of the chunk; or they are new. Section 6 of docs/label-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_LITERALS_H
#define ZBLOB_CODEC_VOXEL_LABEL_LITERALS_H

#include "above.h"
#include "coder.h"
#include "pixels.h"
#include "recall.h"

/* Where a literal stands, and the labels that it is known not to be. */
struct label_place {
    const struct label_above *above;
    const struct label_row *row;
    size_t x;
    bool is_exception;
    unsigned candidates[LABEL_CANDIDATES];
};

struct label_literals {
    struct label_pixels *pixels;
    bool decode;
    struct label_recent recent;
    uint16_t *labels;             /* in the order in which they appear */
    uint16_t *numbers;            /* encoder: label -> its place in that order */
    size_t label_count, capacity; /* that have appeared; that labels have room for */
    uint16_t latest[LABEL_GROUP]; /* the latest new label of the group's slices */
    struct label_looks looks;     /* encoder */
    size_t far_count;             /* of those that were neither nearby nor recent */
    bool failed;                  /* decoder: damage */
};

/* The chunk's first label has appeared. False: no memory. */
bool label_literals_open(struct label_literals *literals, struct label_pixels *pixels, bool decode, unsigned first);
void label_literals_close(struct label_literals *literals);

/* Codes a label that is none of its place's candidates, and returns it. A decoder's `label` is not looked at. */
unsigned label_code_literal(struct label_literals *literals, struct label_coder *coder, const struct label_place *place,
                            unsigned label);

#endif
