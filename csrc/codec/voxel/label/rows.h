/*
 * rows.h: the working memory of a chunk of labels, and the kernels that code its rows. They exist once for each CPU
 * target (kernels/label_rows_template.h); whoever calls this room hands them in.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_ROWS_H
#define ZBLOB_CODEC_VOXEL_LABEL_ROWS_H

#include "above.h"
#include "coder.h"
#include "gaps.h"
#include "literals.h"
#include "pixels.h"

enum {
    LABEL_BLOCK = 64, /* labels in a word of bits */
    LABEL_LINE = 64,  /* bytes of a cache line */
    LABEL_SITES = 10,
    LABEL_FRONT = LABEL_GROUP, /* rows of as many slices that are coded together */
    LABEL_SIDE = 1,            /* labels left and right of half a row that repeat the row's ends */
};

struct label;

/* A row at work. Words of 64 labels of the half that is coded: what is flat, what is a symbol. */
struct label_work {
    struct label_above above;
    struct label_row row;
    const unsigned char *src; /* encoder: its pixels */
    unsigned char *dst;       /* decoder */
    uint64_t *flat, *coded;
    void *second; /* second candidates of the words that hold symbols */
};

/* Encodes or decodes the rows at work, for labels of one width. */
typedef void label_rows_kernel(struct label *l);

struct label_kernels {
    label_rows_kernel *code_rows[2][2]; /* [decode][0: labels of 8 bits, 1: of 16] */
};

/* A chunk at work. */
struct label {
    struct label_coder coder;
    struct label_gaps gaps;
    struct label_pixels pixels;
    struct label_literals literals;
    label_rows_kernel *code_rows;
    size_t width, height, words, stride; /* of half a row: words of 64 labels, and labels to the next half */
    size_t ring;                         /* slices that are kept */
    size_t count[2];                     /* labels of each half of a row */
    uint64_t tail[2];                    /* bits of its last word that belong to the half */
    unsigned char *memory, *labels;      /* rows of the ring's slices, and one of nothing but the first label */
    unsigned char *line;                 /* labels of a whole row whose pixels have a palette */
    struct label_state *states;
    uint64_t *edges, *bits;
    unsigned char *seconds;
    struct label_work work[LABEL_FRONT];
    size_t work_count;
    bool decode;
    /* the symbols of the half-rows at work: bit i of above[j]: symbol i is above j */
    uint32_t *contexts;
    uint64_t *above[LABEL_SYMBOLS - 1];
};

#endif
