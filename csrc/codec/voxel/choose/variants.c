/*
 * variants.c: on images whose rows or columns repeat, weights that are fitted to the average sample are beside the point,
 * and richer contexts only dilute the counts: there a lower level often makes less than a higher one. So it is tried.
 * Small images get the fast preset, whose tables and weights take little; many are smaller by the normal one all the same,
 * and the smallest ones by the swift preset.
 */
#include "variants.h"

#include "../chunks.h"
#include "bins.h"
#include "doubled.h"
#include "encoded_size.h"
#include "intensities.h"
#include "levels.h"
#include "repeats.h"
#include "train.h"

enum {
    ROWS = 512,
    BOTH_LEVEL = 6, /* from here on, small images are tried by both presets: that takes twice the time */
    DEFAULT_LEVEL = 5,
    TINY = 1 << 13,  /* pixels of images of which tables take so much that the swift preset, which has none, is tried */
    TRIAL = 4 << 20, /* about so many bytes of the image are coded */
};

static bool
has_repeats(const struct voxel_model *model, const struct zblob_grid *grid, const unsigned char *samples)
{
    struct repeats seen = {.varied = 0};
    uint64_t size;
    if (!zblob_grid_size(grid, &size))
        return false;
    repeats_look(&seen, grid, samples, (size_t)size, ROWS);
    return repeats_are_many(&seen) || (model->wide == NULL && voxel_columns_are_doubled(model, samples));
}

/* Bytes for the image, from its first slices. */
static enum zblob_result
expected_size(const struct voxel_model *model, const unsigned char *samples, uint64_t *expected)
{
    uint64_t coded, seen, all = voxel_row_size(model) * model->shape.height * model->shape.slices;
    enum zblob_result result = voxel_encoded_size(model, samples, TRIAL, &coded, &seen);
    *expected = seen == all ? coded : coded * (all / 256) / (seen / 256 + 1);
    *expected += voxel_model_size(model);
    return result;
}

static enum zblob_result
build(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    bool gain = true;
    *model = voxel_model_new(grid);
    enum zblob_result result = *model ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK)
        result = voxel_choose_intensities(*model, samples, level, false, &gain);
    if (result == ZBLOB_OK && gain && !voxel_model_pack(*model))
        result = ZBLOB_NO_MEMORY;
    if (result != ZBLOB_OK || !gain) {
        voxel_model_free(*model);
        *model = NULL;
    }
    return result;
}

/* Replace the model by one of the given level if that makes less. */
static enum zblob_result
try_level(struct voxel_model **model, uint64_t *least, const struct zblob_grid *grid, const unsigned char *samples,
          int level)
{
    struct voxel_model *other, *worse;
    uint64_t size = UINT64_MAX;
    enum zblob_result result = build(&other, grid, samples, level);
    if (other && result == ZBLOB_OK)
        result = expected_size(other, samples, &size);
    bool is_better = result == ZBLOB_OK && size < *least;
    worse = is_better ? *model : other;
    *model = is_better ? other : *model;
    *least = is_better ? size : *least;
    voxel_model_free(worse);
    return result;
}

static uint64_t
pixels_of(const struct voxel_model *model)
{
    return model->shape.width * model->shape.height * model->shape.slices;
}

static bool
is_small(const struct voxel_model *model)
{
    return pixels_of(model) < VOXEL_SMALL;
}

enum zblob_result
voxel_try_variants(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    uint64_t least;
    bool repeats = level > VOXEL_LEVEL_FAST && !(*model)->is_folded && has_repeats(*model, grid, samples);
    bool is_tried = level >= BOTH_LEVEL && !(*model)->is_folded && is_small(*model);
    bool is_tiny = level > VOXEL_LEVEL_SWIFT && !(*model)->is_folded && pixels_of(*model) < TINY;
    if (!repeats && !is_tried && !is_tiny)
        return ZBLOB_OK;
    enum zblob_result result = expected_size(*model, samples, &least);
    if (is_tiny && result == ZBLOB_OK)
        result = try_level(model, &least, grid, samples, VOXEL_LEVEL_SWIFT);
    if (is_tried && result == ZBLOB_OK)
        result = try_level(model, &least, grid, samples, VOXEL_LEVEL_TRIAL);
    if (repeats && result == ZBLOB_OK)
        result = try_level(model, &least, grid, samples, VOXEL_LEVEL_FAST);
    if (repeats && level > DEFAULT_LEVEL && result == ZBLOB_OK)
        result = try_level(model, &least, grid, samples, DEFAULT_LEVEL);
    return result;
}
