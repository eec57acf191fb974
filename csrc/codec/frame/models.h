/*
 * models.h: the models of a frame's images. Each is read when a chunk of its image is decoded, and those that no chunk
 * is being decoded with are dropped when all of them together take too much memory.
 */
#ifndef ZBLOB_CODEC_FRAME_MODELS_H
#define ZBLOB_CODEC_FRAME_MODELS_H

#include "header.h"

struct voxel_model; /* ../voxel/model.h */
struct models;

/* The images must outlive the models. NULL: no memory. */
struct models *models_open(const struct zblob_frame *frame, const struct zblob_image *images);
void models_close(struct models *models);

/* Does image `image` have a model? */
const bool *models_present(const struct models *models);

/* The model of an image, to be released; *model = NULL where the image has none. Any number of threads may ask. */
enum zblob_result models_acquire(struct models *models, uint32_t image, const struct voxel_model **model);
void models_release(struct models *models, uint32_t image);

#endif
