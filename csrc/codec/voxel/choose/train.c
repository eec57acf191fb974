/*
 * train.c: fits an intensity model to samples of the image: prediction weights by iteratively
 * reweighted least squares, and context weights by non-negative least squares on the residuals. Floating
 * point stays in the encoder: a decoder only sees the integers that result.
 *
 * Sums keep one order on every target, so the same model comes out on every CPU.
 */
#include "train.h"

#include "../../base/interrupt.h"
#include "../../base/kept.h"
#include "../kernels/dispatch.h"
#include "../layouts.h"
#include "../samples.h"
#include "../swift/streams.h"
#include "bins.h"
#include "chunks.h"
#include "levels.h"
#include "training.h"

#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    CHOICE_SAMPLES = 30000,
    ENERGIES = 65536,
    NO_BYTES = 4 << 10,   /* an image that has no more follows a rule, and higher presets find more of it */
    FEW_BYTES = 48 << 10, /* below, the rich preset's tables and weights take more than they gain */
    RARE = 16,            /* energies other than 0 are rare if they are fewer than one in so many */
};

static const struct effort efforts[ZBLOB_LEVEL_MAX + 1] = {
    [VOXEL_LEVEL_TRIAL] = {VOXEL_PRESET_NORMAL, 2, 2, 16, 128, 12000},
    [VOXEL_LEVEL_SWIFT] = {VOXEL_PRESET_SWIFT, 2, 0, 12, 128, 4096},
    [VOXEL_LEVEL_FAST] = {VOXEL_PRESET_FAST, 2, 2, 12, 128, 8000},
    [3] = {VOXEL_PRESET_NORMAL, 2, 2, 16, 128, 16000},
    [4] = {VOXEL_PRESET_NORMAL, 2, 2, 20, 100, 30000},
    [5] = {VOXEL_PRESET_NORMAL, 3, 2, 20, 80, 40000},
    [6] = {VOXEL_PRESET_NORMAL, 3, 2, 32, 60, 60000},
    [7] = {VOXEL_PRESET_RICH, 2, 4, 32, 60, 60000},
    [8] = {VOXEL_PRESET_RICH, 3, 4, 40, 32, 120000},
    [9] = {VOXEL_PRESET_RICH, 4, 4, 48, 20, 250000},
};

/* Many small boxes, at most `boxes`: a few would not represent the whole. */
static bool
load_boxes(struct training *t, uint64_t boxes)
{
    const struct voxel_shape *shape = &t->model->shape;
    uint64_t rows = shape->height * shape->slices,
             most = rows / (8 * (shape->height < BAND ? shape->height : BAND)) + 1;
    return voxel_load_boxes(t, BAND, most < boxes ? most : boxes);
}

/* ---- Prediction weights --------------------------------------------------------------------------- */

static const struct voxel_layout *
layout_of(const struct voxel_model *model, uint32_t kind, int parity)
{
    return voxel_find_layout(model->preset, kind, model->chunk_slices > 1, parity);
}

static void
observe_segment(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
                size_t at, size_t n)
{
    const struct voxel_layout *layout = cursor->layout[parity];
    const struct voxel_segment *s = t->segment;
    int taps = layout->tap_count;
    if (layout->has_pairs) /* otherwise taps are all that counts */
        voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n && t->set.count < t->set.capacity; i += t->sample_step) {
        float *x = t->set.rows[t->set.count];
        int base = voxel_tap(row, 0)[at + i], any = row->values[at + i] - base;
        x[taps - 1] = (float)any;
        for (int k = 1; k < taps; k++) {
            int d = voxel_tap(row, k)[at + i] - base;
            x[k - 1] = (float)d;
            any |= d;
        }
        for (int k = taps; k < VOXEL_TAPS_MAX; k++)
            x[k] = 0;
        if (any == 0)
            continue; /* flat: any weights would do */
        t->uneven++;
        t->repeats += x[taps - 1] == 0 || x[taps - 1] == x[0] || x[taps - 1] == x[1];
        uint16_t f = 0;
        if (layout->has_pairs)
            f = (uint16_t)(s->direction[0][i] + s->direction[1][i] + s->direction[2][i]);
        t->set.activity[t->set.count] = f;
        t->set.class_of[t->set.count++] = layout->has_pairs ? (uint8_t)(s->class_of[i] & 7) : 0;
    }
}

