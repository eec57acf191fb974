/* cells.c: what wide samples are, and the memory of their cells. */
#include "cells.h"

#include "../../base/sample_types.h"

#include <stdlib.h>

bool
voxel_is_wide(enum zblob_sample_type type)
{
    return sample_type_of(type)->size > 2 || sample_type_of(type)->is_float;
}

int
wide_shift_max(const struct voxel_wide *wide)
{
    const struct sample_type *type = sample_type_of(wide_key_type(wide));
    return type->is_float ? type->mantissa_bits : 8 * type->size - 8;
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
    free(wide->maps);
    free(wide);
}

size_t
voxel_wide_sample_size(const struct voxel_wide *wide)
{
    return wide->sample_size;
}
