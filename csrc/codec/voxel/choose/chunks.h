/* chunks.h: how large chunks are. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CHUNKS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CHUNKS_H

#include "../model.h"

/* Whole slices where they are small enough; bands of rows otherwise. Equal shares, no tiny rest. */
void voxel_choose_chunks(struct voxel_model *model, int level);
/* As long as they may be, for labels that take no more bytes than a chunk's entry in the index, and hardly any time. */
void voxel_choose_sparse_chunks(struct voxel_model *model, int level);
/* Puts the two halves together that two threads would share, where rows repeat: what both have would cost twice. */
void voxel_unite_repeats(struct voxel_model *model, const unsigned char *samples);
/* Chunks of whole volumes, each `distance` slices, that refer to the volume before. False, and nothing changed but the
 * distance: they would take too much memory. */
bool voxel_choose_series(struct voxel_model *model, uint32_t distance);
/* Once everything is chosen: bands of rows become such that all begin at a multiple of `rows`. False: they are too large
 * then, or there is no memory. */
bool voxel_align_chunks(struct voxel_model *model, uint32_t rows);
/* Chunks of half as many slices, where what else stands in the value makes them too large. False: these have none to spare,
 * or there is no memory. */
bool voxel_halve_chunks(struct voxel_model *model);
/* Transposes the image if its other direction suits rows better. Only chunks of whole slices allow it. */
void voxel_choose_direction(struct voxel_model *model, bool smoother_along, bool is_signal, int level);

#endif
