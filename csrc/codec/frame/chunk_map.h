/*
 * chunk_map.h: where each chunk of a frame lies, and in which image. The index has these numbers only as sums over all
 * entries before, so the map keeps them for one chunk in CHUNK_MAP_STEP, and counts on from there.
 */
#ifndef ZBLOB_CODEC_FRAME_CHUNK_MAP_H
#define ZBLOB_CODEC_FRAME_CHUNK_MAP_H

#include "../../zblob.h"

#define CHUNK_MAP_STEP 64
#define CHUNK_MAP_NO_IMAGE UINT32_MAX

struct located_chunk {
    struct zblob_chunk chunk;
    uint32_t index;
    uint32_t image;      /* in whose samples the chunk lies as a whole, or CHUNK_MAP_NO_IMAGE */
    uint32_t ordinal;    /* of the chunk among those of its image */
    uint32_t next_image; /* the first in which this chunk or one after it can lie */
};

struct chunk_map {
    const struct zblob_frame *frame;
    const struct zblob_image *images;
    struct located_chunk *marks; /* one per CHUNK_MAP_STEP chunks */
};

/* has_model[i]: image i has one, which one of its chunks must need. Close the map even if this fails. */
enum zblob_result chunk_map_open(struct chunk_map *map, const struct zblob_frame *frame,
                                 const struct zblob_image *images, const bool *has_model, struct zblob_error *error);
void chunk_map_close(struct chunk_map *map);

/* Chunk `index`, and from it the next one, which is found at once. */
void chunk_map_find(const struct chunk_map *map, uint32_t index, struct located_chunk *located);
void chunk_map_next(const struct chunk_map *map, struct located_chunk *located);

#endif
