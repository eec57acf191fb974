/* encode.c: one chunk after the other by the codec that suits it; what grows is stored. */
#include "plan.h"

#include "checksum.h"
#include "error.h"
#include "general.h"
#include "geometry.h"
#include "planes.h"
#include "threads.h"

#include <stdlib.h>
#include <string.h>

/* How zstd's chances on an image chunk are tried. */
#define RIVAL_PIECES 4
#define RIVAL_PIECE ((size_t)32 << 10)
#define RIVAL_ZSTD_LEVEL 1
#define PLANES_PIECE ((size_t)128 << 10)

/* The general path; always fits. */
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

static enum zblob_result
encode_planes_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
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
encode_voxel_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    size_t size = 0;
    enum zblob_result result = voxel_encode_chunk(plan->models[chunk->image], chunk->ordinal,
                                                  plan->src + plan->images[chunk->image].value_offset,
                                                  plan->scratch + chunk->slot, chunk->raw_size, &size);
    entry->codec = ZBLOB_CODEC_VOXEL;
    entry->stored_size = (uint32_t)size;
    return result;
}

/* Pieces from all over the chunk, one behind the other. Returns their size. */
static size_t
gather_excerpt(const struct plan *plan, const struct plan_chunk *chunk, unsigned char *dst)
{
    const unsigned char *src = plan->src + chunk->raw_offset;
    if (chunk->raw_size <= RIVAL_PIECES * RIVAL_PIECE) {
        memcpy(dst, src, chunk->raw_size);
        return chunk->raw_size;
    }
    for (size_t i = 0; i < RIVAL_PIECES; i++)
        memcpy(dst + i * RIVAL_PIECE, src + (chunk->raw_size - RIVAL_PIECE) / (RIVAL_PIECES - 1) * i, RIVAL_PIECE);
    return RIVAL_PIECES * RIVAL_PIECE;
}

/* encoded / size < stored_size / raw_size, with a margin for what a deeper level gains? */
static bool
comes_close(size_t encoded, size_t size, const struct zblob_chunk *entry)
{
    return encoded && (uint64_t)encoded * 4 * entry->raw_size < (uint64_t)size * 5 * entry->stored_size;
}

/* Repetitive images can suit a byte matcher better than any predictor. An excerpt tells, then zstd's fastest
 * level on the whole chunk; only then is the level that was asked for worth its time. */
static void
try_zstd(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    const unsigned char *src = plan->src + chunk->raw_offset;
    size_t capacity = general_bound(chunk->raw_size) + RIVAL_PIECES * RIVAL_PIECE, encoded = 0;
    int zstd_level = general_zstd_level(plan->options->level);
    unsigned char *aside = malloc(capacity);
    if (!aside)
        return; /* what is there is good enough */
    size_t size = gather_excerpt(plan, chunk, aside);
    general_encode(RIVAL_ZSTD_LEVEL, aside, size, aside + size, capacity - size, &encoded);
    if (comes_close(encoded, size, entry))
        general_encode(RIVAL_ZSTD_LEVEL, src, chunk->raw_size, aside, capacity, &encoded);
    else
        encoded = 0;
    if (zstd_level > RIVAL_ZSTD_LEVEL && comes_close(encoded, chunk->raw_size, entry))
        general_encode(zstd_level, src, chunk->raw_size, aside, capacity, &encoded);
    if (encoded && encoded < entry->stored_size) {
        memcpy(plan->scratch + chunk->slot, aside, encoded);
        entry->codec = ZBLOB_CODEC_ZSTD;
        entry->stored_size = (uint32_t)encoded;
    }
    free(aside);
}

/* Wide samples that repeat to the last bit over flat areas: byte planes can suit them better. A piece of the
 * chunk tells. */
static void
try_planes(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    const unsigned char *src = plan->src + chunk->raw_offset;
    const struct zblob_grid *grid = &plan->images[chunk->image].grid;
    size_t piece = chunk->raw_size < PLANES_PIECE ? chunk->raw_size : PLANES_PIECE, size = 0;
    if (geometry_sample_size(grid->sample_type) < 4)
        return;
    unsigned char *aside = malloc(chunk->raw_size);
    if (!aside)
        return;
    size_t from = (chunk->raw_size - piece) / 16 * 8; /* whole samples before it */
    enum zblob_result result = planes_encode(1, false, grid, src + from, piece, aside, piece, &size);
    if (result == ZBLOB_OK && size && (uint64_t)size * chunk->raw_size < (uint64_t)piece * entry->stored_size)
        result = planes_encode(plan->options->level, false, grid, src, chunk->raw_size, aside, chunk->raw_size, &size);
    else
        size = 0;
    if (result == ZBLOB_OK && size && size < entry->stored_size) {
        memcpy(plan->scratch + chunk->slot, aside, size);
        entry->codec = ZBLOB_CODEC_PLANES;
        entry->stored_size = (uint32_t)size;
    }
    free(aside);
}

static enum zblob_result
encode_image_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    enum zblob_result result = ZBLOB_OK;
    if (plan->models[chunk->image])
        result = encode_voxel_chunk(plan, chunk, entry);
    if (result == ZBLOB_OK && entry->stored_size == 0)
        return encode_planes_chunk(plan, chunk, entry);
    if (result == ZBLOB_OK && plan->options->codec == ZBLOB_CODEC_AUTO) {
        try_planes(plan, chunk, entry);
        try_zstd(plan, chunk, entry);
    }
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

enum zblob_result
plan_encode(struct plan *plan, struct zblob_error *error)
{
    threads_run(plan->chunk_count, plan->options->threads, encode_chunk, plan);
    for (size_t i = 0; i < plan->chunk_count; i++) {
        if (plan->results[i] != ZBLOB_OK || plan->index[i].stored_size == 0)
            return zblob_fail_memory(error, plan->chunks[i].raw_size);
    }
    return ZBLOB_OK;
}
