/* codecs.c: the table of codecs, and an adapter from each codec's own functions to the table's. */
#include "codecs.h"

#include "../chunk/planes.h"
#include "../chunk/zstd.h"
#include "../voxel/chunks.h"
#include "../voxel/codec.h"
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

static enum zblob_result
encode_planes(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
              unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    bool forced = options->codec == ZBLOB_CODEC_PLANES;
    return planes_encode(options->level, forced, &place->image->grid, value + place->raw_offset, place->raw_size, dst,
                         dst_capacity, dst_size);
}

static enum zblob_result
decode_planes(const struct chunk_place *place, const unsigned char *stored, size_t stored_size, unsigned char *dst)
{
    if (!place->image || !zblob_image_is_plain(place->image))
        return ZBLOB_DAMAGED;
    return planes_decode(&place->image->grid, stored, stored_size, dst, place->raw_size);
}

static size_t
bound_of_voxel(size_t raw_size)
{
    return raw_size + VOXEL_ENCODE_SLACK;
}

static enum zblob_result
encode_voxel(const struct chunk_place *place, const unsigned char *value, const struct zblob_options *options,
             unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    (void)options; /* the model was built for them */
    (void)value;   /* the samples may not be in it as they are */
    return voxel_encode_chunk(place->model, place->ordinal, place->samples, dst, dst_capacity - VOXEL_ENCODE_SLACK,
                              dst_size);
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
    enum zblob_result result = voxel_decode_chunk(place->model, place->ordinal, stored, stored_size, samples);
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
    if (!zblob_image_is_plain(place->image))
        return decode_standing(place, stored, stored_size, offset, size, dst);
    if (offset + place->image->value_offset != place->raw_offset || size != place->raw_size)
        return ZBLOB_DAMAGED;
    return voxel_decode_chunk(place->model, place->ordinal, stored, stored_size, dst);
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
