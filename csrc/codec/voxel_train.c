/*
 * voxel_train.c: fits an intensity model to samples of the image: prediction weights by iteratively
 * reweighted least squares, context weights by non-negative least squares on the residuals, and
 * thresholds by quantiles. Floating point stays here: a decoder only sees the integers that result.
 *
 * Sums keep one order on every target, so the same model comes out on every CPU.
 */
#include "voxel_fit.h"
#include "voxel_internal.h"

#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { BOXES_MAX = 56, BAND = 14, LEAD = 4, TAIL = 2 }; /* rows whose neighbours lie outside teach nothing */

struct observation_set {
    float (*rows)[VOXEL_TAPS_MAX]; /* taps 1.. relative to tap 0, the target last */
    uint16_t *activity;
    uint8_t *class_of;
    size_t count, capacity;
};

struct training {
    struct voxel_model *model;
    const unsigned char *samples;
    const struct voxel_ops *ops;
    struct voxel_arena arena;
    struct voxel_planes planes[BOXES_MAX];
    int box_count;
    size_t box_slices, box_rows;
    struct voxel_segment *segment;
    uint16_t symbols[VOXEL_SEGMENT], codes[VOXEL_SEGMENT];
    struct observation_set set;
    struct voxel_fit *fit;
    uint32_t *histogram; /* of energies */
    size_t sample_step;  /* distance of the samples that weights are fitted to */
    size_t error_step;   /* distance of the samples that context weights are fitted to */
    int level;
};

/* ---- Boxes: bands of a few rows in up to three slices, spread by a hash -------------------------- */

static uint64_t
hashed(uint64_t i)
{
    i = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return (i ^ i >> 29) * UINT64_C(0xBF58476D1CE4E5B9) >> 33;
}

static bool
load_box(struct training *t, int index)
{
    const struct voxel_shape *shape = &t->model->shape;
    struct voxel_planes *planes = &t->planes[index];
    struct voxel_box box = {0, t->box_slices, 0, t->box_rows};
    size_t size = voxel_planes_size(shape, box);
    voxel_planes_open(planes, shape, box, t->model->modal, voxel_arena_take(&t->arena, size));
    uint64_t places = shape->slices - t->box_slices + 1, rows = shape->height - t->box_rows + 1;
    uint64_t first = (uint64_t)index * places / (uint64_t)t->box_count;
    uint64_t span = places / (uint64_t)t->box_count;
    uint64_t slice = first + hashed((uint64_t)index) % (span ? span : 1);
    /* rows are spread evenly too, in an order that does not follow the slices */
    uint64_t stratum = (uint64_t)index * 7 % (uint64_t)t->box_count;
    uint64_t row_span = rows / (uint64_t)t->box_count;
    uint64_t row = stratum * rows / (uint64_t)t->box_count + hashed((uint64_t)index + 1000) % (row_span ? row_span : 1);
    int16_t *scratch = malloc(voxel_scratch_size(shape) * sizeof *scratch);
    if (scratch == NULL)
        return false;
    for (size_t z = 0; z < t->box_slices; z++)
        for (size_t y = 0; y < t->box_rows; y++)
            voxel_load_row(t->model, t->samples, slice + z, row + y, planes, z, y, scratch);
    free(scratch);
    return true;
}

static bool
load_boxes(struct training *t, uint64_t boxes)
{
    const struct voxel_shape *shape = &t->model->shape;
    t->box_slices = shape->slices < 3 ? (size_t)shape->slices : 3;
    t->box_rows = shape->height < BAND ? (size_t)shape->height : BAND;
    /* many small boxes: what a few show can be far from the whole */
    uint64_t rows = shape->height * shape->slices;
    uint64_t most = rows / (8 * t->box_rows) + 1;
    t->box_count = most < boxes ? (int)most : (int)boxes;
    struct voxel_box box = {0, t->box_slices, 0, t->box_rows};
    size_t size = voxel_planes_size(shape, box) + 64;
    if (!voxel_arena_open(&t->arena, (size_t)t->box_count * size))
        return false;
    for (int i = 0; i < t->box_count; i++)
        if (!load_box(t, i))
            return false;
    return true;
}

/* ---- Prediction weights --------------------------------------------------------------------------- */

