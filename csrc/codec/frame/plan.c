/* plan.c: finds a value's images, has their models built, cuts the value in chunks and gives each chunk a codec. */
#include "plan.h"

#include "../base/error.h"
#include "../base/kept.h"
#include "../base/threads.h"
#include "../chunk/noise.h"
#include "../chunk/zstd.h"
#include "../sniff/raw.h"
#include "../voxel/choose/build.h"
#include "../voxel/choose/chunks.h"
#include "../voxel/chunks.h"
#include "../voxel/model.h"
#include "doubt.h"
#include "image_section.h"
#include "pieces.h"
#include "standing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Smaller values are not searched for images: the header would grow by more than the chunks shrink. */
#define SNIFF_SIZE_MIN 256

/* Larger values of compressed formats are stored if pieces of them, and their beginning, shrink by no more than this part. */
#define STORED_SIZE_MIN ((uint64_t)64 << 10)
#define STORED_SHARE 256

/* The pieces of a guessed image on which zstd is tried, and the ratio at which the image is left to zstd. */
#define GUESS_PIECES 8
#define GUESS_SHARE 1024
#define GUESS_PIECE_MIN ((size_t)8 << 10)
#define GUESS_PIECE_MAX ((size_t)16 << 10)
#define ZSTD_RATIO 32

#define PICKLE_START 0x80

const unsigned char *
plan_samples(const struct plan *plan, const struct zblob_image *image)
{
    return zblob_image_is_plain(image) ? plan->src + image->value_offset : plan->standing[image - plan->images];
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

/* While there is no table of chunks, this only counts them. */
static void
add_chunk(struct plan *plan, const struct chunk_place *place, enum zblob_codec codec)
{
    if (plan->chunks)
        plan->chunks[plan->chunk_count] = (struct plan_chunk){.place = *place, .codec = codec};
    plan->chunk_count++;
}

/* Chunks of equal size, and a shorter last one. `image` is NULL outside images. */
static void
add_range(struct plan *plan, uint64_t offset, uint64_t size, const struct zblob_image *image, enum zblob_codec codec)
{
    uint64_t chunk_size = codec_of(codec)->chunk_size(image ? &image->grid : NULL, plan->options->level);
    struct chunk_place place = {.raw_offset = offset, .image = image};
    for (uint64_t end = offset + size; place.raw_offset < end; place.raw_offset += chunk_size) {
        uint64_t left = end - place.raw_offset;
        place.raw_size = (size_t)(left < chunk_size ? left : chunk_size);
        add_chunk(plan, &place, codec);
        place.ordinal++;
    }
}

/* Returns the end of the last chunk: the few pixels of a folded image that fill no slice are left to zstd. */
static uint64_t
add_model_chunks(struct plan *plan, const struct zblob_image *image, const struct voxel_model *model)
{
    struct chunk_place place = {.image = image, .model = model, .samples = plan_samples(plan, image)};
    uint64_t end = image->value_offset, offset;
    for (; place.ordinal < voxel_chunk_count(model); place.ordinal++) {
        voxel_chunk_range(model, place.ordinal, &offset, &place.raw_size);
        if (!zblob_image_is_plain(image))
            place.raw_size = standing_size(image, offset, place.samples + offset, place.raw_size);
        place.raw_offset = end;
        end += place.raw_size;
        add_chunk(plan, &place, ZBLOB_CODEC_VOXEL);
    }
    return end;
}

/* An image that does not stand in the value as it is, and has no model, is one chunk. */
static void
add_whole_image(struct plan *plan, const struct zblob_image *image, uint64_t span)
{
    struct chunk_place place = {.raw_offset = image->value_offset,
                                .raw_size = (size_t)span,
                                .image = image,
                                .samples = plan_samples(plan, image)};
    add_chunk(plan, &place, ZBLOB_CODEC_PLANES);
}

/* The codec of what lies outside images, and of everything where the options ask for a codec of any bytes. */
static enum zblob_codec
codec_of_bytes(const struct plan *plan)
{
    const struct chunk_codec *asked = codec_of(plan->options->codec);
    if (plan->is_stored)
        return ZBLOB_CODEC_STORE;
    return asked && !asked->needs_image ? plan->options->codec : ZBLOB_CODEC_ZSTD;
}

/* The codec of an image that has no model. */
static enum zblob_codec
codec_of_samples(const struct plan *plan)
{
    const struct chunk_codec *asked = codec_of(plan->options->codec);
    return asked && asked->chunk_size ? plan->options->codec : ZBLOB_CODEC_PLANES;
}

/* Do the options let images be coded as images? */
static bool
codes_images(const struct plan *plan)
{
    const struct chunk_codec *asked = codec_of(plan->options->codec);
    return !asked || asked->needs_image;
}

/* Is this image coded as one, and how many bytes has it? */
static bool
is_coded_as_image(const struct plan *plan, size_t i, uint64_t *size)
{
    const struct zblob_image *image = &plan->images[i];
    const struct zblob_grid *grid = &image->grid;
    uint64_t span;
    if (!codes_images(plan) || !zblob_grid_size(grid, size) || *size < PLAN_IMAGE_SIZE_MIN)
        return false;
    if (plan->models[i])
        return true;
    if (!zblob_image_is_plain(image) &&
        (!plan->standing[i] || !zblob_image_span(image, &span) || span > ZBLOB_CHUNK_RAW_MAX))
        return false;
    return codec_of(codec_of_samples(plan))->chunk_size(grid, plan->options->level) > 0;
}

static void
add_chunks(struct plan *plan)
{
    uint64_t at = 0, size, span;
    plan->chunk_count = 0;
    for (size_t i = 0; i < plan->image_count; i++) {
        const struct zblob_image *image = &plan->images[i];
        if (!is_coded_as_image(plan, i, &size) || !zblob_image_span(image, &span))
            continue;
        add_range(plan, at, image->value_offset - at, NULL, codec_of_bytes(plan));
        at = image->value_offset + span;
        if (plan->models[i])
            at = add_model_chunks(plan, image, plan->models[i]);
        else if (!zblob_image_is_plain(image))
            add_whole_image(plan, image, span);
        else
            add_range(plan, image->value_offset, size, image, codec_of_samples(plan));
        plan->has_image_chunks = true;
    }
    add_range(plan, at, plan->src_size - at, NULL, codec_of_bytes(plan));
}

/* ---- Images ---------------------------------------------------------------------------------- */

/* The one image that the options describe. */
static enum zblob_result
take_given_image(struct plan *plan, struct zblob_error *error)
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
    if (!image_flags_suit(image))
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "complex pixels are pairs of float32 or float64, a bool is a uint8");
    if (!zblob_grid_size(&image->grid, &size) || size != plan->src_size)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "options \"dtype\" and \"shape\" describe %" PRIu64 " bytes, the value has %" PRIu64, size,
                          plan->src_size);
    plan->image_count = 1;
    return ZBLOB_OK;
}

