/* encode.c: one chunk after the other by the codec that suits it; what grows is stored. */
#include "plan.h"

#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/geometry.h"
#include "../base/threads.h"
#include "../chunk/noise.h"
#include "../chunk/planes.h"
#include "../chunk/zstd.h"

#include <stdlib.h>
#include <string.h>

/* How zstd's chances on an image chunk are tried. */
#define RIVAL_PIECES 16 /* so many that background and object both have their share */
#define RIVAL_PIECE_MIN ((size_t)2 << 10)
#define RIVAL_PIECE_MAX ((size_t)8 << 10)
#define RIVAL_SHARE 16 /* of a chunk that is tried, unless pieces get too small or large */
#define RIVAL_ZSTD_LEVEL 1
#define FIXED_BYTES (RIVAL_PIECES * 64) /* headers, and what each piece of an excerpt has to say first */
#define PLANES_PIECE ((size_t)128 << 10)
#define DEEP_PIECE_MIN ((size_t)16 << 10)
#define CHEAP_ZSTD_LEVEL 3  /* up to here the level that was asked for is tried at once */
#define SAME_LEVEL_MARGIN 2 /* what the whole chunk can gain over its excerpt, in sixteenths */
#define DEEPER_MARGIN 4     /* and what a deeper level can */

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
    size_t piece = chunk->raw_size / (RIVAL_PIECES * RIVAL_SHARE);
    piece = piece < RIVAL_PIECE_MIN ? RIVAL_PIECE_MIN : piece > RIVAL_PIECE_MAX ? RIVAL_PIECE_MAX : piece;
    if (chunk->raw_size <= RIVAL_PIECES * piece) {
        memcpy(dst, src, chunk->raw_size);
        return chunk->raw_size;
    }
    for (size_t i = 0; i < RIVAL_PIECES; i++)
        memcpy(dst + i * piece, src + (chunk->raw_size - piece) / (RIVAL_PIECES - 1) * i, piece);
    return RIVAL_PIECES * piece;
}

/* Bytes that fall out of the frame's header if this chunk, the only one of its image, needs no model. */
static size_t
spared_by_zstd(const struct plan *plan, const struct plan_chunk *chunk, const struct zblob_chunk *entry)
{
    const struct voxel_model *model = plan->models[chunk->image];
    return entry->codec == ZBLOB_CODEC_VOXEL && voxel_chunk_count(model) == 1 ? voxel_model_size(model) : 0;
}

/* encoded / size < stored_size / raw_size, with a margin in sixteenths for what more bytes or a deeper level gain?
 * Fixed bytes do not grow with the chunk. */
static bool
comes_close(size_t encoded, size_t size, const struct zblob_chunk *entry, unsigned margin)
{
    size_t growing = encoded > FIXED_BYTES ? encoded - FIXED_BYTES : 1;
    return encoded && (uint64_t)growing * 16 * entry->raw_size < (uint64_t)size * (16 + margin) * entry->stored_size;
}

/* Is a dear level worth its time on the whole chunk, of which a cheap one made `encoded` bytes? A thirty-second of
 * it, with both levels, tells. */
static bool
deeper_pays(int zstd_level, const unsigned char *src, const struct zblob_chunk *entry, size_t encoded)
{
    size_t piece = entry->raw_size / 32 < DEEP_PIECE_MIN ? DEEP_PIECE_MIN : entry->raw_size / 32;
    size_t cheap = 0, deep = 0, size = piece < entry->raw_size ? piece : entry->raw_size;
    size_t capacity = general_bound(size);
    unsigned char *dst = malloc(capacity);
    if (!dst)
        return false;
    src += (entry->raw_size - size) / 2;
    general_encode(RIVAL_ZSTD_LEVEL, src, size, dst, capacity, &cheap);
    general_encode(zstd_level, src, size, dst, capacity, &deep);
    free(dst);
    uint64_t expected = cheap ? (uint64_t)encoded * deep / cheap : entry->raw_size;
    return expected < entry->stored_size && expected * 128 < (uint64_t)entry->raw_size * 127;
}

