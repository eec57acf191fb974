/*
 * raster.c: is a single slice smaller if its pixels are coded one after the other? A look at some rows says whether that is
 * worth asking: whether pixels equal a neighbour often enough. Then a part of the image is coded in both ways.
 */
#include "raster.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../codec.h"
#include "chunks.h"
#include "levels.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK = 1 << 12,  /* pixels that are looked at, in whole rows, */
    LOOK_ROWS = 8,   /* and more rows beside those */
    LEAST = 1 << 12, /* pixels of an image */
    TRIAL = 1 << 20, /* bytes */
    GAIN = 16,       /* a gain below this part of the size is not worth the time */
    DECISIONS = 3,   /* for each byte, at most, up to SLOW_LEVEL */
    SLOW_LEVEL = 7,
};

/* ---- The look ---------------------------------------------------------------------------------------------- */

/* Pixels that have four equal neighbours and equal them; that equal one of their neighbours otherwise; and others. */
struct look {
    size_t flat, equal, other;
};

static inline uint32_t
pixel_at(const unsigned char *row, size_t x, size_t size)
{
    uint32_t pixel = 0;
    memcpy(&pixel, row + x * size, size);
    return pixel;
}

static inline __attribute__((always_inline)) void
look_at_pixels(struct look *look, const unsigned char *now, const unsigned char *above, size_t width, size_t size)
{
    uint32_t w = pixel_at(now, 0, size), nw = pixel_at(above, 0, size), n = pixel_at(above, 1, size);
    for (size_t x = 1; x + 1 < width; x++) {
        uint32_t v = pixel_at(now, x, size), ne = pixel_at(above, x + 1, size);
        bool is_flat = (w == n) & (w == nw) & (w == ne) & (v == w);
        bool is_equal = (v == w) | (v == n) | (v == nw) | (v == ne);
        look->flat += is_flat;
        look->equal += is_equal & !is_flat;
        look->other += !is_equal;
        nw = n;
        n = ne;
        w = v;
    }
}

/* A loop of its own for each size. */
static void
look_at_row(struct look *look, const unsigned char *now, const unsigned char *above, size_t width, size_t size)
{
    if (size == 1)
        look_at_pixels(look, now, above, width, 1);
    else if (size == 2)
        look_at_pixels(look, now, above, width, 2);
    else if (size == 3)
        look_at_pixels(look, now, above, width, 3);
    else
        look_at_pixels(look, now, above, width, 4);
}

/* Grey images have more decisions for each byte, and are slower. */
static bool
is_worth_asking(const struct voxel_model *model, const unsigned char *samples, int level)
{
    const struct voxel_shape *shape = &model->shape;
    size_t width = (size_t)shape->width, size = (size_t)shape->components * zblob_sample_size(model->grid.sample_type);
    uint64_t wanted = LOOK / shape->width + LOOK_ROWS;
    struct look look = {0};
    wanted = wanted < shape->height ? wanted : shape->height;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t row = i * shape->height / wanted + hash_place(i, shape->height / wanted);
        if (row > 0)
            look_at_row(&look, voxel_row_address(model, samples, 0, row), voxel_row_address(model, samples, 0, row - 1),
                        width, size);
    }
    size_t halves = shape->components > 1 || (level >= SLOW_LEVEL && size == 1) ? 2 : 8;
    return look.other * halves < 2 * (look.flat + look.equal);
}

/* ---- The trial --------------------------------------------------------------------------------------------- */

/* Rows from the middle of the image's one slice; all of them where they are another model's columns. */
static struct voxel_box
trial_box(const struct voxel_model *model, bool is_transposed)
{
    uint64_t rows = TRIAL / voxel_row_size(model) + 1;
    rows = rows < model->shape.height && !is_transposed ? rows : model->shape.height;
    return (struct voxel_box){0, 1, (model->shape.height - rows) / 2, rows};
}

/* What is best so far, of the trial's box. */
struct trial {
    struct voxel_box box;
    unsigned char *dst;
    size_t raw_size, least, decisions_max;
    bool is_better;
};

/* One way to code literals. It is given up once it is too large. */
static enum zblob_result
try_way(struct trial *trial, struct voxel_model *other, bool by_value, const unsigned char *samples)
{
    size_t size = 0, decisions = 0;
    struct raster_box box = voxel_raster_box(other, trial->box);
    box.by_value = by_value;
    enum zblob_result result = raster_encode_box(&box, voxel_row_address(other, samples, 0, trial->box.row), trial->dst,
                                                 trial->least, &size, &decisions);
    if (size == 0 || size >= trial->least || decisions > trial->decisions_max)
        return result;
    trial->least = size;
    trial->is_better = true;
    other->by_value = by_value;
    return result;
}

static enum zblob_result
try_both_ways(struct trial *trial, const struct voxel_model *model, struct voxel_model *other,
              const unsigned char *samples)
{
    struct voxel_box box = model->is_transposed ? voxel_chunk_box(model, 0) : trial->box; /* of the same pixels */
    enum zblob_result result = voxel_encode_box(model, box, samples, trial->dst, trial->raw_size, &trial->least);
    trial->least = trial->least ? trial->least : trial->raw_size;
    trial->least += voxel_model_size(model);
    trial->least -= trial->least / GAIN;
    if (result == ZBLOB_OK)
        result = try_way(trial, other, false, samples);
    if (result == ZBLOB_OK && trial->is_better && zblob_sample_size(other->grid.sample_type) == 1)
        result = try_way(trial, other, true, samples);
    return result;
}

enum zblob_result
voxel_try_raster(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *samples, int level)
{
    const struct voxel_shape *shape = &(*model)->shape;
    if (level == VOXEL_LEVEL_SWIFT || (*model)->is_folded || shape->slices > 1 || shape->width < 3 || (*model)->wide ||
        shape->width * shape->height < LEAST || !raster_accepts(grid->sample_type, shape->components))
        return ZBLOB_OK;
    struct voxel_model *other = voxel_model_new(grid);
    if (other == NULL)
        return ZBLOB_NO_MEMORY;
    other->is_raster = true;
    voxel_choose_chunks(other, level);
    if (!is_worth_asking(other, samples, level)) {
        voxel_model_free(other);
        return ZBLOB_OK;
    }
    struct trial trial = {.box = trial_box(other, (*model)->is_transposed)};
    trial.raw_size = (size_t)(trial.box.slices * trial.box.rows * voxel_row_size(other));
    trial.decisions_max = level < SLOW_LEVEL ? DECISIONS * trial.raw_size : SIZE_MAX;
    trial.dst = malloc(trial.raw_size + VOXEL_ENCODE_SLACK);
    enum zblob_result result = trial.dst ? try_both_ways(&trial, *model, other, samples) : ZBLOB_NO_MEMORY;
    bool is_better = trial.is_better && result == ZBLOB_OK;
    if (is_better && !voxel_model_pack(other))
        result = ZBLOB_NO_MEMORY;
    free(trial.dst);
    if (is_better && result == ZBLOB_OK) {
        struct voxel_model *before = *model;
        *model = other;
        other = before;
    }
    voxel_model_free(other);
    return result;
}