/* What zstd makes of pieces all over the value, which are *size bytes together; 0: no memory to find out. */
static size_t
encode_pieces(const struct plan *plan, size_t *size)
{
    size_t piece = (size_t)(plan->src_size / GUESS_SHARE), encoded = 0;
    piece = piece < GUESS_PIECE_MIN ? GUESS_PIECE_MIN : piece > GUESS_PIECE_MAX ? GUESS_PIECE_MAX : piece;
    *size = GUESS_PIECES * piece;
    unsigned char *pieces = kept_take(*size + zstd_bound(*size));
    if (!pieces)
        return 0;
    for (size_t i = 0; i < GUESS_PIECES; i++)
        memcpy(pieces + i * piece, plan->src + (plan->src_size - piece) / (2 * GUESS_PIECES) * (2 * i + 1), piece);
    zstd_encode(1, pieces, *size, pieces + *size, zstd_bound(*size), &encoded);
    kept_return(pieces);
    return encoded;
}

/* About what zstd would make of the value; 0: no memory to find out. */
static uint64_t
estimate_zstd(const struct plan *plan)
{
    size_t size, encoded = encode_pieces(plan, &size);
    return plan->src_size / size * encoded;
}

/* Is the value compressed already, and all of it? A file may begin with much that is not, such as a preview. */
static bool
is_compressed_already(const struct plan *plan)
{
    bool is_open = plan->options->codec == ZBLOB_CODEC_AUTO && plan->options->grid.dimension == 0 &&
                   plan->options->grid.sample_type == 0;
    if (!is_open || plan->src_size < STORED_SIZE_MIN || !zblob_compressed_format(plan->src, (size_t)plan->src_size))
        return false;
    unsigned char head[GUESS_PIECE_MIN + GUESS_PIECE_MIN / 4];
    size_t size, encoded = 0;
    zstd_encode(1, plan->src, GUESS_PIECE_MIN, head, sizeof head, &encoded);
    if (encoded + plan->src_size / STORED_SHARE < GUESS_PIECE_MIN)
        return false;
    encoded = encode_pieces(plan, &size);
    return encoded + size / STORED_SHARE >= size;
}

