/* decompress.c: a frame becomes its value again as a whole, or is only verified; both by way of its decoder. */
#include "../base/error.h"
#include "../base/interrupt.h"
#include "compact.h"
#include "gather.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- Values ---------------------------------------------------------------------------------- */

static enum zblob_result
decompress(const struct zblob_frame *frame, unsigned threads, void *dst, struct zblob_error *error)
{
    struct zblob_source source = {.bytes = frame->header, .size = frame->frame_size};
    struct frame_place place = {.source = &source};
    struct zblob_runs all = {.run = frame->raw_size, .pitch = frame->raw_size, .count = 1};
    struct zblob_decoder *decoder;
    enum zblob_result result = zblob_decoder_open(&decoder, frame, error);
    if (result == ZBLOB_OK)
        result = gather_from_frame(decoder, frame->chunk_count, &place, &all, threads, dst, error);
    zblob_decoder_close(decoder);
    return result;
}

enum zblob_result
zblob_decompress(const struct zblob_frame *frame, unsigned threads, void *dst, const struct zblob_interrupt *interrupt,
                 struct zblob_error *error)
{
    struct interrupt_scope scope;
    if (frame->is_compact) /* so small that it needs no decoder, nor can it be interrupted */
        return frame->raw_size ? compact_decode(frame, frame->header + frame->header_size, dst, error) : ZBLOB_OK;
    interrupt_open(&scope, interrupt);
    return interrupt_close(&scope, decompress(frame, threads, dst, error), error);
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
