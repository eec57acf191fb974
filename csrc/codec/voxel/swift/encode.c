/* encode.c: samples -> residuals -> streams. */
#include "../../base/arena.h"
#include "../../base/interrupt.h"
#include "../samples.h"
#include "codec.h"
#include "streams.h"

#include <string.h>

struct encoding {
    const struct voxel_model *model;
    const struct swift_kernels *kernels;
    struct arena arena;
    struct voxel_window window;
    int16_t *scratch;
    unsigned char *streams[SWIFT_STREAMS], *fields;
    size_t counts[SWIFT_STREAMS];
    struct swift_writer writer;
    struct swift_class_writer class_writer;
    uint16_t *codes[2][2];          /* of the pair of rows at work: [row][parity], in whole vectors */
    uint8_t *classes[2], *above[2]; /* by parity */
    struct swift_predictor predictors[2];
};

/* ---- Streams ----------------------------------------------------------------------------------------------- */

static void
put_row_bit(struct encoding *e, bool bit)
{
    size_t at = e->counts[SWIFT_ROWS]++;
    unsigned char *byte = e->streams[SWIFT_ROWS] + at / 8;
    *byte = (unsigned char)((at % 8 ? *byte : 0) | bit << at % 8);
}

static void
write_classes(struct encoding *e, int parity)
{
    size_t groups = swift_groups(e->window.half[parity]);
    for (size_t at = 0; at < groups; at += SWIFT_BLOCK)
        e->kernels->write_classes(e->classes[parity] + at, e->above[parity] + at,
                                  groups - at < SWIFT_BLOCK ? groups - at : SWIFT_BLOCK, &e->class_writer);
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

/* What follows the last sample of a half-row counts as predicted well. */
static void
predict_half(struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y, int parity, uint16_t *codes)
{
    struct voxel_row row;
    size_t count = e->window.half[parity];
    voxel_row_open(&row, &e->window, cursor, y, parity);
    e->kernels->residuals(&e->predictors[parity], &row, 0, count, codes);
    memset(codes + count, 0, VOXEL_LANES * sizeof *codes);
}

static bool
row_is_modal(const struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y)
{
    for (int parity = 0; parity < 2; parity++) {
        const int16_t *values =
            e->window.values + voxel_half_row(&e->window, cursor->ring[0], cursor->component[0], y, parity);
        size_t count = e->window.half[parity];
        if (count && (values[0] != e->model->modal || memcmp(values, values + 1, (count - 1) * sizeof *values) != 0))
            return false;
    }
    return true;
}

static bool
has_classes(const struct encoding *e, int parity)
{
    size_t groups = swift_groups(e->window.half[parity]);
    const uint8_t *classes = e->classes[parity];
    return groups && (classes[0] || memcmp(classes, classes + 1, groups - 1) != 0);
}

static void
encode_half(struct encoding *e, size_t row, int parity)
{
    size_t groups = swift_groups(e->window.half[parity]);
    for (size_t at = 0; at < groups; at += SWIFT_SEGMENT / SWIFT_GROUP) {
        size_t n = groups - at < SWIFT_SEGMENT / SWIFT_GROUP ? groups - at : SWIFT_SEGMENT / SWIFT_GROUP;
        e->kernels->encode(e->codes[row][parity] + at * SWIFT_GROUP, e->classes[parity] + at, n, &e->writer);
    }
}

static void
swap_classes(struct encoding *e)
{
    for (int parity = 0; parity < 2; parity++) {
        uint8_t *above = e->above[parity];
        e->above[parity] = e->classes[parity];
        e->classes[parity] = above;
    }
}

static void
clear_classes(struct encoding *e)
{
    for (int parity = 0; parity < 2; parity++)
        memset(e->classes[parity], 0, swift_groups(e->window.half[parity]));
}

static void
encode_pair(struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y)
{
    size_t rows = y + 1 < e->window.height ? 2 : 1;
    bool coded[2] = {false, false}, is_flat = row_is_modal(e, cursor, y) && row_is_modal(e, cursor, y + rows - 1);
    if (is_flat)
        clear_classes(e);
    for (int parity = 0; parity < 2 && !is_flat; parity++) {
        for (size_t row = 0; row < rows; row++)
            predict_half(e, cursor, y + row, parity, e->codes[row][parity]);
        e->kernels->choose_classes(e->codes[0][parity], rows > 1 ? e->codes[1][parity] : NULL,
                                   swift_groups(e->window.half[parity]), e->classes[parity]);
        coded[parity] = has_classes(e, parity);
    }
    put_row_bit(e, coded[0]);
    put_row_bit(e, coded[1]);
    if (!coded[0] && !coded[1])
        put_row_bit(e, is_flat);
    for (int parity = 0; parity < 2; parity++)
        if (coded[parity])
            write_classes(e, parity);
    for (size_t row = 0; row < rows; row++)
        for (int parity = 0; parity < 2; parity++)
            if (coded[parity])
                encode_half(e, row, parity);
    swap_classes(e);
}

static void
encode_plane(struct encoding *e, const struct voxel_plane_cursor *cursor)
{
    for (int parity = 0; parity < 2; parity++) {
        e->predictors[parity] = swift_predictor_of(e->model, cursor, parity);
        memset(e->above[parity], 0, swift_groups(e->window.half[parity]));
    }
    for (size_t y = 0, left = 0; y < e->window.height && !interrupt_is_due(&left, 2 * e->window.width); y += 2)
        encode_pair(e, cursor, y);
}

/* ---- Chunks ------------------------------------------------------------------------------------------------ */

/* Fields, then the other streams. Returns the chunk's size; 0: no room. */
static size_t
write_chunk(const struct encoding *e, unsigned char *dst, size_t capacity)
{
    size_t fields_size = (size_t)(e->writer.fields - e->fields), size = SWIFT_HEADER_MAX + fields_size;
    for (int s = 0; s < SWIFT_STREAMS; s++)
        size += swift_stream_size((enum swift_stream)s, e->counts[s]);
    if (size > capacity)
        return 0;
    unsigned char *at = dst;
    for (int s = 0; s < SWIFT_STREAMS; s++)
        at = put_varint(at, e->counts[s]);
    memcpy(at, e->fields, fields_size);
    at += fields_size;
    for (int s = 0; s < SWIFT_STREAMS; s++) {
        size_t part = swift_stream_size((enum swift_stream)s, e->counts[s]);
        memcpy(at, e->streams[s], part);
        at += part;
    }
    return (size_t)(at - dst);
}

/* The most that a chunk's streams can hold. */
static bool
open_encoding(struct encoding *e, struct voxel_box box)
{
    const struct voxel_shape *shape = &e->model->shape;
    size_t window_size = voxel_window_values_size(shape, box, e->model->distance), row = voxel_scratch_size(shape);
    size_t groups = swift_groups((size_t)shape->width / 2 + 1), half = groups * SWIFT_GROUP + 2 * VOXEL_LANES;
    size_t rows = (size_t)(box.slices * box.rows * shape->components),
           pairs = rows / 2 + (size_t)shape->components * (size_t)box.slices;
    size_t all = 2 * rows * groups * SWIFT_GROUP; /* codes, with those after the ends of half-rows */
    size_t most[SWIFT_STREAMS] = {3 * pairs, 2 * pairs * groups, 2 * pairs * groups, all, all, all};
    size_t total = window_size + 2 * row + 4 * half * sizeof(uint16_t) + 4 * (groups + SWIFT_CLASS_PAD) +
                   all / 8 * SWIFT_CLASS_MAX + (SWIFT_STREAMS + 1) * SWIFT_SLACK +
                   ARENA_ALIGNMENT * (SWIFT_STREAMS + 14);
    for (int s = 0; s < SWIFT_STREAMS; s++)
        total += swift_stream_size((enum swift_stream)s, most[s]);
    if (!arena_open(&e->arena, total))
        return false;
    voxel_window_open_values(&e->window, shape, box, e->model->distance, e->model->modal,
                             arena_take(&e->arena, window_size));
    e->scratch = arena_take(&e->arena, 2 * row);
    for (int i = 0; i < 4; i++)
        e->codes[i / 2][i % 2] = arena_take(&e->arena, half * sizeof(uint16_t));
    for (int i = 0; i < 4; i++) {
        uint8_t *classes = arena_take(&e->arena, groups + SWIFT_CLASS_PAD);
        memset(classes, 0, groups + SWIFT_CLASS_PAD);
        *(i / 2 ? &e->above[i % 2] : &e->classes[i % 2]) = classes;
    }
    for (int s = 0; s < SWIFT_STREAMS; s++)
        e->streams[s] = arena_take(&e->arena, swift_stream_size((enum swift_stream)s, most[s]) + SWIFT_SLACK);
    e->fields = arena_take(&e->arena, all / 8 * SWIFT_CLASS_MAX + SWIFT_SLACK);
    e->class_writer = (struct swift_class_writer){e->streams[SWIFT_CHANGES], e->streams[SWIFT_CLASSES], 0, 0};
    e->writer = (struct swift_writer){
        e->fields, e->streams[SWIFT_DIGITS], e->streams[SWIFT_NIBBLES], e->streams[SWIFT_CODES], 0, 0, 0};
    return true;
}

enum zblob_result
swift_encode_box(const struct swift_kernels *kernels, const struct voxel_model *model, struct voxel_box box,
                 const unsigned char *samples, unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    struct encoding e = {.model = model, .kernels = kernels};
    *dst_size = 0;
    if (!open_encoding(&e, box))
        return ZBLOB_NO_MEMORY;
    for (size_t z = 0; z < box.slices && !interrupt_is_set(); z++) {
        voxel_load_slice(model, samples, box, z, &e.window, e.scratch);
        for (size_t c = 0; c < e.window.components; c++) {
            struct voxel_plane_cursor cursor;
            voxel_cursor_open(&cursor, model, &e.window, z, c);
            encode_plane(&e, &cursor);
        }
    }
    e.counts[SWIFT_CHANGES] = e.class_writer.changes_at;
    e.counts[SWIFT_CLASSES] = e.class_writer.classes_at;
    e.counts[SWIFT_DIGITS] = e.writer.digits_at;
    e.counts[SWIFT_NIBBLES] = e.writer.nibbles_at;
    e.counts[SWIFT_CODES] = e.writer.codes_at;
    *dst_size = write_chunk(&e, dst, dst_capacity);
    arena_close(&e.arena);
    return ZBLOB_OK;
}