/* Add the image to the others, which are disjoint and in order; false if it is not disjoint. */
static bool
insert_image(struct plan *plan, const struct zblob_image *image)
{
    uint64_t span, span_before;
    size_t at = 0;
    while (at < plan->image_count && plan->images[at].value_offset < image->value_offset)
        at++;
    bool is_free = zblob_image_span(image, &span);
    if (is_free && at > 0 && zblob_image_span(&plan->images[at - 1], &span_before))
        is_free = plan->images[at - 1].value_offset + span_before <= image->value_offset;
    if (!is_free || (at < plan->image_count && image->value_offset + span > plan->images[at].value_offset))
        return false;
    memmove(&plan->images[at + 1], &plan->images[at], (plan->image_count - at) * sizeof *plan->images);
    plan->images[at] = *image;
    plan->image_count++;
    return true;
}

/* What other images leave is looked at only in pickles, whose objects may hold raw bytes beside small arrays. */
static bool
may_guess(const struct plan *plan)
{
    uint64_t total = 0, span;
    if (plan->options->codec != ZBLOB_CODEC_AUTO)
        return false;
    for (size_t i = 0; i < plan->image_count; i++)
        total += zblob_image_span(&plan->images[i], &span) ? span : 0;
    return plan->image_count == 0 || (plan->src[0] == PICKLE_START && total < plan->src_size / 2);
}

/* Guesses wait behind the other images for their places among them. They are not worth a predictor's time where zstd does
 * very well, and quickly. */
static void
guess_image(struct plan *plan)
{
    size_t known = plan->image_count, inserted = 0;
    size_t count = sniff_raw(plan->src, (size_t)plan->src_size, plan->images + known, ZBLOB_IMAGES_MAX - known);
    if (count == 0)
        return;
    uint64_t estimate = estimate_zstd(plan);
    for (size_t i = known; i < known + count && estimate > plan->src_size / ZSTD_RATIO; i++) {
        struct zblob_image image = plan->images[i];
        inserted += insert_image(plan, &image);
    }
    plan->zstd_estimate = inserted ? estimate : 0;
}

bool
plan_guess(const void *src, size_t src_size, struct zblob_image *image)
{
    struct plan plan = {.src = src, .src_size = src_size, .images = image};
    guess_image(&plan);
    return plan.image_count == 1;
}

/* What a row says of its voxels may be wrong: a shape with its axes in the opposite order, for instance. */
static void
doubt_hint(struct plan *plan)
{
    struct zblob_image *image = &plan->images[0];
    if (plan->options->codec != ZBLOB_CODEC_AUTO)
        return;
    enum doubt doubt = doubt_image(plan->src, (size_t)plan->src_size, image);
    if (doubt != DOUBT_NONE)
        image->source = ZBLOB_SOURCE_GUESS;
    if (doubt == DOUBT_ALL)
        plan->zstd_estimate = estimate_zstd(plan);
}

static enum zblob_result
find_images(struct plan *plan, struct zblob_error *error)
{
    bool given = plan->options->grid.dimension || plan->options->grid.sample_type;
    if (!given && plan->src_size < SNIFF_SIZE_MIN)
        return ZBLOB_OK;
    plan->images = malloc(ZBLOB_IMAGES_MAX * sizeof *plan->images);
    plan->models = calloc(ZBLOB_IMAGES_MAX, sizeof *plan->models);
    plan->standing = calloc(ZBLOB_IMAGES_MAX, sizeof *plan->standing);
    if (!plan->images || !plan->models || !plan->standing)
        return zblob_fail_memory(error, ZBLOB_IMAGES_MAX * sizeof *plan->images);
    if (given) {
        enum zblob_result result = take_given_image(plan, error);
        if (result == ZBLOB_OK && plan->options->is_hint)
            doubt_hint(plan);
        return result;
    }
    plan->image_count = zblob_sniff(plan->src, (size_t)plan->src_size, plan->images, ZBLOB_IMAGES_MAX);
    if (may_guess(plan))
        guess_image(plan);
    return ZBLOB_OK;
}

/* The samples of an image; those that stand otherwise in the value are taken out of it. NULL without memory. */
static const unsigned char *
take_samples(struct plan *plan, size_t i, size_t size)
{
    const struct zblob_image *image = &plan->images[i];
    if (!zblob_image_is_plain(image) && (plan->standing[i] = malloc(size)))
        standing_take(image, plan->src + image->value_offset, plan->standing[i]);
    return plan_samples(plan, image);
}

