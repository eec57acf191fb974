/*
 * neighbours.h: which planes and rows a half-row refers to, and where in the window its neighbours are. Section 6 of
 * docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_NEIGHBOURS_H
#define ZBLOB_CODEC_VOXEL_NEIGHBOURS_H

#include "model.h"
#include "window.h"

/* What plateaus need of a plane. */
struct voxel_plateaus {
    const uint8_t *map[2]; /* by parity: cell -> 1 + table, or 0 */
    uint16_t first_table, modal;
};

/* The rows of one plane in coding order, and what they refer to. */
struct voxel_plane_cursor {
    const struct voxel_layout *layout[2];
    const struct voxel_kind *kind;
    size_t ring[3], component[3]; /* of source 0, 1, 2 */
    bool has_reference;
    struct voxel_model ranged; /* with channels: the model with the plane's own range */
    struct voxel_plateaus plateaus;
    const struct voxel_site *plateau_sites[2];
    /* for rows with all their neighbours: from element 0 of the even half to each site */
    ptrdiff_t taps[2][VOXEL_TAPS_MAX], errors[2][VOXEL_ERRORS_MAX], sites[2][VOXEL_PLATEAU_SITES];
};

/* One half-row. taps[], errors[] and sites[] (of plateaus) are distances from element 0 of the row's even half to each neighbour. */
struct voxel_row {
    const int16_t *even_values;
    const uint16_t *even_errors;
    const ptrdiff_t *taps, *errors, *sites; /* the cursor's, or at the edges: */
    ptrdiff_t edge_taps[VOXEL_TAPS_MAX], edge_errors[VOXEL_ERRORS_MAX], edge_sites[VOXEL_PLATEAU_SITES];
    int16_t *values; /* of the half-row itself */
    uint16_t *own_errors;
    size_t count;
};

static inline const int16_t *
voxel_tap(const struct voxel_row *row, int tap)
{
    return row->even_values + row->taps[tap];
}

static inline const uint16_t *
voxel_error(const struct voxel_row *row, int error)
{
    return row->even_errors + row->errors[error];
}

static inline const uint16_t *
voxel_plateau_site(const struct voxel_row *row, int site)
{
    return (const uint16_t *)row->even_values + row->sites[site];
}

void voxel_cursor_open(struct voxel_plane_cursor *cursor, const struct voxel_model *model,
                       const struct voxel_window *window, size_t slice_in_box, size_t component);
void voxel_row_open(struct voxel_row *row, const struct voxel_window *window, const struct voxel_plane_cursor *cursor,
                    size_t y, int parity);

#endif
