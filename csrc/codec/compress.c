/*
 * compress.c: a value becomes a frame. Plan (where are images, where are chunks), encode the chunks in
 * parallel, assemble. What does not pay is stored.
 */
#include "bytes.h"
#include "checksum.h"
#include "error.h"
#include "frame.h"
#include "general.h"
#include "geometry.h"
#include "planes.h"
#include "threads.h"

#include <inttypes.h>
#include <stdlib.h>

/* Compression that saves less than this share of the value is not worth a decoder's time: 1/128. */
#define SAVING_SHIFT 7

/* Values and images below these sizes are not looked into: geometry would cost more than it saves. */
#define SNIFF_SIZE_MIN 256
#define IMAGE_SIZE_MIN 1024

#define NO_IMAGE UINT32_MAX

struct plan_chunk {
    uint64_t raw_offset;
    size_t raw_size;
    uint32_t image; /* or NO_IMAGE */
    size_t slot;    /* where its encoding goes, in the scratch block */
};

struct plan {
    const struct zblob_options *options;
    const unsigned char *src;
    uint64_t src_size;
    struct zblob_image *images;
    size_t image_count;
    bool has_image_chunks;
    struct plan_chunk *chunks;
    struct zblob_chunk *index; /* the frame's, one entry a chunk */
    size_t chunk_count;
    unsigned char *scratch;
    enum zblob_result *results; /* of each chunk's encoding */
};

/* ---- Plan ------------------------------------------------------------------------------------ */

/* Cut a range into chunks. With chunks == NULL this only counts. */
static void
plan_range(struct plan *plan, uint64_t offset, uint64_t size, uint64_t chunk_size, uint32_t image)
{
    for (uint64_t end = offset + size; offset < end; offset += chunk_size) {
        uint64_t left = end - offset;
        if (plan->chunks)
            plan->chunks[plan->chunk_count] = (struct plan_chunk){
                .raw_offset = offset, .raw_size = (size_t)(left < chunk_size ? left : chunk_size), .image = image};
        plan->chunk_count++;
    }
}

static uint64_t
image_chunk_size(const struct plan *plan, const struct zblob_image *image)
{
    uint64_t size;
    enum zblob_codec codec = plan->options->codec;
    bool wanted = codec != ZBLOB_CODEC_STORE && codec != ZBLOB_CODEC_ZSTD;
    if (!wanted || !geometry_byte_size(&image->grid, &size) || size < IMAGE_SIZE_MIN)
        return 0;
    return planes_chunk_size(&image->grid);
}

static void
plan_chunks(struct plan *plan)
{
    uint64_t at = 0, general_size = general_chunk_size(plan->options->level);
    plan->chunk_count = 0;
    for (uint32_t i = 0; i < plan->image_count; i++) {
        const struct zblob_image *image = &plan->images[i];
        uint64_t size, chunk_size = image_chunk_size(plan, image);
        if (chunk_size == 0)
            continue;
        geometry_byte_size(&image->grid, &size);
        plan_range(plan, at, image->value_offset - at, general_size, NO_IMAGE);
        plan_range(plan, image->value_offset, size, chunk_size, i);
        plan->has_image_chunks = true;
        at = image->value_offset + size;
    }
    plan_range(plan, at, plan->src_size - at, general_size, NO_IMAGE);
}

/* The one image that the options describe. */
static enum zblob_result
plan_given_image(struct plan *plan, struct zblob_error *error)
{
    const struct zblob_grid *grid = &plan->options->grid;
    uint64_t size = 0;
    if (grid->dimension == 0 || grid->sample_type == 0)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "options \"dtype\" and \"shape\" go together");
    if (!geometry_byte_size(grid, &size) || size != plan->src_size)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "options \"dtype\" and \"shape\" describe %" PRIu64 " bytes, the value has %" PRIu64, size,
                          plan->src_size);
    plan->images[0] = (struct zblob_image){.source = ZBLOB_SOURCE_OPTIONS, .grid = *grid};
    plan->image_count = 1;
    return ZBLOB_OK;
}

