/*
 * gaps.h: the distances between exceptions, which are the flat labels that differ from their neighbours all the same.
 * They are kept as numbers in a Golomb code whose order suits them.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_GAPS_H
#define ZBLOB_CODEC_VOXEL_LABEL_GAPS_H

#include "../../base/bits.h"

struct label_gaps {
    uint32_t *list; /* encoder */
    size_t count, capacity;
    uint64_t left; /* flat labels before the next exception; encoder: since the last one */
    struct bit_reader reader;
    int order; /* of the Golomb code */
};

/* Encoder: an exception after `left` flat labels. False: no memory. */
bool label_gaps_add(struct label_gaps *gaps);
/* Encoder: the order in which the list takes the fewest bits; the bytes that it takes in an order; and the list in it. */
int label_gaps_order(const struct label_gaps *gaps);
size_t label_gaps_size(const struct label_gaps *gaps, int order);
void label_gaps_write(const struct label_gaps *gaps, int order, struct bit_writer *writer);
/* Decoder: `left` becomes that of the next one; UINT64_MAX after the last. */
void label_gaps_next(struct label_gaps *gaps);
/* Decoder: have all exceptions been met, and all bits been read? */
bool label_gaps_are_used_up(const struct label_gaps *gaps);
void label_gaps_close(struct label_gaps *gaps);

#endif
