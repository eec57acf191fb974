/* decode.c: decodes a frame chunk by chunk, in any order. Opening a decoder reads what all chunks need. */
#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/interrupt.h"
#include "../base/threads.h"
#include "../voxel/model.h"
#include "codecs.h"
#include "compact.h"
#include "header.h"
#include "model_section.h"

#include <inttypes.h>
#include <stdlib.h>

#define NO_IMAGE UINT32_MAX

/* The image whose samples a chunk holds. */
struct owner {
    uint32_t image;   /* or NO_IMAGE */
    uint32_t ordinal; /* of the chunk among those of the image */
};

struct zblob_decoder {
    struct zblob_frame frame;
    struct zblob_chunk *chunks;
    struct owner *owners; /* one per chunk */
    struct zblob_image *images;
    struct voxel_model **models; /* one per image; NULL for an image without a model */
};

/* ---- Opening --------------------------------------------------------------------------------- */

static enum zblob_result
allocate(struct zblob_decoder *d, struct zblob_error *error)
{
    size_t chunk_count = (size_t)d->frame.chunk_count + 1, image_count = (size_t)d->frame.image_count + 1;
    d->chunks = calloc(chunk_count, sizeof *d->chunks);
    d->owners = calloc(chunk_count, sizeof *d->owners);
    d->images = calloc(image_count, sizeof *d->images);
    d->models = calloc(image_count, sizeof *d->models);
    if (!d->chunks || !d->owners || !d->images || !d->models)
        return zblob_fail_memory(error, chunk_count * sizeof *d->chunks);
    return ZBLOB_OK;
}

/* The image in whose samples a range of the value lies as a whole. Ranges are asked for in ascending order, and images
 * ascend as well, so *next, the first image that a range can still lie in, only moves on. */
static uint32_t
image_at(const struct zblob_decoder *decoder, uint64_t offset, uint64_t end, uint32_t *next)
{
    for (; *next < decoder->frame.image_count; ++*next) {
        const struct zblob_image *image = &decoder->images[*next];
        uint64_t span;
        zblob_image_span(image, &span);
        if (offset < image->value_offset + span)
            return offset >= image->value_offset && end <= image->value_offset + span ? *next : NO_IMAGE;
    }
    return NO_IMAGE;
}

static void
read_index(struct zblob_decoder *d)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < d->frame.chunk_count; i++) {
        struct zblob_chunk *chunk = &d->chunks[i];
        if (i == 0)
            zblob_frame_chunk(&d->frame, 0, chunk);
        else
            zblob_frame_next_chunk(&d->frame, i, chunk - 1, chunk);
        d->owners[i].image = image_at(d, chunk->raw_offset, chunk->raw_offset + chunk->raw_size, &next);
        bool follows = i && d->owners[i].image == d->owners[i - 1].image;
        d->owners[i].ordinal = follows ? d->owners[i - 1].ordinal + 1 : 0;
    }
}

static enum zblob_result
read_models(struct zblob_decoder *d, struct zblob_error *error)
{
    struct frame_section section;
    uint32_t cursor = 0;
    while (frame_next_section(&d->frame, &cursor, &section)) {
        if (section.type != FRAME_SECTION_MODEL)
            continue;
        enum zblob_result result =
            model_section_read(d->models, d->images, d->frame.image_count, section.body, section.size, error);
        if (result != ZBLOB_OK)
            return result;
    }
    return ZBLOB_OK;
}

enum zblob_result
zblob_decoder_open(struct zblob_decoder **decoder, const struct zblob_frame *frame, struct zblob_error *error)
{
    struct zblob_decoder *d = *decoder = calloc(1, sizeof *d);
    if (!d)
        return zblob_fail_memory(error, sizeof *d);
    d->frame = *frame;
    enum zblob_result result = allocate(d, error);
    if (result != ZBLOB_OK)
        return result;
    frame_images(frame, d->images);
    read_index(d);
    return read_models(d, error);
}

void
zblob_decoder_close(struct zblob_decoder *decoder)
{
    if (!decoder)
        return;
    for (uint32_t i = 0; decoder->models && i < decoder->frame.image_count; i++)
        voxel_model_free(decoder->models[i]);
    free(decoder->chunks);
    free(decoder->owners);
    free(decoder->images);
    free(decoder->models);
    free(decoder);
}

/* ---- Chunks ---------------------------------------------------------------------------------- */

static enum zblob_result
decode(const struct zblob_decoder *decoder, uint32_t index, const void *stored, void *dst)
{
    const struct zblob_chunk *chunk = &decoder->chunks[index];
    const struct chunk_codec *codec = codec_of(chunk->codec);
    struct owner owner = decoder->owners[index];
    struct chunk_place place = {.raw_offset = chunk->raw_offset, .raw_size = chunk->raw_size, .ordinal = owner.ordinal};
    if (!codec)
        return ZBLOB_UNSUPPORTED;
    if (owner.image != NO_IMAGE) {
        place.image = &decoder->images[owner.image];
        place.model = decoder->models[owner.image];
    }
    return codec->decode(&place, stored, chunk->stored_size, dst);
}

void
zblob_decoder_locate(const struct zblob_decoder *decoder, uint32_t index, struct zblob_chunk *chunk)
{
    *chunk = decoder->chunks[index];
}

static enum zblob_result
decode_and_check(const struct zblob_decoder *decoder, uint32_t index, const void *stored, void *dst,
                 struct zblob_error *error)
{
    const struct zblob_chunk *chunk = &decoder->chunks[index];
    if (decoder->frame.is_compact) /* whose checksum has been compared as a whole */
        return compact_decode(&decoder->frame, stored, dst, error);
    enum zblob_result result = decode(decoder, index, stored, dst);
    const char *name = zblob_codec_name(chunk->codec);
    uint32_t count = decoder->frame.chunk_count;
    switch (result) {
    case ZBLOB_OK:
        if (checksum_xxh64(dst, chunk->raw_size) == chunk->checksum)
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
    interrupt_open(&scope, interrupt);
    return interrupt_close(&scope, decode_and_check(decoder, index, stored, dst, error), error);
}

/* ---- Several chunks -------------------------------------------------------------------------- */

struct batch {
    const struct zblob_decoder *decoder;
    const struct zblob_chunk_job *jobs;
    struct zblob_error *errors; /* one per job */
};

/* One task of the thread pool. */
static void
decode_job(void *context, size_t i)
{
    const struct batch *batch = context;
    const struct zblob_chunk_job *job = &batch->jobs[i];
    decode_and_check(batch->decoder, job->index, job->stored, job->dst, &batch->errors[i]);
}

enum zblob_result
zblob_decoder_chunks(const struct zblob_decoder *decoder, const struct zblob_chunk_job *jobs, size_t count,
                     unsigned threads, const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct batch batch = {.decoder = decoder, .jobs = jobs, .errors = calloc(count + 1, sizeof *batch.errors)};
    struct interrupt_scope scope;
    if (!batch.errors)
        return zblob_fail_memory(error, (count + 1) * sizeof *batch.errors);
    interrupt_open(&scope, interrupt);
    threads_run(count, threads, decode_job, &batch);
    enum zblob_result result = zblob_fail_first(error, batch.errors, count);
    free(batch.errors);
    return interrupt_close(&scope, result, error);
}