static enum zblob_result
plan_images(struct plan *plan, struct zblob_error *error)
{
    bool given = plan->options->grid.dimension || plan->options->grid.sample_type;
    if (!given && plan->src_size < SNIFF_SIZE_MIN)
        return ZBLOB_OK;
    plan->images = malloc(ZBLOB_IMAGES_MAX * sizeof *plan->images);
    if (!plan->images)
        return zblob_fail_memory(error, ZBLOB_IMAGES_MAX * sizeof *plan->images);
    if (given)
        return plan_given_image(plan, error);
    plan->image_count = zblob_sniff(plan->src, (size_t)plan->src_size, plan->images, ZBLOB_IMAGES_MAX);
    return ZBLOB_OK;
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
        scratch_size += general_bound(plan->chunks[i].raw_size);
    }
    plan->scratch = malloc(scratch_size ? scratch_size : 1);
    return plan->scratch ? ZBLOB_OK : zblob_fail_memory(error, scratch_size);
}

static void
plan_free(struct plan *plan)
{
    free(plan->images);
    free(plan->chunks);
    free(plan->index);
    free(plan->results);
    free(plan->scratch);
}

/* ---- Encode ---------------------------------------------------------------------------------- */

static enum zblob_result
encode_image_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    size_t size = 0;
    const struct zblob_options *options = plan->options;
    enum zblob_result result = planes_encode(options->level, options->codec == ZBLOB_CODEC_PLANES,
                                             &plan->images[chunk->image].grid, plan->src + chunk->raw_offset,
                                             chunk->raw_size, plan->scratch + chunk->slot, chunk->raw_size, &size);
    entry->codec = ZBLOB_CODEC_PLANES;
    entry->stored_size = (uint32_t)size;
    return result;
}

static enum zblob_result
encode_general_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    size_t size = 0;
    enum zblob_result result =
        general_encode(general_zstd_level(plan->options->level), plan->src + chunk->raw_offset, chunk->raw_size,
                       plan->scratch + chunk->slot, general_bound(chunk->raw_size), &size);
    entry->codec = ZBLOB_CODEC_ZSTD;
    entry->stored_size = (uint32_t)size;
    return result;
}

static void
store_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    memcpy(plan->scratch + chunk->slot, plan->src + chunk->raw_offset, chunk->raw_size);
    entry->codec = ZBLOB_CODEC_STORE;
    entry->stored_size = (uint32_t)chunk->raw_size;
}

/* One task of the thread pool. A chunk that grows is stored, but not among zstd chunks alone: there all
 * chunks stay zstd frames, so that the whole stays a .zst file, or all are stored. */
static void
encode_chunk(void *context, size_t i)
{
    struct plan *plan = context;
    const struct plan_chunk *chunk = &plan->chunks[i];
    struct zblob_chunk *entry = &plan->index[i];
    entry->raw_size = (uint32_t)chunk->raw_size;
    entry->checksum = checksum_xxh64(plan->src + chunk->raw_offset, chunk->raw_size);
    if (plan->options->codec == ZBLOB_CODEC_STORE) {
        store_chunk(plan, chunk, entry);
        return;
    }
    if (chunk->image != NO_IMAGE)
        plan->results[i] = encode_image_chunk(plan, chunk, entry);
    if (plan->results[i] == ZBLOB_OK && entry->stored_size == 0)
        plan->results[i] = encode_general_chunk(plan, chunk, entry);
    if (entry->stored_size >= chunk->raw_size && plan->has_image_chunks)
        store_chunk(plan, chunk, entry);
}

static enum zblob_result
encode_chunks(struct plan *plan, struct zblob_error *error)
{
    threads_run(plan->chunk_count, plan->options->threads, encode_chunk, plan);
    for (size_t i = 0; i < plan->chunk_count; i++) {
        if (plan->results[i] != ZBLOB_OK || plan->index[i].stored_size == 0)
            return zblob_fail_memory(error, plan->chunks[i].raw_size);
    }
    return ZBLOB_OK;
}