/* Samples of each parity that boxes show in one of their slices. */
static size_t
samples_seen(const struct training *t)
{
    return (size_t)t->box_count * t->windows[0].half[0] * (voxel_last_row(t) - voxel_first_row(t));
}

/* The slice and component of a box whose planes are of this kind. False: there are none. */
static bool
place_of_kind(const struct training *t, uint32_t kind, size_t *slice, size_t *component)
{
    *slice = kind == 1 || !t->model->use_reference ? t->box_slices - 1 : 0;
    *component = kind > 1 ? kind - 1 : 0;
    if (kind > 1 && t->model->chunk_slices > 1)
        *slice = t->box_slices - 1;
    return (kind != 1 && (kind == 0 || !t->model->is_apart)) || *slice > 0;
}

static void
visit_kind(struct training *t, uint32_t kind, int parity, row_visitor *visit)
{
    size_t slice, component;
    if (place_of_kind(t, kind, &slice, &component))
        voxel_visit_plane(t, slice, component, parity, visit);
}

/* Makes the quartiles of the activity its thresholds; a class is raised by eight for each that the activity exceeds. */
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
    const struct voxel_layout *layout = layout_of(t->model, kind, parity);
    if (layout->has_pairs)
        choose_activity(t, predictor);
    if (k->single_class)
        memset(t->set.class_of, 0, t->set.count);
    voxel_fit_weights(t->fit, (const float(*)[VOXEL_TAPS_MAX])t->set.rows, t->set.class_of, t->set.count,
                      layout->tap_count, k->single_class ? 1 : VOXEL_CLASSES, t->effort.rounds, predictor->weights);
}

/* ---- Is the slice before of use? -------------------------------------------------------------------- */

/* About 16 times the bits of a residual in a context that knows its magnitude. */
static uint32_t
cost_of(int residual)
{
    uint32_t x = 2 * (uint32_t)(residual < 0 ? -residual : residual) + 1, bits = 0;
    while (x >> bits > 1)
        bits++;
    return 16 * bits + (uint32_t)(((uint64_t)x << 4 >> bits) - 16);
}

static void
add_costs(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
          size_t at, size_t n)
{
    if (t->model->preset == VOXEL_PRESET_SWIFT) {
        struct swift_predictor predictor = swift_predictor_of(t->model, cursor, parity);
        voxel_swift_kernels()->residuals(&predictor, row, at, n, t->segment->code);
        for (size_t i = 0; i < n; i += t->sample_step)
            t->cost += cost_of((int)unzigzag(t->segment->code[i]));
        return;
    }
    voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n; i += t->sample_step)
        t->cost += cost_of(row->values[at + i] - t->segment->prediction[i]);
}

/* The cost of the boxes' last slices with a single class of weights, with or without a reference plane. */
static uint64_t
cost_with(struct training *t, bool use_reference)
{
    uint32_t kind = use_reference;
    size_t wanted = t->set.capacity < CHOICE_SAMPLES ? t->set.capacity : CHOICE_SAMPLES;
    t->sample_step = samples_seen(t) * 4 / wanted + 1;
    t->model->use_reference = use_reference;
    t->model->kinds[kind].single_class = true;
    t->cost = 0;
    for (int parity = 0; parity < 2; parity++) {
        t->set.count = 0;
        visit_kind(t, kind, parity, observe_segment);
        fit_weights(t, kind, parity);
        visit_kind(t, kind, parity, add_costs);
    }
    return t->cost;
}

/* Slices in a volume of a series: all axes but the last; 0 where the image is none, or too large for chunks. */
static uint32_t
find_series(const struct voxel_model *model)
{
    const struct zblob_grid *grid = &model->grid;
    uint32_t last = grid->dimension;
    while (last > 0 && grid->size[last - 1] == 1)
        last--;
    if (model->is_folded || last < 4)
        return 0;
    uint64_t slices = model->shape.slices, distance = slices / grid->size[last - 1];
    uint64_t sample = model->shape.components * zblob_sample_size(grid->sample_type);
    uint64_t volume = distance * model->shape.width * model->shape.height * sample;
    return distance > 1 && slices > distance && volume * 2 <= ZBLOB_CHUNK_RAW_MAX ? (uint32_t)distance : 0;
}

/* Is the slice before a better reference than none? Slices that are far apart predict less than two more rows of the
 * same slice do. In a series, the same slice of the volume before often predicts more. */
