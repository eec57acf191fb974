/*
 * gather.c: see gather.h.
 *
 * A source in memory is decoded at once. Of any other one, batches of chunks are read and decoded, so that the stored
 * bytes of one batch are held at a time. Chunks that lie side by side are read together.
 */
#include "gather.h"

#include "../base/error.h"
#include "../base/interrupt.h"
#include "../base/threads.h"
#include "runs.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_SIZE ((size_t)8 << 20) /* stored bytes that are read before they are decoded; one chunk may be larger */
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
    uint32_t index;
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
    struct zblob_error *errors;
    size_t count, capacity; /* of both */
    unsigned char *buffer;  /* the stored bytes of a batch, unless the source is in memory */
    size_t buffer_size, buffer_capacity;
};

/* Decode a chunk of which the runs have only parts into memory of its own, and copy these. */
static void
decode_in_part(const struct gathering *g, const struct touched *touched, const struct zblob_chunk *chunk,
               struct zblob_error *error)
{
    unsigned char *aside = malloc(chunk->raw_size);
    if (!aside) {
        zblob_fail_memory(error, chunk->raw_size);
        return;
    }
    if (zblob_decoder_chunk(g->decoder, touched->index, touched->stored, aside, NULL, error) == ZBLOB_OK)
        runs_copy(g->runs, chunk->raw_offset, chunk->raw_size, aside, g->dst);
    free(aside);
}

/* One task of the thread pool. */
static void
decode_touched(void *context, size_t i)
{
    const struct gathering *g = context;
    const struct touched *touched = &g->chunks[i];
    struct zblob_chunk chunk;
    uint64_t at;
    zblob_decoder_locate(g->decoder, touched->index, &chunk);
    if (runs_cover(g->runs, chunk.raw_offset, chunk.raw_offset + chunk.raw_size, &at))
        zblob_decoder_chunk(g->decoder, touched->index, touched->stored, g->dst + at, NULL, &g->errors[i]);
    else
        decode_in_part(g, touched, &chunk, &g->errors[i]);
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
        struct zblob_chunk first, last;
        zblob_decoder_locate(g->decoder, g->chunks[i].index, &first);
        uint64_t end = first.stored_offset + first.stored_size;
        for (next = i + 1; next < g->count; next++) {
            zblob_decoder_locate(g->decoder, g->chunks[next].index, &last);
            if (last.stored_offset != end)
                break;
            end += last.stored_size;
        }
        enum zblob_result result = source_read(g->place->source, g->place->offset + first.stored_offset,
                                               g->buffer + g->chunks[i].at, (size_t)(end - first.stored_offset), error);
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
    memset(g->errors, 0, g->count * sizeof *g->errors);
    threads_run(g->count, g->threads, decode_touched, g);
    result = zblob_fail_first(error, g->errors, g->count);
    g->count = g->buffer_size = 0;
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
    struct zblob_error *errors = realloc(g->errors, capacity * sizeof *errors);
    g->errors = errors ? errors : g->errors;
    if (!chunks || !errors)
        return false;
    g->capacity = capacity;
    return true;
}

/* Add a chunk to the batch; a batch that would be too large with it is decoded first. */
static enum zblob_result
add_chunk(struct gathering *g, uint32_t index, const struct zblob_chunk *chunk, struct zblob_error *error)
{
    const unsigned char *bytes = g->place->source->bytes;
    if (!bytes && g->count > 0 && g->buffer_size + chunk->stored_size > BATCH_SIZE) {
        enum zblob_result result = decode_batch(g, error);
        if (result != ZBLOB_OK)
            return result;
    }
    if (!grow_batch(g))
        return zblob_fail_memory(error, (2 * g->capacity + 8) * sizeof *g->errors);
    g->chunks[g->count++] = (struct touched){
        .index = index,
        .stored = bytes ? bytes + g->place->offset + chunk->stored_offset : NULL,
        .at = g->buffer_size,
    };
    g->buffer_size += chunk->stored_size;
    return ZBLOB_OK;
}

enum zblob_result
gather_from_frame(const struct zblob_decoder *decoder, uint32_t chunk_count, const struct frame_place *place,
                  const struct zblob_runs *runs, unsigned threads, unsigned char *dst, struct zblob_error *error)
{
    struct gathering g = {.decoder = decoder, .place = place, .runs = runs, .threads = threads, .dst = dst};
    enum zblob_result result = ZBLOB_OK;
    for (uint32_t i = 0; i < chunk_count && result == ZBLOB_OK && !interrupt_is_set(); i++) {
        struct zblob_chunk chunk;
        zblob_decoder_locate(decoder, i, &chunk);
        if (runs_touch(runs, chunk.raw_offset, chunk.raw_offset + chunk.raw_size))
            result = add_chunk(&g, i, &chunk, error);
    }
    if (result == ZBLOB_OK && g.count > 0)
        result = decode_batch(&g, error);
    free(g.chunks);
    free(g.errors);
    free(g.buffer);
    return result;
}

/* ---- Plain values ---------------------------------------------------------------------------- */

/* Runs far from each other are read one by one; of others, pieces of the value are read, gaps included. */
static enum zblob_result
gather_pieces(const struct zblob_source *source, const struct zblob_runs *runs, unsigned char *piece,
              unsigned char *dst, struct zblob_error *error)
{
    uint64_t at = runs->offset, end = runs->offset + (runs->count - 1) * runs->pitch + runs->run;
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
    if (runs->count > 1 && runs->pitch < PLAIN_PIECE) {
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
