/* chunks.c: how large chunks are, and which way rows lie. */
#include "chunks.h"

#include "../chunks.h"
#include "../memory.h"
#include "../wide/cells.h"
#include "levels.h"
#include "repeats.h"

#include <stdlib.h>

enum { TARGET_CHUNK = 4 << 20, LARGEST_SLICE = 8 << 20 };
enum { LARGE = 64 << 20, PART_CHUNK = 1 << 20 }; /* an image that is read in parts, and its chunks of 16-bit samples */
enum { SHARED = 256 << 10 };     /* bytes of an image that two threads share, where a chunk costs hardly any bytes */
enum { LEAST_SHARE = 8 };        /* slices of a chunk, of which the first refers to none */
enum { REPEATS_ROWS = 128 };     /* that are looked at before an image is shared */
enum { VOLUMES = 8 };            /* of a series that a chunk holds, if they are not too large */
enum { THIN = 64, TALL = 2048 }; /* rows so short that padding outweighs their samples, and so many of them */

/* About how many slices make a chunk. Large images get small ones, but a slice keeps a neighbour where it has one. */
static uint64_t
slices_to_fit(const struct voxel_model *model, uint64_t slice, uint64_t target)
{
    uint64_t fit = target / slice, least = model->use_reference ? 4 : 1;
    bool is_large = !voxel_has_pixels(model) && slice * model->shape.slices >= LARGE;
    uint64_t part = (voxel_is_wide(model->grid.sample_type) ? 2 : 1) * (uint64_t)PART_CHUNK / slice;
    part = part < 2 ? 2 : part;
    if (is_large && part < fit)
        fit = part;
    else
        fit = fit < least ? least : fit;
    return fit > ZBLOB_CHUNK_RAW_MAX / slice ? ZBLOB_CHUNK_RAW_MAX / slice : fit;
}

static void
choose(struct voxel_model *model, int level, uint64_t target)
{
    uint64_t slice = voxel_row_size(model) * model->shape.height;
    model->chunk_rows = (uint32_t)model->shape.height;
    uint64_t largest = model->shape.slices > 1 || model->shape.width < THIN ? LARGEST_SLICE : TARGET_CHUNK;
    bool is_shared = level == VOXEL_LEVEL_SWIFT && !voxel_has_pixels(model) && !model->is_folded &&
                     slice * model->shape.slices >= SHARED;
    if (slice <= largest && !(is_shared && model->shape.slices == 1 && model->shape.width >= THIN)) {
        uint64_t fit = slices_to_fit(model, slice, target);
        uint64_t chunks = (model->shape.slices + fit - 1) / fit;
        chunks += is_shared && chunks == 1 && model->shape.slices >= 2 * LEAST_SHARE;
        chunks += chunks > 1 && chunks % 2 && chunks < model->shape.slices; /* even shares for two threads */
        model->chunk_slices = (uint32_t)((model->shape.slices + chunks - 1) / chunks);
        while (model->chunk_slices > 1 && voxel_format_memory(model) > VOXEL_CHUNK_MEMORY_MAX)
            model->chunk_slices = (model->chunk_slices + 1) / 2;
    } else {
        uint64_t fit = target / voxel_row_size(model);
        fit = fit < 1 ? 1 : fit;
        fit = model->shape.width < THIN && fit > 4 * TALL ? 4 * TALL : fit;
        uint64_t chunks = (model->shape.height + fit - 1) / fit;
        chunks += is_shared && chunks == 1;
        model->chunk_slices = 0;
        model->chunk_rows = (uint32_t)((model->shape.height + chunks - 1) / chunks);
    }
}

void
voxel_choose_chunks(struct voxel_model *model, int level)
{
    choose(model, level, voxel_has_pixels(model) || level > VOXEL_LEVEL_FAST ? TARGET_CHUNK : TARGET_CHUNK / 2);
}

void
voxel_choose_sparse_chunks(struct voxel_model *model, int level)
{
    choose(model, level, ZBLOB_CHUNK_RAW_MAX);
}

void
voxel_unite_repeats(struct voxel_model *model, const unsigned char *samples)
{
    uint64_t size = voxel_row_size(model) * model->shape.height * model->shape.slices;
    struct repeats seen = {.varied = 0};
    if (voxel_chunk_count(model) != 2 || size > TARGET_CHUNK / 2)
        return;
    repeats_look(&seen, &model->grid, samples, (size_t)size, REPEATS_ROWS);
    if (!repeats_are_many(&seen))
        return;
    uint32_t slices = model->chunk_slices, rows = model->chunk_rows;
    model->chunk_slices = slices ? (uint32_t)model->shape.slices : 0;
    model->chunk_rows = (uint32_t)model->shape.height;
    if (!voxel_chunks_are_allowed(model)) {
        model->chunk_slices = slices;
        model->chunk_rows = rows;
    }
}

bool
voxel_choose_series(struct voxel_model *model, uint32_t distance)
{
    uint64_t volume = voxel_row_size(model) * model->shape.height * distance;
    uint64_t volumes = (model->shape.slices + distance - 1) / distance, most = ZBLOB_CHUNK_RAW_MAX / volume;
    uint64_t fit = TARGET_CHUNK / volume < VOLUMES ? VOLUMES : TARGET_CHUNK / volume; /* the first refers to none */
    uint64_t chunks = (volumes + (fit < most ? fit : most) - 1) / (fit < most ? fit : most);
    uint32_t before = model->chunk_slices;
    model->chunk_slices = (uint32_t)((volumes + chunks - 1) / chunks) * distance;
    model->distance = distance;
    if (model->chunk_slices > distance && voxel_chunks_are_allowed(model))
        return true;
    model->chunk_slices = before;
    return false;
}

/* An image is best predicted if it is smoother across its rows than along them: half of a row's samples are predicted
 * without their neighbours in the row. Very many short rows are transposed in any case, and so are a signal's. */
void
voxel_choose_direction(struct voxel_model *model, bool smoother_along, bool is_signal, int level)
{
    bool long_enough = model->shape.height >= VOXEL_ROW_MIN && model->shape.width > 1 &&
                       model->shape.height * model->shape.components <= LARGEST_SLICE;
    bool is_thin = model->shape.width < THIN && model->shape.height >= TALL;
    bool worth = is_signal || is_thin || (smoother_along && level > VOXEL_LEVEL_FAST);
    if (worth && long_enough && model->chunk_slices > 0) {
        voxel_transpose_shape(&model->shape);
        model->is_transposed = true;
        model->chunk_rows = (uint32_t)model->shape.height;
    }
}

bool
voxel_align_chunks(struct voxel_model *model, uint32_t rows)
{
    uint64_t excess = rows > 1 ? model->chunk_rows % rows : 0;
    uint64_t aligned = excess ? model->chunk_rows + rows - excess : model->chunk_rows;
    if (excess == 0 || model->chunk_slices > 0 || model->shape.height == model->chunk_rows)
        return true;
    model->chunk_rows = (uint32_t)(aligned < model->shape.height ? aligned : model->shape.height);
    free(model->packed);
    model->packed = NULL;
    return voxel_chunks_are_allowed(model) && voxel_model_pack(model);
}

bool
voxel_halve_chunks(struct voxel_model *model)
{
    if (model->chunk_slices < 4 || model->distance != 1)
        return false;
    model->chunk_slices = (model->chunk_slices + 1) / 2;
    free(model->packed);
    free(model->coded);
    model->packed = model->coded = NULL;
    return voxel_chunks_are_allowed(model) && voxel_model_pack(model);
}
