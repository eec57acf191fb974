/* trial.h: labels or intensities? Where an estimate leaves doubts, an excerpt is coded both ways. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_TRIAL_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_TRIAL_H

#include "../model.h"

/* Is an image smaller as a label map, by as much as makes up for the time that it takes? `model` has a shape, and
 * nothing else yet. Of a small image it gets the code as one chunk of labels that are not mixed. */
enum zblob_result voxel_try_labels(struct voxel_model *model, const unsigned char *samples, int level, bool *is_label);

#endif
