/* predicted.c: see predicted.h. The other coder's tables, states and header are a large part of a small image. */
#include "predicted.h"

#include "../chunks.h"
#include "../codec.h"
#include "../kernels/dispatch.h"
#include "../raster/predicted.h"
#include "../raster/rows.h"
#include "encoded_size.h"
#include "fit.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEVEL = 5, /* the lowest one, as both directions are slower; */
    LEVEL_ALL = 6,
    PIXELS = 1 << 13,     /* at most, below LEVEL_ALL, */
    PIXELS_ALL = 1 << 16, /* and from there on */
    SMALLEST = 3072,      /* bytes of samples */
    REPEATS = 4,          /* of so many samples, less than one equals a neighbour where no other coder is tried */
    OBSERVATIONS = 1 << 12,
    ROUNDS = 2,
    MAP_BITS = 1,      /* that each value of a map takes, at least, */
    LEAST_GAIN = 32,   /* and what it has to promise beyond that to be tried: a bit for so many pixels */
    FIT_BITS = 12 - 7, /* between the two scales of weights */
};

/* ---- The values -------------------------------------------------------------------------------------------- */

/* Those of the image, as the box has them, in rows with PREDICTED_SIDE more on either side. */
struct picture {
    struct raster_box box;
    size_t stride;
    uint32_t *values;
};

static bool
open_picture(struct picture *p, const struct voxel_model *model, const unsigned char *samples)
{
    p->box = voxel_raster_box(model, voxel_chunk_box(model, 0));
    p->stride = p->box.width + 2 * PREDICTED_SIDE;
    p->values = malloc(p->box.rows * p->stride * sizeof *p->values);
    for (size_t y = 0; p->values && y < p->box.rows; y++) {
        uint32_t *row = p->values + y * p->stride + PREDICTED_SIDE;
        raster_load_row(&p->box, voxel_row_address(model, samples, 0, y), row);
        for (size_t i = 1; i <= PREDICTED_SIDE; i++) {
            row[-(ptrdiff_t)i] = row[0];
            row[p->box.width - 1 + i] = row[p->box.width - 1];
        }
    }
    return p->values != NULL;
}

static void
set_range(struct voxel_model *model, const struct picture *p)
{
    uint32_t low = UINT32_MAX, high = 0;
    int lowest = voxel_lowest_value(sample_type_of(model->grid.sample_type));
    for (size_t y = 0; y < p->box.rows; y++)
        for (size_t x = 0; x < p->box.width; x++) {
            uint32_t value = p->values[y * p->stride + PREDICTED_SIDE + x];
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
    model->low = (int16_t)((int)low + lowest);
    model->high = (int16_t)((int)high + lowest);
}

/* ---- Weights ----------------------------------------------------------------------------------------------- */

/* Differences from W, then the one to expect. */
static size_t
observe(const struct picture *p, float (*rows)[VOXEL_TAPS_MAX])
{
    size_t step = p->box.rows * p->box.width / OBSERVATIONS + 1, count = 0;
    ptrdiff_t s = (ptrdiff_t)p->stride;
    const ptrdiff_t sites[RASTER_WEIGHTS] = {-s, -s - 1, -s + 1, -2, -2 * s, -2 * s + 1, -s + 2, -2 * s - 1, -s - 2};
    for (size_t y = 2; y < p->box.rows; y++)
        for (size_t x = y % step; x < p->box.width; x += step) {
            const uint32_t *at = p->values + y * p->stride + PREDICTED_SIDE + x;
            for (int i = 0; i < RASTER_WEIGHTS; i++)
                rows[count][i] = (float)((int32_t)at[sites[i]] - (int32_t)at[-1]);
            rows[count++][RASTER_WEIGHTS] = (float)((int32_t)at[0] - (int32_t)at[-1]);
        }
    return count;
}

static bool
fit_weights(struct voxel_model *model, const struct picture *p)
{
    size_t capacity = OBSERVATIONS + 2 * p->box.rows;
    int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES];
    float(*rows)[VOXEL_TAPS_MAX] = calloc(capacity, sizeof *rows);
    uint8_t *class_of = calloc(capacity, 1);
    struct voxel_fit *fit = voxel_fit_new(voxel_kernels(), capacity);
    bool has_memory = rows && class_of && fit;
    if (has_memory)
        voxel_fit_weights(fit, (const float(*)[VOXEL_TAPS_MAX])rows, class_of, observe(p, rows), RASTER_WEIGHTS + 1, 1,
                          ROUNDS, weights);
    for (int i = 0; has_memory && i < RASTER_WEIGHTS; i++) {
        int weight = (weights[i + 1][0] + (1 << (FIT_BITS - 1))) >> FIT_BITS;
        weight = weight > RASTER_WEIGHT_MOST ? RASTER_WEIGHT_MOST : weight;
        model->raster_weights[i] = (int16_t)(weight < -RASTER_WEIGHT_MOST ? -RASTER_WEIGHT_MOST : weight);
    }
    voxel_fit_free(fit);
    free(class_of);
    free(rows);
    return has_memory;
}

