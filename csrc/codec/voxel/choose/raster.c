/*
 * raster.c: is a single slice smaller if its pixels are coded one after the other? A look at some rows says whether that is
 * worth asking: whether pixels equal a neighbour often enough. Then a part of the image is coded in both ways.
 */
#include "raster.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../codec.h"
#include "chunks.h"
#include "encoded_size.h"
#include "levels.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK = 1 << 12,   /* pixels that are looked at, in whole rows, */
    LOOK_ROWS = 8,    /* and more rows beside those */
    LEAST = 1 << 12,  /* pixels of an image */
    SAMPLE = 1 << 16, /* bytes of the image whose literals are coded in both ways first */
    BANDS = 4,        /* bands of rows that they are taken from */
    CLEAR = 40,       /* a way is left out if the other one is smaller by a fortieth, */
    CLEAR_BYTES = 96, /* and by 96 bytes */
    TRIAL = 1 << 20,  /* bytes that are coded by both coders */
    GAIN = 16,        /* a gain below this part of the size is not worth the time */
    DECISIONS = 3,    /* for each byte, at most, up to SLOW_LEVEL */
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

/* Rows of the image are coded in both ways. */
struct trial {
    struct voxel_model *model, *raster;
    const unsigned char *samples;
    int level;
    unsigned char *dst, *best; /* room for what is coded, and the smallest yet */
};

/* Rows from the middle of the image's one slice; all of them where they are the other model's columns. */
static struct voxel_box
middle_rows(const struct trial *trial, size_t wanted)
{
    uint64_t height = trial->raster->shape.height, rows = wanted / voxel_row_size(trial->raster) + 1;
    rows = rows < height && !trial->model->is_transposed ? rows : height;
    return (struct voxel_box){0, 1, (height - rows) / 2, rows};
}

static size_t
raw_size_of(const struct trial *trial, struct voxel_box box)
{
    return (size_t)(box.rows * voxel_row_size(trial->raster));
}

/* What the other model makes of the box, less the least gain. */
static enum zblob_result
try_model(const struct trial *trial, struct voxel_box box, size_t *size)
{
    struct voxel_model *model = trial->model;
    size_t raw_size = raw_size_of(trial, box);
    struct voxel_box same = model->is_transposed ? voxel_chunk_box(model, 0) : box; /* of the same pixels */
    enum zblob_result result = ZBLOB_OK;
    uint64_t coded, seen;
    if (voxel_chunk_count(model) == 1 && box.rows == trial->raster->shape.height) {
        result = voxel_encoded_size(model, trial->samples, UINT64_MAX, &coded, &seen);
        *size = (size_t)coded;
    } else {
        result = voxel_encode_box(model, same, trial->samples, trial->dst, raw_size, size);
    }
    *size = *size ? *size : raw_size;
    *size += voxel_model_size(model);
    *size -= model->is_mixed ? 0 : *size / GAIN; /* which is as slow */
    return result;
}

/* One way to code literals of `rows` rows at src: *least, and what lies in `best`, if it is smaller. It is given up once it
 * is too large, or too slow. */
static enum zblob_result
try_way(struct trial *trial, const unsigned char *src, uint64_t rows, enum raster_way way, size_t *least)
{
    size_t size = 0, raw_size = (size_t)(rows * voxel_row_size(trial->raster));
    struct raster_box pixels = voxel_raster_box(trial->raster, (struct voxel_box){0, 1, 0, rows});
    pixels.way = way;
    enum zblob_result result = raster_encode_box(&pixels, src, trial->dst, *least, &size,
                                                 trial->level < SLOW_LEVEL ? DECISIONS * raw_size : SIZE_MAX);
    if (size == 0 || size >= *least)
        return result;
    unsigned char *dst = trial->best;
    trial->best = trial->dst;
    trial->dst = dst;
    trial->raster->way = (uint8_t)way;
    *least = size;
    return result;
}

