/* encode.c: encodes one chunk after the other by the codec that suits it best; what would grow is stored. */
#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/interrupt.h"
#include "../base/threads.h"
#include "../chunk/noise.h"
#include "../voxel/model.h"
#include "plan.h"
#include "rivals.h"

#include <string.h>

/* Encode a chunk by `codec` into its slot and its entry, whose stored_size becomes 0 if the codec gains nothing. */
static enum zblob_result
encode_by(const struct plan *plan, const struct plan_chunk *chunk, enum zblob_codec codec, struct zblob_chunk *entry)
{
    size_t size = 0, raw_size = chunk->place.raw_size;
    const struct chunk_codec *by = codec_of(codec);
    enum zblob_result result =
        by->encode(&chunk->place, plan->src, plan->options, plan->scratch + chunk->slot, by->bound(raw_size), &size);
    entry->codec = codec;
    entry->stored_size = (uint32_t)size;
    return result;
}

/* Has a model been built for these very samples? Then they are no noise. */
static bool
is_whole_image(const struct chunk_place *place)
{
    uint64_t size;
    return place->model && zblob_grid_size(&place->image->grid, &size) && size == place->raw_size;
}

/* An image's chunk is encoded by its codec or stored. Codec "auto" then tries others; so does a chunk that would be
 * stored. */
static enum zblob_result
encode_samples(const struct plan *plan, const struct plan_chunk *chunk, struct zblob_chunk *entry,
               struct zstd_trial *trial)
{
    const struct chunk_place *place = &chunk->place;
    enum zblob_result result = ZBLOB_OK;
    bool is_plain = zblob_image_is_plain(place->image);
    if (!is_plain || is_whole_image(place) ||
        !noise_fills(&place->image->grid, plan->src + place->raw_offset, place->raw_size))
        result = encode_by(plan, chunk, chunk->codec, entry);
    bool is_open = plan->options->codec == ZBLOB_CODEC_AUTO;
    bool fits = entry->stored_size > 0;
    if (result == ZBLOB_OK && !fits)
        result = encode_by(plan, chunk, ZBLOB_CODEC_STORE, entry);
    if (result == ZBLOB_OK && fits && is_open && is_plain && chunk->codec == ZBLOB_CODEC_VOXEL)
        rival_planes(plan, chunk, entry);
    if (result == ZBLOB_OK && (!fits || is_open))
        rival_zstd(plan, chunk, entry, trial);
    return result;
}

/* A chunk that grows is stored, except in a frame of zstd chunks alone: there all chunks
 * stay zstd frames, so that the whole is a .zst file, or all are stored. */
static void
encode_chunk(struct plan *plan, size_t i)
{
    const struct plan_chunk *chunk = &plan->chunks[i];
    const struct chunk_place *place = &chunk->place;
    struct zblob_chunk *entry = &plan->index[i];
    entry->raw_size = (uint32_t)place->raw_size;
    entry->checksum = checksum_xxh3(plan->src + place->raw_offset, place->raw_size);
    if (place->image)
        plan->results[i] = encode_samples(plan, chunk, entry, &plan->trials[i]);
    else
        plan->results[i] = encode_by(plan, chunk, chunk->codec, entry);
    bool grows = entry->stored_size >= place->raw_size && plan->has_image_chunks;
    if (plan->results[i] == ZBLOB_OK && (grows || entry->stored_size == 0))
        plan->results[i] = encode_by(plan, chunk, ZBLOB_CODEC_STORE, entry);
}

void
plan_drop_unused_models(struct plan *plan)
{
    bool is_used[ZBLOB_IMAGES_MAX] = {false};
    for (size_t i = 0; i < plan->chunk_count; i++)
        if (plan->index[i].codec == ZBLOB_CODEC_VOXEL)
            is_used[plan->chunks[i].place.image - plan->images] = true;
    for (size_t i = 0; i < plan->image_count; i++)
        if (!is_used[i]) {
            voxel_model_free(plan->models[i]);
            plan->models[i] = NULL;
        }
}

bool
plan_is_mixed(const struct plan *plan)
{
    size_t zstd = 0, stored = 0;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        zstd += plan->index[i].codec == ZBLOB_CODEC_ZSTD;
        stored += plan->index[i].codec == ZBLOB_CODEC_STORE;
    }
    return zstd > 0 && stored > 0 && zstd + stored == plan->chunk_count;
}

