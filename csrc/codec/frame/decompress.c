/* decompress.c: a frame becomes its value again, whole, in part, or chunk by chunk. */
#include "../base/bytes.h"
#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/geometry.h"
#include "../base/threads.h"
#include "../chunk/planes.h"
#include "../chunk/zstd.h"
#include "../voxel/codec.h"
#include "header.h"

#include <inttypes.h>
#include <stdlib.h>

#define NO_IMAGE UINT32_MAX

/* Where a chunk's samples belong. */
struct place {
    uint32_t image;   /* or NO_IMAGE */
    uint32_t ordinal; /* among the image's chunks */
};

struct zblob_decoder {
    struct zblob_frame frame;
    struct zblob_chunk *chunks;
    struct place *places; /* one a chunk */
    struct zblob_image *images;
    struct voxel_model **models; /* one an image; NULL where it has none */
};

/* ---- Decoder --------------------------------------------------------------------------------- */

static enum zblob_result
allocate(struct zblob_decoder *d, struct zblob_error *error)
{
    size_t chunk_count = (size_t)d->frame.chunk_count + 1, image_count = (size_t)d->frame.image_count + 1;
    d->chunks = calloc(chunk_count, sizeof *d->chunks);
    d->places = calloc(chunk_count, sizeof *d->places);
    d->images = calloc(image_count, sizeof *d->images);
    d->models = calloc(image_count, sizeof *d->models);
    if (!d->chunks || !d->places || !d->images || !d->models)
        return zblob_fail_memory(error, chunk_count * sizeof *d->chunks);
    return ZBLOB_OK;
}

/* The image whose samples a range of the value lies in. Images and ranges ascend, so *next, the first image that
 * may come, only moves on. */
