/* train.h: fitting an intensity model to samples of the image. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_TRAIN_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_TRAIN_H

#include "../model.h"

/* Fits every parameter of an intensity model that voxel_survey_values has seen. */
enum zblob_result voxel_train_model(struct voxel_model *model, const unsigned char *samples, int level);

#endif