static bool
choose_reference(struct training *t, uint64_t boxes)
{
    struct voxel_model *model = t->model;
    bool has_choice = model->use_reference && model->shape.components == 1 && model->chunk_slices > 1;
    uint32_t series = has_choice ? find_series(model) : 0;
    t->lead = (voxel_box_slices(t, series ? series : 1) - 1) * (series ? series : 1);
    if (!load_boxes(t, boxes))
        return false;
    if (has_choice) {
        uint64_t alone = cost_with(t, false), beside = cost_with(t, true), before = UINT64_MAX;
        model->distance = series ? series : 1;
        if (series && !load_boxes(t, boxes))
            return false;
        before = series ? cost_with(t, true) : before;
        model->use_reference = beside < alone || before < alone;
        if (!(series && before < beside && before < alone && voxel_choose_series(model, series)))
            model->distance = 1;
        if (series && model->distance == 1 && !load_boxes(t, boxes))
            return false;
    }
    if (!model->use_reference)
        model->kind_count = 1;
    return true;
}

/* ---- Contexts --------------------------------------------------------------------------------------- */

static void
observe_errors(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
               size_t at, size_t n)
{
    const struct voxel_layout *layout = cursor->layout[parity];
    const struct voxel_segment *s = t->segment;
    int errors = layout->error_count;
    voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n && t->set.count < t->set.capacity; i += t->error_step) {
        float *x = t->set.rows[t->set.count];
        float any = 0;
        for (int k = 0; k < errors; k++)
            any += x[k] = (float)voxel_error(row, k)[at + i];
        for (int d = 0; d < 3 * layout->has_pairs; d++)
            any += x[errors + d] = (float)(uint16_t)(s->direction[d][i] << 4);
        x[errors + 3 * layout->has_pairs] = (float)row->own_errors[at + i];
        t->set.count += any > 0;
    }
}

static void
fit_contexts(struct training *t, uint32_t kind, int parity)
{
    const struct voxel_layout *layout = layout_of(t->model, kind, parity);
    t->set.count = 0;
    visit_kind(t, kind, parity, observe_errors);
    voxel_fit_energy(t->fit, (const float(*)[VOXEL_TAPS_MAX])t->set.rows, t->set.count, layout->error_count,
                     3 * layout->has_pairs, t->effort.energy_rounds,
                     t->model->kinds[kind].parity[parity].context_weights);
}

static void
count_energies(struct training *t, const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity,
               size_t at, size_t n)
{
    voxel_model_segment(t->kernels, t->model, cursor, row, parity, at, n, t->segment);
    for (size_t i = 0; i < n; i++) {
        uint32_t energy = t->segment->energy[i];
        t->histogram[energy]++;
        t->highest = energy > t->highest ? energy : t->highest;
    }
}

/* Chunks of a volume have few planes without a reference. These count only where slices repeat, so that they are all that
 * takes bits. */
static void
count_all_energies(struct training *t)
{
    const struct voxel_model *model = t->model;
    bool is_volume = model->use_reference && model->chunk_slices > 1;
    uint64_t total = 0;
    for (uint32_t k = is_volume; k < model->kind_count; k++)
        for (int parity = 0; parity < 2; parity++)
            visit_kind(t, k, parity, count_energies);
    for (size_t i = 0; is_volume && i <= t->highest; i++)
        total += t->histogram[i];
    for (int parity = 0; is_volume && parity < 2 && total - t->histogram[0] <= total / RARE; parity++)
        visit_kind(t, 0, parity, count_energies);
}

/* Most energies up to the highest are none of a small image's. */
static bool
choose_bins(const struct training *t)
{
    size_t n = 0;
    struct voxel_energy *energies = malloc(((size_t)t->highest + 1) * sizeof *energies);
    for (uint32_t e = 0; energies && e <= t->highest; e++)
        if (t->histogram[e])
            energies[n++] = (struct voxel_energy){e, t->histogram[e]};
    if (energies == NULL)
        return false;
    voxel_choose_bins(t->model, energies, n);
    free(energies);
    return true;
}

/* ---- The whole -------------------------------------------------------------------------------------- */

