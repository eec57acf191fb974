/*
 * encoded_size.c: encodes chunks only to see how large they become. Of one that has much more than is asked for, a few
 * slices are encoded.
 */
#include "encoded_size.h"

#include "../chunks.h"
#include "../codec.h"

#include <stdlib.h>

enum { LEAST_SLICES = 4 }; /* of which the first refers to none */

/* A chunk without the slices that are more than enough. Chunks of wide samples are never that long. */
static struct voxel_box
part_of_chunk(const struct voxel_model *model, size_t index, uint64_t enough)
{
    struct voxel_box box = voxel_chunk_box(model, index);
    uint64_t slices = enough / (box.rows * voxel_row_size(model)) + 1;
    slices = slices < LEAST_SLICES ? LEAST_SLICES : slices;
    if (model->wide == NULL && slices < box.slices)
        box.slices = slices;
    return box;
}

/* The code of the only chunk is kept, so that it is made once, whoever asks next. The block shrinks to it. */
static void
keep(struct voxel_model *model, unsigned char *dst, size_t size)
{
    unsigned char *shrunk = realloc(dst, size);
    model->coded = shrunk ? shrunk : dst;
    model->coded_size = size;
}

enum zblob_result
voxel_encoded_size(struct voxel_model *model, const unsigned char *samples, uint64_t enough, uint64_t *size,
                   uint64_t *seen)
{
    enum zblob_result result = ZBLOB_OK;
    bool is_only = voxel_chunk_count(model) == 1;
    *size = *seen = 0;
    if (model->coded) {
        *size = model->coded_size;
        *seen = model->shape.slices * model->shape.height * voxel_row_size(model);
        return result;
    }
    for (size_t i = 0; i < voxel_chunk_count(model) && *seen < enough && result == ZBLOB_OK; i++) {
        struct voxel_box box = part_of_chunk(model, i, enough - *seen);
        size_t raw_size = (size_t)(box.slices * box.rows * voxel_row_size(model)), encoded = 0;
        unsigned char *dst = malloc(raw_size + VOXEL_ENCODE_SLACK);
        result = dst ? voxel_encode_box(model, box, samples, dst, raw_size, &encoded) : ZBLOB_NO_MEMORY;
        if (is_only && encoded && box.slices * box.rows == model->shape.slices * model->shape.height)
            keep(model, dst, encoded);
        else
            free(dst);
        *size += encoded ? encoded : raw_size;
        *seen += raw_size;
    }
    return result;
}