static void
observe_segment(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
                size_t at, size_t n)
{
    const struct voxel_layout *layout = cursor->layout[parity];
    const struct voxel_segment *s = t->segment;
    int taps = layout->tap_count;
    voxel_model_segment(t->ops, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n && t->set.count < t->set.capacity; i += t->sample_step) {
        float *x = t->set.rows[t->set.count];
        int base = row->taps[0][at + i], any = row->values[at + i] - base;
        x[taps - 1] = (float)any;
        for (int k = 1; k < taps; k++) {
            int d = row->taps[k][at + i] - base;
            x[k - 1] = (float)d;
            any |= d;
        }
        if (any == 0)
            continue; /* flat: says nothing about weights */
        uint16_t f = 0;
        if (layout->has_pairs)
            f = (uint16_t)(s->direction[0][i] + s->direction[1][i] + s->direction[2][i]);
        t->set.activity[t->set.count] = f;
        t->set.class_of[t->set.count++] = layout->has_pairs ? (uint8_t)(s->class_of[i] & 7) : 0;
    }
}

static size_t
first_row(const struct training *t)
{
    return t->box_rows > LEAD + TAIL ? LEAD : 0;
}

static size_t
last_row(const struct training *t)
{
    return t->box_rows > LEAD + TAIL ? t->box_rows - TAIL : t->box_rows;
}

/* The slice of a box that shows this kind of plane, and its component; false: no box can. */
static bool
place_of_kind(const struct training *t, uint32_t kind, size_t *slice, size_t *component)
{
    *slice = kind == 1 ? t->box_slices - 1 : 0;
    *component = kind > 1 ? kind - 1 : 0;
    if (kind > 1 && t->model->chunk_slices > 1)
        *slice = t->box_slices - 1;
    return kind != 1 || t->box_slices > 1;
}

typedef void row_visitor(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row,
                         int parity, size_t at, size_t n);

static void
visit_kind(struct training *t, uint32_t kind, int parity, row_visitor *visit)
{
    size_t slice, component;
    if (!place_of_kind(t, kind, &slice, &component))
        return;
    struct voxel_plane_cursor cursor;
    voxel_cursor_open(&cursor, t->model, &t->planes[0], slice, component);
    for (int b = 0; b < t->box_count; b++)
        for (size_t y = first_row(t); y < last_row(t); y++) {
            struct voxel_row row;
            voxel_row_open(&row, &t->planes[b], &cursor, y, parity);
            for (size_t at = 0; at < row.count; at += VOXEL_SEGMENT) {
                size_t n = row.count - at < VOXEL_SEGMENT ? row.count - at : VOXEL_SEGMENT;
                visit(t, &cursor, &row, parity, at, n);
            }
        }
}

/* Quartiles of the activity; classes are raised by eight for each that is passed. */
static void
choose_activity(struct training *t, struct voxel_predictor *predictor)
{
    uint32_t counts[3 * VOXEL_DIRECTION_CAP + 1] = {0};
    size_t n = t->set.count, sum = 0;
    for (size_t i = 0; i < n; i++)
        counts[t->set.activity[i]]++;
    for (int q = 0, f = 0; q < 3 && n > 0; q++) {
        for (; f < 3 * VOXEL_DIRECTION_CAP && sum + counts[f] <= n * (size_t)(q + 1) / 4; f++)
            sum += counts[f];
        predictor->activity[q] = (uint16_t)f;
    }
    for (size_t i = 0; i < n; i++)
        for (int q = 0; q < 3; q++)
            t->set.class_of[i] = (uint8_t)(t->set.class_of[i] + (t->set.activity[i] > predictor->activity[q]) * 8);
}

static void
fit_weights(struct training *t, uint32_t kind, int parity)
{
    struct voxel_kind *k = &t->model->kinds[kind];
    struct voxel_predictor *predictor = &k->parity[parity];
    const struct voxel_layout *layout = voxel_layout(t->model, kind, parity);
    int rounds = t->model->preset == VOXEL_PRESET_RICH ? 3 : 2;
    if (layout->has_pairs)
        choose_activity(t, predictor);
    if (k->single_class)
        memset(t->set.class_of, 0, t->set.count);
    voxel_fit_weights(t->fit, (const float(*)[VOXEL_TAPS_MAX])t->set.rows, t->set.class_of, t->set.count,
                      layout->tap_count, k->single_class ? 1 : VOXEL_CLASSES, rounds, predictor->weights);
}

