/* learned.c: see learned.h. Rows from the middle of the image are coded in both ways. */
#include "learned.h"

#include "../chunks.h"
#include "../codec.h"
#include "chunks.h"
#include "predicted.h"

#include <stdlib.h>

enum {
    LEVEL = 8, /* the lowest one: a sample takes 10 to 30 times as long */
    SMALLEST = 1 << 12,
    LARGEST = 1 << 24, /* pixels, which are looked at as numbers of 32 bits */
    LOOK = 1 << 18,    /* bytes of larger images that have to become smaller first */
    TRIAL = 1 << 20,   /* bytes that say it, of images of several chunks */
    GAIN = 128,        /* a gain below this part of the size is not worth the time */
};

static bool
suits(const struct voxel_model *model, int level)
{
    const struct voxel_shape *shape = &model->shape;
    bool has_intensities = !voxel_has_pixels(model) || (model->is_raster && model->way == RASTER_PREDICTED);
    return level >= LEVEL && has_intensities && !model->wide && !model->is_folded && shape->slices == 1 &&
           shape->height > 1 && shape->width * shape->height >= SMALLEST && shape->width * shape->height <= LARGEST &&
           shape->width * shape->components <= PREDICTED_WIDTH_MAX &&
           raster_accepts(model->grid.sample_type, shape->components);
}

/* What the model makes of the rows, and of what comes before them in a frame. */
static enum zblob_result
size_of_rows(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples, unsigned char *dst,
             size_t raw_size, size_t *size)
{
    enum zblob_result result = ZBLOB_OK;
    bool is_whole = box.rows == model->shape.height;
    *size = model->coded && is_whole ? model->coded_size : 0;
    if (*size == 0)
        result = voxel_encode_box(model, box, samples, dst, raw_size, size);
    *size = (*size ? *size : raw_size) + voxel_model_size(model);
    return result;
}

/* So many rows from the middle, which have to become clearly smaller. Where they are all that
 * there is, their code is kept for the only chunk. */
static enum zblob_result
try_rows(const struct voxel_model *model, struct voxel_model *other, const unsigned char *samples, uint64_t rows,
         bool *is_better)
{
    uint64_t height = other->shape.height;
    struct voxel_box box = {0, 1, (height - rows) / 2, rows};
    struct voxel_box same = model->is_transposed ? (struct voxel_box){0, 1, 0, model->shape.height} : box;
    size_t raw_size = (size_t)(rows * voxel_row_size(other)), before = 0, now = 0;
    unsigned char *dst = malloc(raw_size + VOXEL_ENCODE_SLACK);
    if (dst == NULL)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result = size_of_rows(model, same, samples, dst, raw_size, &before);
    before -= before / GAIN;
    if (result == ZBLOB_OK && before > voxel_model_size(other))
        result = voxel_encode_box(other, box, samples, dst, before - voxel_model_size(other), &now);
    *is_better = result == ZBLOB_OK && now > 0;
    if (*is_better && rows == height && voxel_chunk_count(other) == 1) {
        other->coded = dst;
        other->coded_size = now;
    } else {
        free(dst);
    }
    return result;
}

static enum zblob_result
try_both(const struct voxel_model *model, struct voxel_model *other, const unsigned char *samples, bool *is_better)
{
    uint64_t height = other->shape.height,
             rows = voxel_chunk_count(other) == 1 ? height : TRIAL / voxel_row_size(other) + 1;
    uint64_t few = LOOK / voxel_row_size(other) + 1;
    enum zblob_result result = ZBLOB_OK;
    rows = model->is_transposed || rows > height ? height : rows; /* its rows are the image's columns */
    *is_better = true;
    if (few < rows / 2 && !model->is_transposed)
        result = try_rows(model, other, samples, few, is_better);
    if (*is_better && result == ZBLOB_OK)
        result = try_rows(model, other, samples, rows, is_better);
    return result;
}

enum zblob_result
voxel_try_learned(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    if (!suits(*model, level))
        return ZBLOB_OK;
    struct voxel_model *other = voxel_model_new(grid);
    if (other == NULL)
        return ZBLOB_NO_MEMORY;
    other->is_raster = true;
    other->way = RASTER_LEARNED;
    voxel_choose_chunks(other, level);
    bool is_better = false;
    enum zblob_result result = voxel_build_predicted(other, samples, RASTER_LEARNED, true);
    if (result == ZBLOB_OK)
        result = try_both(*model, other, samples, &is_better);
    if (is_better) {
        struct voxel_model *before = *model;
        *model = other;
        other = before;
    }
    voxel_model_free(other);
    return result;
}
