/* labels.h: is an image a label map? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_LABELS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_LABELS_H

#include "../model.h"

enum voxel_verdict {
    VOXEL_NO,
    VOXEL_UNSURE,
    VOXEL_YES,
    VOXEL_SPARSE, /* yes, and hardly any pixel is not flat */
};

/* Would labels take fewer bits than intensities, and not too much time for the level? */
enum voxel_verdict voxel_survey_labels(const struct voxel_model *model, const unsigned char *samples, int level);

#endif
