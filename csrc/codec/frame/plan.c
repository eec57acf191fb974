/* plan.c: finds a value's images, has their models built, and cuts the value in chunks. */
#include "plan.h"

#include "../base/error.h"
#include "../base/geometry.h"
#include "../base/threads.h"
#include "../chunk/noise.h"
#include "../chunk/planes.h"
#include "../chunk/zstd.h"
#include "../sniff/images.h"
#include "../voxel/choose/build.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Values and images below these sizes are not looked into: geometry would cost more than it saves. */
#define SNIFF_SIZE_MIN 256
#define IMAGE_SIZE_MIN 1024

/* How the general path's chances with a guessed image are tried, and the ratio that is good enough. */
#define GUESS_PIECES 8
#define GUESS_SHARE 1024
#define GUESS_PIECE_MIN ((size_t)8 << 10)
#define GUESS_PIECE_MAX ((size_t)16 << 10)
#define GENERAL_RATIO 32

/* With chunks == NULL this only counts. */
static void
plan_chunk(struct plan *plan, const struct plan_chunk *chunk)
{
    if (plan->chunks)
        plan->chunks[plan->chunk_count] = *chunk;
    plan->chunk_count++;
}

static void
plan_range(struct plan *plan, uint64_t offset, uint64_t size, uint64_t chunk_size, uint32_t image)
{
    for (uint64_t end = offset + size; offset < end; offset += chunk_size) {
        uint64_t left = end - offset;
        plan_chunk(plan, &(struct plan_chunk){.raw_offset = offset,
                                              .raw_size = (size_t)(left < chunk_size ? left : chunk_size),
                                              .image = image,
                                              .ordinal = NO_ORDINAL});
    }
}

/* Returns the end of the last: the few pixels that a folded image may have more are general data. */
static uint64_t
plan_model_chunks(struct plan *plan, uint32_t image)
{
    const struct voxel_model *model = plan->models[image];
    struct plan_chunk chunk = {.image = image};
    for (size_t i = 0; i < voxel_chunk_count(model); i++) {
        chunk.ordinal = i;
        voxel_chunk_range(model, i, &chunk.raw_offset, &chunk.raw_size);
        chunk.raw_offset += plan->images[image].value_offset;
        plan_chunk(plan, &chunk);
    }
    return chunk.raw_offset + chunk.raw_size;
}

/* Is the image to be coded as one? */
static bool
is_planned(const struct plan *plan, uint32_t image)
{
    uint64_t size;
    enum zblob_codec codec = plan->options->codec;
    const struct zblob_grid *grid = &plan->images[image].grid;
    return codec != ZBLOB_CODEC_STORE && codec != ZBLOB_CODEC_ZSTD && zblob_grid_size(grid, &size) &&
           size >= IMAGE_SIZE_MIN && (plan->models[image] || planes_chunk_size(grid));
}

static void
plan_chunks(struct plan *plan)
{
    uint64_t at = 0, general_size = general_chunk_size(plan->options->level);
    plan->chunk_count = 0;
    for (uint32_t i = 0; i < plan->image_count; i++) {
        const struct zblob_image *image = &plan->images[i];
        uint64_t size;
        if (!is_planned(plan, i))
            continue;
        zblob_grid_size(&image->grid, &size);
        plan_range(plan, at, image->value_offset - at, general_size, NO_IMAGE);
        at = image->value_offset + size;
        if (plan->models[i])
            at = plan_model_chunks(plan, i);
        else
            plan_range(plan, image->value_offset, size, planes_chunk_size(&image->grid), i);
        plan->has_image_chunks = true;
    }
    plan_range(plan, at, plan->src_size - at, general_size, NO_IMAGE);
}

/* The one image that the options describe. */
static enum zblob_result
plan_given_image(struct plan *plan, struct zblob_error *error)
{
    const struct zblob_options *options = plan->options;
    struct zblob_image *image = &plan->images[0];
    uint64_t size = 0;
    if (options->grid.dimension == 0 || options->grid.sample_type == 0)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "options \"dtype\" and \"shape\" go together");
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_OPTIONS, .grid = options->grid};
    image->is_complex = options->is_complex;
    image->is_bool = options->is_bool;
    image->grid.components = image->is_complex ? 2 : 1;
    if (!zblob_grid_size(&image->grid, &size) || size != plan->src_size)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "options \"dtype\" and \"shape\" describe %" PRIu64 " bytes, the value has %" PRIu64, size,
                          plan->src_size);
    plan->image_count = 1;
    return ZBLOB_OK;
}

