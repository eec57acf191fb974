/* trial.c: codes an excerpt of an image as labels and as intensities. */
#include "trial.h"

#include "../chunks.h"
#include "chunks.h"
#include "encoded_size.h"
#include "intensities.h"
#include "levels.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXCERPT = 1 << 17, /* pixels */
    WHOLE = 5 << 16,   /* images that are coded as a whole, as what is new to a coder would outweigh the rest */
    EXCERPT_SIZE = 4 << 20,
    BANDS = 4,
    SLICES = 6,
    WIDTH = 512,
    NARROW = 3,      /* careful training and plateaus make intensities at most so many times smaller */
    TRIAL_LEVEL = 3, /* the lowest one whose models are those of the default level, less carefully trained */
};

/* Bands of rows from all over the image, one below the other, each in a few slices; in the image's type. */
struct excerpt {
    struct zblob_grid grid;
    unsigned char *samples;
    uint64_t pixels;
};

/* Place `index` of BANDS equally distant ones where a part of the whole begins. */
static uint64_t
place_of(uint64_t whole, uint64_t part, uint64_t index)
{
    return (whole - part) * (2 * index + 1) / (2 * BANDS);
}

static bool
open_excerpt(struct excerpt *e, const struct voxel_model *model, const unsigned char *samples)
{
    static const uint8_t rows_of[BANDS] = {1, 3, 0, 2}, columns_of[BANDS] = {2, 0, 3, 1};
    const struct voxel_shape *shape = &model->shape;
    uint64_t pixel = shape->components * zblob_sample_size(model->grid.sample_type);
    uint64_t all = shape->width * shape->height * shape->slices;
    bool whole = all < WHOLE;
    uint64_t most = whole ? WHOLE : EXCERPT;
    most = EXCERPT_SIZE / pixel < most ? EXCERPT_SIZE / pixel : most;
    uint64_t width = shape->width < WIDTH || whole ? shape->width : WIDTH;
    uint64_t slices = shape->slices < SLICES ? shape->slices : SLICES;
    uint64_t band = most / (width * slices * BANDS) + 1, rows = BANDS * band;
    if (rows >= shape->height)
        rows = band = shape->height;
    e->grid = (struct zblob_grid){
        .sample_type = model->grid.sample_type,
        .big_endian = model->grid.big_endian,
        .dimension = 3,
        .components = (uint32_t)shape->components,
        .size = {width, rows, slices},
    };
    e->pixels = width * rows * slices;
    e->samples = malloc((size_t)(e->pixels * pixel));
    unsigned char *to = e->samples;
    for (uint64_t i = 0; e->samples && i < slices * rows; i++, to += width * pixel) {
        uint64_t b = i % rows / band;
        uint64_t z = i / rows + place_of(shape->slices, slices, b);
        uint64_t y = i % rows % band + place_of(shape->height, band, rows_of[b]);
        uint64_t x = place_of(shape->width, width, columns_of[b]);
        memcpy(to, voxel_row_address(model, samples, z, y) + x * pixel, (size_t)(width * pixel));
    }
    return e->samples != NULL;
}

enum way { INTENSITIES /* quickly, without plateaus */, WITH_PLATEAUS, LABELS };

/* If the excerpt is the whole image, what was coded of it is the image's code. */
static void
take_code(struct voxel_model *image, struct voxel_model *model)
{
    const struct voxel_shape *whole = &image->shape, *shape = &model->shape;
    if (shape->width != whole->width || shape->height != whole->height || shape->slices != whole->slices)
        return;
    image->coded = model->coded;
    image->coded_size = model->coded_size;
    model->coded = NULL;
}

/* Bytes that the image would take, as the excerpt shows: those of the model do not grow with the image. */
static enum zblob_result
expected_size(const struct excerpt *e, enum way way, int level, struct voxel_model *image, uint64_t *expected)
{
    uint64_t pixels = image->shape.width * image->shape.height * image->shape.slices;
    struct voxel_model *model = voxel_model_new(&e->grid);
    bool gain = true;
    enum zblob_result result = model ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    if (model && way == LABELS) {
        model->is_label = true;
        voxel_choose_chunks(model, level);
    } else if (model) {
        model->has_no_plateaus = way != WITH_PLATEAUS;
        result = voxel_choose_intensities(model, e->samples, level, false, &gain);
    }
    uint64_t seen, once = 0,
                   size = e->pixels * e->grid.components * zblob_sample_size(e->grid.sample_type); /* as it is */
    if (result == ZBLOB_OK && gain && !voxel_model_pack(model))
        result = ZBLOB_NO_MEMORY;
    if (result == ZBLOB_OK && gain) {
        once = voxel_model_size(model);
        result = voxel_encoded_size(model, e->samples, UINT64_MAX, &size, &seen);
    }
    if (result == ZBLOB_OK && way == LABELS)
        take_code(image, model);
    voxel_model_free(model);
    *expected = size * pixels / e->pixels + once;
    return result;
}

static bool
labels_are_better(const uint64_t sizes[], enum way way)
{
    return sizes[LABELS] < sizes[way] - sizes[way] / 16; /* symbols are slower */
}

enum zblob_result
voxel_try_labels(struct voxel_model *model, const unsigned char *samples, int level, bool *is_label)
{
    struct excerpt e;
    uint64_t sizes[3] = {0};
    if (!open_excerpt(&e, model, samples))
        return ZBLOB_NO_MEMORY;
    level = level < TRIAL_LEVEL ? level : TRIAL_LEVEL;
    enum zblob_result result = expected_size(&e, LABELS, level, model, &sizes[LABELS]);
    if (result == ZBLOB_OK)
        result = expected_size(&e, INTENSITIES, level < VOXEL_LEVEL_FAST ? level : VOXEL_LEVEL_FAST, model,
                               &sizes[INTENSITIES]);
    *is_label = result == ZBLOB_OK && labels_are_better(sizes, INTENSITIES);
    /* careful training and plateaus, which take time, may turn a narrow lead */
    if (*is_label && sizes[LABELS] > sizes[INTENSITIES] / NARROW) {
        result = expected_size(&e, WITH_PLATEAUS, level, model, &sizes[WITH_PLATEAUS]);
        *is_label = result == ZBLOB_OK && labels_are_better(sizes, WITH_PLATEAUS);
    }
    free(e.samples);
    return result;
}
