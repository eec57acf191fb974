/*
 * plateau_boxes.c: do samples repeat their neighbours so often that plateaus pay? What boxes of the image would take is
 * counted without plateaus, and in each of their cells.
 */
#include "training.h"

#include "../../base/kept.h"
#include "train.h"

#include <string.h>

enum {
    ROWS = 32,           /* of a box that chooses the tables of plateaus, at most; and more at its ends */
    REPEATS_PERCENT = 30 /* of the samples repeat a neighbour, at least, where plateaus are tried */
};

/* What a level spends: boxes, and samples of each component in them, that choose the tables. Plateaus make encoding
 * slower, so they must save at least 1 / gain of the bits, and at the first look, which promises too much and is cheaper
 * than the second one, 1 / promise. */
struct spending {
    uint32_t boxes, samples;
    int gain, promise;
};

/* Stills in colour gain about three parts in a hundred, which is near the limit for others. */
static struct spending
spending_of(const struct training *t)
{
    bool is_colour_still = t->model->chunk_slices <= 1 && t->model->shape.components > 1;
    if (t->level < 4)
        return (struct spending){20, 60000, 12, 12};
    int gain = is_colour_still ? 64 : 32;
    if (t->level < 7)
        return (struct spending){BOXES_MAX, 200000, gain, gain * 4 / 7};
    return (struct spending){BOXES_MAX, 400000, gain, gain};
}

/* Keeps what a segment's samples are coded as, without plateaus and with them. Called after `residual`. */
static void
record_segment(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
               size_t at, size_t n)
{
    struct voxel_plateau_counts *counts = t->plateaus;
    struct voxel_plateaus all = cursor->plateaus; /* each cell has a table */
    struct voxel_plateau_sample *to = counts->samples + counts->sample_count;
    size_t first = (size_t)(all.map[parity] - t->model->plateau_map);
    uint8_t ones[VOXEL_PLATEAU_CELLS];
    all.map[parity] = memset(ones, 1, sizeof ones);
    for (size_t i = 0; i < n; i++) {
        counts->plain[t->symbols[i] >> 8][t->symbols[i] & 255] += t->weight;
        to[i].plain = t->symbols[i];
    }
    t->kernels->find_plateaus(row, &all, parity, at, n, t->segment);
    t->kernels->encode_plateaus(t->segment, n, t->symbols, t->codes);
    for (size_t i = 0; i < n; i++) {
        to[i].cell = (uint16_t)(first + t->segment->cell[i]);
        to[i].group = t->group_of[t->symbols[i] & 255];
        to[i].weight = (uint8_t)t->weight;
    }
    counts->sample_count += n;
}

/* The boxes' first and last slices count, weighted by how many such slices a chunk has. */
static void
weigh_slices(struct training *t)
{
    bool both = t->model->use_reference && t->box_slices > 1;
    uint32_t slices = t->model->chunk_slices, first = slices > 16 ? 1 : slices ? 16 / slices : 16;
    memset(t->weights, 0, sizeof t->weights);
    t->weights[t->box_slices - 1] = both ? 16 - first : 16;
    if (both)
        t->weights[0] = first;
}

/* False: no memory. */
static bool
count_boxes(struct training *t, bool quickly)
{
    const struct voxel_shape *shape = &t->model->shape;
    struct voxel_plateau_counts *counts = t->plateaus;
    uint64_t planes = (uint64_t)t->box_count * shape->components * 2;
    voxel_clear_plateau_counts(counts, t->model);
    counts->samples = kept_take((size_t)(planes * t->box_rows * shape->width) * sizeof *counts->samples);
    if (counts->samples == NULL)
        return false;
    weigh_slices(t);
    voxel_run_boxes(t, record_segment);
    voxel_price_tokens(counts, voxel_plain_tables(t->model));
    voxel_count_cells(counts);
    kept_return(counts->samples);
    struct spending spending = spending_of(t);
    return voxel_choose_plateaus(t->model, counts, shape->width * shape->height * shape->slices * shape->components,
                                 quickly ? spending.promise : spending.gain, quickly);
}

/* The boxes of the training show at once whether plateaus may pay. Larger ones then choose the tables, which are many. */
bool
voxel_count_plateaus(struct training *t)
{
    const struct voxel_shape *shape = &t->model->shape;
    if (t->model->has_no_plateaus || t->repeats == 0 || t->repeats * 100 < t->uneven * REPEATS_PERCENT)
        return true;
    for (int token = 0; token < 256; token++)
        t->group_of[token] = (uint8_t)voxel_plateau_group(token);
    t->plateaus = kept_take(sizeof *t->plateaus);
    if (t->plateaus == NULL)
        return false;
    if (!count_boxes(t, true))
        return false;
    if (t->model->plateau_count == 0)
        return true;
    t->model->plateau_count = 0;
    struct spending spending = spending_of(t);
    uint64_t rows = shape->height * shape->slices, each = spending.samples / spending.boxes / shape->width;
    if (rows * shape->width < spending.samples || each > ROWS)
        each = ROWS;
    each = each < BAND - LEAD - TAIL ? BAND - LEAD - TAIL : each;
    uint64_t all = rows / each + 1, most = spending.samples / each / shape->width + 1;
    most = most < spending.boxes ? most : spending.boxes;
    if (!voxel_load_boxes(t, (size_t)each + LEAD + TAIL, all < most ? all : most))
        return false;
    return count_boxes(t, false);
}
