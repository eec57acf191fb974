/* boxes.c: the boxes that a model is trained on, spread over the image by a hash. */
#include "training.h"

#include "../../base/hash.h"
#include "../../base/interrupt.h"
#include "../kernels/dispatch.h"
#include "../samples.h"

#include <stdlib.h>

static uint64_t
hashed(uint64_t i)
{
    i = hash_number(i + 1);
    return (i ^ i >> 29) * UINT64_C(0xBF58476D1CE4E5B9) >> 33;
}

static bool
load_box(struct training *t, int index)
{
    const struct voxel_shape *shape = &t->model->shape;
    struct voxel_window *window = &t->windows[index];
    struct voxel_box box = {0, t->box_slices, 0, t->box_rows};
    size_t size = voxel_window_size(shape, box, 1);
    voxel_window_open(window, shape, box, 1, t->model->modal, arena_take(&t->arena, size));
    /* the last slice is the same whatever its distance to the others */
    uint64_t places = shape->slices - t->lead, rows = shape->height - t->box_rows + 1;
    uint64_t first = (uint64_t)index * places / (uint64_t)t->box_count;
    uint64_t span = places / (uint64_t)t->box_count;
    uint64_t last = t->lead + first + hashed((uint64_t)index) % (span ? span : 1);
    /* rows are spread evenly too, in an order that does not follow the slices */
    uint64_t stratum = (uint64_t)index * 7 % (uint64_t)t->box_count;
    uint64_t row_span = rows / (uint64_t)t->box_count;
    uint64_t row = stratum * rows / (uint64_t)t->box_count + hashed((uint64_t)index + 1000) % (row_span ? row_span : 1);
    int16_t *scratch = malloc(voxel_scratch_size(shape) * sizeof *scratch);
    if (scratch == NULL)
        return false;
    for (size_t z = 0; z < t->box_slices; z++)
        for (size_t y = 0; y < t->box_rows; y++)
            voxel_load_row(t->model, t->samples, last - (t->box_slices - 1 - z) * t->model->distance, row + y, window,
                           z, y, scratch);
    free(scratch);
    return true;
}

size_t
voxel_box_slices(const struct training *t, uint64_t distance)
{
    uint64_t slices = (t->model->shape.slices + distance - 1) / distance;
    return slices < 3 ? (size_t)slices : 3;
}

bool
voxel_load_boxes(struct training *t, size_t rows, uint64_t count)
{
    const struct voxel_shape *shape = &t->model->shape;
    t->box_slices = voxel_box_slices(t, t->model->distance);
    t->box_rows = shape->height < rows ? (size_t)shape->height : rows;
    t->box_count = (int)count;
    struct voxel_box box = {0, t->box_slices, 0, t->box_rows};
    size_t size = voxel_window_size(shape, box, 1) + 64;
    arena_close(&t->arena);
    if (!arena_open(&t->arena, (size_t)t->box_count * size))
        return false;
    for (int i = 0; i < t->box_count; i++)
        if (!load_box(t, i))
            return false;
    return true;
}

size_t
voxel_first_row(const struct training *t)
{
    return t->box_rows > LEAD + TAIL ? LEAD : 0;
}

size_t
voxel_last_row(const struct training *t)
{
    return t->box_rows > LEAD + TAIL ? t->box_rows - TAIL : t->box_rows;
}

void
voxel_visit_plane(struct training *t, size_t slice, size_t component, int parity, row_visitor *visit)
{
    struct voxel_plane_cursor cursor;
    voxel_cursor_open(&cursor, t->model, &t->windows[0], slice, component);
    size_t left = 0;
    for (int b = 0; b < t->box_count; b++)
        for (size_t y = voxel_first_row(t); y < voxel_last_row(t); y++) {
            if (interrupt_is_due(&left, t->windows[b].width))
                return;
            struct voxel_row row;
            voxel_row_open(&row, &t->windows[b], &cursor, y, parity);
            for (size_t at = 0; at < row.count; at += VOXEL_SEGMENT) {
                size_t n = row.count - at < VOXEL_SEGMENT ? row.count - at : VOXEL_SEGMENT;
                visit(t, &cursor, &row, parity, at, n);
            }
        }
}

static void
run_row(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
        row_visitor *visit)
{
    for (size_t at = 0; at < row->count; at += VOXEL_SEGMENT) {
        size_t n = row->count - at < VOXEL_SEGMENT ? row->count - at : VOXEL_SEGMENT;
        voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
        t->kernels->residual(row, t->model->shift, at, n, t->segment, t->symbols, t->codes);
        if (visit)
            visit(t, cursor, row, parity, at, n);
    }
}

void
voxel_run_boxes(struct training *t, row_visitor *visit)
{
    size_t first = voxel_first_row(t), last = voxel_last_row(t), left = 0;
    for (int b = 0; b < t->box_count; b++)
        for (size_t z = 0; z < t->box_slices; z++)
            for (size_t c = 0; c < t->windows[b].components; c++) {
                struct voxel_plane_cursor cursor;
                voxel_cursor_open(&cursor, t->model, &t->windows[0], z, c);
                for (size_t y = 0; y < 2 * t->box_rows; y++) {
                    if (interrupt_is_due(&left, t->windows[b].width))
                        return;
                    struct voxel_row row;
                    voxel_row_open(&row, &t->windows[b], &cursor, y / 2, y & 1);
                    bool is_visited = visit && t->weights[z] && y / 2 >= first && y / 2 < last;
                    t->weight = t->weights[z];
                    run_row(t, &cursor, &row, y & 1, is_visited ? visit : NULL);
                    voxel_pad_errors(&t->windows[b], z, c, y / 2, y & 1);
                }
            }
}
