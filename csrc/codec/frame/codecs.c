/* codecs.c: the table of codecs, and an adapter from each codec's own functions to the table's. */
#include "codecs.h"

#include "../base/bytes.h"
#include "../chunk/planes.h"
#include "../chunk/zstd.h"
#include "../voxel/chunks.h"
#include "../voxel/codec.h"
#include "pieces.h"
#include "standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUTO_NAME "auto"

/* ---- Any bytes: store and zstd --------------------------------------------------------------- */

static size_t
size_of_any_chunk(const struct zblob_grid *grid, int level)
{
    (void)grid;
    return zstd_chunk_size(level);
}

static size_t
bound_as_raw(size_t raw_size)
{
    return raw_size;
}

static enum zblob_result
store_chunk(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
            unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    (void)options;
    *dst_size = place->raw_size <= dst_capacity ? place->raw_size : 0;
    memcpy(dst, value + place->raw_offset, *dst_size);
    return ZBLOB_OK;
}

static enum zblob_result
load_chunk(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, unsigned char *dst)
{
    if (stored_size != place->raw_size)
        return ZBLOB_DAMAGED;
    memcpy(dst, stored, stored_size);
    return ZBLOB_OK;
}

static enum zblob_result
encode_zstd(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
            unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    return zstd_encode_best(zstd_level_of(options->level), ZSTD_BYTES, value + place->raw_offset, place->raw_size, dst,
                            dst_capacity, dst_size);
}

static enum zblob_result
decode_zstd(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, unsigned char *dst)
{
    return zstd_decode(stored, stored_size, dst, place->raw_size);
}

/* ---- Samples of an image: planes and voxel --------------------------------------------------- */

static size_t
size_of_planes_chunk(const struct zblob_grid *grid, int level)
{
    (void)level;
    return planes_chunk_size(grid);
}

static size_t
bound_of_voxel(size_t raw_size)
{
    return raw_size + VOXEL_ENCODE_SLACK;
}

/* Before the samples of a chunk in pieces stands its rest, if it has one: how many bytes it takes, in 32 bits, and then
 * these: fewer than the rest has are a zstd frame of it. */
enum { REST_PREFIX = 4 };

/* The samples of a chunk: by the image's model where it has one, otherwise all of them. */
static void
locate_samples(const struct chunk_place *place, uint64_t *offset, size_t *size)
{
    uint64_t whole = 0;
    *offset = 0;
    if (place->model) {
        voxel_chunk_range(place->model, place->ordinal, offset, size);
        return;
    }
    zblob_grid_size(&place->image->grid, &whole);
    *size = (size_t)whole;
}

/* *dst_size = 0: it does not fit, or there is no rest. */
static enum zblob_result
encode_rest(const struct chunk_place *place, const unsigned char *value, int level, unsigned char *dst,
            size_t dst_capacity, size_t *dst_size)
{
    uint64_t offset;
    size_t size, encoded = 0;
    *dst_size = 0;
    locate_samples(place, &offset, &size);
    size_t rest_size = place->raw_size - size;
    if (rest_size == 0 || dst_capacity < REST_PREFIX + rest_size)
        return ZBLOB_OK;
    unsigned char *rest = malloc(rest_size);
    if (!rest)
        return ZBLOB_NO_MEMORY;
    pieces_split(place->image, offset, size, value + place->raw_offset, NULL, rest);
    enum zblob_result result =
        zstd_encode_best(zstd_level_of(level), ZSTD_BYTES, rest, rest_size, dst + REST_PREFIX, rest_size - 1, &encoded);
    if (encoded == 0) {
        encoded = rest_size;
        memcpy(dst + REST_PREFIX, rest, rest_size);
    }
    free(rest);
    store_le32(dst, (uint32_t)encoded);
    *dst_size = REST_PREFIX + encoded;
    return result;
}

static enum zblob_result
encode_taken(const struct chunk_place *place, const struct zblob_options *options, unsigned char *dst,
             size_t dst_capacity, size_t *dst_size)
{
    uint64_t offset;
    size_t size;
    if (place->model)
        return voxel_encode_chunk(place->model, place->ordinal, place->samples, dst, dst_capacity, dst_size);
    locate_samples(place, &offset, &size);
    return planes_encode(options->level, true, &place->image->grid, place->samples, size, dst, dst_capacity, dst_size);
}

