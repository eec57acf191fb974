/* model_section.h: the body of a MODEL section: which codec and image it is for, and the model (docs/format.md). */
#ifndef ZBLOB_CODEC_FRAME_MODEL_SECTION_H
#define ZBLOB_CODEC_FRAME_MODEL_SECTION_H

#include "../../zblob.h"

struct voxel_model; /* ../voxel/model.h */

size_t model_section_size(const struct voxel_model *model);
void model_section_write(const struct voxel_model *model, size_t image, unsigned char *dst);

/* Read the model of one of `image_count` images into models[image], which is NULL before. The bytes are hostile. */
enum zblob_result model_section_read(struct voxel_model **models, const struct zblob_image *images, size_t image_count,
                                     const unsigned char *src, size_t src_size, struct zblob_error *error);

#endif
