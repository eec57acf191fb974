/* model_section.h: the body of a MODEL section: which codec and image it is for, and the model (docs/format.md). */
#ifndef ZBLOB_CODEC_FRAME_MODEL_SECTION_H
#define ZBLOB_CODEC_FRAME_MODEL_SECTION_H

#include "../../zblob.h"

struct voxel_model; /* ../voxel/model.h */

size_t model_section_size(const struct voxel_model *model);
void model_section_write(const struct voxel_model *model, size_t image, unsigned char *dst);

/* Does the section's head hold, apart from the number of the image? The bytes are hostile here and below. */
bool model_section_is_valid(const unsigned char *src, size_t src_size);

/* Of a valid section: the number of its image, and its model, which model_read reads by itself. */
uint32_t model_section_image(const unsigned char *src);
enum zblob_result model_read(struct voxel_model **model, const struct zblob_image *image, const unsigned char *src,
                             size_t src_size);
enum zblob_result model_section_read(struct voxel_model **model, const struct zblob_image *image,
                                     const unsigned char *src, size_t src_size);

#endif