static enum zblob_result
encode_pieces(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
              unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    uint64_t offset;
    size_t size, rest;
    enum zblob_result result = encode_rest(place, value, options->level, dst, dst_capacity, &rest);
    locate_samples(place, &offset, &size);
    *dst_size = 0;
    if (result != ZBLOB_OK || (rest == 0 && size < place->raw_size))
        return result;
    result = encode_taken(place, options, dst + rest, dst_capacity - rest, dst_size);
    if (*dst_size)
        *dst_size += rest;
    return result;
}

static enum zblob_result
encode_voxel(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
             unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    if (zblob_image_has_pieces(place->image))
        return encode_pieces(place, value, options, dst, dst_capacity - VOXEL_ENCODE_SLACK, dst_size);
    return encode_taken(place, options, dst, dst_capacity - VOXEL_ENCODE_SLACK, dst_size);
}

static enum zblob_result
encode_planes(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
              unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    bool forced = options->codec == ZBLOB_CODEC_PLANES;
    if (zblob_image_is_plain(place->image))
        return planes_encode(options->level, forced, &place->image->grid, value + place->raw_offset, place->raw_size,
                             dst, dst_capacity, dst_size);
    if (zblob_image_has_pieces(place->image))
        return encode_pieces(place, value, options, dst, dst_capacity, dst_size);
    return encode_taken(place, options, dst, dst_capacity, dst_size);
}

/* The stored rest of a chunk into `rest`; *used is what it takes before the samples. */
static enum zblob_result
decode_rest(const unsigned char *stored, size_t stored_size, unsigned char *rest, size_t rest_size, size_t *used)
{
    *used = 0;
    if (rest_size == 0)
        return ZBLOB_OK;
    if (stored_size < REST_PREFIX)
        return ZBLOB_DAMAGED;
    size_t size = load_le32(stored);
    if (size < 1 || size > rest_size || size > stored_size - REST_PREFIX)
        return ZBLOB_DAMAGED;
    *used = REST_PREFIX + size;
    if (size < rest_size)
        return zstd_decode(stored + REST_PREFIX, size, rest, rest_size);
    memcpy(rest, stored + REST_PREFIX, size);
    return ZBLOB_OK;
}

/* `size` bytes of samples, as encode_taken has coded them. */
static enum zblob_result
decode_taken(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, unsigned char *dst,
             size_t size)
{
    if (place->model)
        return voxel_decode_chunk(place->model, place->ordinal, stored, stored_size, dst);
    return planes_decode(&place->image->grid, stored, stored_size, dst, size);
}

/* A chunk of an image in pieces: its samples are `size` bytes from `offset` on. */
static enum zblob_result
decode_pieces(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, uint64_t offset,
              size_t size, unsigned char *dst)
{
    const struct zblob_image *image = place->image;
    if (!pieces_may_part(image, offset) || !pieces_may_part(image, offset + size) ||
        place->raw_offset != image->value_offset + pieces_place(image, offset) ||
        place->raw_size != pieces_place(image, offset + size) - pieces_place(image, offset))
        return ZBLOB_DAMAGED;
    unsigned char *samples = malloc(place->raw_size);
    size_t used;
    if (!samples)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result = decode_rest(stored, stored_size, samples + size, place->raw_size - size, &used);
    if (result == ZBLOB_OK)
        result = decode_taken(place, stored + used, stored_size - used, samples, size);
    if (result == ZBLOB_OK)
        pieces_join(image, offset, size, samples, samples + size, dst);
    free(samples);
    return result;
}

/* A chunk of an image that does not stand in the value as it is: its samples are `size` bytes from `offset` on. */
static enum zblob_result
decode_standing(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, uint64_t offset,
                size_t size, unsigned char *dst)
{
    const struct zblob_image *image = place->image;
    if (place->raw_size < size || (image->text_size && place->raw_size - size > size) ||
        (image->row_padding && place->raw_offset != image->value_offset + standing_start(image, offset)))
        return ZBLOB_DAMAGED;
    unsigned char *samples = malloc(size);
    if (!samples)
        return ZBLOB_NO_MEMORY;
    enum zblob_result result = decode_taken(place, stored, stored_size, samples, size);
    if (result == ZBLOB_OK && !standing_put(image, offset, samples, size, dst, place->raw_size))
        result = ZBLOB_DAMAGED;
    free(samples);
    return result;
}

