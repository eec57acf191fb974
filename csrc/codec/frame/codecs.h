/*
 * codecs.h: the codecs of a chunk, in one table: a row for each.
 *
 * To add one, give it a number in zblob.h (enum zblob_codec), a file in chunk/ and a row in codecs.c. It then has a
 * name, can be asked for in the options, and is encoded, decoded and described. Which chunks codec "auto" gives to it
 * is decided in plan.c and rivals.c.
 */
#ifndef ZBLOB_CODEC_FRAME_CODECS_H
#define ZBLOB_CODEC_FRAME_CODECS_H

#include "../../zblob.h"

struct voxel_model; /* ../voxel/model.h */

/* Where a chunk lies, and what a codec may want to know about it. */
struct chunk_place {
    uint64_t raw_offset; /* within the value */
    size_t raw_size;
    const struct zblob_image *image; /* all the chunk's bytes are samples of it; NULL: they are any bytes */
    const struct voxel_model *model; /* of that image; NULL: it has none */
    const unsigned char *samples;    /* the first of that image; only where one encodes */
    size_t ordinal;                  /* the chunk's number among those of its image */
};

struct chunk_codec {
    const char *name; /* in options, descriptions and messages */
    bool needs_image; /* false: takes any bytes */

    /* Raw bytes of one chunk, of samples of `grid` if the codec needs an image; 0: the codec does not take such
     * samples. NULL: the image's model cuts the image in chunks. */
    size_t (*chunk_size)(const struct zblob_grid *grid, int level);

    /* The capacity that encode wants for so many raw bytes. */
    size_t (*bound)(size_t raw_size);

    /* Encode the chunk of `value` at `place`. *dst_size = 0: the codec has nothing better than the raw bytes. */
    enum zblob_result (*encode)(const struct chunk_place *place, const unsigned char *value,
                                const struct zblob_options *options, unsigned char *dst, size_t dst_capacity,
                                size_t *dst_size);

    /* Decode into exactly place->raw_size bytes. The stored bytes are hostile: DAMAGED where they or the place do not
     * suit the codec. */
    enum zblob_result (*decode)(const struct chunk_place *place, const unsigned char *stored, size_t stored_size,
                                unsigned char *dst);
};

/* The codec's row; NULL for AUTO and for a number that this build does not know. */
const struct chunk_codec *codec_of(enum zblob_codec codec);

/* The capacity in which any codec can encode so many raw bytes. */
size_t codec_bound_of_all(size_t raw_size);

/* The codec of that name, AUTO included; false: there is none. */
bool codec_parse_name(const char *name, enum zblob_codec *codec);

/* All names, for a message: "auto, voxel, planes, zstd or store". */
void codec_list_names(char *dst, size_t dst_capacity);

#endif
