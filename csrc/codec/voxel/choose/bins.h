/* bins.h: the bins of energies. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_BINS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_BINS_H

#include "../model.h"

enum { VOXEL_SMALL = 1 << 17 /* pixels: below, tables and weights would outweigh what rich presets gain */ };

/* Chooses energy_shift and thresholds for so many samples of each energy up to `highest`. */
void voxel_choose_bins(struct voxel_model *model, const uint32_t *histogram, uint32_t highest);

#endif