static uint32_t
image_at(const struct zblob_decoder *decoder, uint64_t offset, uint64_t end, uint32_t *next)
{
    for (; *next < decoder->frame.image_count; ++*next) {
        const struct zblob_image *image = &decoder->images[*next];
        uint64_t size;
        zblob_grid_size(&image->grid, &size);
        if (offset < image->value_offset + size)
            return offset >= image->value_offset && end <= image->value_offset + size ? *next : NO_IMAGE;
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
        d->places[i].image = image_at(d, chunk->raw_offset, chunk->raw_offset + chunk->raw_size, &next);
        bool follows = i && d->places[i].image == d->places[i - 1].image;
        d->places[i].ordinal = follows ? d->places[i - 1].ordinal + 1 : 0;
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
        unsigned image = section.size >= FRAME_MODEL_PREFIX_SIZE ? load_le16(section.body + 1) : UINT16_MAX;
        if (image >= d->frame.image_count || section.body[0] != ZBLOB_CODEC_VOXEL || section.body[3] ||
            d->models[image])
            return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: a model belongs to no image");
        enum zblob_result result =
            voxel_model_read(&d->models[image], &d->images[image].grid, section.body + FRAME_MODEL_PREFIX_SIZE,
                             section.size - FRAME_MODEL_PREFIX_SIZE);
        if (result == ZBLOB_NO_MEMORY)
            return zblob_fail_memory(error, section.size);
        if (result != ZBLOB_OK)
            return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: the model of image %u", image);
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
    free(decoder->places);
    free(decoder->images);
    free(decoder->models);
    free(decoder);
}

static enum zblob_result
decode_voxel(const struct zblob_decoder *decoder, uint32_t index, const void *stored, void *dst)
{
    const struct zblob_chunk *chunk = &decoder->chunks[index];
    struct place place = decoder->places[index];
    const struct voxel_model *model = place.image == NO_IMAGE ? NULL : decoder->models[place.image];
    uint64_t offset;
    size_t size;
    if (!model || place.ordinal >= voxel_chunk_count(model))
        return ZBLOB_DAMAGED;
    voxel_chunk_range(model, place.ordinal, &offset, &size);
    if (offset + decoder->images[place.image].value_offset != chunk->raw_offset || size != chunk->raw_size)
        return ZBLOB_DAMAGED;
    return voxel_decode_chunk(model, place.ordinal, stored, chunk->stored_size, dst);
}

static enum zblob_result
decode(const struct zblob_decoder *decoder, uint32_t index, const void *stored, void *dst)
{
    const struct zblob_chunk *chunk = &decoder->chunks[index];
    uint32_t image = decoder->places[index].image;
    switch (chunk->codec) {
    case ZBLOB_CODEC_STORE: memcpy(dst, stored, chunk->raw_size); return ZBLOB_OK;
    case ZBLOB_CODEC_ZSTD: return general_decode(stored, chunk->stored_size, dst, chunk->raw_size);
    case ZBLOB_CODEC_PLANES:
        return image == NO_IMAGE
                   ? ZBLOB_DAMAGED
                   : planes_decode(&decoder->images[image].grid, stored, chunk->stored_size, dst, chunk->raw_size);
    case ZBLOB_CODEC_VOXEL: return decode_voxel(decoder, index, stored, dst);
    default: return ZBLOB_UNSUPPORTED;
    }
}

void
zblob_decoder_locate(const struct zblob_decoder *decoder, uint32_t index, struct zblob_chunk *chunk)
{
    *chunk = decoder->chunks[index];
}

enum zblob_result
zblob_decoder_chunk(const struct zblob_decoder *decoder, uint32_t index, const void *stored, void *dst,
                    struct zblob_error *error)
{
    const struct zblob_chunk *chunk = &decoder->chunks[index];
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

/* ---- Ranges ---------------------------------------------------------------------------------- */

struct range {
    const struct zblob_decoder *decoder;
    const unsigned char *src;
    uint64_t offset, end; /* within the value */
    unsigned char *dst;
    uint32_t first;             /* chunk */
    struct zblob_error *errors; /* one a chunk */
};

/* A chunk that the range covers in part is decoded aside. */
static void
decode_in_part(const struct range *range, uint32_t index, struct zblob_error *error)
{
    const struct zblob_chunk *chunk = &range->decoder->chunks[index];
    unsigned char *aside = malloc(chunk->raw_size);
    if (!aside) {
        zblob_fail_memory(error, chunk->raw_size);
        return;
    }
    if (zblob_decoder_chunk(range->decoder, index, range->src + chunk->stored_offset, aside, error) == ZBLOB_OK) {
        uint64_t start = chunk->raw_offset > range->offset ? chunk->raw_offset : range->offset;
        uint64_t end = chunk->raw_offset + chunk->raw_size;
        if (end > range->end)
            end = range->end;
        memcpy(range->dst + (start - range->offset), aside + (start - chunk->raw_offset), (size_t)(end - start));
    }
    free(aside);
}

static void
decode_range_chunk(void *context, size_t i)
{
    const struct range *range = context;
    uint32_t index = range->first + (uint32_t)i;
    const struct zblob_chunk *chunk = &range->decoder->chunks[index];
    if (chunk->raw_offset >= range->offset && chunk->raw_offset + chunk->raw_size <= range->end)
        zblob_decoder_chunk(range->decoder, index, range->src + chunk->stored_offset,
                            range->dst + (chunk->raw_offset - range->offset), &range->errors[i]);
    else
        decode_in_part(range, index, &range->errors[i]);
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
decode_range(const struct zblob_decoder *decoder, const void *src, unsigned threads, uint64_t offset, void *dst,
             uint64_t count, struct zblob_error *error)
{
    struct range range = {.decoder = decoder, .src = src, .offset = offset, .end = offset + count, .dst = dst};
    uint32_t end = 0;
    while (end < decoder->frame.chunk_count && decoder->chunks[end].raw_offset < range.end) {
        if (decoder->chunks[end].raw_offset + decoder->chunks[end].raw_size <= offset)
            range.first = end + 1;
        end++;
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

enum zblob_result
zblob_decompress_range(const void *src, size_t src_size, unsigned threads, uint64_t offset, void *dst, uint64_t count,
                       struct zblob_error *error)
{
    struct zblob_frame frame;
    struct zblob_decoder *decoder;
    enum zblob_result result = zblob_frame_open(&frame, src, src_size, src_size, error);
    if (result != ZBLOB_OK)
        return result;
    if (offset > frame.raw_size || count > frame.raw_size - offset)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "bytes %" PRIu64 " to %" PRIu64 " are not within a value "
                          "of %" PRIu64 " bytes",
                          offset, offset + count, frame.raw_size);
    result = zblob_decoder_open(&decoder, &frame, error);
    if (result == ZBLOB_OK)
        result = decode_range(decoder, src, threads, offset, dst, count, error);
    zblob_decoder_close(decoder);
    return result;
}

enum zblob_result
zblob_decompress(const void *src, size_t src_size, unsigned threads, void *dst, uint64_t dst_size,
                 struct zblob_error *error)
{
    struct zblob_frame frame;
    enum zblob_result result = zblob_frame_open(&frame, src, src_size, src_size, error);
    if (result == ZBLOB_OK && frame.raw_size != dst_size)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "the value has %" PRIu64 " bytes, the buffer %" PRIu64,
                          frame.raw_size, dst_size);
    if (result == ZBLOB_OK)
        result = zblob_decompress_range(src, src_size, threads, 0, dst, dst_size, error);
    return result;
}

/* ---- Verification ---------------------------------------------------------------------------- */

static uint32_t
largest_chunk(const struct zblob_decoder *decoder)
{
    uint32_t largest = 1;
    for (uint32_t i = 0; i < decoder->frame.chunk_count; i++) {
        if (decoder->chunks[i].raw_size > largest)
            largest = decoder->chunks[i].raw_size;
    }
    return largest;
}

/* Decode chunk after chunk into one buffer; the first damage is what `error` keeps. */
static enum zblob_result
verify_chunks(const struct zblob_decoder *decoder, const unsigned char *src, uint32_t *damaged_count,
              struct zblob_error *error)
{
    uint32_t size = largest_chunk(decoder);
    unsigned char *aside = malloc(size);
    if (!aside)
        return zblob_fail_memory(error, size);
    enum zblob_result first = ZBLOB_OK;
    for (uint32_t i = 0; i < decoder->frame.chunk_count; i++) {
        enum zblob_result result = zblob_decoder_chunk(decoder, i, src + decoder->chunks[i].stored_offset, aside,
                                                       first == ZBLOB_OK ? error : NULL);
        *damaged_count += result != ZBLOB_OK;
        if (first == ZBLOB_OK)
            first = result;
    }
    free(aside);
    return first;
}

enum zblob_result
zblob_verify(const void *src, size_t src_size, uint32_t *damaged_count, struct zblob_error *error)
{
    struct zblob_frame frame;
    struct zblob_decoder *decoder;
    *damaged_count = 0;
    enum zblob_result result = zblob_frame_open(&frame, src, src_size, src_size, error);
    if (result != ZBLOB_OK)
        return result;
    result = zblob_decoder_open(&decoder, &frame, error);
    if (result == ZBLOB_OK)
        result = verify_chunks(decoder, src, damaged_count, error);
    zblob_decoder_close(decoder);
    return result;
}