/* What the general path would make of the value: pieces from all over it tell. */
static uint64_t
estimate_general(const struct plan *plan)
{
    size_t piece = (size_t)(plan->src_size / GUESS_SHARE), size, encoded = 0;
    piece = piece < GUESS_PIECE_MIN ? GUESS_PIECE_MIN : piece > GUESS_PIECE_MAX ? GUESS_PIECE_MAX : piece;
    size = GUESS_PIECES * piece;
    unsigned char *pieces = malloc(size + general_bound(size));
    if (!pieces)
        return 0; /* no guess */
    for (size_t i = 0; i < GUESS_PIECES; i++)
        memcpy(pieces + i * piece, plan->src + (plan->src_size - piece) / (2 * GUESS_PIECES) * (2 * i + 1), piece);
    general_encode(1, pieces, size, pieces + size, general_bound(size), &encoded);
    free(pieces);
    return plan->src_size / size * encoded;
}

/* A guess is worth a predictor's time where a byte matcher does not do very well, and quickly. */
static void
guess_image(struct plan *plan)
{
    if (!sniff_raw(plan->src, (size_t)plan->src_size, plan->images))
        return;
    plan->general_estimate = estimate_general(plan);
    if (plan->general_estimate > plan->src_size / GENERAL_RATIO)
        plan->image_count = 1;
}

static enum zblob_result
plan_images(struct plan *plan, struct zblob_error *error)
{
    bool given = plan->options->grid.dimension || plan->options->grid.sample_type;
    if (!given && plan->src_size < SNIFF_SIZE_MIN)
        return ZBLOB_OK;
    plan->images = malloc(ZBLOB_IMAGES_MAX * sizeof *plan->images);
    plan->models = calloc(ZBLOB_IMAGES_MAX, sizeof *plan->models);
    if (!plan->images || !plan->models)
        return zblob_fail_memory(error, ZBLOB_IMAGES_MAX * sizeof *plan->images);
    if (given)
        return plan_given_image(plan, error);
    plan->image_count = zblob_sniff(plan->src, (size_t)plan->src_size, plan->images, ZBLOB_IMAGES_MAX);
    if (plan->image_count == 0 && plan->options->codec == ZBLOB_CODEC_AUTO)
        guess_image(plan);
    return ZBLOB_OK;
}

/* One task of the thread pool. An image without a model goes through the plain image path. */
static void
build_model(void *context, size_t i)
{
    struct plan *plan = context;
    const struct zblob_image *image = &plan->images[i];
    enum zblob_codec codec = plan->options->codec;
    uint64_t size;
    if ((codec == ZBLOB_CODEC_AUTO || codec == ZBLOB_CODEC_VOXEL) && zblob_grid_size(&image->grid, &size) &&
        size >= IMAGE_SIZE_MIN && !noise_fills(&image->grid, plan->src + image->value_offset, (size_t)size))
        voxel_model_build(&plan->models[i], &image->grid, plan->src + image->value_offset, plan->options->level);
}

/* Room for all tables, and in the scratch block a slot for each chunk's encoding. */
static enum zblob_result
plan_allocate(struct plan *plan, struct zblob_error *error)
{
    size_t scratch_size = 0;
    plan_chunks(plan); /* counts */
    if (plan->chunk_count > UINT32_MAX)
        return zblob_fail(error, ZBLOB_TOO_LARGE, "a value of %" PRIu64 " bytes needs too many chunks", plan->src_size);
    size_t capacity = plan->chunk_count + 1; /* calloc of nothing may give NULL */
    plan->chunks = calloc(capacity, sizeof *plan->chunks);
    plan->index = calloc(capacity, sizeof *plan->index);
    plan->results = calloc(capacity, sizeof *plan->results);
    if (!plan->chunks || !plan->index || !plan->results)
        return zblob_fail_memory(error, capacity * sizeof *plan->chunks);
    plan_chunks(plan); /* fills */
    for (size_t i = 0; i < plan->chunk_count; i++) {
        plan->chunks[i].slot = scratch_size;
        scratch_size += general_bound(plan->chunks[i].raw_size) + VOXEL_ENCODE_SLACK;
    }
    plan->scratch = malloc(scratch_size ? scratch_size : 1);
    return plan->scratch ? ZBLOB_OK : zblob_fail_memory(error, scratch_size);
}

void
plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->image_count; i++)
        voxel_model_free(plan->models[i]);
    free(plan->models);
    free(plan->images);
    free(plan->chunks);
    free(plan->index);
    free(plan->results);
    free(plan->scratch);
}

enum zblob_result
plan_make(struct plan *plan, struct zblob_error *error)
{
    enum zblob_result result = plan->options->codec == ZBLOB_CODEC_STORE ? ZBLOB_OK : plan_images(plan, error);
    if (result != ZBLOB_OK)
        return result;
    threads_run(plan->image_count, plan->options->threads, build_model, plan);
    return plan_allocate(plan, error);
}
