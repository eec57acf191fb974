/* encoded_size.h: what the first chunks of an image, or the first slices of these, take by a model. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_ENCODED_SIZE_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_ENCODED_SIZE_H

#include "../model.h"

/* Encodes chunks, or their first slices, until `enough` bytes of the image are seen, or all of it. *size: the bytes that they take; one that does
 * not shrink counts with its raw size. *seen: their raw bytes. The code of an image's only chunk stays with the model. */
enum zblob_result voxel_encoded_size(struct voxel_model *model, const unsigned char *samples, uint64_t enough,
                                     uint64_t *size, uint64_t *seen);

#endif
