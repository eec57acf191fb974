/* build.c: the way through the choices that make a model. */
#include "build.h"

#include "../chunks.h"
#include "../memory.h"
#include "../wide/cells.h"
#include "chunks.h"
#include "fold.h"
#include "intensities.h"
#include "labels.h"
#include "levels.h"
#include "predicted.h"
#include "raster.h"
#include "trial.h"
#include "variants.h"

enum {
    SMALLEST_LABELS = 2048,
    SMALLEST_INTENSITIES = 3072, /* below, weights and tables outweigh what they gain over the plain image path */
};

/* Labels, planes of intensities, or pixels in raster order. */
static enum zblob_result
build(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    struct voxel_model *m = voxel_model_new(grid);
    if (m == NULL)
        return ZBLOB_NO_MEMORY;
    uint64_t size = voxel_row_size(m) * m->shape.height * m->shape.slices;
    bool is_signal = false, gain = size >= SMALLEST_LABELS;
    enum zblob_result result = ZBLOB_OK;
    if (m->shape.height == 1)
        gain = !voxel_is_wide(grid->sample_type) && voxel_choose_fold(m, samples, &is_signal);
    enum voxel_verdict verdict = gain ? voxel_survey_labels(m, samples, level) : VOXEL_NO;
    m->is_label = verdict >= VOXEL_YES;
    if (verdict == VOXEL_UNSURE)
        result = voxel_try_labels(m, samples, level, &m->is_label);
    gain = gain && (m->is_label || voxel_is_wide(grid->sample_type) || size >= SMALLEST_INTENSITIES);
    /* mixed labels are slow, but where nearly all of them are flat */
    m->is_mixed = m->is_label && (level >= VOXEL_LEVEL_MIXED || verdict == VOXEL_SPARSE);
    if (verdict == VOXEL_SPARSE)
        voxel_choose_sparse_chunks(m, level);
    else if (m->is_label)
        voxel_choose_chunks(m, level);
    if (!m->is_label || m->is_mixed || voxel_chunk_count(m) > 1)
        voxel_drop_code(m); /* of a trial */
    if (!m->is_label && gain && result == ZBLOB_OK)
        result = voxel_choose_intensities(m, samples, level, is_signal, &gain);
    gain = gain && result == ZBLOB_OK && voxel_chunks_are_allowed(m);
    if (gain && !voxel_model_pack(m))
        result = ZBLOB_NO_MEMORY;
    if (gain && !m->is_label && result == ZBLOB_OK)
        result = voxel_try_variants(&m, grid, samples, level);
    if (gain && result == ZBLOB_OK)
        result = voxel_try_raster(&m, grid, samples, level);
    if (gain && result == ZBLOB_OK)
        result = voxel_try_predicted(&m, grid, samples, level);
    if (result == ZBLOB_OK && gain)
        *model = m;
    else
        voxel_model_free(m);
    return result;
}

enum zblob_result
voxel_model_build(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    *model = NULL;
    if (!voxel_accepts(grid))
        return ZBLOB_OK;
    enum zblob_result result = voxel_predict_at_once(model, grid, samples, level);
    return *model || result != ZBLOB_OK ? result : build(model, grid, samples, level);
}
