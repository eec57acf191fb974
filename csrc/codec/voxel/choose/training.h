/*
 * training.h: what the training of a model works on: boxes, which are bands of a few rows in up to three slices, and what
 * was learnt from them. Only train.c, boxes.c and plateau_boxes.c know it.
 */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_TRAINING_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_TRAINING_H

#include "../../base/arena.h"
#include "../neighbours.h"
#include "fit.h"
#include "plateaus.h"

enum {
    BOXES_MAX = 56,
    BAND = 14, /* rows of a box */
    LEAD = 4,  /* rows at a box's ends that are not learnt from: some of their neighbours are outside the box */
    TAIL = 2,
};

struct observation_set {
    float (*rows)[VOXEL_TAPS_MAX]; /* taps 1.. relative to tap 0, the target last */
    uint16_t *activity;
    uint8_t *class_of;
    size_t count, capacity;
};

/* What a level spends: rounds of fitting weights, and of fitting energies. For each kind and parity there are
 * observations of one sample in `share`, and at most `observations`. */
struct effort {
    uint8_t preset, rounds, energy_rounds, boxes, share;
    uint32_t observations;
};
struct training {
    struct voxel_model *model;
    const unsigned char *samples;
    const struct voxel_kernels *kernels;
    struct arena arena;
    struct voxel_window windows[BOXES_MAX];
    int box_count;
    size_t box_slices, box_rows;
    uint64_t lead; /* slices before the first that a box may end with */
    struct voxel_segment *segment;
    uint16_t symbols[VOXEL_SEGMENT], codes[VOXEL_SEGMENT];
    struct observation_set set;
    struct voxel_fit *fit;
    uint32_t *histogram; /* of energies */
    uint32_t highest;    /* of them */
    size_t sample_step;  /* distance of the samples that weights are fitted to */
    size_t error_step;   /* distance of the samples that context weights are fitted to */
    uint64_t cost;
    uint64_t uneven, repeats; /* samples that weights are fitted to, and those that equal one of the first three taps */
    struct voxel_plateau_counts *plateaus;
    uint8_t group_of[256];       /* of a token, where plateaus are counted */
    uint32_t weights[3], weight; /* of a box's slices where plateaus are counted, and of the one that is visited */
    int level;
    struct effort effort;
};

typedef void row_visitor(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row,
                         int parity, size_t at, size_t n);

/* Slices that a box shows at this distance: three, or as many as there are. */
size_t voxel_box_slices(const struct training *t, uint64_t distance);
/* The rows of a box that are learnt from. */
size_t voxel_first_row(const struct training *t);
size_t voxel_last_row(const struct training *t);
/* Loads boxes of so many rows in place of those before. False: no memory. */
bool voxel_load_boxes(struct training *t, size_t rows, uint64_t count);
/* Predicts all rows of all boxes once, so that all stored errors are known. `visit`, if any, is called after `residual`
 * of segments in the rows that are learnt from, in slices that have a weight. */
void voxel_run_boxes(struct training *t, row_visitor *visit);
/* All segments of one plane's half-rows of this parity, in the rows that are learnt from. */
void voxel_visit_plane(struct training *t, size_t slice, size_t component, int parity, row_visitor *visit);
/* Chooses plateaus for a model that is complete otherwise. It may load other boxes. False: no memory. */
bool voxel_count_plateaus(struct training *t);

#endif
