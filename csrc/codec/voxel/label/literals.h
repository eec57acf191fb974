/* literals.h: labels that none of their neighbours has: their place in a list of the latest ones, or the label
 * itself. They are few. Section 6 of docs/label-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_LITERALS_H
#define ZBLOB_CODEC_VOXEL_LABEL_LITERALS_H

#include "coder.h"

enum { LABEL_RECENT = 16 };

struct label_literals {
    size_t label_size;             /* 1 or 2 bytes */
    uint16_t recent[LABEL_RECENT]; /* the latest first */
    size_t recent_count;
    size_t count; /* of those that were not recent */
    bool failed;  /* decoder: damage */
};

/* Codes a label that is none of its candidates, and returns it. A decoder's `label` is not looked at. */
unsigned label_code_literal(struct label_literals *literals, struct label_coder *coder, bool decode, unsigned label,
                            const unsigned candidates[3]);

#endif
