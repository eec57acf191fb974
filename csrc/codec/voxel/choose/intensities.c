/* intensities.c: the way through the choices that make a model of intensities. */
#include "intensities.h"

#include "../wide/cells.h"
#include "cells.h"
#include "channels.h"
#include "chunks.h"
#include "clips.h"
#include "doubled.h"
#include "levels.h"
#include "maps.h"
#include "survey.h"
#include "train.h"

/* Samples of an image of which many states would take a noticeable part. They are faster, which counts more at the lower
 * levels. */
enum { FEW_STATES = 1 << 16, FEW_STATES_FAST = 1 << 14, FAST_LEVEL = 4 };

enum zblob_result
voxel_choose_intensities(struct voxel_model *m, const unsigned char *samples, int level, bool is_signal, bool *gain)
{
    const unsigned char *values = samples; /* what is coded */
    bool smoother_along = false, has_maps = false, is_wide = voxel_is_wide(m->grid.sample_type);
    *gain = true;
    m->use_reference = (m->shape.slices > 1 && !is_signal) || m->shape.components > 1;
    enum zblob_result result = !is_wide || voxel_widen_model(m) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK && is_wide) {
        voxel_choose_chunks(m, level); /* differences stay within a chunk */
        result = voxel_choose_cells(m, samples, &values, gain);
        if (result == ZBLOB_OK && *gain)
            result = voxel_choose_maps(m, samples, &values, &has_maps);
    }
    if (result == ZBLOB_OK && *gain)
        result = voxel_survey_values(m, values, level, &smoother_along);
    if (result == ZBLOB_OK && m->wide == NULL)
        result = voxel_choose_maps(m, samples, &values, &has_maps);
    if (result == ZBLOB_OK && has_maps && !is_wide)
        result = voxel_survey_values(m, values, level, &smoother_along);
    if (result != ZBLOB_OK || !*gain)
        return result;
    if (level > VOXEL_LEVEL_FAST)
        voxel_find_doubled(m, values, &smoother_along);
    voxel_choose_chunks(m, level);
    if (is_signal)
        m->chunk_slices = 1;
    else if (m->wide == NULL && level == VOXEL_LEVEL_SWIFT)
        voxel_unite_repeats(m, samples);
    else if (m->wide == NULL) /* differences of wide samples keep to the chunks that they have */
        voxel_lengthen_chunks(m, values);
    voxel_choose_direction(m, smoother_along, is_signal, level);
    m->has_few_states = m->shape.width * m->shape.height * m->shape.slices * m->shape.components <=
                        (level > FAST_LEVEL ? FEW_STATES : FEW_STATES_FAST);
    if (m->wide == NULL)
        result = voxel_choose_channels(m, values, level);
    return result == ZBLOB_OK ? voxel_train_model(m, values, level) : result;
}
