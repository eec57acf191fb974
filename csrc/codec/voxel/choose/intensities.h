/* intensities.h: a model of intensities. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_INTENSITIES_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_INTENSITIES_H

#include "../model.h"

/* Chooses everything for a model whose shape is settled: cells, range, chunks, direction and weights. A signal was
 * folded without rows of its own. *gain = false: nothing suits. */
enum zblob_result voxel_choose_intensities(struct voxel_model *model, const unsigned char *samples, int level,
                                           bool is_signal, bool *gain);

#endif
