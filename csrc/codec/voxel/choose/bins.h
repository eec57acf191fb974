/* bins.h: the bins of energies. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_BINS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_BINS_H

#include "../model.h"

enum { VOXEL_SMALL = 1 << 17 /* pixels: below, tables and weights would outweigh what rich presets gain */ };

/* An energy, and the number of samples that have it. */
struct voxel_energy {
    uint32_t value, count;
};

/* Chooses energy_shift and thresholds for the energies that were met, in ascending order. */
void voxel_choose_bins(struct voxel_model *model, const struct voxel_energy *energies, size_t n);

#endif