/* ---- Contexts --------------------------------------------------------------------------------------- */

/* Predict all rows of all boxes once, so that every stored error is known. */
static void
run_boxes(struct training *t)
{
    for (int b = 0; b < t->box_count; b++)
        for (size_t z = 0; z < t->box_slices; z++)
            for (size_t c = 0; c < t->planes[b].components; c++) {
                struct voxel_plane_cursor cursor;
                voxel_cursor_open(&cursor, t->model, &t->planes[0], z, c);
                for (size_t y = 0; y < 2 * t->box_rows; y++) {
                    struct voxel_row row;
                    voxel_row_open(&row, &t->planes[b], &cursor, y / 2, y & 1);
                    for (size_t at = 0; at < row.count; at += VOXEL_SEGMENT) {
                        size_t n = row.count - at < VOXEL_SEGMENT ? row.count - at : VOXEL_SEGMENT;
                        voxel_model_segment(t->ops, t->model, &cursor, &row, y & 1, at, n, t->segment);
                        t->ops->residual(&row, t->model->shift, at, n, t->segment, t->symbols, t->codes);
                    }
                    voxel_pad_errors(&t->planes[b], z, c, y / 2, y & 1);
                }
            }
}

static void
observe_errors(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
               size_t at, size_t n)
{
    const struct voxel_layout *layout = cursor->layout[parity];
    const struct voxel_segment *s = t->segment;
    int errors = layout->error_count;
    voxel_model_segment(t->ops, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n && t->set.count < t->set.capacity; i += t->error_step) {
        float *x = t->set.rows[t->set.count];
        float any = 0;
        for (int k = 0; k < errors; k++)
            any += x[k] = (float)row->errors[k][at + i];
        for (int d = 0; d < 3 * layout->has_pairs; d++)
            any += x[errors + d] = (float)(uint16_t)(s->direction[d][i] << 4);
        x[errors + 3 * layout->has_pairs] = (float)row->own_errors[at + i];
        t->set.count += any > 0;
    }
}

static void
fit_contexts(struct training *t, uint32_t kind, int parity)
{
    const struct voxel_layout *layout = voxel_layout(t->model, kind, parity);
    t->set.count = 0;
    visit_kind(t, kind, parity, observe_errors);
    voxel_fit_energy(t->fit, (const float(*)[VOXEL_TAPS_MAX])t->set.rows, t->set.count, layout->error_count,
                     3 * layout->has_pairs, t->model->kinds[kind].parity[parity].context_weights);
}

static void
count_energies(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
               size_t at, size_t n)
{
    voxel_model_segment(t->ops, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n; i++)
        t->histogram[t->segment->energy[i]]++;
}

/* Energies that bound bins of equal shares; bin 0 is "no energy" where that is common. Returns how many bins have a
 * lower bound. */
static int
choose_bounds(const struct training *t, uint32_t bounds[VOXEL_BINS_MAX])
{
    int bins = voxel_preset_bins(t->model->preset), b = 1;
    uint64_t total = 0, sum = 0, still = t->histogram[0];
    for (int e = 0; e < 65536; e++)
        total += t->histogram[e];
    bool separate = still * (uint64_t)bins > total;
    if (separate) {
        bounds[b++] = 1;
        total -= still;
    }
    int shares = separate ? bins - 1 : bins, share = 1;
    for (uint32_t e = separate ? 1 : 0; e < 65535 && b < bins && total > 0; e++) {
        sum += t->histogram[e];
        if (sum * (uint64_t)shares >= total * (uint64_t)share) {
            bounds[b++] = e + 1;
            while (share <= shares && sum * (uint64_t)shares >= total * (uint64_t)share)
                share++;
        }
    }
    return b;
}

/* Rounded to steps that reach just beyond the highest bound. */
static void
choose_thresholds(struct training *t)
{
    struct voxel_model *model = t->model;
    uint32_t bounds[VOXEL_BINS_MAX], last = (uint32_t)voxel_preset_steps(model->preset) - 1;
    int used = choose_bounds(t, bounds), bins = voxel_preset_bins(model->preset);
    model->energy_shift = 0;
    while (used > 1 && (bounds[used - 1] + (1u << model->energy_shift >> 1)) >> model->energy_shift > last)
        model->energy_shift++;
    for (int b = 1; b < bins; b++) {
        uint32_t step = b < used ? (bounds[b] + (1u << model->energy_shift >> 1)) >> model->energy_shift : UINT8_MAX;
        model->thresholds[b] = (uint8_t)(step ? step : 1);
    }
    voxel_index_bins(model);
}

