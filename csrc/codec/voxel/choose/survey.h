/* survey.h: a first look at the values of an image of intensities. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_SURVEY_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_SURVEY_H

#include "../model.h"

/* Chooses the rank map, the range, the modal value and the scale of errors. *smoother_along: the image is clearly
 * smoother along its rows than across them; levels that make no use of it do not look. */
enum zblob_result voxel_survey_values(struct voxel_model *model, const unsigned char *samples, int level,
                                      bool *smoother_along);

#endif
