/*
 * gather.c: see gather.h.
 *
 * A source in memory is decoded at once. Of any other one, batches of chunks are read and decoded, so that the stored
 * bytes of one batch are held at a time. Chunks that lie side by side are read together.
 */
#include "gather.h"

#include "../base/error.h"
#include "../base/first_error.h"
#include "../base/interrupt.h"
#include "../base/threads.h"
#include "decode.h"
#include "runs.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_SIZE ((size_t)4 << 20) /* stored bytes that are read before they are decoded; one chunk may be larger */
#define BATCH_COUNT 4096             /* chunks of a batch */
#define TASK_SIZE ((size_t)64 << 10) /* raw bytes of chunks that a thread takes at once; one chunk may be larger */
#define PLAIN_PIECE ((size_t)256 << 10)

enum zblob_result
source_read(const struct zblob_source *source, uint64_t offset, void *dst, size_t size, struct zblob_error *error)
{
    if (!source->bytes)
        return source->read(source->context, offset, dst, size, error);
    memcpy(dst, source->bytes + offset, size);
    return ZBLOB_OK;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* A chunk that the runs touch. */
struct touched {
    struct located_chunk located;
    const unsigned char *stored;
    size_t at; /* in the batch's buffer */
};

struct gathering {
    const struct zblob_decoder *decoder;
    const struct frame_place *place;
    const struct zblob_runs *runs;
    unsigned threads;
    unsigned char *dst;
    struct touched *chunks; /* of the batch */
    size_t count, capacity;
    size_t *tasks; /* the first chunk of each task of the pool, which takes several small chunks at once */
    size_t task_count;
    size_t task_size;      /* raw bytes of the last task */
    size_t memory;         /* what decoding the most demanding of the chunks takes */
    uint32_t memory_image; /* the last image that was asked for it */
    unsigned char *buffer; /* the stored bytes of a batch, unless the source is in memory */
    size_t buffer_size, buffer_capacity;
    struct first_error first;
};

/* Decode a chunk of which the runs have only parts into memory of its own, and copy these. */
static enum zblob_result
decode_in_part(const struct gathering *g, const struct touched *touched, struct zblob_error *error)
{
    const struct zblob_chunk *chunk = &touched->located.chunk;
    unsigned char *aside = malloc(chunk->raw_size);
    if (!aside)
        return zblob_fail_memory(error, chunk->raw_size);
    enum zblob_result result = decoder_decode(g->decoder, &touched->located, touched->stored, aside, error);
    if (result == ZBLOB_OK)
        runs_copy(g->runs, chunk->raw_offset, chunk->raw_size, aside, g->dst);
    free(aside);
    return result;
}

static void
decode_touched(struct gathering *g, size_t i)
{
    const struct touched *touched = &g->chunks[i];
    const struct zblob_chunk *chunk = &touched->located.chunk;
    struct zblob_error error;
    enum zblob_result result;
    uint64_t at;
    if (runs_cover(g->runs, chunk->raw_offset, chunk->raw_offset + chunk->raw_size, &at))
        result = decoder_decode(g->decoder, &touched->located, touched->stored, g->dst + at, &error);
    else
        result = decode_in_part(g, touched, &error);
    if (result != ZBLOB_OK)
        first_error_note(&g->first, i, &error);
}

/* One task of the thread pool. */
static void
decode_task(void *context, size_t task)
{
    struct gathering *g = context;
    size_t end = task + 1 < g->task_count ? g->tasks[task + 1] : g->count;
    for (size_t i = g->tasks[task]; i < end && !first_error_precedes(&g->first, i) && !interrupt_is_set(); i++)
        decode_touched(g, i);
}

static bool
grow_buffer(struct gathering *g)
{
    if (g->buffer_size <= g->buffer_capacity)
        return true;
    free(g->buffer);
    g->buffer = malloc(g->buffer_size);
    g->buffer_capacity = g->buffer ? g->buffer_size : 0;
    return g->buffer;
}

/* Read the stored bytes of the batch's chunks. Those that follow one another in the frame do so in the buffer. */
static enum zblob_result
read_batch(struct gathering *g, struct zblob_error *error)
{
    if (!grow_buffer(g))
        return zblob_fail_memory(error, g->buffer_size);
    for (size_t i = 0, next; i < g->count; i = next) {
        const struct zblob_chunk *first = &g->chunks[i].located.chunk;
        uint64_t end = first->stored_offset + first->stored_size;
        for (next = i + 1; next < g->count && g->chunks[next].located.chunk.stored_offset == end; next++)
            end += g->chunks[next].located.chunk.stored_size;
        enum zblob_result result =
            source_read(g->place->source, g->place->offset + first->stored_offset, g->buffer + g->chunks[i].at,
                        (size_t)(end - first->stored_offset), error);
        if (result != ZBLOB_OK)
            return result;
    }
    for (size_t i = 0; i < g->count; i++)
        g->chunks[i].stored = g->buffer + g->chunks[i].at;
    return ZBLOB_OK;
}

static enum zblob_result
decode_batch(struct gathering *g, struct zblob_error *error)
{
    enum zblob_result result = g->place->source->bytes ? ZBLOB_OK : read_batch(g, error);
    if (result != ZBLOB_OK)
        return result;
    first_error_open(&g->first);
    threads_run(g->task_count, decoder_threads(g->threads, g->memory), decode_task, g);
    result = first_error_close(&g->first, error);
    g->count = g->buffer_size = g->task_count = g->memory = 0;
    g->memory_image = CHUNK_MAP_NO_IMAGE;
    return result;
}

/* Make room for one more chunk. */
static bool
grow_batch(struct gathering *g)
{
    if (g->count < g->capacity)
        return true;
    size_t capacity = 2 * g->capacity + 8;
    struct touched *chunks = realloc(g->chunks, capacity * sizeof *chunks);
    g->chunks = chunks ? chunks : g->chunks;
    size_t *tasks = realloc(g->tasks, capacity * sizeof *tasks);
    g->tasks = tasks ? tasks : g->tasks;
    if (!chunks || !tasks)
        return false;
    g->capacity = capacity;
    return true;
}

/* What decoding the chunk takes. Chunks of one model take the same. */
static void
add_memory(struct gathering *g, const struct located_chunk *located)
{
    bool is_whole = located->chunk.codec != ZBLOB_CODEC_VOXEL || located->image != g->memory_image;
    size_t size = is_whole ? decoder_memory(g->decoder, located) : 0;
    uint64_t at;
    if (located->chunk.codec == ZBLOB_CODEC_VOXEL)
        g->memory_image = located->image;
    if (!runs_cover(g->runs, located->chunk.raw_offset, located->chunk.raw_offset + located->chunk.raw_size, &at))
        size += located->chunk.raw_size;
    g->memory = size > g->memory ? size : g->memory;
}

/* Add a chunk to the batch; a batch that would be too large with it is decoded first. */
static enum zblob_result
add_chunk(struct gathering *g, const struct located_chunk *located, struct zblob_error *error)
{
    const unsigned char *bytes = g->place->source->bytes;
    const struct zblob_chunk *chunk = &located->chunk;
    bool is_full = g->count == BATCH_COUNT || (!bytes && g->buffer_size + chunk->stored_size > BATCH_SIZE);
    if (is_full && g->count > 0) {
        enum zblob_result result = decode_batch(g, error);
        if (result != ZBLOB_OK)
            return result;
    }
    if (!grow_batch(g))
        return zblob_fail_memory(error, (2 * g->capacity + 8) * sizeof *g->chunks);
    if (g->task_count == 0 || g->task_size >= TASK_SIZE) {
        g->tasks[g->task_count++] = g->count;
        g->task_size = 0;
    }
    g->task_size += chunk->raw_size;
    g->chunks[g->count++] = (struct touched){
        .located = *located,
        .stored = bytes ? bytes + g->place->offset + chunk->stored_offset : NULL,
        .at = g->buffer_size,
    };
    g->buffer_size += chunk->stored_size;
    add_memory(g, located);
    return ZBLOB_OK;
}

/* The first chunk that ends after an offset. */
static uint32_t
chunk_after(const struct chunk_map *map, uint32_t chunk_count, uint64_t offset, struct located_chunk *located)
{
    uint32_t low = 0, high = (chunk_count - 1) / CHUNK_MAP_STEP;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        if (map->marks[middle].chunk.raw_offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    *located = map->marks[low];
    while (located->index + 1 < chunk_count && located->chunk.raw_offset + located->chunk.raw_size <= offset)
        chunk_map_next(map, located);
    return located->index;
}

static enum zblob_result
gather_all(struct gathering *g, uint32_t chunk_count, struct zblob_error *error)
{
    const struct chunk_map *map = decoder_map(g->decoder);
    const struct zblob_runs *runs = g->runs;
    uint64_t end = runs_end(runs);
    struct located_chunk located;
    enum zblob_result result = ZBLOB_OK;
    for (uint32_t i = chunk_after(map, chunk_count, runs_start(runs), &located); !interrupt_is_set(); i++) {
        if (runs_touch(runs, located.chunk.raw_offset, located.chunk.raw_offset + located.chunk.raw_size))
            result = add_chunk(g, &located, error);
        if (result != ZBLOB_OK || i + 1 == chunk_count || located.chunk.raw_offset + located.chunk.raw_size >= end)
            break;
        chunk_map_next(map, &located);
    }
    return result == ZBLOB_OK && g->count > 0 ? decode_batch(g, error) : result;
}

enum zblob_result
gather_from_frame(const struct zblob_decoder *decoder, uint32_t chunk_count, const struct frame_place *place,
                  const struct zblob_runs *runs, unsigned threads, unsigned char *dst, struct zblob_error *error)
{
    struct gathering g = {.decoder = decoder,
                          .place = place,
                          .runs = runs,
                          .threads = threads,
                          .dst = dst,
                          .memory_image = CHUNK_MAP_NO_IMAGE};
    enum zblob_result result = ZBLOB_OK;
    if (chunk_count > 0 && runs->count > 0 && runs->run > 0)
        result = gather_all(&g, chunk_count, error);
    free(g.chunks);
    free(g.tasks);
    free(g.buffer);
    return result;
}

/* ---- Plain values ---------------------------------------------------------------------------- */

/* Runs far from each other are read one by one; of others, pieces of the value are read, gaps included. */
static enum zblob_result
gather_pieces(const struct zblob_source *source, const struct zblob_runs *runs, unsigned char *piece,
              unsigned char *dst, struct zblob_error *error)
{
    uint64_t at = runs_start(runs), end = runs_end(runs);
    while (at < end && !interrupt_is_set()) {
        size_t size = end - at < PLAIN_PIECE ? (size_t)(end - at) : PLAIN_PIECE;
        enum zblob_result result = source_read(source, at, piece, size, error);
        if (result != ZBLOB_OK)
            return result;
        runs_copy(runs, at, size, piece, dst);
        at += size;
    }
    return ZBLOB_OK;
}

enum zblob_result
gather_from_plain(const struct zblob_source *source, const struct zblob_runs *runs, unsigned char *dst,
                  struct zblob_error *error)
{
    if (runs->run == 0 || runs->count == 0)
        return ZBLOB_OK;
    if (source->bytes) {
        runs_copy(runs, 0, source->size, source->bytes, dst);
        return ZBLOB_OK;
    }
    if (runs->image || (runs->count > 1 && runs->pitch < PLAIN_PIECE)) {
        unsigned char *piece = malloc(PLAIN_PIECE);
        enum zblob_result result =
            piece ? gather_pieces(source, runs, piece, dst, error) : zblob_fail_memory(error, PLAIN_PIECE);
        free(piece);
        return result;
    }
    enum zblob_result result = ZBLOB_OK;
    for (uint64_t i = 0; i < runs->count && result == ZBLOB_OK; i++)
        result = source_read(source, runs->offset + i * runs->pitch, dst + i * runs->run, (size_t)runs->run, error);
    return result;
}
