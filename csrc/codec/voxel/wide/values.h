/*
 * values.h: the keys of values that have a cell each: written as their distances, or as differences from an affine image of
 * integers, which are mostly zero. Section 10 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_VALUES_H
#define ZBLOB_CODEC_VOXEL_WIDE_VALUES_H

#include "../../base/bits.h"
#include "affine.h"

struct wide_values {
    uint32_t count;    /* 1 or more */
    int32_t *integers; /* of values in an affine image; known before the keys are read */
    uint64_t *keys;
};

/* The integers, if they have to be said: their differences from even steps, of which there are as many between two values
 * as between their cells; NULL: one. The bits are hostile. */
void wide_write_integers(struct bit_writer *writer, const struct wide_values *values, const uint16_t *cells);
bool wide_read_integers(struct bit_reader *reader, const struct wide_values *values, const uint16_t *cells);

/* The keys ascend where `affine` is NULL. */
void wide_write_values(struct bit_writer *writer, const struct voxel_wide *wide, const struct wide_affine *affine,
                       const struct wide_values *values);
/* The bits are hostile. False: they contradict themselves. */
bool wide_read_values(struct bit_reader *reader, const struct voxel_wide *wide, const struct wide_values *values);

#endif