/* Does zstd come close on an excerpt, by the cheapest level first? */
static bool
excerpt_comes_close(const struct plan *plan, const struct plan_chunk *chunk, const struct zblob_chunk *entry,
                    int zstd_level, unsigned margin, unsigned char *aside, size_t capacity)
{
    unsigned char *excerpt = aside + capacity;
    size_t size = gather_excerpt(plan, chunk, excerpt), encoded = 0;
    general_encode(RIVAL_ZSTD_LEVEL, excerpt, size, aside, capacity, &encoded);
    if (zstd_level != RIVAL_ZSTD_LEVEL) {
        if (!comes_close(encoded, size, entry, DEEPER_MARGIN))
            return false;
        general_encode(zstd_level, excerpt, size, aside, capacity, &encoded);
    }
    return comes_close(encoded, size, entry, margin);
}

/* Repetitive images can suit a byte matcher better than any predictor. An excerpt tells, then a cheap level on
 * the whole chunk, then a dear one that was asked for on a piece; only then is that one worth its time. */
static void
try_zstd(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    const unsigned char *src = plan->src + chunk->raw_offset;
    size_t capacity = general_bound(chunk->raw_size), encoded = 0;
    int zstd_level = general_zstd_level(plan->options->level);
    int first_level = zstd_level <= CHEAP_ZSTD_LEVEL ? zstd_level : RIVAL_ZSTD_LEVEL;
    unsigned margin = first_level == zstd_level ? SAME_LEVEL_MARGIN : DEEPER_MARGIN;
    unsigned char *aside = malloc(capacity + RIVAL_PIECES * RIVAL_PIECE_MAX);
    if (!aside)
        return; /* what is there is good enough */
    bool is_close = excerpt_comes_close(plan, chunk, entry, first_level, margin, aside, capacity);
    if (is_close)
        general_encode(first_level, src, chunk->raw_size, aside, capacity, &encoded);
    if (is_close && zstd_level > first_level && comes_close(encoded, chunk->raw_size, entry, margin)) {
        if (deeper_pays(zstd_level, src, entry, encoded))
            general_encode(zstd_level, src, chunk->raw_size, aside, capacity, &encoded);
    }
    if (is_close && encoded && encoded < entry->stored_size + spared_by_zstd(plan, chunk, entry)) {
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
    if (zblob_sample_size(grid->sample_type) < 4)
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

static void
store_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    memcpy(plan->scratch + chunk->slot, plan->src + chunk->raw_offset, chunk->raw_size);
    entry->codec = ZBLOB_CODEC_STORE;
    entry->stored_size = (uint32_t)chunk->raw_size;
}

static enum zblob_result
encode_image_chunk(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry)
{
    enum zblob_result result = ZBLOB_OK;
    bool is_voxel = chunk->ordinal != NO_ORDINAL;
    if (!noise_fills(&plan->images[chunk->image].grid, plan->src + chunk->raw_offset, chunk->raw_size))
        result = (is_voxel ? encode_voxel_chunk : encode_planes_chunk)(plan, chunk, entry);
    if (result != ZBLOB_OK)
        return result;
    bool fits = entry->stored_size > 0;
    if (!fits)
        store_chunk(plan, chunk, entry);
    bool is_open = is_voxel && plan->options->codec == ZBLOB_CODEC_AUTO;
    if (fits && is_open)
        try_planes(plan, chunk, entry);
    if (!fits || is_open)
        try_zstd(plan, chunk, entry);
    return ZBLOB_OK;
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

static void
drop_unused_models(struct plan *plan)
{
    bool is_used[ZBLOB_IMAGES_MAX] = {false};
    for (size_t i = 0; i < plan->chunk_count; i++)
        if (plan->index[i].codec == ZBLOB_CODEC_VOXEL)
            is_used[plan->chunks[i].image] = true;
    for (size_t i = 0; i < plan->image_count; i++)
        if (!is_used[i]) {
            voxel_model_free(plan->models[i]);
            plan->models[i] = NULL;
        }
}

enum zblob_result
plan_encode(struct plan *plan, struct zblob_error *error)
{
    threads_run(plan->chunk_count, plan->options->threads, encode_chunk, plan);
    for (size_t i = 0; i < plan->chunk_count; i++) {
        if (plan->results[i] != ZBLOB_OK || plan->index[i].stored_size == 0)
            return zblob_fail_memory(error, plan->chunks[i].raw_size);
    }
    drop_unused_models(plan);
    return ZBLOB_OK;
}
