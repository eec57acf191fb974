/* layout.c: geometry. The padded planes, and the rules for neighbours outside the image. */
#include "layouts.h"

#include <stdlib.h>
#include <string.h>

const struct voxel_layout *
voxel_layout(const struct voxel_model *model, uint32_t kind, int parity)
{
    bool has_own_q = kind > 2 || (kind == 2 && model->chunk_slices > 1);
    if (has_own_q && model->preset == VOXEL_PRESET_NORMAL)
        return &voxel_layouts_later[parity];
    return &voxel_layouts[model->preset][kind > 0][parity];
}

int
voxel_preset_bins(int preset)
{
    static const uint8_t bins[VOXEL_PRESET_COUNT] = {8, 16, 32};
    return bins[preset];
}

int
voxel_preset_steps(int preset)
{
    return preset == VOXEL_PRESET_RICH ? VOXEL_STEPS_MAX : VOXEL_STEPS_MAX / 2;
}

int
voxel_preset_split(int preset)
{
    static const uint8_t split[VOXEL_PRESET_COUNT] = {0, 6, 16};
    return split[preset];
}

/* ---- Planes ---------------------------------------------------------------------------------- */

bool
voxel_arena_open(struct voxel_arena *arena, size_t size)
{
    arena->memory = arena->at = malloc(size + 64);
    if (arena->memory == NULL)
        return false;
    arena->at += 63 - ((uintptr_t)arena->at + 63) % 64;
    arena->end = arena->memory + size + 64;
    return true;
}

void *
voxel_arena_take(struct voxel_arena *arena, size_t size)
{
    size = (size + 63) / 64 * 64;
    if ((size_t)(arena->end - arena->at) < size)
        abort(); /* the sizes were added up wrongly: a fault in this program, whatever the input */
    void *block = arena->at;
    arena->at += size;
    return block;
}

void
voxel_arena_close(struct voxel_arena *arena)
{
    free(arena->memory);
    arena->memory = NULL;
}

static size_t
half_stride_of(uint64_t width)
{
    return (size_t)((width + 1) / 2 + 2 * VOXEL_PAD + VOXEL_LANES - 1) / VOXEL_LANES * VOXEL_LANES;
}

static size_t
ring_size(struct voxel_box box, uint32_t distance)
{
    return box.slices < 2 * (uint64_t)distance + 1 ? (size_t)box.slices : 2 * (size_t)distance + 1;
}

static size_t
plane_stride_of(const struct voxel_shape *shape, struct voxel_box box)
{
    return (size_t)box.rows * 2 * half_stride_of(shape->width) + VOXEL_LANES;
}

/* All rows of the slices that are kept, and the stand-in row behind them. */
static size_t
element_count(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance)
{
    size_t planes = ring_size(box, distance) * (size_t)shape->components;
    return VOXEL_LANES + planes * plane_stride_of(shape, box) + half_stride_of(shape->width) + VOXEL_LANES;
}

size_t
voxel_planes_size(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance)
{
    return 2 * sizeof(int16_t) * element_count(shape, box, distance);
}

void
voxel_planes_open(struct voxel_planes *planes, const struct voxel_shape *shape, struct voxel_box box, uint32_t distance,
                  int16_t modal, void *memory)
{
    planes->width = (size_t)shape->width;
    planes->height = (size_t)box.rows;
    planes->distance = distance;
    planes->ring = ring_size(box, distance);
    planes->components = (size_t)shape->components;
    planes->half[0] = (planes->width + 1) / 2;
    planes->half[1] = planes->width / 2;
    planes->half_stride = half_stride_of(shape->width);
    planes->plane_stride = plane_stride_of(shape, box);
    size_t count = element_count(shape, box, distance);
    planes->values = memory;
    planes->errors = (uint16_t *)memory + count;
    /* Elements between a half-row's samples and its padding are computed with and never used; they
     * start as zeros so that no run depends on what the memory held. */
    memset(memory, 0, 2 * sizeof(int16_t) * count);
    size_t stand_in = voxel_half_row(planes, planes->ring, 0, 0, 0);
    for (size_t i = stand_in - VOXEL_PAD; i < count; i++)
        planes->values[i] = modal;
}

void
voxel_pad_values(const struct voxel_planes *planes, size_t ring, size_t component, size_t row, int parity)
{
    int16_t *half = planes->values + voxel_half_row(planes, ring, component, row, parity);
    size_t count = planes->half[parity];
    /* a row of one pixel has no odd half: it repeats the even one */
    int16_t first = count ? half[0] : half[-(ptrdiff_t)planes->half_stride];
    int16_t last = count ? half[count - 1] : first;
    for (int i = 1; i <= VOXEL_PAD; i++)
        half[-i] = first;
    for (int i = 0; i < VOXEL_PAD; i++)
        half[count + (size_t)i] = last;
}

