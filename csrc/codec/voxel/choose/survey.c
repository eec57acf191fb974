/*
 * survey.c: a first look at the values of an image that is no label map: range, modal value, rank map.
 * Decisions come from counts, never from what the image is said to show.
 */
#include "survey.h"

#include "../../base/hash.h"
#include "../../base/interrupt.h"
#include "../chunks.h"
#include "../samples.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES = 65536, SURVEY_SAMPLES = 1 << 17 };

struct survey {
    const struct voxel_model *model;
    const unsigned char *samples;
    uint32_t *counts; /* of each value, ^ 0x8000 */
    int16_t *rows[3];
    int least, most;                          /* of the values counted, as places in counts */
    uint64_t seen, difference, along, across; /* the last two: second differences */
};

static void
survey_row(struct survey *s, uint64_t slice, uint64_t row)
{
    size_t n = (size_t)(s->model->shape.width * s->model->shape.components);
    size_t c = (size_t)s->model->shape.components;
    bool first = row == 0;
    int16_t *up = s->rows[0], *now = s->rows[1];
    voxel_load(s->model, voxel_row_address(s->model, s->samples, slice, first ? row : row - 1), 1, up, n);
    voxel_load(s->model, voxel_row_address(s->model, s->samples, slice, row), 1, now, n);
    int16_t least = now[0], most = now[0];
    for (size_t i = 0; i < n; i++) {
        least = now[i] < least ? now[i] : least;
        most = now[i] > most ? now[i] : most;
    }
    s->least = least + 32768 < s->least ? least + 32768 : s->least;
    s->most = most + 32768 > s->most ? most + 32768 : s->most;
    for (size_t i = 0; i < n; i++)
        s->counts[(uint16_t)now[i] ^ 0x8000]++;
    for (size_t i = c; i < n; i++) {
        int d = now[i] - now[i - c];
        s->difference += (uint64_t)(d < 0 ? -d : d);
    }
    s->seen += n - c;
    if (row < 2)
        return;
    int16_t *before = s->rows[2];
    voxel_load(s->model, voxel_row_address(s->model, s->samples, slice, row - 2), 1, before, n);
    for (size_t i = c; i + c < n; i++) {
        int along = up[i - c] + up[i + c] - 2 * up[i], across = before[i] + now[i] - 2 * up[i];
        s->along += (uint64_t)(along < 0 ? -along : along);
        s->across += (uint64_t)(across < 0 ? -across : across);
    }
}

/* Rows spread over the image by a hash: a fixed stride could follow its structure. */
static void
survey_rows(struct survey *s)
{
    const struct voxel_shape *shape = &s->model->shape;
    uint64_t rows = shape->slices * shape->height, per_row = shape->width * shape->components;
    uint64_t wanted = SURVEY_SAMPLES / per_row + 8;
    s->least = VALUES - 1;
    s->most = 0;
    if (wanted > rows)
        wanted = rows;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t span = rows / wanted, start = i * rows / wanted;
        uint64_t row = start + hash_place(i, span ? span : 1);
        survey_row(s, row / shape->height, row % shape->height);
    }
}

/* Share of the samples, in 1/256, whose neighbouring values do not occur: gaps in the value set. */
static uint64_t
gap_share(const struct survey *s)
{
    const uint32_t *counts = s->counts;
    uint64_t lonely = 0, total = 1;
    for (int v = s->least; v <= s->most; v++) {
        total += counts[v];
        if (counts[v] && (v == 0 || !counts[v - 1]) && (v == VALUES - 1 || !counts[v + 1]))
            lonely += counts[v];
    }
    return lonely * 256 / total;
}