/* Bands of rows from all over the image, one below the other. */
static void
gather_bands(const struct trial *trial, uint64_t band, unsigned char *dst)
{
    uint64_t height = trial->raster->shape.height;
    size_t size = (size_t)(band * voxel_row_size(trial->raster));
    for (uint64_t i = 0; i < BANDS; i++) {
        uint64_t row = (height - band) * (2 * i + 1) / (2 * BANDS);
        memcpy(dst + i * size, voxel_row_address(trial->raster, trial->samples, 0, row), size);
    }
}

/* Which ways to code literals are worth a trial? Both, unless bands of the image say it clearly. */
static enum zblob_result
choose_ways(struct trial *trial, bool ways[2])
{
    uint64_t band = SAMPLE / BANDS / voxel_row_size(trial->raster) + 1;
    size_t size = (size_t)(BANDS * band * voxel_row_size(trial->raster)), sizes[2] = {size, size};
    enum zblob_result result = ZBLOB_OK;
    ways[0] = true;
    ways[1] = zblob_sample_size(trial->raster->grid.sample_type) == 1;
    if (!ways[1] || BANDS * band >= trial->raster->shape.height)
        return result;
    unsigned char *bands = malloc(size);
    if (bands == NULL)
        return ZBLOB_NO_MEMORY;
    gather_bands(trial, band, bands);
    for (int way = 0; way < 2 && result == ZBLOB_OK; way++)
        result = try_way(trial, bands, BANDS * band, (enum raster_way)way, &sizes[way]);
    free(bands);
    for (int way = 0; way < 2; way++) {
        size_t lead = sizes[way] / CLEAR > CLEAR_BYTES ? sizes[way] / CLEAR : CLEAR_BYTES;
        ways[way] = sizes[way] < sizes[1 - way] + lead;
    }
    return result;
}

/* Where the rows are all that there is, their code is kept for the only chunk. */
static enum zblob_result
try_both_models(struct trial *trial, bool *is_better)
{
    struct voxel_box box = middle_rows(trial, TRIAL);
    size_t other = 0;
    bool ways[2];
    enum zblob_result result = choose_ways(trial, ways);
    if (result == ZBLOB_OK)
        result = try_model(trial, box, &other);
    size_t least = other;
    for (int way = 0; way < 2 && result == ZBLOB_OK; way++)
        if (ways[way])
            result = try_way(trial, voxel_row_address(trial->raster, trial->samples, 0, box.row), box.rows,
                             (enum raster_way)way, &least);
    *is_better = result == ZBLOB_OK && least < other;
    if (*is_better && box.rows == trial->raster->shape.height && voxel_chunk_count(trial->raster) == 1) {
        trial->raster->coded = trial->best;
        trial->raster->coded_size = least;
        trial->best = NULL;
    }
    return result;
}

/* As voxel_try_raster, once a look was promising. */
static enum zblob_result
try_raster(struct voxel_model *model, struct voxel_model *raster, const unsigned char *samples, int level,
           bool *is_better)
{
    struct trial trial = {.model = model, .raster = raster, .samples = samples, .level = level};
    size_t capacity = raw_size_of(&trial, middle_rows(&trial, TRIAL)) + VOXEL_ENCODE_SLACK;
    trial.dst = malloc(capacity);
    trial.best = malloc(capacity);
    enum zblob_result result = trial.dst && trial.best ? try_both_models(&trial, is_better) : ZBLOB_NO_MEMORY;
    free(trial.dst);
    free(trial.best);
    return *is_better && !voxel_model_pack(raster) ? ZBLOB_NO_MEMORY : result;
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
    bool is_better = false;
    enum zblob_result result = try_raster(*model, other, samples, level, &is_better);
    if (is_better && result == ZBLOB_OK) {
        struct voxel_model *before = *model;
        *model = other;
        other = before;
    }
    voxel_model_free(other);
    return result;
}