/* ---- Assemble -------------------------------------------------------------------------------- */

static size_t
sections_size(const struct plan *plan)
{
    size_t size = 0;
    for (size_t i = 0; i < plan->image_count; i++)
        size += FRAME_SECTION_PREFIX_SIZE + geometry_section_size(&plan->images[i]);
    return size;
}

static void
write_sections(const struct plan *plan, unsigned char *dst)
{
    for (size_t i = 0; i < plan->image_count; i++) {
        size_t size = geometry_section_size(&plan->images[i]);
        dst = frame_write_section_prefix(dst, FRAME_SECTION_IMAGE, size);
        geometry_write(&plan->images[i], dst);
        dst += size;
    }
}

static uint64_t
stored_total(const struct plan *plan)
{
    uint64_t total = 0;
    for (size_t i = 0; i < plan->chunk_count; i++)
        total += plan->index[i].stored_size;
    return total;
}

static enum zblob_codec
richest_codec(const struct plan *plan)
{
    enum zblob_codec richest = ZBLOB_CODEC_STORE;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        if (plan->index[i].codec > richest)
            richest = plan->index[i].codec;
    }
    return richest;
}

static enum zblob_result
assemble(const struct plan *plan, enum zblob_value_type value_type, unsigned char **frame, size_t *frame_size,
         struct zblob_error *error)
{
    size_t section_size = sections_size(plan);
    size_t header_size = frame_header_size(section_size, plan->chunk_count);
    uint64_t total = header_size + stored_total(plan);
    unsigned char *p = total <= SIZE_MAX ? malloc((size_t)total) : NULL;
    if (!p)
        return zblob_fail_memory(error, total);
    struct zblob_frame fields = {.value_type = value_type,
                                 .codec = richest_codec(plan),
                                 .level = (uint32_t)plan->options->level,
                                 .raw_size = plan->src_size,
                                 .chunk_count = (uint32_t)plan->chunk_count};
    *frame = p;
    *frame_size = (size_t)total;
    write_sections(plan, p + FRAME_FIXED_SIZE);
    frame_write_header(p, &fields, section_size, plan->index);
    p += header_size;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        memcpy(p, plan->scratch + plan->chunks[i].slot, plan->index[i].stored_size);
        p += plan->index[i].stored_size;
    }
    return ZBLOB_OK;
}

static bool
pays(const struct plan *plan)
{
    size_t header_size = frame_header_size(sections_size(plan), plan->chunk_count);
    uint64_t size = header_size + stored_total(plan);
    return size + (plan->src_size >> SAVING_SHIFT) < plan->src_size;
}

static enum zblob_result
compress_with(const struct zblob_options *options, enum zblob_value_type value_type, const void *src, size_t src_size,
              unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    struct plan plan = {.options = options, .src = src, .src_size = src_size};
    bool store = options->codec == ZBLOB_CODEC_STORE, worth_it = true;
    enum zblob_result result = store ? ZBLOB_OK : plan_images(&plan, error);
    if (result == ZBLOB_OK)
        result = plan_allocate(&plan, error);
    if (result == ZBLOB_OK)
        result = encode_chunks(&plan, error);
    if (result == ZBLOB_OK && (worth_it = store || pays(&plan)))
        result = assemble(&plan, value_type, frame, frame_size, error);
    plan_free(&plan);
    if (worth_it)
        return result;
    struct zblob_options stored = *options;
    stored.codec = ZBLOB_CODEC_STORE;
    return compress_with(&stored, value_type, src, src_size, frame, frame_size, error);
}

enum zblob_result
zblob_compress(const struct zblob_options *options, enum zblob_value_type value_type, const void *src, size_t src_size,
               unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    if (options->level < ZBLOB_LEVEL_MIN || options->level > ZBLOB_LEVEL_MAX)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "level %d does not exist", options->level);
    return compress_with(options, value_type, src, src_size, frame, frame_size, error);
}

void
zblob_free(void *block)
{
    free(block);
}
