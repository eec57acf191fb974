/* plateaus.h: do samples equal their neighbours so often that contexts and codes of their own pay? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_PLATEAUS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_PLATEAUS_H

#include "../kernels/ops.h"

enum { VOXEL_PLATEAU_GAIN = 32 }; /* plateaus must save one part of the bits in so many */

/* What samples show. It is one block of memory, to be freed; all zeros at first. */
struct voxel_plateau_counts {
    uint32_t plain[256][256];                     /* [table][token] without plateaus */
    uint32_t cells[VOXEL_PLATEAU_CELLS_ALL][256]; /* tokens with plateaus, by cell */
    uint64_t plain_bits[VOXEL_PLATEAU_CELLS_ALL]; /* what a cell's samples take without, in units of 1/256 */
    uint16_t bits[256][256];                      /* what a token takes without */
    uint64_t seen;                                /* samples in cells, by their weights */
    /* for choosing: */
    uint16_t logs[1 << 11]; /* of leading bits, in units of 1/256 */
    int tokens;             /* one more than the highest that was met */
    uint64_t prices[VOXEL_PLATEAU_CELLS_ALL];
    uint16_t into[VOXEL_PLATEAU_CELLS_ALL]; /* the cell that has a cell's counts now */
};

/* Fills `bits`, once all tokens without plateaus are counted. */
void voxel_price_tokens(struct voxel_plateau_counts *counts);

/* Gives cells their tables; none where that would not save enough. The image has so many samples.
 * Quickly: is there any gain at all? The tables that result are not for use. */
void voxel_choose_plateaus(struct voxel_model *model, struct voxel_plateau_counts *counts, uint64_t samples,
                           bool quickly);

#endif
