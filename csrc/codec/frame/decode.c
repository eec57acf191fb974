/* decode.c: decodes a frame chunk by chunk, in any order. Opening a decoder reads what all chunks need. */
#include "decode.h"

#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/first_error.h"
#include "../base/interrupt.h"
#include "../base/threads.h"
#include "../voxel/memory.h"
#include "codecs.h"
#include "compact.h"
#include "header.h"
#include "models.h"

#include <inttypes.h>
#include <stdlib.h>

struct zblob_decoder {
    struct zblob_frame frame;
    struct zblob_image *images;
    struct models *models;
    struct chunk_map map;
};

/* ---- Opening --------------------------------------------------------------------------------- */

enum zblob_result
zblob_decoder_open(struct zblob_decoder **decoder, const struct zblob_frame *frame, struct zblob_error *error)
{
    struct zblob_decoder *d = *decoder = calloc(1, sizeof *d);
    size_t image_count = (size_t)frame->image_count + 1;
    if (!d)
        return zblob_fail_memory(error, sizeof *d);
    d->frame = *frame;
    d->images = calloc(image_count, sizeof *d->images);
    if (!d->images)
        return zblob_fail_memory(error, image_count * sizeof *d->images);
    frame_images(frame, d->images);
    d->models = models_open(frame, d->images);
    if (!d->models)
        return zblob_fail_memory(error, image_count * sizeof *d->images);
    return chunk_map_open(&d->map, &d->frame, d->images, models_present(d->models), error);
}

void
zblob_decoder_close(struct zblob_decoder *decoder)
{
    if (!decoder)
        return;
    chunk_map_close(&decoder->map);
    models_close(decoder->models);
    free(decoder->images);
    free(decoder);
}

const struct chunk_map *
decoder_map(const struct zblob_decoder *decoder)
{
    return &decoder->map;
}

void
zblob_decoder_locate(const struct zblob_decoder *decoder, uint32_t index, struct zblob_chunk *chunk)
{
    struct located_chunk located;
    chunk_map_find(&decoder->map, index, &located);
    *chunk = located.chunk;
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

/* With its model, if the chunk's image has one. */
static enum zblob_result
decode_in_image(const struct zblob_decoder *decoder, const struct located_chunk *located, struct chunk_place *place,
                const void *stored, void *dst)
{
    const struct chunk_codec *codec = codec_of(located->chunk.codec);
    bool needs_model = located->chunk.codec == ZBLOB_CODEC_VOXEL;
    place->image = &decoder->images[located->image];
    if (!needs_model)
        return codec->decode(place, stored, located->chunk.stored_size, dst);
    enum zblob_result result = models_acquire(decoder->models, located->image, &place->model);
    if (result != ZBLOB_OK || !place->model)
        return result == ZBLOB_OK ? ZBLOB_DAMAGED : result;
    result = codec->decode(place, stored, located->chunk.stored_size, dst);
    models_release(decoder->models, located->image);
    return result;
}

static enum zblob_result
decode(const struct zblob_decoder *decoder, const struct located_chunk *located, const void *stored, void *dst)
{
    const struct zblob_chunk *chunk = &located->chunk;
    const struct chunk_codec *codec = codec_of(chunk->codec);
    struct chunk_place place = {
        .raw_offset = chunk->raw_offset, .raw_size = chunk->raw_size, .ordinal = located->ordinal};
    if (!codec)
        return ZBLOB_UNSUPPORTED;
    if (located->image != CHUNK_MAP_NO_IMAGE)
        return decode_in_image(decoder, located, &place, stored, dst);
    return codec->decode(&place, stored, chunk->stored_size, dst);
}

size_t
decoder_memory(const struct zblob_decoder *decoder, const struct located_chunk *located)
{
    const struct voxel_model *model;
    size_t size = 0;
    if (located->chunk.codec == ZBLOB_CODEC_PLANES)
        return 3 * (size_t)located->chunk.raw_size; /* less one where samples stand in the value as they are */
    if (located->chunk.codec != ZBLOB_CODEC_VOXEL || located->image == CHUNK_MAP_NO_IMAGE ||
        models_acquire(decoder->models, located->image, &model) != ZBLOB_OK || !model)
        return 0;
    size = voxel_chunk_memory(model);
    if (!zblob_image_is_plain(&decoder->images[located->image]))
        size += located->chunk.raw_size; /* the samples, before they stand as they do in the value */
    models_release(decoder->models, located->image);
    return size;
}

enum zblob_result
decoder_decode(const struct zblob_decoder *decoder, const struct located_chunk *located, const void *stored, void *dst,
               struct zblob_error *error)
{
    const struct zblob_chunk *chunk = &located->chunk;
    if (decoder->frame.is_compact) /* whose checksum has been compared as a whole */
        return compact_decode(&decoder->frame, stored, dst, error);
    enum zblob_result result = decode(decoder, located, stored, dst);
    const char *name = zblob_codec_name(chunk->codec);
    uint32_t index = located->index, count = decoder->frame.chunk_count;
    switch (result) {
    case ZBLOB_OK:
        if (checksum_xxh3(dst, chunk->raw_size) == chunk->checksum)
            return ZBLOB_OK;
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: chunk %" PRIu32 " of %" PRIu32 " (%s): wrong checksum",
                          index + 1, count, name);
    case ZBLOB_NO_MEMORY: return zblob_fail_memory(error, chunk->raw_size);
    case ZBLOB_UNSUPPORTED:
        return zblob_fail(error, result,
                          "chunk %" PRIu32 " of %" PRIu32 " needs codec %s, which this build "
                          "does not have",
                          index + 1, count, name);
    default:
        return zblob_fail(error, ZBLOB_DAMAGED,
                          "damaged frame: chunk %" PRIu32 " of %" PRIu32 " (%s) cannot be decoded", index + 1, count,
                          name);
    }
}

