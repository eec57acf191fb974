/*
 * plateau_boxes.c: do samples repeat their neighbours so often that plateaus pay? What boxes of the image would take is
 * counted without plateaus, and in each of their cells.
 */
#include "training.h"

#include "train.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLATEAU_SAMPLES = 400000, /* of a slice's planes that choose the tables of plateaus */
    PLATEAU_ROWS = 32,        /* of a box for these, at most; and more at its ends */
    REPEATS_SHARE = 4         /* plateaus are tried where one sample in so many repeats a neighbour */
};

static void
count_plain(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
            size_t at, size_t n)
{
    voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
    t->kernels->residual(row, t->model->shift, at, n, t->segment, t->symbols, t->codes);
    for (size_t i = 0; i < n; i++)
        t->plateaus->plain[t->symbols[i] >> 8][t->symbols[i] & 255] += t->weight;
}

static void
count_cells(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
            size_t at, size_t n)
{
    struct voxel_plateau_counts *counts = t->plateaus;
    struct voxel_plateaus all = cursor->plateaus; /* each cell has a table */
    size_t first = (size_t)(all.map[parity] - t->model->plateau_map);
    uint8_t ones[VOXEL_PLATEAU_CELLS];
    uint16_t plain[VOXEL_SEGMENT];
    all.map[parity] = memset(ones, 1, sizeof ones);
    voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
    t->kernels->residual(row, t->model->shift, at, n, t->segment, t->symbols, t->codes);
    memcpy(plain, t->symbols, sizeof plain);
    t->kernels->find_plateaus(row, &all, parity, at, n, t->segment);
    t->kernels->encode_plateaus(t->segment, n, t->symbols, t->codes);
    for (size_t i = 0; i < n; i++) {
        size_t cell = first + t->segment->cell[i];
        counts->cells[cell][t->symbols[i] & 255] += t->weight;
        counts->plain_bits[cell] += counts->bits[plain[i] >> 8][plain[i] & 255] * t->weight;
        counts->seen += t->weight;
    }
}

/* Visits all planes of the boxes' first and last slices, weighted by how many such slices a chunk has. */
static void
visit_planes(struct training *t, row_visitor *visit)
{
    bool both = t->model->use_reference && t->box_slices > 1;
    uint32_t slices = t->model->chunk_slices, first = slices > 16 ? 1 : slices ? 16 / slices : 16;
    for (size_t z = both ? 0 : t->box_slices - 1; z < t->box_slices; z += both ? t->box_slices - 1 : 1) {
        t->weight = !both ? 16 : z ? 16 - first : first;
        for (size_t c = 0; c < t->windows[0].components; c++)
            for (int parity = 0; parity < 2; parity++)
                voxel_visit_plane(t, z, c, parity, visit);
    }
}

static void
count_boxes(struct training *t, bool quickly)
{
    const struct voxel_shape *shape = &t->model->shape;
    memset(t->plateaus, 0, sizeof *t->plateaus);
    visit_planes(t, count_plain);
    voxel_price_tokens(t->plateaus);
    visit_planes(t, count_cells);
    voxel_choose_plateaus(t->model, t->plateaus, shape->width * shape->height * shape->slices * shape->components,
                          quickly);
}

/* The boxes of the training show at once whether plateaus may pay. Larger ones then choose the tables, which are many. */
bool
voxel_count_plateaus(struct training *t)
{
    const struct voxel_shape *shape = &t->model->shape;
    if (t->repeats == 0 || t->repeats * REPEATS_SHARE < t->uneven)
        return true;
    t->plateaus = malloc(sizeof *t->plateaus);
    if (t->plateaus == NULL)
        return false;
    count_boxes(t, true);
    if (t->model->plateau_count == 0)
        return true;
    t->model->plateau_count = 0;
    uint64_t rows = shape->height * shape->slices, each = PLATEAU_SAMPLES / BOXES_MAX / shape->width;
    if (rows * shape->width < PLATEAU_SAMPLES || each > PLATEAU_ROWS)
        each = PLATEAU_ROWS;
    each = each < BAND - LEAD - TAIL ? BAND - LEAD - TAIL : each;
    uint64_t all = rows / each + 1, most = PLATEAU_SAMPLES / each / shape->width + 1;
    most = most < BOXES_MAX ? most : BOXES_MAX;
    if (!voxel_load_boxes(t, (size_t)each + LEAD + TAIL, all < most ? all : most))
        return false;
    voxel_run_boxes(t);
    count_boxes(t, false);
    return true;
}
