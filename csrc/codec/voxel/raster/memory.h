/* memory.h: what came last after something, and how often it came in a row. */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_MEMORY_H
#define ZBLOB_CODEC_VOXEL_RASTER_MEMORY_H

#include <stdint.h>

enum { MEMORY_CONFIDENT = 7 /* the most */ };

struct memory {
    uint32_t pixel;
    uint8_t confidence; /* 0: nothing is known */
    uint8_t check;      /* after what it came, among all that have the same place */
};

static inline void
remember(struct memory *memory, uint32_t pixel)
{
    if (memory->confidence && memory->pixel == pixel)
        memory->confidence += memory->confidence < MEMORY_CONFIDENT;
    else if (memory->confidence > 1)
        memory->confidence /= 2;
    else
        *memory = (struct memory){pixel, 1, memory->check};
}

#endif