/* A frame whose chunks are all zstd or stored is a .zst file: its stored chunks become zstd frames, too. Without memory
 * for that, the first result is returned that says so. */
static enum zblob_result
unify_chunks(const struct plan *plan)
{
    for (size_t i = 0; plan_is_mixed(plan) && i < plan->chunk_count; i++) {
        enum zblob_result result = ZBLOB_OK;
        if (plan->index[i].codec == ZBLOB_CODEC_STORE)
            result = encode_by(plan, &plan->chunks[i], ZBLOB_CODEC_ZSTD, &plan->index[i]);
        if (result != ZBLOB_OK)
            return result;
    }
    return ZBLOB_OK;
}

/* Some of a plan's chunks. */
struct span {
    struct plan *plan;
    size_t first;
};

/* One task of the thread pool. */
static void
encode_in_span(void *context, size_t i)
{
    const struct span *span = context;
    encode_chunk(span->plan, span->first + i);
}

enum zblob_result
plan_encode_some(struct plan *plan, size_t first, size_t count, struct zblob_error *error)
{
    struct span span = {.plan = plan, .first = first};
    threads_run(count, plan->options->threads, encode_in_span, &span);
    for (size_t i = first; i < first + count; i++) {
        if (plan->results[i] != ZBLOB_OK)
            return zblob_fail_memory(error, plan->chunks[i].place.raw_size);
    }
    return ZBLOB_OK;
}

/* ---- Large values ---------------------------------------------------------------------------- */

bool
plan_is_packed(const struct plan *plan)
{
    return plan->src_size > 2 * PLAN_BATCH_SIZE;
}

size_t
plan_take_batch(struct plan *plan, size_t first, size_t slot)
{
    size_t end = first, raw_size = 0;
    while (end < plan->chunk_count &&
           (end == first || raw_size + plan->chunks[end].place.raw_size <= PLAN_BATCH_SIZE)) {
        plan->chunks[end].slot = slot;
        slot += codec_bound_of_all(plan->chunks[end].place.raw_size);
        raw_size += plan->chunks[end++].place.raw_size;
    }
    return end;
}

size_t
plan_pack(struct plan *plan, size_t first, size_t end, size_t slot)
{
    for (size_t i = first; i < end; i++) {
        memmove(plan->scratch + slot, plan->scratch + plan->chunks[i].slot, plan->index[i].stored_size);
        plan->chunks[i].slot = slot;
        slot += plan->index[i].stored_size;
    }
    return slot;
}

/* Give each chunk a slot again in which any codec's encoding has room. */
static void
unpack(struct plan *plan)
{
    size_t slot = 0;
    for (size_t i = 0; i < plan->chunk_count; i++)
        slot += codec_bound_of_all(plan->chunks[i].place.raw_size);
    for (size_t i = plan->chunk_count; i-- > 0;) {
        slot -= codec_bound_of_all(plan->chunks[i].place.raw_size);
        memmove(plan->scratch + slot, plan->scratch + plan->chunks[i].slot, plan->index[i].stored_size);
        plan->chunks[i].slot = slot;
    }
}

/* Encode batch by batch, each into the room after what those before became, so that no more of the scratch block is used. */
static enum zblob_result
encode_packed(struct plan *plan, struct zblob_error *error)
{
    enum zblob_result result = ZBLOB_OK;
    for (size_t first = 0, end, slot = 0; first < plan->chunk_count && result == ZBLOB_OK; first = end) {
        end = plan_take_batch(plan, first, slot);
        result = plan_encode_some(plan, first, end - first, error);
        if (interrupt_is_set())
            return ZBLOB_INTERRUPTED;
        slot = plan_pack(plan, first, end, slot);
        if (plan->size_limit && slot > plan->size_limit)
            return zblob_fail(error, ZBLOB_TOO_LARGE, "the chunks take more than %zu bytes", plan->size_limit);
    }
    if (result == ZBLOB_OK && plan_is_mixed(plan))
        unpack(plan);
    return result;
}

enum zblob_result
plan_encode(struct plan *plan, struct zblob_error *error)
{
    enum zblob_result result =
        plan_is_packed(plan) ? encode_packed(plan, error) : plan_encode_some(plan, 0, plan->chunk_count, error);
    if (result != ZBLOB_OK)
        return result;
    plan_drop_unused_models(plan);
    return unify_chunks(plan);
}
