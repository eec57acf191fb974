/*
 * maps.h: maps of values: what the cells of a slice, or of a run of slices of one chunk, stand for. Each cell is one
 * value. A map gives a key to each cell that occurs in its slices, so it follows the chunk's cells, and need not say which
 * cells these are. Section 10 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_WIDE_MAPS_H
#define ZBLOB_CODEC_VOXEL_WIDE_MAPS_H

#include "values.h"

/* Encoder: the map of a slice. */
struct wide_map {
    bool is_shared;    /* the slice has the map of the slice before */
    bool is_affine;    /* keys follow from integers: */
    bool has_integers; /* the integers do not follow from the cells */
    uint16_t base;     /* the cell of integer 0 where they do */
    struct wide_affine affine;
};

/* The cells that occur, ascending, and the key of each. */
struct wide_entries {
    uint32_t count;
    uint16_t cells[CELLS_MAX];
    int32_t integers[CELLS_MAX]; /* by default, cells without the map's base */
    uint64_t keys[CELLS_MAX];
    uint8_t marks[CELLS_MAX]; /* all 0 between calls */
};

/* Finds the cells that occur. */
void wide_find_entries(struct wide_entries *entries, const uint16_t *cells, size_t count);

/* The keys of the entries. The bits that are read are hostile. */
void wide_write_map(struct bit_writer *writer, const struct voxel_wide *wide, const struct wide_map *map,
                    struct wide_entries *entries);
bool wide_read_map(struct bit_reader *reader, const struct voxel_wide *wide, struct wide_entries *entries);

#endif
