/* chunk_map.c: see chunk_map.h. */
#include "chunk_map.h"

#include "../base/error.h"

#include <inttypes.h>
#include <stdlib.h>

/* The image in whose samples a range of the value lies as a whole. Ranges are asked for in ascending order, and images
 * ascend as well, so *next, the first image that a range can still lie in, only moves on. */
static uint32_t
image_at(const struct chunk_map *map, uint64_t offset, uint64_t end, uint32_t *next)
{
    for (; *next < map->frame->image_count; ++*next) {
        const struct zblob_image *image = &map->images[*next];
        uint64_t span;
        zblob_image_span(image, &span);
        if (offset < image->value_offset + span)
            return offset >= image->value_offset && end <= image->value_offset + span ? *next : CHUNK_MAP_NO_IMAGE;
    }
    return CHUNK_MAP_NO_IMAGE;
}

/* Find the image of a chunk whose place is known. `before`: the image of the chunk before it. */
static void
find_image(const struct chunk_map *map, struct located_chunk *located, uint32_t before)
{
    uint64_t start = located->chunk.raw_offset;
    located->image = image_at(map, start, start + located->chunk.raw_size, &located->next_image);
    located->ordinal = located->image == before ? located->ordinal + 1 : 0;
}

void
chunk_map_next(const struct chunk_map *map, struct located_chunk *located)
{
    zblob_frame_next_chunk(map->frame, ++located->index, &located->chunk, &located->chunk);
    find_image(map, located, located->image);
}

void
chunk_map_find(const struct chunk_map *map, uint32_t index, struct located_chunk *located)
{
    *located = map->marks[index / CHUNK_MAP_STEP];
    while (located->index < index)
        chunk_map_next(map, located);
}

/* Set the marks, and note which images have a chunk of the codec that takes models. */
static void
walk(const struct chunk_map *map, bool *needs_model)
{
    struct located_chunk located = {0};
    zblob_frame_chunk(map->frame, 0, &located.chunk);
    find_image(map, &located, CHUNK_MAP_NO_IMAGE);
    for (;;) {
        if (located.index % CHUNK_MAP_STEP == 0)
            map->marks[located.index / CHUNK_MAP_STEP] = located;
        if (located.image != CHUNK_MAP_NO_IMAGE && located.chunk.codec == ZBLOB_CODEC_VOXEL)
            needs_model[located.image] = true;
        if (located.index + 1 == map->frame->chunk_count)
            break;
        chunk_map_next(map, &located);
    }
}

enum zblob_result
chunk_map_open(struct chunk_map *map, const struct zblob_frame *frame, const struct zblob_image *images,
               const bool *has_model, struct zblob_error *error)
{
    bool needs_model[ZBLOB_IMAGES_MAX] = {false};
    size_t count = (size_t)frame->chunk_count / CHUNK_MAP_STEP + 1;
    *map = (struct chunk_map){.frame = frame, .images = images, .marks = malloc(count * sizeof *map->marks)};
    if (!map->marks)
        return zblob_fail_memory(error, count * sizeof *map->marks);
    if (frame->chunk_count)
        walk(map, needs_model);
    for (uint32_t i = 0; i < frame->image_count; i++) {
        if (has_model[i] && !needs_model[i])
            return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: no chunk needs the model of image %" PRIu32, i);
    }
    return ZBLOB_OK;
}

void
chunk_map_close(struct chunk_map *map)
{
    free(map->marks);
}