/* ---- The whole -------------------------------------------------------------------------------------- */

static void
choose_preset(struct training *t)
{
    const struct voxel_shape *shape = &t->model->shape;
    uint64_t total = shape->width * shape->height * shape->slices; /* each component has parameters of its own */
    bool is_trial = t->level == VOXEL_LEVEL_TRIAL;
    t->model->preset = t->level <= 2 ? VOXEL_PRESET_FAST : t->level <= 6 ? VOXEL_PRESET_NORMAL : VOXEL_PRESET_RICH;
    if (is_trial)
        t->model->preset = VOXEL_PRESET_NORMAL;
    else if (total < 1 << 16)
        t->model->preset = VOXEL_PRESET_FAST; /* tables and weights would outweigh their use */
    bool volume = t->model->use_reference && t->model->chunk_slices > 1;
    for (uint32_t k = 0; k < t->model->kind_count; k++) {
        const struct voxel_channel *channel = &t->model->channels[k ? k - 1 : 0];
        bool is_flat = t->model->channel_count && k > 1 && channel->low == channel->high;
        t->model->kinds[k].single_class =
            is_trial || is_flat || t->model->preset == VOXEL_PRESET_FAST || (k == 0 && volume);
    }
}

static bool
train(struct training *t)
{
    static const size_t wanted[VOXEL_PRESET_COUNT] = {8000, 40000, 250000}; /* of each kind and parity */
    static const uint64_t boxes[VOXEL_PRESET_COUNT] = {12, 20, 48};
    static const size_t share[VOXEL_PRESET_COUNT] = {128, 80, 20};
    struct voxel_model *model = t->model;
    uint64_t total = model->shape.width * model->shape.height * model->shape.slices;
    choose_preset(t);
    size_t capacity = wanted[model->preset], part = (size_t)(total / share[model->preset]) + 2000;
    capacity = part < capacity ? part : capacity;
    t->set.capacity = capacity;
    t->set.rows = calloc(capacity, sizeof *t->set.rows);
    t->set.activity = malloc(capacity * sizeof *t->set.activity);
    t->set.class_of = malloc(capacity);
    t->segment = aligned_alloc(64, sizeof *t->segment);
    t->histogram = calloc(65536, sizeof *t->histogram);
    t->fit = voxel_fit_new(t->ops, capacity);
    if (!t->set.rows || !t->set.activity || !t->set.class_of || !t->segment || !t->histogram || !t->fit ||
        (t->segment->keep_all = true, !load_boxes(t, boxes[model->preset])))
        return false;
    size_t seen = (size_t)t->box_count * t->planes[0].half[0] * (last_row(t) - first_row(t));
    for (uint32_t k = 0; k < model->kind_count; k++)
        for (int parity = 0; parity < 2; parity++) {
            t->sample_step = seen * (model->kinds[k].single_class ? 4 : 1) / capacity + 1;
            t->set.count = 0;
            visit_kind(t, k, parity, observe_segment);
            fit_weights(t, k, parity);
        }
    run_boxes(t);
    t->error_step = seen / (capacity / 3 + 1) + 1;
    for (uint32_t k = 0; k < model->kind_count; k++)
        for (int parity = 0; parity < 2; parity++)
            fit_contexts(t, k, parity);
    for (uint32_t k = 0; k < model->kind_count; k++)
        for (int parity = 0; parity < 2; parity++)
            if (k > 0 || !model->use_reference || model->chunk_slices < 2)
                visit_kind(t, k, parity, count_energies);
    choose_thresholds(t);
    return true;
}

enum zblob_result
voxel_train(struct voxel_model *model, const unsigned char *samples, int level, bool *gain)
{
    struct training *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ZBLOB_NO_MEMORY;
    t->model = model;
    t->samples = samples;
    t->ops = voxel_ops();
    t->level = level;
    *gain = train(t);
    voxel_arena_close(&t->arena);
    free(t->set.rows);
    free(t->set.activity);
    free(t->set.class_of);
    free(t->segment);
    free(t->histogram);
    voxel_fit_free(t->fit);
    enum zblob_result result = *gain ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    free(t);
    return result;
}