void
voxel_pad_errors(const struct voxel_planes *planes, size_t ring, size_t component, size_t row, int parity)
{
    uint16_t *half = planes->errors + voxel_half_row(planes, ring, component, row, parity);
    size_t count = planes->half[parity];
    uint16_t first = count ? half[0] : half[-(ptrdiff_t)planes->half_stride];
    uint16_t last = count ? half[count - 1] : first;
    for (int i = 1; i <= VOXEL_PAD; i++)
        half[-i] = first;
    for (int i = 0; i < VOXEL_PAD; i++)
        half[count + (size_t)i] = last;
}

/* ---- Which planes and rows a row refers to ----------------------------------------------------- */

static void
choose_planes(struct voxel_plane_cursor *cursor, const struct voxel_model *model, const struct voxel_planes *planes,
              size_t slice_in_box, size_t component)
{
    size_t distance = planes->distance, ring = planes->ring, now = slice_in_box % ring;
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
        cursor->layout[parity] = voxel_layout(model, (uint32_t)kind, parity);
}

/* Rows above the first are the reference plane's first row; without one, this plane's first row, and
 * for that row the stand-in. Rows of other planes stop at their edges. */
static size_t
site_offset(const struct voxel_planes *planes, const struct voxel_plane_cursor *cursor, struct voxel_site site,
            size_t y, int parity)
{
    int source = site.source;
    ptrdiff_t row = (ptrdiff_t)y + site.dy;
    int column = parity + site.dx; /* relative to the pair's even sample */
    int half = column & 1;
    ptrdiff_t shift = (column - half) / 2;
    if (source == 0 && y == 0 && row < 0) {
        if (!cursor->has_reference) {
            return voxel_half_row(planes, planes->ring, 0, 0, 0) + (size_t)shift;
        }
        source = 1;
    }
    if (row < 0)
        row = 0;
    if (row >= (ptrdiff_t)planes->height)
        row = (ptrdiff_t)planes->height - 1;
    return voxel_half_row(planes, cursor->ring[source], cursor->component[source], (size_t)row, half) + (size_t)shift;
}

enum { ROWS_ABOVE = 4, ROWS_BELOW = 2 }; /* the farthest that sites reach */

void
voxel_cursor_open(struct voxel_plane_cursor *cursor, const struct voxel_model *model, const struct voxel_planes *planes,
                  size_t slice_in_box, size_t component)
{
    choose_planes(cursor, model, planes, slice_in_box, component);
    if (model->channel_count) {
        const struct voxel_channel *channel = &model->channels[component];
        cursor->ranged = *model;
        cursor->ranged.low = channel->low;
        cursor->ranged.high = channel->high;
        cursor->ranged.use_floor = channel->use_floor;
    }
    if (planes->height <= ROWS_ABOVE + ROWS_BELOW)
        return;
    size_t own = voxel_half_row(planes, cursor->ring[0], component, ROWS_ABOVE, 0);
    for (int parity = 0; parity < 2; parity++) {
        const struct voxel_layout *layout = cursor->layout[parity];
        for (int i = 0; i < layout->tap_count; i++)
            cursor->taps[parity][i] =
                (ptrdiff_t)(site_offset(planes, cursor, layout->taps[i], ROWS_ABOVE, parity) - own);
        for (int i = 0; i < layout->error_count; i++)
            cursor->errors[parity][i] =
                (ptrdiff_t)(site_offset(planes, cursor, layout->errors[i], ROWS_ABOVE, parity) - own);
    }
}

void
voxel_row_open(struct voxel_row *row, const struct voxel_planes *planes, const struct voxel_plane_cursor *cursor,
               size_t y, int parity)
{
    const struct voxel_layout *layout = cursor->layout[parity];
    size_t even = voxel_half_row(planes, cursor->ring[0], cursor->component[0], y, 0);
    size_t own = even + (parity ? planes->half_stride : 0);
    bool inside = y >= ROWS_ABOVE && y + ROWS_BELOW < planes->height;
    row->even_values = planes->values + even;
    row->even_errors = planes->errors + even;
    row->taps = inside ? cursor->taps[parity] : row->edge_taps;
    row->errors = inside ? cursor->errors[parity] : row->edge_errors;
    for (int i = 0; !inside && i < layout->tap_count; i++)
        row->edge_taps[i] = (ptrdiff_t)(site_offset(planes, cursor, layout->taps[i], y, parity) - even);
    for (int i = 0; !inside && i < layout->error_count; i++)
        row->edge_errors[i] = (ptrdiff_t)(site_offset(planes, cursor, layout->errors[i], y, parity) - even);
    row->values = planes->values + own;
    row->own_errors = planes->errors + own;
    row->count = planes->half[parity];
}
