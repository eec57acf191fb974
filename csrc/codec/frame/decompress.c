/* decompress.c: a frame becomes its value again, whole or in part, or is only verified; all by way of its decoder. */
#include "../base/error.h"
#include "../base/interrupt.h"
#include "../base/threads.h"
#include "compact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Ranges ---------------------------------------------------------------------------------- */

struct range {
    const struct zblob_decoder *decoder;
    const unsigned char *src;
    uint64_t offset, end; /* within the value */
    unsigned char *dst;
    uint32_t first;             /* chunk that the range touches */
    struct zblob_error *errors; /* one per chunk */
};

/* Decode a chunk that the range covers in part into memory of its own, and copy that part. */
static void
decode_in_part(const struct range *range, uint32_t index, const struct zblob_chunk *chunk, struct zblob_error *error)
{
    unsigned char *aside = malloc(chunk->raw_size);
    if (!aside) {
        zblob_fail_memory(error, chunk->raw_size);
        return;
    }
    if (zblob_decoder_chunk(range->decoder, index, range->src + chunk->stored_offset, aside, NULL, error) == ZBLOB_OK) {
        uint64_t start = chunk->raw_offset > range->offset ? chunk->raw_offset : range->offset;
        uint64_t end = chunk->raw_offset + chunk->raw_size;
        if (end > range->end)
            end = range->end;
        memcpy(range->dst + (start - range->offset), aside + (start - chunk->raw_offset), (size_t)(end - start));
    }
    free(aside);
}

/* One task of the thread pool. */
static void
decode_range_chunk(void *context, size_t i)
{
    const struct range *range = context;
    uint32_t index = range->first + (uint32_t)i;
    struct zblob_chunk chunk;
    zblob_decoder_locate(range->decoder, index, &chunk);
    if (chunk.raw_offset >= range->offset && chunk.raw_offset + chunk.raw_size <= range->end)
        zblob_decoder_chunk(range->decoder, index, range->src + chunk.stored_offset,
                            range->dst + (chunk.raw_offset - range->offset), NULL, &range->errors[i]);
    else
        decode_in_part(range, index, &chunk, &range->errors[i]);
}

static enum zblob_result
first_error(const struct zblob_error *errors, uint32_t count, struct zblob_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        if (errors[i].code != ZBLOB_OK) {
            if (error)
                *error = errors[i];
            return errors[i].code;
        }
    }
    return ZBLOB_OK;
}

static enum zblob_result
decode_range(const struct zblob_decoder *decoder, uint32_t chunk_count, const void *src, unsigned threads,
             uint64_t offset, void *dst, uint64_t count, struct zblob_error *error)
{
    struct range range = {.decoder = decoder, .src = src, .offset = offset, .end = offset + count, .dst = dst};
    uint32_t end = 0; /* the chunk after the last that the range touches */
    for (struct zblob_chunk chunk; end < chunk_count; end++) {
        zblob_decoder_locate(decoder, end, &chunk);
        if (chunk.raw_offset >= range.end)
            break;
        if (chunk.raw_offset + chunk.raw_size <= offset)
            range.first = end + 1;
    }
    if (count == 0 || end == range.first)
        return ZBLOB_OK;
    range.errors = calloc(end - range.first, sizeof *range.errors);
    if (!range.errors)
        return zblob_fail_memory(error, (end - range.first) * sizeof *range.errors);
    threads_run(end - range.first, threads, decode_range_chunk, &range);
    enum zblob_result result = first_error(range.errors, end - range.first, error);
    free(range.errors);
    return result;
}

static enum zblob_result
decompress_compact(const struct zblob_frame *frame, uint64_t offset, void *dst, uint64_t count,
                   struct zblob_error *error)
{
    const unsigned char *stored = frame->header + frame->header_size;
    if (count == 0)
        return ZBLOB_OK;
    if (count == frame->raw_size)
        return compact_decode(frame, stored, dst, error);
    unsigned char *aside = malloc((size_t)frame->raw_size);
    if (!aside)
        return zblob_fail_memory(error, frame->raw_size);
    enum zblob_result result = compact_decode(frame, stored, aside, error);
    if (result == ZBLOB_OK)
        memcpy(dst, aside + offset, (size_t)count);
    free(aside);
    return result;
}

static enum zblob_result
decompress_range(const struct zblob_frame *frame, unsigned threads, uint64_t offset, void *dst, uint64_t count,
                 const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct interrupt_scope scope;
    if (frame->is_compact)
        return decompress_compact(frame, offset, dst, count, error);
    struct zblob_decoder *decoder;
    interrupt_open(&scope, interrupt);
    enum zblob_result result = zblob_decoder_open(&decoder, frame, error);
    if (result == ZBLOB_OK)
        result = decode_range(decoder, frame->chunk_count, frame->header, threads, offset, dst, count, error);
    zblob_decoder_close(decoder);
    return interrupt_close(&scope, result, error);
}

enum zblob_result
zblob_decompress(const struct zblob_frame *frame, unsigned threads, uint64_t offset, void *dst, uint64_t count,
                 const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    if (offset > frame->raw_size || count > frame->raw_size - offset)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "bytes %" PRIu64 " to %" PRIu64 " are not within a value "
                          "of %" PRIu64 " bytes",
                          offset, offset + count, frame->raw_size);
    return decompress_range(frame, threads, offset, dst, count, interrupt, error);
}

/* ---- Verification ---------------------------------------------------------------------------- */

static uint32_t
largest_chunk(const struct zblob_decoder *decoder, uint32_t chunk_count)
{
    uint32_t largest = 1;
    for (uint32_t i = 0; i < chunk_count; i++) {
        struct zblob_chunk chunk;
        zblob_decoder_locate(decoder, i, &chunk);
        largest = chunk.raw_size > largest ? chunk.raw_size : largest;
    }
    return largest;
}

/* Decode chunk after chunk into one buffer; `error` keeps the first damage. */
static enum zblob_result
verify_chunks(const struct zblob_decoder *decoder, uint32_t chunk_count, const unsigned char *src,
              uint32_t *damaged_count, struct zblob_error *error)
{
    uint32_t size = largest_chunk(decoder, chunk_count);
    unsigned char *aside = malloc(size);
    if (!aside)
        return zblob_fail_memory(error, size);
    enum zblob_result first = ZBLOB_OK;
    for (uint32_t i = 0; i < chunk_count && !interrupt_is_set(); i++) {
        struct zblob_chunk chunk;
        zblob_decoder_locate(decoder, i, &chunk);
        enum zblob_result result =
            zblob_decoder_chunk(decoder, i, src + chunk.stored_offset, aside, NULL, first == ZBLOB_OK ? error : NULL);
        *damaged_count += result != ZBLOB_OK;
        if (first == ZBLOB_OK)
            first = result;
    }
    free(aside);
    return first;
}

enum zblob_result
zblob_verify(const struct zblob_frame *frame, uint32_t *damaged_count, const struct zblob_interrupt *interrupt,
             struct zblob_error *error)
{
    struct interrupt_scope scope;
    struct zblob_decoder *decoder;
    *damaged_count = 0;
    interrupt_open(&scope, interrupt);
    enum zblob_result result = zblob_decoder_open(&decoder, frame, error);
    if (result == ZBLOB_OK)
        result = verify_chunks(decoder, frame->chunk_count, frame->header, damaged_count, error);
    zblob_decoder_close(decoder);
    return interrupt_close(&scope, result, error);
}
