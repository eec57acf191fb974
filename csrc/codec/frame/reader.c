/* reader.c: opens a stored value, wherever its bytes are, to gather parts of what it holds. */
#include "../base/error.h"
#include "../base/interrupt.h"
#include "gather.h"
#include "runs.h"

#include <inttypes.h>
#include <stdlib.h>

struct zblob_reader {
    const struct zblob_source *source;
    uint64_t frame_offset;
    unsigned char *head; /* the source's first bytes, unless they are in memory anyway */
    bool is_frame;
    struct zblob_frame frame;
    struct zblob_decoder *decoder; /* opened when it is needed: until then the frame may be given its dictionary */
};

/* Read the first bytes of the source, to the end of the header; *size is how many. */
static enum zblob_result
read_head(struct zblob_reader *reader, const unsigned char **head, size_t *size, struct zblob_error *error)
{
    const struct zblob_source *source = reader->source;
    unsigned char prefix[ZBLOB_HEAD_PREFIX_SIZE];
    size_t prefix_size = source->size < sizeof prefix ? (size_t)source->size : sizeof prefix;
    enum zblob_result result = source_read(source, 0, prefix, prefix_size, error);
    if (result != ZBLOB_OK)
        return result;
    uint64_t head_size = zblob_head_size(prefix, prefix_size);
    *size = head_size < prefix_size ? prefix_size : head_size > source->size ? (size_t)source->size : (size_t)head_size;
    reader->head = malloc(*size + 1);
    if (!reader->head)
        return zblob_fail_memory(error, *size + 1);
    *head = reader->head;
    return source_read(source, 0, reader->head, *size, error);
}

/* Find the frame, given the source's first bytes, at least to the end of its header. */
static enum zblob_result
open_frame(struct zblob_reader *reader, const unsigned char *head, size_t head_size, struct zblob_error *error)
{
    uint64_t frame_size;
    enum zblob_result result =
        zblob_locate_frame(head, head_size, reader->source->size, &reader->frame_offset, &frame_size, error);
    if (result != ZBLOB_OK || frame_size == 0)
        return result;
    reader->is_frame = true;
    return zblob_frame_open(&reader->frame, head + reader->frame_offset, head_size - (size_t)reader->frame_offset,
                            frame_size, error);
}

enum zblob_result
zblob_reader_open(struct zblob_reader **reader, const struct zblob_source *source, struct zblob_error *error)
{
    struct zblob_reader *r = *reader = calloc(1, sizeof *r);
    const unsigned char *head = source->bytes;
    size_t head_size = (size_t)source->size;
    if (!r)
        return zblob_fail_memory(error, sizeof *r);
    r->source = source;
    enum zblob_result result = head || source->size == 0 ? ZBLOB_OK : read_head(r, &head, &head_size, error);
    return result == ZBLOB_OK && source->size > 0 ? open_frame(r, head, head_size, error) : result;
}

void
zblob_reader_close(struct zblob_reader *reader)
{
    if (!reader)
        return;
    zblob_decoder_close(reader->decoder);
    free(reader->head);
    free(reader);
}

const struct zblob_frame *
zblob_reader_frame(const struct zblob_reader *reader)
{
    return reader->is_frame ? &reader->frame : NULL;
}

void
zblob_reader_set_dictionary(struct zblob_reader *reader, struct zblob_dictionary *dictionary)
{
    reader->frame.dictionary = dictionary;
}

static enum zblob_result
gather(struct zblob_reader *reader, const struct zblob_runs *runs, unsigned threads, void *dst,
       struct zblob_error *error)
{
    struct frame_place place = {.source = reader->source, .offset = reader->frame_offset};
    uint64_t raw_size = reader->is_frame ? reader->frame.raw_size : reader->source->size;
    if (!runs_are_within(runs, raw_size))
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "%" PRIu64 " runs of %" PRIu64 " bytes from byte %" PRIu64
                          " on are not within a value of %" PRIu64 " bytes",
                          runs->count, runs->run, runs->offset, raw_size);
    if (!reader->is_frame)
        return gather_from_plain(reader->source, runs, dst, error);
    if (!reader->decoder) {
        enum zblob_result result = zblob_decoder_open(&reader->decoder, &reader->frame, error);
        if (result != ZBLOB_OK) {
            zblob_decoder_close(reader->decoder);
            reader->decoder = NULL;
            return result;
        }
    }
    return gather_from_frame(reader->decoder, reader->frame.chunk_count, &place, runs, threads, dst, error);
}

enum zblob_result
zblob_reader_gather(struct zblob_reader *reader, const struct zblob_runs *runs, unsigned threads, void *dst,
                    const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct interrupt_scope scope;
    interrupt_open(&scope, interrupt);
    return interrupt_close(&scope, gather(reader, runs, threads, dst, error), error);
}