/* ---- The trial --------------------------------------------------------------------------------------------- */

/* How often each value is met, from the lowest to the highest one. */
static void
count_values(const struct picture *p, uint32_t *counts, uint8_t *used)
{
    for (size_t y = 0; y < p->box.rows; y++)
        for (size_t x = 0; x < p->box.width; x++) {
            uint32_t value = p->values[y * p->stride + PREDICTED_SIDE + x];
            counts[value]++;
            used[value] = 1;
        }
}

/* Ranks, where they make values of which many lie between are not used clearly denser. */
static enum zblob_result
choose_ranks(struct voxel_model *model, const struct picture *p)
{
    const struct sample_type *type = sample_type_of(model->grid.sample_type);
    uint32_t low = (uint32_t)(model->low - voxel_lowest_value(type));
    uint32_t high = (uint32_t)(model->high - voxel_lowest_value(type)), count = 0;
    uint32_t *counts = calloc(high + 1, sizeof *counts);
    uint8_t *used = calloc(voxel_value_count(type) + 1, 1);
    enum zblob_result result = counts && used ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK)
        count_values(p, counts, used);
    for (uint32_t v = low; v <= high && result == ZBLOB_OK; v++)
        count += used[v];
    uint64_t cost = (uint64_t)count * MAP_BITS + p->box.rows * p->box.width / LEAST_GAIN;
    if (result == ZBLOB_OK && high - low + 1 > count &&
        voxel_spread(counts, (int)low, (int)high, used, (int)low, (int)high + 1) >> 8 > cost) {
        model->ranks_count = 1;
        if (!voxel_ranks_build(&model->ranks[0], type, used))
            result = ZBLOB_NO_MEMORY;
    }
    free(counts);
    free(used);
    return result;
}

static enum zblob_result
build(struct voxel_model *model, const unsigned char *samples, bool may_have_ranks)
{
    struct picture picture = {0};
    model->is_raster = true;
    model->way = RASTER_PREDICTED;
    model->chunk_slices = 1;
    model->chunk_rows = (uint32_t)model->shape.height;
    enum zblob_result result = open_picture(&picture, model, samples) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK) {
        set_range(model, &picture);
        result = may_have_ranks ? choose_ranks(model, &picture) : ZBLOB_OK;
    }
    if (result == ZBLOB_OK && model->ranks_count > 0) {
        free(picture.values);
        result = open_picture(&picture, model, samples) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    }
    if (result == ZBLOB_OK) {
        set_range(model, &picture);
        if (!fit_weights(model, &picture) || !voxel_model_pack(model))
            result = ZBLOB_NO_MEMORY;
    }
    free(picture.values);
    return result;
}

/* Its code is kept for the only chunk if, with the model, it is less than `most`. */
static enum zblob_result
encode(struct voxel_model *model, const unsigned char *samples, uint64_t most, bool *is_better)
{
    struct voxel_box box = voxel_chunk_box(model, 0);
    size_t capacity = (size_t)(box.rows * voxel_row_size(model));
    size_t size = voxel_model_size(model);
    if (most <= size + 1)
        return ZBLOB_OK;
    capacity = most - size - 1 < capacity ? (size_t)most - size - 1 : capacity;
    model->coded = malloc(capacity);
    if (model->coded == NULL)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result = voxel_encode_box(model, box, samples, model->coded, capacity, &model->coded_size);
    *is_better = result == ZBLOB_OK && model->coded_size > 0;
    if (!*is_better) {
        free(model->coded);
        model->coded = NULL;
    }
    return result;
}

