/* levels.h: levels at which choices change. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_LEVELS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_LEVELS_H

enum {
    VOXEL_LEVEL_TRIAL = 0,  /* a level for comparisons: the normal preset, quickly trained */
    VOXEL_LEVEL_SWIFT = 1,  /* the only one with the swift preset */
    VOXEL_LEVEL_FAST = 2,   /* the lowest one with contexts */
    VOXEL_LEVEL_NORMAL = 6, /* the highest one with the normal preset; those above have the rich one */
    VOXEL_LEVEL_MIXED = 7,  /* the lowest one with mixed labels */
};

#endif
