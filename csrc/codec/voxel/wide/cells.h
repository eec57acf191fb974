/*
 * cells.h: samples wider than 16 bits, and floats. Their ordered integers, the *keys*, are cut into at most 65536
 * *cells*. A sample is the number of its cell, which the 16-bit stages code, and its place within the cell, whose bits
 * are near noise and are kept as they are. Where an image has few values, each is a cell of its own.
 *
 * The cells are part of the model. This header knows nothing of how cell numbers are predicted. Section 10 of
 * docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_CELLS_H
#define ZBLOB_CODEC_VOXEL_WIDE_CELLS_H

#include "../../../zblob.h"

enum {
    CELLS_MAX = 65536,
    CELL_WIDTH_MAX = 56, /* bits within a cell */
    CELL_RUNS_MAX = 4096,
};

/* `count` cells of 2^width keys each, from key `start` on. The next run may begin before the last one's end. */
struct cell_run {
    uint64_t start;
    uint32_t count;
    uint32_t first; /* number of the first of them */
    uint8_t width;
};

enum wide_axis {
    WIDE_AXIS_X = 1,
    WIDE_AXIS_Y = 2,
    WIDE_AXIS_Z = 4,
};

/* Which formula makes a float of an integer (formula.h). */
enum wide_formula_kind { WIDE_NO_FORMULA, WIDE_QUOTIENT, WIDE_ROOT };

struct wide_formula {
    uint8_t kind; /* of enum wide_formula_kind */
    double divisor;
};

struct wide_map; /* maps.h */

struct voxel_wide {
    enum zblob_sample_type sample_type; /* as in the image; the model's grid says uint16 */
    bool big_endian;
    uint8_t sample_size;
    struct wide_formula formula; /* its integers, of 32 bits, are coded in the samples' place */
    uint8_t shift;               /* so many low bits are zeros in all samples, and are left out of the keys */
    uint8_t axes;                /* of enum wide_axis: keys are differences along these (modulo 2^key_bits) */
    bool is_list;                /* each cell is one value */
    bool has_maps;               /* each chunk has maps of values of its own (maps.h); there are no runs then */
    uint32_t run_count, cell_count;
    struct cell_run *runs; /* ascending; without gaps between cells unless they are a list */
    uint16_t *cells;       /* encoder: of all samples of the image */
    struct wide_map *maps; /* encoder: of all slices, if there are any */
};

/* The type of what keys are made from, and its size. */
static inline enum zblob_sample_type
wide_key_type(const struct voxel_wide *wide)
{
    return wide->formula.kind ? ZBLOB_INT32 : wide->sample_type;
}

static inline size_t
wide_key_size(const struct voxel_wide *wide)
{
    return wide->formula.kind ? sizeof(int32_t) : wide->sample_size;
}

static inline int
wide_key_bits(const struct voxel_wide *wide)
{
    return 8 * (int)wide_key_size(wide) - wide->shift;
}

/* The largest key; also the mask of arithmetic with keys. */
static inline uint64_t
wide_key_mask(const struct voxel_wide *wide)
{
    return UINT64_MAX >> (64 - wide_key_bits(wide));
}

/* Does a model code samples of this type as cells? */
bool voxel_is_wide(enum zblob_sample_type type);
/* The most low bits that `shift` may leave out: a float's mantissa, or all but one byte of an integer. */
int wide_shift_max(const struct voxel_wide *wide);

struct voxel_wide *voxel_wide_new(const struct zblob_grid *grid);
void voxel_wide_free(struct voxel_wide *wide);
size_t voxel_wide_sample_size(const struct voxel_wide *wide);

#endif
