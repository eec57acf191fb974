/* build.c: the way through the choices that make a model. */
#include "build.h"

#include "../chunks.h"
#include "../wide/cells.h"
#include "cells.h"
#include "channels.h"
#include "chunks.h"
#include "fold.h"
#include "labels.h"
#include "survey.h"
#include "train.h"

enum {
    SMALLEST_LABELS = 2048,
    SMALLEST_INTENSITIES = 12288, /* below, weights and tables outweigh what they gain over the plain image path */
};

/* As intensities: cells, range, chunks, direction and weights. */
static enum zblob_result
build_intensity(struct voxel_model *m, const unsigned char *samples, int level, bool is_signal, bool *gain)
{
    const unsigned char *values = samples; /* what is coded */
    bool smoother_along = false;
    m->use_reference = (m->shape.slices > 1 && !is_signal) || m->shape.components > 1;
    enum zblob_result result = voxel_widen_model(m) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK && m->wide) {
        voxel_choose_chunks(m, level); /* differences stay within a chunk */
        result = voxel_choose_cells(m, samples, &values, gain);
    }
    if (result == ZBLOB_OK && *gain)
        result = voxel_survey_values(m, values, &smoother_along);
    if (result != ZBLOB_OK || !*gain)
        return result;
    voxel_choose_chunks(m, level);
    if (is_signal)
        m->chunk_slices = 1;
    voxel_choose_direction(m, smoother_along, is_signal, level);
    if (!m->wide)
        result = voxel_choose_channels(m, values, level);
    return result == ZBLOB_OK ? voxel_train_model(m, values, level) : result;
}

enum zblob_result
voxel_model_build(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    *model = NULL;
    if (!voxel_accepts(grid))
        return ZBLOB_OK;
    struct voxel_model *m = voxel_model_new(grid);
    if (m == NULL)
        return ZBLOB_NO_MEMORY;
    uint64_t size = voxel_row_size(m) * m->shape.height * m->shape.slices;
    bool is_signal = false, gain = size >= SMALLEST_LABELS;
    enum zblob_result result = ZBLOB_OK;
    if (m->shape.height == 1)
        gain = !voxel_is_wide(grid->sample_type) && voxel_choose_fold(m, samples, &is_signal);
    m->is_label = gain && voxel_choose_labels(m, samples);
    gain = gain && (m->is_label || voxel_is_wide(grid->sample_type) || size >= SMALLEST_INTENSITIES);
    if (m->is_label)
        voxel_choose_chunks(m, level);
    else if (gain)
        result = build_intensity(m, samples, level, is_signal, &gain);
    if (result == ZBLOB_OK && gain)
        *model = m;
    else
        voxel_model_free(m);
    return result;
}
