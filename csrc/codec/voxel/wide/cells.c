/* cells.c: what wide samples are, and the memory of their cells. */
#include "cells.h"

#include <stdlib.h>

bool
voxel_is_wide(enum zblob_sample_type type)
{
    return zblob_sample_size(type) > 2 || type == ZBLOB_FLOAT16;
}

bool
wide_is_float(enum zblob_sample_type type)
{
    return type == ZBLOB_FLOAT16 || type == ZBLOB_FLOAT32 || type == ZBLOB_FLOAT64;
}

int
wide_mantissa_bits(enum zblob_sample_type type)
{
    return type == ZBLOB_FLOAT16 ? 10 : type == ZBLOB_FLOAT32 ? 23 : 52;
}

bool
wide_is_signed(enum zblob_sample_type type)
{
    return type == ZBLOB_INT32 || type == ZBLOB_INT64;
}

struct voxel_wide *
voxel_wide_new(const struct zblob_grid *grid)
{
    struct voxel_wide *wide = calloc(1, sizeof *wide);
    if (wide == NULL)
        return NULL;
    wide->sample_type = grid->sample_type;
    wide->big_endian = grid->big_endian;
    wide->sample_size = (uint8_t)zblob_sample_size(grid->sample_type);
    return wide;
}

void
voxel_wide_free(struct voxel_wide *wide)
{
    if (wide == NULL)
        return;
    free(wide->runs);
    free(wide->cells);
    free(wide);
}

size_t
voxel_wide_sample_size(const struct voxel_wide *wide)
{
    return wide->sample_size;
}
