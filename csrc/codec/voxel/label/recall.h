/* recall.h: what literals of both label coders draw on: which labels one cannot be, the labels nearby as they are found, the
 * latest literals, and whether an encoder should look nearby at all. Section 6 of docs/label-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_RECALL_H
#define ZBLOB_CODEC_VOXEL_LABEL_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LABEL_CANDIDATES = 3,
    LABEL_REACH = 16,  /* columns to each side that are nearby */
    LABEL_NEAREST = 8, /* labels that are found there */
    LABEL_RECENT = 16, /* literals that are remembered */
};

/* Is it one of the labels that a literal is known not to be? */
static inline bool
label_is_candidate(const unsigned candidates[LABEL_CANDIDATES], unsigned label)
{
    return label == candidates[0] || label == candidates[1] || label == candidates[2];
}

/* Labels nearby, in the order in which they are found. */
struct label_nearby {
    const unsigned *candidates;
    size_t count;
    uint16_t labels[LABEL_NEAREST];
};

/* True: the label is no candidate, and was not met before. */
static inline bool
label_nearby_add(struct label_nearby *near, unsigned label)
{
    if (label_is_candidate(near->candidates, label))
        return false;
    for (size_t i = 0; i < near->count; i++)
        if (near->labels[i] == label)
            return false;
    near->labels[near->count++] = (uint16_t)label;
    return true;
}

/* The latest literals, without those that were nearby; the latest comes first. It is all zeros at first. */
struct label_recent {
    uint16_t labels[LABEL_RECENT];
    size_t count;
};

void label_remember(struct label_recent *recent, unsigned label);

/* An encoder looks nearby where that has succeeded. */
struct label_looks {
    size_t failures_left; /* how often it may look in vain */
    size_t left_out;      /* how often it did not look */
};

void label_looks_open(struct label_looks *looks);
/* Asks once for each literal. */
bool label_should_look(struct label_looks *looks);
void label_has_looked(struct label_looks *looks, bool has_found);

#endif
