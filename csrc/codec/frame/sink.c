/*
 * sink.c: compresses a value batch by batch. The stored bytes of a batch go to a sink before the next batch is encoded, so that
 * no more than one is held. The header, which comes before them in the frame, is known last.
 */
#include "../base/error.h"
#include "../base/interrupt.h"
#include "compress.h"

#include <stdlib.h>

static enum zblob_result
pour(struct plan *plan, const struct zblob_sink *sink, struct zblob_error *error)
{
    for (size_t first = 0, end; first < plan->chunk_count; first = end) {
        end = plan_take_batch(plan, first, 0);
        enum zblob_result result = plan_encode_some(plan, first, end - first, error);
        for (size_t i = first; i < end && result == ZBLOB_OK && !interrupt_is_set(); i++)
            result =
                sink->write(sink->context, plan->scratch + plan->chunks[i].slot, plan->index[i].stored_size, error);
        if (result != ZBLOB_OK)
            return result;
        if (interrupt_is_set())
            return ZBLOB_INTERRUPTED;
    }
    plan_drop_unused_models(plan);
    return ZBLOB_OK;
}

/* As the codec that `current` asks for does it. *settled is another one if the result is not good enough. */
static enum zblob_result
pour_by(const struct zblob_options *current, enum zblob_value_type value_type, const void *src, size_t src_size,
        const struct zblob_sink *sink, unsigned char **header, size_t *header_size, enum zblob_codec *settled,
        struct zblob_error *error)
{
    struct plan plan = {.options = current, .src = src, .src_size = src_size};
    *settled = current->codec;
    enum zblob_result result = plan_make(&plan, error);
    if (result == ZBLOB_OK)
        result = pour(&plan, sink, error);
    if (result == ZBLOB_OK)
        *settled = plan_is_mixed(&plan) ? ZBLOB_CODEC_ZSTD : compress_settle(&plan);
    if (result == ZBLOB_OK && *settled == current->codec) {
        *header = compress_write_header(&plan, value_type, 0, header_size, error);
        result = *header ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    }
    plan_free(&plan);
    return result;
}

enum zblob_result
zblob_compress_to(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                  size_t src_size, const struct zblob_sink *sink, unsigned char **header, size_t *header_size,
                  struct zblob_error *error)
{
    struct zblob_options current = *options;
    struct interrupt_scope scope;
    enum zblob_codec settled = options->codec;
    *header = NULL;
    interrupt_open(&scope, &options->interrupt);
    enum zblob_result result = pour_by(&current, value_type, src, src_size, sink, header, header_size, &settled, error);
    while (result == ZBLOB_OK && settled != current.codec) {
        current.codec = settled;
        result = sink->restart(sink->context, error);
        if (result == ZBLOB_OK)
            result = pour_by(&current, value_type, src, src_size, sink, header, header_size, &settled, error);
    }
    result = interrupt_close(&scope, result, error);
    if (result != ZBLOB_OK) {
        free(*header);
        *header = NULL;
    }
    return result;
}
