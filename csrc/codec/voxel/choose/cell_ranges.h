/*
 * cell_ranges.h: runs of cells that cover all keys: cells whose width suits the exponent, with cells of their own for
 * values that are frequent. Which of them to take is the business of cells.c.
 */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CELL_RANGES_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CELL_RANGES_H

#include "../wide/cells.h"

enum { CELL_ATOMS_MAX = 8 };

struct cell_exponents {
    uint32_t *counts; /* [negative][exponent]; NULL for integers */
    int mantissa_bits, count, largest;
};

struct cell_atom {
    uint64_t key;
    bool is_heavy; /* so frequent that its surroundings matter: a background, and what blurs it */
};

/* Leads from a key to its cell: by the key's upper bits, the run to look at first. */
struct cell_index {
    uint32_t *runs;
    uint8_t shift;
};

/* What keys from all over the image show, and the cells that are made of that. */
struct cell_survey {
    struct voxel_wide *wide; /* the runs that are built go here; it has room for CELL_RUNS_MAX */
    struct cell_index index; /* of these runs */
    uint64_t *keys;          /* ascending */
    uint32_t count;
    struct cell_atom atoms[CELL_ATOMS_MAX]; /* frequent values, ascending */
    uint32_t atom_count;
    uint32_t modal_count; /* keys that are the most frequent value */
    uint32_t repeats;     /* keys of the other values that were met before */
    struct cell_exponents exponents;
};

/* Floats: counts the exponents. False: no memory. */
bool wide_count_exponents(struct cell_survey *survey);

/* These two build the narrowest cells of a kind that are not too many, and index them. False: none suit, or no memory.
 * Cells of keys: floats have cells as fine as their own precision for `linear` exponents below the largest, and equally
 * wide ones below that; `with_halos`: cells that grow with the distance from heavy atoms; `wider`: so many bits wider
 * than they could be. */
bool wide_build_direct(struct cell_survey *survey, int linear, bool with_halos, int wider);
/* Cells of differences of keys; half of those have a magnitude of at most `typical`. */
bool wide_build_differences(struct cell_survey *survey, uint64_t typical);

/* A key's cell, and the run that has it. */
uint32_t wide_find_cell(const struct voxel_wide *wide, const struct cell_index *index, uint64_t key, uint32_t *run);

#endif