static void
choose_preset(struct training *t)
{
    const struct voxel_shape *shape = &t->model->shape;
    /* components do not count: each has parameters of its own */
    uint64_t total = shape->width * shape->height * shape->slices;
    int level = t->level;
    if (level > VOXEL_LEVEL_FAST && total < VOXEL_SMALL)
        level = VOXEL_LEVEL_FAST;
    uint64_t rough = t->model->rough_size;
    if (level > VOXEL_LEVEL_NORMAL && (total < 3 * VOXEL_SMALL || (rough > NO_BYTES && rough < FEW_BYTES)))
        level = VOXEL_LEVEL_NORMAL;
    t->effort = efforts[level];
    t->model->preset = t->effort.preset;
}

static void
choose_classes(struct training *t)
{
    const struct voxel_model *model = t->model;
    bool volume = model->use_reference && model->chunk_slices > 1 && model->distance == 1;
    bool is_plain =
        t->level == VOXEL_LEVEL_TRIAL || model->preset == VOXEL_PRESET_FAST || model->preset == VOXEL_PRESET_SWIFT;
    for (uint32_t k = 0; k < model->kind_count; k++) {
        const struct voxel_channel *channel = &model->channels[k ? k - 1 : 0];
        bool is_flat = model->channel_count && k > 1 && channel->low == channel->high;
        model->kinds[k].single_class = is_plain || is_flat || (k == 0 && volume);
    }
}

static bool
train(struct training *t)
{
    struct voxel_model *model = t->model;
    uint64_t total = model->shape.width * model->shape.height * model->shape.slices;
    model->plateau_count = 0;
    choose_preset(t);
    size_t capacity = t->effort.observations,
           part = (size_t)(total / t->effort.share) + (total < 1 << 15 ? 500 + (size_t)total / 22 : 2000);
    capacity = part < capacity ? part : capacity;
    t->set.capacity = capacity;
    t->set.rows = kept_take(capacity * sizeof *t->set.rows);
    t->set.activity = kept_take(capacity * sizeof *t->set.activity);
    t->set.class_of = kept_take(capacity);
    t->segment = kept_take(sizeof *t->segment);
    bool has_contexts = t->effort.preset != VOXEL_PRESET_SWIFT;
    t->histogram = kept_take_zeros(has_contexts ? ENERGIES : 1, sizeof *t->histogram);
    t->fit = voxel_fit_new(t->kernels, capacity);
    if (!t->set.rows || !t->set.activity || !t->set.class_of || !t->segment || !t->histogram || !t->fit)
        return false;
    t->segment->keep_all = true;
    if (!choose_reference(t, t->effort.boxes))
        return false;
    choose_classes(t);
    size_t seen = samples_seen(t);
    for (uint32_t k = 0; k < model->kind_count; k++)
        for (int parity = 0; parity < 2; parity++) {
            t->sample_step = seen * (model->kinds[k].single_class ? 4 : 1) / capacity + 1;
            t->set.count = 0;
            visit_kind(t, k, parity, observe_segment);
            fit_weights(t, k, parity);
        }
    if (model->preset == VOXEL_PRESET_SWIFT) {
        model->shift = model->energy_shift = 0;
        model->use_floor = model->use_margins = model->has_few_states = false;
        for (uint32_t c = 0; c < model->channel_count; c++)
            model->channels[c].use_floor = false;
        return !interrupt_is_set();
    }
    voxel_run_boxes(t, NULL);
    t->error_step = seen / (capacity / 3 + 1) + 1;
    for (uint32_t k = 0; k < model->kind_count; k++)
        for (int parity = 0; parity < 2; parity++)
            fit_contexts(t, k, parity);
    count_all_energies(t);
    if (interrupt_is_set())
        return false; /* the boxes were seen in part */
    if (!choose_bins(t))
        return false;
    return voxel_count_plateaus(t) && !interrupt_is_set();
}

enum zblob_result
voxel_train_model(struct voxel_model *model, const unsigned char *samples, int level)
{
    struct training *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ZBLOB_NO_MEMORY;
    t->model = model;
    t->samples = samples;
    t->kernels = voxel_kernels();
    t->level = level;
    enum zblob_result result = train(t) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    arena_close(&t->arena);
    kept_return(t->set.rows);
    kept_return(t->set.activity);
    kept_return(t->set.class_of);
    kept_return(t->segment);
    kept_return(t->histogram);
    kept_return(t->plateaus);
    voxel_fit_free(t->fit);
    free(t);
    return result;
}
