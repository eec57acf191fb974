/* build.c: the voxel codec's interface: what it accepts, how an image is cut, and the way to the
 * stages. */
#include "label/label.h"

#include <string.h>

enum {
    TARGET_CHUNK = 4 << 20,
    LARGEST_SLICE = 8 << 20,
    SMALLEST_LABELS = 2048,
    SMALLEST_INTENSITIES = 12288, /* below, weights and tables outweigh what they gain over the plain image path */
    SHORTEST_FOLD = 8192,
};
enum { VOLUMES = 8 };            /* of a series that a chunk holds, if they are not too large */
enum { THIN = 64, TALL = 2048 }; /* rows so short that their padding outweighs them, and many of them */

/* Axes of one pixel vanish; a very short fastest axis becomes components (or joins the next axis), so
 * that a row is long enough for vectors. False: no samples, or more than 2^40. */
bool
voxel_shape_of(struct voxel_shape *shape, const struct zblob_grid *grid)
{
    uint64_t axes[ZBLOB_DIMENSION_MAX], total = grid->components;
    uint32_t count = 0;
    if (grid->components == 0 || grid->dimension == 0 || grid->dimension > ZBLOB_DIMENSION_MAX)
        return false;
    for (uint32_t d = 0; d < grid->dimension; d++) {
        if (grid->size[d] == 0 || grid->size[d] > (UINT64_C(1) << 40) / total)
            return false;
        total *= grid->size[d];
        if (grid->size[d] > 1)
            axes[count++] = grid->size[d];
    }
    uint64_t components = grid->components;
    uint32_t first = 0;
    if (count > 1 && components * axes[0] <= 4)
        components *= axes[first++];
    for (; count - first > 1 && axes[first] < VOXEL_ROW_MIN; first++)
        axes[first + 1] *= axes[first];
    shape->components = components;
    shape->width = first < count ? axes[first] : 1;
    shape->height = first + 1 < count ? axes[first + 1] : 1;
    shape->slices = 1;
    for (uint32_t d = first + 2; d < count; d++)
        shape->slices *= axes[d];
    return true;
}

bool
voxel_accepts(const struct zblob_grid *grid)
{
    struct voxel_shape shape;
    if (zblob_sample_size(grid->sample_type) == 0 || !voxel_shape_of(&shape, grid))
        return false;
    uint64_t row = shape.width * shape.components * zblob_sample_size(grid->sample_type);
    /* A row is handled whole, and a single one leaves nothing to predict from: it is folded. */
    return (shape.height > 1 ? row <= VOXEL_ROW_SIZE_MAX : shape.width >= SHORTEST_FOLD) && shape.components <= 256 &&
           shape.slices <= UINT32_MAX && shape.height <= UINT32_MAX;
}

static uint64_t
row_size(const struct voxel_model *model)
{
    size_t size = model->wide ? voxel_wide_sample_size(model->wide) : zblob_sample_size(model->grid.sample_type);
    return model->shape.width * model->shape.components * size;
}

/* Whole slices where they are small enough; bands of rows otherwise. Equal shares, no tiny rest. */
void
voxel_choose_chunks(struct voxel_model *model, int level)
{
    uint64_t slice = row_size(model) * model->shape.height;
    uint64_t target = level >= 2 ? TARGET_CHUNK : TARGET_CHUNK / 2;
    model->chunk_rows = (uint32_t)model->shape.height;
    if (model->is_label)
        target = TARGET_CHUNK;
    uint64_t largest = model->shape.slices > 1 || model->shape.width < THIN ? LARGEST_SLICE : TARGET_CHUNK;
    if (slice <= largest) {
        uint64_t fit = target / slice, least = model->use_reference ? 4 : 1;
        fit = fit < least ? least : fit;
        fit = fit > ZBLOB_CHUNK_RAW_MAX / slice ? ZBLOB_CHUNK_RAW_MAX / slice : fit;
        uint64_t chunks = (model->shape.slices + fit - 1) / fit;
        chunks += chunks > 1 && chunks % 2 && chunks < model->shape.slices; /* even shares for two threads */
        model->chunk_slices = (uint32_t)((model->shape.slices + chunks - 1) / chunks);
    } else {
        uint64_t fit = target / row_size(model);
        fit = fit < 1 ? 1 : fit;
        fit = model->shape.width < THIN && fit > 4 * TALL ? 4 * TALL : fit;
        uint64_t chunks = (model->shape.height + fit - 1) / fit;
        model->chunk_slices = 0;
        model->chunk_rows = (uint32_t)((model->shape.height + chunks - 1) / chunks);
    }
}

void
voxel_choose_series(struct voxel_model *model, uint32_t distance)
{
    uint64_t volume = row_size(model) * model->shape.height * distance;
    uint64_t volumes = (model->shape.slices + distance - 1) / distance, most = ZBLOB_CHUNK_RAW_MAX / volume;
    uint64_t fit = TARGET_CHUNK / volume < VOLUMES ? VOLUMES : TARGET_CHUNK / volume; /* the first refers to none */
    uint64_t chunks = (volumes + (fit < most ? fit : most) - 1) / (fit < most ? fit : most);
    model->chunk_slices = (uint32_t)((volumes + chunks - 1) / chunks) * distance;
    model->distance = distance;
}