static enum zblob_result
decode_voxel(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, unsigned char *dst)
{
    uint64_t offset;
    size_t size;
    if (!place->model || place->ordinal >= voxel_chunk_count(place->model))
        return ZBLOB_DAMAGED;
    voxel_chunk_range(place->model, place->ordinal, &offset, &size);
    if (zblob_image_has_pieces(place->image))
        return decode_pieces(place, stored, stored_size, offset, size, dst);
    if (!zblob_image_is_plain(place->image))
        return decode_standing(place, stored, stored_size, offset, size, dst);
    if (offset + place->image->value_offset != place->raw_offset || size != place->raw_size)
        return ZBLOB_DAMAGED;
    return voxel_decode_chunk(place->model, place->ordinal, stored, stored_size, dst);
}

/* Of an image that does not stand in the value as it is, such a chunk has all samples. */
static enum zblob_result
decode_planes(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, unsigned char *dst)
{
    const struct zblob_image *image = place->image;
    uint64_t offset, span = 0;
    size_t size;
    if (!image)
        return ZBLOB_DAMAGED;
    if (zblob_image_is_plain(image))
        return planes_decode(&image->grid, stored, stored_size, dst, place->raw_size);
    if (!zblob_image_span(image, &span) || place->raw_offset != image->value_offset || place->raw_size != span)
        return ZBLOB_DAMAGED;
    locate_samples(place, &offset, &size);
    if (zblob_image_has_pieces(image))
        return decode_pieces(place, stored, stored_size, offset, size, dst);
    return decode_standing(place, stored, stored_size, offset, size, dst);
}

/* ---- The table ------------------------------------------------------------------------------- */

static const struct chunk_codec codecs[] = {
    /* name, needs_image, chunk_size, bound, encode, decode */
    [ZBLOB_CODEC_STORE] = {"store", false, size_of_any_chunk, bound_as_raw, store_chunk, load_chunk},
    [ZBLOB_CODEC_ZSTD] = {"zstd", false, size_of_any_chunk, zstd_bound, encode_zstd, decode_zstd},
    [ZBLOB_CODEC_PLANES] = {"planes", true, size_of_planes_chunk, bound_as_raw, encode_planes, decode_planes},
    [ZBLOB_CODEC_VOXEL] = {"voxel", true, NULL, bound_of_voxel, encode_voxel, decode_voxel},
};

enum { CODECS_END = sizeof codecs / sizeof *codecs };

const struct chunk_codec *
codec_of(enum zblob_codec codec)
{
    unsigned number = (unsigned)codec;
    return number < CODECS_END ? &codecs[number] : NULL;
}

size_t
codec_bound_of_all(size_t raw_size)
{
    size_t most = 0;
    for (size_t i = 0; i < CODECS_END; i++) {
        size_t bound = codecs[i].bound(raw_size);
        most = bound > most ? bound : most;
    }
    return most;
}

bool
codec_parse_name(const char *name, enum zblob_codec *codec)
{
    if (strcmp(name, AUTO_NAME) == 0) {
        *codec = ZBLOB_CODEC_AUTO;
        return true;
    }
    for (unsigned number = 0; number < CODECS_END; number++) {
        if (strcmp(name, codecs[number].name) == 0) {
            *codec = (enum zblob_codec)number;
            return true;
        }
    }
    return false;
}

/* From the richest down to the plainest. */
void
codec_list_names(char *dst, size_t dst_capacity)
{
    size_t size = (size_t)snprintf(dst, dst_capacity, "%s", AUTO_NAME);
    for (unsigned number = CODECS_END; number-- && size < dst_capacity;)
        size += (size_t)snprintf(dst + size, dst_capacity - size, "%s%s", number ? ", " : " or ", codecs[number].name);
}

const char *
zblob_codec_name(enum zblob_codec codec)
{
    const struct chunk_codec *row = codec_of(codec);
    return row ? row->name : codec == ZBLOB_CODEC_AUTO ? AUTO_NAME : "unknown";
}