/* Can all chunks be those of a frame? A chunk of text may take twice its samples' bytes, one of rows with padding or of
 * tiles even more; and in pieces a chunk begins with a row of tiles. */
static bool
chunks_can_stand(const struct zblob_image *image, struct voxel_model *model, const unsigned char *samples)
{
    uint64_t offset;
    size_t size;
    bool has_pieces = zblob_image_has_pieces(image), can_stand = true;
    if (has_pieces && !voxel_align_chunks(model, image->tile_height))
        return false;
    voxel_chunk_range(model, 0, &offset, &size);
    if (has_pieces && standing_size(image, offset, samples, size) > ZBLOB_CHUNK_RAW_MAX && !voxel_halve_chunks(model))
        return false;
    for (size_t i = 0; can_stand && !zblob_image_is_plain(image) && i < voxel_chunk_count(model); i++) {
        voxel_chunk_range(model, i, &offset, &size);
        can_stand = (!has_pieces || (pieces_may_part(image, offset) && pieces_may_part(image, offset + size))) &&
                    standing_size(image, offset, samples + offset, size) <= ZBLOB_CHUNK_RAW_MAX;
    }
    return can_stand;
}

/* One task of the thread pool. An image for which no model is built is left to codec "planes". */
static void
build_model(void *context, size_t i)
{
    struct plan *plan = context;
    const struct zblob_image *image = &plan->images[i];
    enum zblob_codec codec = plan->options->codec;
    uint64_t size;
    if (!codes_images(plan) || !zblob_grid_size(&image->grid, &size) || size < PLAN_IMAGE_SIZE_MIN)
        return;
    const unsigned char *samples = take_samples(plan, i, (size_t)size);
    if (samples && codec != ZBLOB_CODEC_PLANES && !noise_fills(&image->grid, samples, (size_t)size))
        voxel_model_build(&plan->models[i], &image->grid, samples, plan->options->level);
    if (plan->models[i] && !chunks_can_stand(image, plan->models[i], samples)) {
        voxel_model_free(plan->models[i]);
        plan->models[i] = NULL;
    }
}

/* ---- The plan -------------------------------------------------------------------------------- */

/* Memory for the tables, the chunks, and a scratch block with a slot for each chunk's encoding. */
static enum zblob_result
allocate(struct plan *plan, struct zblob_error *error)
{
    size_t scratch_size = 0;
    add_chunks(plan); /* counts */
    if (plan->chunk_count > UINT32_MAX)
        return zblob_fail(error, ZBLOB_TOO_LARGE, "a value of %" PRIu64 " bytes needs too many chunks", plan->src_size);
    size_t capacity = plan->chunk_count + 1; /* calloc of nothing may give NULL */
    plan->chunks = calloc(capacity, sizeof *plan->chunks);
    plan->index = calloc(capacity, sizeof *plan->index);
    plan->trials = calloc(capacity, sizeof *plan->trials);
    plan->results = calloc(capacity, sizeof *plan->results);
    if (!plan->chunks || !plan->index || !plan->trials || !plan->results)
        return zblob_fail_memory(error, capacity * sizeof *plan->chunks);
    add_chunks(plan); /* fills */
    for (size_t i = 0; i < plan->chunk_count; i++) {
        plan->chunks[i].slot = scratch_size;
        scratch_size += codec_bound_of_all(plan->chunks[i].place.raw_size);
    }
    /* of a packed plan it becomes the frame */
    plan->scratch = plan_is_packed(plan) ? malloc(scratch_size) : kept_take(scratch_size);
    return plan->scratch ? ZBLOB_OK : zblob_fail_memory(error, scratch_size);
}

void
plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->image_count; i++) {
        voxel_model_free(plan->models[i]);
        free(plan->standing[i]);
    }
    free(plan->models);
    free(plan->standing);
    free(plan->images);
    free(plan->chunks);
    free(plan->index);
    free(plan->trials);
    free(plan->results);
    if (plan_is_packed(plan))
        free(plan->scratch);
    else
        kept_return(plan->scratch);
}

enum zblob_result
plan_make(struct plan *plan, struct zblob_error *error)
{
    plan->is_stored = plan->options->codec == ZBLOB_CODEC_STORE || is_compressed_already(plan);
    enum zblob_result result = plan->is_stored ? ZBLOB_OK : find_images(plan, error);
    if (result != ZBLOB_OK)
        return result;
    threads_run(plan->image_count, plan->options->threads, build_model, plan);
    return allocate(plan, error);
}
