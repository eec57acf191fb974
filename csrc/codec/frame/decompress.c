/* decompress.c: a frame becomes its value again as a whole, or is only verified; both by way of its decoder. */
#include "../base/error.h"
#include "../base/interrupt.h"
#include "compact.h"
#include "decode.h"
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
    if (frame->is_compact && !frame->image_count) /* so small that it needs no decoder, nor can it be interrupted */
        return frame->raw_size ? compact_decode(frame, frame->header + frame->header_size, dst, error) : ZBLOB_OK;
    interrupt_open(&scope, interrupt);
    return interrupt_close(&scope, decompress(frame, threads, dst, error), error);
}

/* ---- Verification ---------------------------------------------------------------------------- */

/* Decode chunk after chunk into one buffer; `error` keeps the first damage. */
static enum zblob_result
verify_chunks(const struct zblob_decoder *decoder, uint32_t chunk_count, const unsigned char *src,
              uint32_t *damaged_count, struct zblob_error *error)
{
    enum zblob_result first = ZBLOB_OK;
    unsigned char *aside = NULL;
    size_t capacity = 0;
    for (struct located_chunk located = decoder_map(decoder)->marks[0]; !interrupt_is_set();) {
        if (located.chunk.raw_size > capacity) {
            free(aside);
            capacity = located.chunk.raw_size;
            aside = malloc(capacity);
            if (!aside)
                return zblob_fail_memory(error, capacity);
        }
        enum zblob_result result = decoder_decode(decoder, &located, src + located.chunk.stored_offset, aside,
                                                  first == ZBLOB_OK ? error : NULL);
        *damaged_count += result != ZBLOB_OK;
        if (first == ZBLOB_OK)
            first = result;
        if (located.index + 1 == chunk_count)
            break;
        chunk_map_next(decoder_map(decoder), &located);
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
    if (result == ZBLOB_OK && frame->chunk_count > 0)
        result = verify_chunks(decoder, frame->chunk_count, frame->header, damaged_count, error);
    zblob_decoder_close(decoder);
    return interrupt_close(&scope, result, error);
}
