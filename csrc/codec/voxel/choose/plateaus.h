/* plateaus.h: do samples equal their neighbours so often that contexts and codes of their own pay? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_PLATEAUS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_PLATEAUS_H

#include "../kernels/ops.h"

enum {
    VOXEL_PLATEAU_NONE = VOXEL_PLATEAU_CELLS_ALL /* a cell of no samples */
};

/* What a sample is coded as: table and token without plateaus, and with them its cell and its token's group. */
struct voxel_plateau_sample {
    uint16_t plain, cell;
    uint8_t group, weight;
};

/* What samples show. */
struct voxel_plateau_counts {
    const struct voxel_kernels *kernels;
    struct voxel_plateau_sample *samples;
    size_t sample_count;
    uint32_t cells[VOXEL_PLATEAU_CELLS_ALL + 1][VOXEL_PLATEAU_GROUPS]; /* tokens with plateaus, by cell */
    uint64_t totals[VOXEL_PLATEAU_CELLS_ALL + 1];
    uint64_t plain_bits[VOXEL_PLATEAU_CELLS_ALL + 1]; /* what a cell's samples take without, in units of 1/256 */
    uint64_t seen;                                    /* samples in cells, by their weights */
    uint32_t plain[256][256];                         /* [table][token] without plateaus */
    uint16_t bits[256][256];                          /* what a token takes without */
    uint64_t inside[VOXEL_PLATEAU_GROUPS];            /* what says which token of a group it is, with its raw bits */
    /* for choosing: */
    uint32_t width[VOXEL_PLATEAU_GROUPS];             /* tokens of a group */
    uint64_t fixed_bits[VOXEL_PLATEAU_CELLS_ALL + 1]; /* what does not depend on the table */
    uint64_t prices[VOXEL_PLATEAU_CELLS_ALL];         /* 0: no samples, or merged */
    uint16_t into[VOXEL_PLATEAU_CELLS_ALL];           /* the cell that a cell was merged into, or itself */
};

int voxel_plateau_group(int token);

/* All zeros, as far as the model's image needs them. */
void voxel_clear_plateau_counts(struct voxel_plateau_counts *counts, const struct voxel_model *model);

/* Fills `bits` and `inside`, once all tokens without plateaus are counted in so many tables. */
void voxel_price_tokens(struct voxel_plateau_counts *counts, int tables);

/* Fills what is known by cell, from the samples. */
void voxel_count_cells(struct voxel_plateau_counts *counts);

/* Gives cells their tables; none where that would not save one part of the bits in `gain`. The image has so many samples.
 * Quickly: is there any gain at all? The tables that result are not for use. False: no memory. */
bool voxel_choose_plateaus(struct voxel_model *model, struct voxel_plateau_counts *counts, uint64_t samples, int gain,
                           bool quickly);

#endif
