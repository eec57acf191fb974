/*
 * presets.h: what a preset of the format fixes: how many contexts there are, and which neighbours a sample has
 * (layouts.h). A model names its preset; everything else in it is fitted to the image.
 */
#ifndef ZBLOB_CODEC_VOXEL_PRESETS_H
#define ZBLOB_CODEC_VOXEL_PRESETS_H

#include <stdbool.h>
#include <stdint.h>

enum voxel_preset {
    VOXEL_PRESET_FAST = 0,
    VOXEL_PRESET_NORMAL = 1,
    VOXEL_PRESET_RICH = 2,
    VOXEL_PRESET_SWIFT = 3, /* no contexts at all: swift/codec.h codes the residuals */
    VOXEL_PRESET_COUNT = 4,
};

enum {
    VOXEL_TAPS_MAX = 24,
    VOXEL_ERRORS_MAX = 12,
    VOXEL_FEATURES_MAX = VOXEL_ERRORS_MAX + 3, /* what an energy is the weighted sum of: errors, and three directions */
    VOXEL_BINS_MAX = 32,
    VOXEL_STEPS_MAX = 128,  /* energies are counted in so many steps, the last one is open */
    VOXEL_COARSE_SHIFT = 3, /* the upper half of the steps are so many powers of two as wide */
    VOXEL_FLOOR_LEVELS = 4, /* tables near the floor: so many levels, half as many as bins in each */
};

/* Contexts of plateaus. A cell is a pattern of equal neighbours and a level of energy; each of the kinds of planes below
 * has as many for either parity. */
enum {
    VOXEL_CANDIDATES = 3,    /* neighbours whose values a sample may repeat */
    VOXEL_PLATEAU_SITES = 9, /* the candidates, then three pairs */
    VOXEL_PLATEAU_PATTERNS = 2 * 5 * 8,
    VOXEL_PLATEAU_CELLS = 4 * VOXEL_PLATEAU_PATTERNS,
    VOXEL_PLATEAU_TABLES_MAX = 64,
};
enum voxel_plateau_kind {
    VOXEL_PLATEAU_ALONE,
    VOXEL_PLATEAU_REFERENCE,
    VOXEL_PLATEAU_LATER,           /* a later component, in a slice without one before it */
    VOXEL_PLATEAU_LATER_FOLLOWING, /* and in one with */
    VOXEL_PLATEAU_KINDS,
};
enum { VOXEL_PLATEAU_CELLS_ALL = VOXEL_PLATEAU_KINDS * 2 * VOXEL_PLATEAU_CELLS };

/* A neighbour: source 0 is this plane, 1 the reference plane, 2 the one before it. */
struct voxel_site {
    int8_t source, dy, dx;
};

/* The neighbourhood of one kind of plane and parity. */
struct voxel_layout {
    uint8_t tap_count;
    uint8_t error_count;
    bool has_reference;
    bool has_pairs;         /* false: one class, no activity */
    uint8_t pairs[3][3][2]; /* three differences of taps for each of three directions */
    struct voxel_site taps[VOXEL_TAPS_MAX];
    struct voxel_site errors[VOXEL_ERRORS_MAX];
};

static inline int
voxel_preset_bins(int preset)
{
    return preset == VOXEL_PRESET_SWIFT ? 0 : 8 << preset;
}

static inline int
voxel_preset_steps(int preset)
{
    return preset == VOXEL_PRESET_RICH ? VOXEL_STEPS_MAX : VOXEL_STEPS_MAX / 2;
}

/* So many of the low bins are doubled: their tables differ by the fraction of the prediction. */
static inline int
voxel_preset_split(int preset)
{
    return preset == VOXEL_PRESET_FAST || preset == VOXEL_PRESET_SWIFT ? 0 : preset == VOXEL_PRESET_NORMAL ? 6 : 16;
}

#endif