enum zblob_result
zblob_decoder_chunk(const struct zblob_decoder *decoder, uint32_t index, const void *stored, void *dst,
                    const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct interrupt_scope scope;
    struct located_chunk located;
    chunk_map_find(&decoder->map, index, &located);
    interrupt_open(&scope, interrupt);
    return interrupt_close(&scope, decoder_decode(decoder, &located, stored, dst, error), error);
}

/* ---- Several chunks -------------------------------------------------------------------------- */

unsigned
decoder_threads(unsigned threads, size_t memory)
{
    size_t most = DECODER_MEMORY_MAX / (memory ? memory : 1);
    most = most < 1 ? 1 : most > ZBLOB_THREADS_MAX ? ZBLOB_THREADS_MAX : most;
    return threads == 0 && most == ZBLOB_THREADS_MAX ? 0 : threads == 0 || threads > most ? (unsigned)most : threads;
}

struct batch {
    const struct zblob_decoder *decoder;
    const struct zblob_chunk_job *jobs;
    struct first_error first;
};

/* One task of the thread pool. */
static void
decode_job(void *context, size_t i)
{
    struct batch *batch = context;
    const struct zblob_chunk_job *job = &batch->jobs[i];
    struct located_chunk located;
    struct zblob_error error;
    if (first_error_precedes(&batch->first, i))
        return;
    chunk_map_find(&batch->decoder->map, job->index, &located);
    if (decoder_decode(batch->decoder, &located, job->stored, job->dst, &error) != ZBLOB_OK)
        first_error_note(&batch->first, i, &error);
}

enum zblob_result
zblob_decoder_chunks(const struct zblob_decoder *decoder, const struct zblob_chunk_job *jobs, size_t count,
                     unsigned threads, const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct batch batch = {.decoder = decoder, .jobs = jobs};
    struct interrupt_scope scope;
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        struct located_chunk located;
        chunk_map_find(&decoder->map, jobs[i].index, &located);
        size_t size = decoder_memory(decoder, &located);
        largest = size > largest ? size : largest;
    }
    first_error_open(&batch.first);
    interrupt_open(&scope, interrupt);
    threads_run(count, decoder_threads(threads, largest), decode_job, &batch);
    return interrupt_close(&scope, first_error_close(&batch.first, error), error);
}