static enum zblob_result
build_ranks(struct voxel_model *model, const unsigned char *samples, uint32_t *counts)
{
    const struct voxel_shape *shape = &model->shape;
    size_t n = (size_t)(shape->width * shape->components);
    int16_t *row = malloc(n * sizeof *row);
    unsigned char *used = calloc(VALUES, 1);
    if (row == NULL || used == NULL) {
        free(row);
        free(used);
        return ZBLOB_NO_MEMORY;
    }
    for (uint64_t z = 0; z < shape->slices; z++)
        for (uint64_t y = 0; y < shape->height && !interrupt_is_set(); y++) {
            voxel_load(model, voxel_row_address(model, samples, z, y), 1, row, n);
            for (size_t i = 0; i < n; i++)
                used[(uint16_t)row[i] ^ 0x8000] = 1;
        }
    free(row);
    if (interrupt_is_set()) { /* some values are not known: counts must not be looked up by them */
        free(used);
        return ZBLOB_INTERRUPTED;
    }
    uint32_t count = 0;
    model->mapping.value_of = calloc(VALUES, sizeof(uint16_t));
    model->mapping.rank_of = calloc(VALUES, sizeof(uint16_t));
    if (model->mapping.value_of == NULL || model->mapping.rank_of == NULL) {
        free(used);
        return ZBLOB_NO_MEMORY;
    }
    for (int v = 0; v < VALUES; v++)
        if (used[v]) {
            model->mapping.value_of[count] = (uint16_t)v;
            model->mapping.rank_of[v] = (uint16_t)count;
            uint32_t seen = counts[v];
            counts[v] = 0;
            counts[count++] = seen;
        }
    free(used);
    model->mapping.rank_count = count;
    return ZBLOB_OK;
}

static void
set_range(const struct survey *s, struct voxel_model *model)
{
    const uint32_t *counts = s->counts;
    int low = s->least, high = s->most, modal = low;
    uint64_t total = 1;
    for (int v = low; v <= high; v++) {
        total += counts[v];
        modal = counts[v] > counts[modal] ? v : modal;
    }
    model->low = (int16_t)(low - 32768);
    model->high = (int16_t)((model->mapping.rank_count ? (int)model->mapping.rank_count - 1 : high) - 32768);
    model->modal = (int16_t)(modal - 32768);
    model->use_margins = (uint64_t)counts[modal] * 8 > total;
    model->use_floor = (uint64_t)counts[low] * 32 > total;
}

static enum zblob_result
survey_all(struct survey *s, struct voxel_model *model)
{
    survey_rows(s);
    uint64_t mean = s->seen ? s->difference / s->seen : 0;
    if (zblob_sample_size(model->grid.sample_type) > 1 && model->wide == NULL && gap_share(s) > 64) {
        enum zblob_result result = build_ranks(model, s->samples, s->counts);
        if (result != ZBLOB_OK)
            return result;
        s->seen = s->difference = s->along = s->across = 0;
        memset(s->counts, 0, VALUES * sizeof *s->counts);
        survey_rows(s);
        mean = s->seen ? s->difference / s->seen : 0;
    }
    for (model->shift = 0; mean >> model->shift > 128 && model->shift < VOXEL_SHIFT_MAX;)
        model->shift++;
    set_range(s, model);
    return ZBLOB_OK;
}

enum zblob_result
voxel_survey_values(struct voxel_model *model, const unsigned char *samples, bool *smoother_along)
{
    const struct voxel_shape *shape = &model->shape;
    uint64_t per_row = shape->width * shape->components;
    struct survey s = {.model = model, .samples = samples};
    s.counts = calloc(VALUES, sizeof *s.counts);
    s.rows[0] = malloc((size_t)per_row * sizeof(int16_t));
    s.rows[1] = malloc((size_t)per_row * sizeof(int16_t));
    s.rows[2] = malloc((size_t)per_row * sizeof(int16_t));
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (s.counts != NULL && s.rows[0] != NULL && s.rows[1] != NULL && s.rows[2] != NULL)
        result = survey_all(&s, model);
    free(s.counts);
    free(s.rows[0]);
    free(s.rows[1]);
    free(s.rows[2]);
    *smoother_along = s.along * 100 < s.across * 88;
    return result;
}