size_t
voxel_chunk_count(const struct voxel_model *model)
{
    const struct voxel_shape *shape = &model->shape;
    if (model->chunk_slices)
        return (size_t)((shape->slices + model->chunk_slices - 1) / model->chunk_slices);
    return (size_t)(shape->slices * ((shape->height + model->chunk_rows - 1) / model->chunk_rows));
}

struct voxel_box
voxel_chunk_box(const struct voxel_model *model, size_t index)
{
    const struct voxel_shape *shape = &model->shape;
    struct voxel_box box = {0, 1, 0, shape->height};
    if (model->chunk_slices) {
        box.slice = (uint64_t)index * model->chunk_slices;
        box.slices = shape->slices - box.slice;
        box.slices = box.slices < model->chunk_slices ? box.slices : model->chunk_slices;
    } else {
        uint64_t bands = (shape->height + model->chunk_rows - 1) / model->chunk_rows;
        box.slice = index / bands;
        box.row = index % bands * model->chunk_rows;
        box.rows = shape->height - box.row;
        box.rows = box.rows < model->chunk_rows ? box.rows : model->chunk_rows;
    }
    return box;
}

void
voxel_chunk_range(const struct voxel_model *model, size_t index, uint64_t *offset, size_t *size)
{
    struct voxel_box box = voxel_chunk_box(model, index);
    *offset = (box.slice * model->shape.height + box.row) * row_size(model);
    *size = (size_t)(box.slices * box.rows * row_size(model));
}

/* A coded row's first sample (of what is coded); in a transposed image the others follow at the distance of
 * its rows. */
const unsigned char *
voxel_row_address(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint64_t row)
{
    uint64_t pixel = model->shape.components * zblob_sample_size(model->grid.sample_type);
    uint64_t row_pitch = model->shape.width * pixel, first = slice * model->shape.height * row_pitch;
    return samples + (size_t)(first + row * (model->is_transposed ? pixel : row_pitch));
}

void
voxel_transpose(struct voxel_model *model)
{
    uint64_t width = model->shape.width;
    model->shape.width = model->shape.height;
    model->shape.height = width;
    model->is_transposed = !model->is_transposed;
}

/* The direction that is smoother goes across the rows: half of a row's samples do without their
 * neighbours in it. A tall pile of short rows lies down in any case, and so do a signal's stretches. */
static void
choose_direction(struct voxel_model *model, bool smoother_along, bool is_signal, int level)
{
    bool long_enough = model->shape.height >= VOXEL_ROW_MIN && model->shape.width > 1 &&
                       model->shape.height * model->shape.components <= LARGEST_SLICE;
    bool is_thin = model->shape.width < THIN && model->shape.height >= TALL;
    bool worth = is_signal || is_thin || (smoother_along && level >= 2);
    if (worth && long_enough && model->chunk_slices > 0) {
        voxel_transpose(model);
        model->chunk_rows = (uint32_t)model->shape.height;
    }
}

/* As intensities: cells, range, chunks, direction and weights. */
static enum zblob_result
build_intensity(struct voxel_model *m, const unsigned char *samples, int level, bool is_signal, bool *gain)
{
    const unsigned char *values = samples; /* what is coded */
    bool smoother_along = false;
    m->use_reference = (m->shape.slices > 1 && !is_signal) || m->shape.components > 1;
    enum zblob_result result = voxel_model_widen(m) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK && m->wide) {
        voxel_choose_chunks(m, level); /* differences stay within a chunk */
        result = voxel_wide_prepare(m, samples, &values, gain);
    }
    if (result == ZBLOB_OK && *gain)
        result = voxel_survey(m, values, &smoother_along, gain);
    if (result != ZBLOB_OK || !*gain)
        return result;
    voxel_choose_chunks(m, level);
    if (is_signal)
        m->chunk_slices = 1;
    choose_direction(m, smoother_along, is_signal, level);
    if (!m->wide)
        result = voxel_choose_channels(m, values, level);
    return result == ZBLOB_OK ? voxel_train(m, values, level, gain) : result;
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
    uint64_t size = row_size(m) * m->shape.height * m->shape.slices;
    bool is_signal = false, gain = size >= SMALLEST_LABELS;
    enum zblob_result result = ZBLOB_OK;
    if (m->shape.height == 1)
        gain = !voxel_is_wide(grid->sample_type) && voxel_choose_fold(m, samples, &is_signal);
    m->is_label = gain && label_survey(m, samples);
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

enum zblob_result
voxel_encode_chunk(const struct voxel_model *model, size_t index, const unsigned char *samples, unsigned char *dst,
                   size_t dst_capacity, size_t *dst_size)
{
    struct voxel_box box = voxel_chunk_box(model, index);
    return (model->is_label ? voxel_encode_label
            : model->wide   ? voxel_encode_wide
                            : voxel_encode_planes)(model, box, samples, dst, dst_capacity, dst_size);
}

enum zblob_result
voxel_decode_chunk(const struct voxel_model *model, size_t index, const unsigned char *src, size_t src_size,
                   unsigned char *dst)
{
    struct voxel_box box = voxel_chunk_box(model, index);
    return (model->is_label ? voxel_decode_label
            : model->wide   ? voxel_decode_wide
                            : voxel_decode_planes)(model, box, src, src_size, dst);
}