/* The model and its only chunk, if together they are less than `most`. NULL: they are not. */
static enum zblob_result
predict(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, uint64_t most)
{
    bool may_have_ranks = true, is_better = false, is_again = true;
    enum zblob_result result = ZBLOB_OK;
    for (*model = NULL; is_again && result == ZBLOB_OK; may_have_ranks = false) {
        struct voxel_model *other = voxel_model_new(grid);
        result = other ? build(other, samples, may_have_ranks) : ZBLOB_NO_MEMORY;
        is_better = false;
        if (result == ZBLOB_OK)
            result = encode(other, samples, most, &is_better);
        is_again =
            may_have_ranks && result == ZBLOB_OK && other->ranks_count > 0; /* they promise more than they keep */
        if (is_better) {
            voxel_model_free(*model);
            *model = other;
            most = voxel_model_size(other) + other->coded_size;
        } else {
            voxel_model_free(other);
        }
    }
    return result;
}

static bool
is_small(const struct voxel_model *model, int level)
{
    const struct voxel_shape *shape = &model->shape;
    return level >= LEVEL && shape->height > 1 && shape->slices == 1 && shape->components == 1 &&
           shape->width * shape->height <= (level < LEVEL_ALL ? PIXELS : PIXELS_ALL) &&
           raster_accepts(model->grid.sample_type, 1);
}

static inline unsigned
value_at(const unsigned char *sample, size_t size)
{
    uint16_t value = *sample;
    if (size > 1)
        memcpy(&value, sample, sizeof value);
    return value;
}

/* Nearly all small images with few equal neighbours are smaller so, unless most samples are exact sums of their neighbours,
 * as in what was computed. (Whichever way bytes lie: a sum without carry is one either way.) */
static bool
suits(const struct voxel_model *model, const unsigned char *samples)
{
    size_t size = zblob_sample_size(model->grid.sample_type), width = (size_t)model->shape.width, seen = 0, equal = 0,
           sums = 0;
    for (uint64_t y = 1; y < model->shape.height; y += 3) {
        const unsigned char *row = voxel_row_address(model, samples, 0, y);
        const unsigned char *above = voxel_row_address(model, samples, 0, y - 1);
        unsigned w = value_at(row, size), nw = value_at(above, size);
        for (size_t x = 1; x < width; x++, seen++) {
            unsigned now = value_at(row + x * size, size), n = value_at(above + x * size, size);
            equal += now == w || now == n;
            sums += (uint16_t)(w + n - nw) == now;
            w = now;
            nw = n;
        }
    }
    return equal * REPEATS < seen && sums * 2 < seen;
}

enum zblob_result
voxel_predict_at_once(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples,
                      int level)
{
    struct voxel_model *m = voxel_model_new(grid);
    *model = NULL;
    if (m == NULL)
        return ZBLOB_NO_MEMORY;
    uint64_t raw_size = voxel_row_size(m) * m->shape.height;
    bool is_tried = is_small(m, level) && raw_size >= SMALLEST && suits(m, samples);
    voxel_model_free(m);
    return is_tried ? predict(model, grid, samples, raw_size) : ZBLOB_OK;
}

enum zblob_result
voxel_try_predicted(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    const struct voxel_shape *shape = &(*model)->shape;
    uint64_t size = (*model)->coded_size, seen;
    struct voxel_model *other = NULL;
    enum zblob_result result = ZBLOB_OK;
    if ((*model)->wide || (*model)->is_folded || !is_small(*model, level))
        return ZBLOB_OK;
    if ((*model)->coded == NULL)
        result = voxel_encoded_size(*model, samples, UINT64_MAX, &size, &seen);
    if (result == ZBLOB_OK && (!voxel_has_pixels(*model) || size * 8 >= shape->width * shape->height))
        result = predict(&other, grid, samples, size + voxel_model_size(*model));
    if (other && result == ZBLOB_OK) {
        struct voxel_model *before = *model;
        *model = other;
        other = before;
    }
    voxel_model_free(other);
    return result;
}
