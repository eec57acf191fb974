/*
 * cells.h: samples wider than 16 bits, and floats. Their ordered integers, the *keys*, are cut in at most
 * 65536 *cells*. A sample is the number of its cell, which the 16-bit stages code, and its place within the
 * cell, whose bits are near noise and go as they are.
 *
 * Where an image has few values, each is a cell of its own. It knows nothing of how cell numbers are predicted.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_CELLS_H
#define ZBLOB_CODEC_VOXEL_WIDE_CELLS_H

#include "../internal.h"

enum {
    CELLS_MAX = 65536,
    CELL_WIDTH_MAX = 56, /* bits within a cell */
    CELL_RUNS_MAX = 4096,
    AXIS_X = 1,
    AXIS_Y = 2,
    AXIS_Z = 4,
};

/* `count` cells of 2^width keys each, from key `start` on. The next run may begin before the last one's end. */
struct cell_run {
    uint64_t start;
    uint32_t count;
    uint32_t first; /* number of the first of them */
    uint8_t width;
};

struct voxel_wide {
    enum zblob_sample_type sample_type; /* as in the image; the model's grid says uint16 */
    bool big_endian;
    uint8_t sample_size;
    uint8_t shift; /* so many low bits are zeros in all samples, and not in the keys */
    uint8_t axes;  /* keys are differences along these (modulo 2^key_bits) */
    bool is_list;  /* each cell is one value */
    uint32_t run_count, cell_count;
    struct cell_run *runs; /* ascending; cells without a gap where they are not a list */
    uint16_t *cells;       /* of the whole image, only where encoding */
    uint32_t *index;       /* likewise, of runs: the one to look at first, by a key's upper bits */
    uint8_t index_shift;
    struct wide_set *set; /* likewise, of lists */
};

static inline int
wide_key_bits(const struct voxel_wide *wide)
{
    return 8 * wide->sample_size - wide->shift;
}

/* The largest key; also the mask of arithmetic with keys. */
static inline uint64_t
wide_key_mask(const struct voxel_wide *wide)
{
    return UINT64_MAX >> (64 - wide_key_bits(wide));
}

bool wide_is_float(enum zblob_sample_type type);
int wide_mantissa_bits(enum zblob_sample_type type);

/* Samples -> keys, `count` of them. */
void wide_keys(const struct voxel_wide *wide, const unsigned char *src, uint64_t *keys, size_t count);
/* A box's samples in the image's order -> keys, or their differences if the model has axes. */
void wide_box_keys(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples, uint64_t *keys);

/* ---- Choosing cells, in the encoder ------------------------------------------------------------------ */

enum { WIDE_ATOMS_MAX = 8 };

struct wide_exponents {
    uint32_t *counts; /* [negative][exponent]; NULL for integers */
    int mantissa_bits, count, largest;
};

struct wide_atom {
    uint64_t key;
    bool is_heavy; /* so frequent that its surroundings matter: a background, and what blurs it */
};

/* What keys from all over the image show. */
struct wide_survey {
    struct voxel_wide *wide;
    uint64_t *keys; /* ascending */
    uint32_t count;
    struct wide_atom atoms[WIDE_ATOMS_MAX]; /* frequent values, ascending */
    uint32_t atom_count;
    uint32_t modal_count; /* keys that are the most frequent value */
    uint32_t repeats;     /* keys of the other values that were met before */
    struct wide_exponents exponents;
};

int wide_bit_length(uint64_t v);

/* cells_list.c: a list of all values where there are at most `most`; false: there are more, or no memory. */
bool wide_list_cells(struct voxel_wide *wide, const unsigned char *samples, uint64_t count, uint32_t most);
uint16_t wide_cell_of_value(const struct voxel_wide *wide, uint64_t key);

/* cells.c. The functions that build cells give false where no cells of that kind suit, or without memory. */
bool wide_count_exponents(struct wide_survey *survey);
/* `linear`: see cells.c; `with_halos`: cells that grow with the distance from heavy atoms; `wider`: so
 * many bits wider than they could be. */
bool wide_direct_cells(struct wide_survey *survey, int linear, bool with_halos, int wider);
bool wide_difference_cells(struct wide_survey *survey, uint64_t typical);
bool wide_build_index(struct voxel_wide *wide);
/* A key's cell, and the run that has it. */
uint32_t wide_find_cell(const struct voxel_wide *wide, uint64_t key, uint32_t *run);

/* cells_choice.c: the cells that suit the samples. *gain = false: none do. */
enum zblob_result wide_choose_cells(struct voxel_model *model, const unsigned char *samples, bool *gain);

#endif
