/* neighbours.c: which planes and rows a half-row refers to, and the rules for neighbours outside the image. */
#include "neighbours.h"

#include "layouts.h"

static void
choose_planes(struct voxel_plane_cursor *cursor, const struct voxel_model *model, const struct voxel_window *window,
              size_t slice_in_box, size_t component)
{
    size_t distance = window->distance, ring = window->ring, now = slice_in_box % ring;
    bool follows = slice_in_box >= distance;
    size_t before = follows ? (slice_in_box - distance) % ring : now;
    size_t earlier = slice_in_box >= 2 * distance ? (slice_in_box - 2 * distance) % ring : before;
    cursor->ring[0] = cursor->ring[1] = cursor->ring[2] = now;
    cursor->component[0] = cursor->component[1] = cursor->component[2] = component;
    bool apart = component == 0 || model->is_apart;
    cursor->has_reference = model->use_reference && (!apart || follows);
    if (cursor->has_reference && apart) {
        cursor->ring[1] = before;
        cursor->ring[2] = earlier;
    } else if (cursor->has_reference) {
        cursor->component[1] = component - 1;
        if (follows)
            cursor->ring[2] = before;
        else
            cursor->component[2] = component > 1 ? component - 2 : component - 1;
    }
    size_t kind = !cursor->has_reference ? 0 : 1 + (component < 3 ? component : 3);
    cursor->kind = &model->kinds[kind < model->kind_count ? kind : model->kind_count - 1];
    for (int parity = 0; parity < 2; parity++)
        cursor->layout[parity] = voxel_find_layout(model->preset, (uint32_t)kind, model->chunk_slices > 1, parity);
}

static void
choose_plateaus(struct voxel_plane_cursor *cursor, const struct voxel_model *model, size_t component)
{
    int kind = !cursor->has_reference               ? VOXEL_PLATEAU_ALONE
               : component == 0 || model->is_apart  ? VOXEL_PLATEAU_REFERENCE
               : cursor->ring[2] == cursor->ring[0] ? VOXEL_PLATEAU_LATER
                                                    : VOXEL_PLATEAU_LATER_FOLLOWING;
    cursor->plateaus.first_table = (uint16_t)voxel_plain_tables(model);
    cursor->plateaus.modal = (uint16_t)model->modal;
    for (int parity = 0; parity < 2; parity++) {
        cursor->plateau_sites[parity] = voxel_plateau_sites[kind][parity];
        cursor->plateaus.map[parity] = model->plateau_map + (2 * kind + parity) * VOXEL_PLATEAU_CELLS;
    }
}

/* Where a site of row y lies in the window. In place of the rows above this plane's first one stands the first row of
 * the reference plane, or without a reference the row of modal values. Other rows outside a plane are its first or last
 * row. */
static size_t
site_offset(const struct voxel_window *window, const struct voxel_plane_cursor *cursor, struct voxel_site site,
            size_t y, int parity)
{
    int source = site.source;
    ptrdiff_t row = (ptrdiff_t)y + site.dy;
    int column = parity + site.dx; /* relative to the pair's even sample */
    int half = column & 1;
    ptrdiff_t shift = (column - half) / 2;
    if (source == 0 && y == 0 && row < 0) {
        if (!cursor->has_reference)
            return voxel_outside_row(window) + (size_t)shift;
        source = 1;
    }
    if (row < 0)
        row = 0;
    if (row >= (ptrdiff_t)window->height)
        row = (ptrdiff_t)window->height - 1;
    return voxel_half_row(window, cursor->ring[source], cursor->component[source], (size_t)row, half) + (size_t)shift;
}

enum { ROWS_ABOVE = 4, ROWS_BELOW = 2 }; /* the farthest that sites reach */

void
voxel_cursor_open(struct voxel_plane_cursor *cursor, const struct voxel_model *model, const struct voxel_window *window,
                  size_t slice_in_box, size_t component)
{
    choose_planes(cursor, model, window, slice_in_box, component);
    if (model->channel_count) {
        const struct voxel_channel *channel = &model->channels[component];
        cursor->ranged = *model;
        cursor->ranged.low = channel->low;
        cursor->ranged.high = channel->high;
        cursor->ranged.use_floor = channel->use_floor;
    }
    choose_plateaus(cursor, model, component);
    if (window->height <= ROWS_ABOVE + ROWS_BELOW)
        return;
    size_t own = voxel_half_row(window, cursor->ring[0], component, ROWS_ABOVE, 0);
    for (int parity = 0; parity < 2; parity++) {
        const struct voxel_layout *layout = cursor->layout[parity];
        for (int i = 0; i < layout->tap_count; i++)
            cursor->taps[parity][i] =
                (ptrdiff_t)(site_offset(window, cursor, layout->taps[i], ROWS_ABOVE, parity) - own);
        for (int i = 0; i < layout->error_count; i++)
            cursor->errors[parity][i] =
                (ptrdiff_t)(site_offset(window, cursor, layout->errors[i], ROWS_ABOVE, parity) - own);
        for (int i = 0; i < VOXEL_PLATEAU_SITES; i++)
            cursor->sites[parity][i] =
                (ptrdiff_t)(site_offset(window, cursor, cursor->plateau_sites[parity][i], ROWS_ABOVE, parity) - own);
    }
}

void
voxel_row_open(struct voxel_row *row, const struct voxel_window *window, const struct voxel_plane_cursor *cursor,
               size_t y, int parity)
{
    const struct voxel_layout *layout = cursor->layout[parity];
    size_t even = voxel_half_row(window, cursor->ring[0], cursor->component[0], y, 0);
    size_t own = even + (parity ? window->half_stride : 0);
    bool inside = y >= ROWS_ABOVE && y + ROWS_BELOW < window->height;
    row->even_values = window->values + even;
    row->even_errors = window->errors ? window->errors + even : NULL;
    row->taps = inside ? cursor->taps[parity] : row->edge_taps;
    row->sites = inside ? cursor->sites[parity] : row->edge_sites;
    row->errors = inside ? cursor->errors[parity] : row->edge_errors;
    for (int i = 0; !inside && i < layout->tap_count; i++)
        row->edge_taps[i] = (ptrdiff_t)(site_offset(window, cursor, layout->taps[i], y, parity) - even);
    for (int i = 0; !inside && i < layout->error_count; i++)
        row->edge_errors[i] = (ptrdiff_t)(site_offset(window, cursor, layout->errors[i], y, parity) - even);
    for (int i = 0; !inside && i < VOXEL_PLATEAU_SITES; i++)
        row->edge_sites[i] =
            (ptrdiff_t)(site_offset(window, cursor, cursor->plateau_sites[parity][i], y, parity) - even);
    row->values = window->values + own;
    row->own_errors = window->errors ? window->errors + own : NULL;
    row->count = window->half[parity];
}
