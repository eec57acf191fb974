/*
 * survey.c: a first look at the values of an image that is no label map: range, modal value, rank map.
 * Decisions come from counts, never from what the image is said to show.
 */
#include "survey.h"

#include "../../base/hash.h"
#include "../../base/integers.h"
#include "../../base/kept.h"
#include "../chunks.h"
#include "../samples.h"
#include "../wide/cells.h"
#include "levels.h"
#include "ranks.h"

#include <stdlib.h>
#include <string.h>

enum {
    SURVEY_SAMPLES = 1 << 17,
    SWIFT_SAMPLES = 1 << 15, /* where only the range and gaps between values matter, */
    SWIFT_SHARE = 8,         /* and of a small image, one row in so many; at other levels, */
    SHARE = 8,               /* one in so many */
    BYTES = 256,
    BLOCK = 1 << 10, /* counts */
    PIECE = 1 << 13, /* samples whose second differences add up to less than 2^32 */
    HARM = 32,       /* ranks are dropped where residuals grow by more than one part in so many */
};

struct survey {
    const struct voxel_model *model;
    const unsigned char *samples;
    int level;
    /* of each value, as a distance from the lowest one; by component, if they are few */
    uint32_t (*counts)[VOXEL_VALUES];
    uint32_t maps;           /* of counts */
    unsigned lanes;          /* 3: samples are bytes, and counted in four tables that are added up later; otherwise 0 */
    int lowest, least, most; /* of the type; of the values counted, as in counts */
    int cleared, cleared_to; /* counts from..to - 1 of the only map are set; otherwise all are */
    int16_t *rows[3];
    uint64_t seen, difference, along, across; /* the last two: second differences */
};

/* Sums over pieces of rows, short enough for 32 bits: such loops become vector instructions. */
static uint64_t
sum_of_differences(const int16_t *now, size_t n)
{
    uint64_t all = 0;
    for (size_t start = 1; start < n; start += PIECE) {
        size_t end = start + PIECE < n ? start + PIECE : n;
        uint32_t sum = 0;
        for (size_t i = start; i < end; i++) {
            int32_t d = now[i] - now[i - 1];
            sum += (uint32_t)(d < 0 ? -d : d);
        }
        all += sum;
    }
    return all;
}

/* Second differences along `up`, and across it. */
static void
add_curvatures(struct survey *s, const int16_t *before, const int16_t *up, const int16_t *now, size_t n)
{
    for (size_t start = 1; start + 1 < n; start += PIECE) {
        size_t end = start + PIECE < n - 1 ? start + PIECE : n - 1;
        uint32_t sum_along = 0, sum_across = 0;
        for (size_t i = start; i < end; i++) {
            int32_t along = up[i - 1] + up[i + 1] - 2 * up[i], across = before[i] + now[i] - 2 * up[i];
            sum_along += (uint32_t)(along < 0 ? -along : along);
            sum_across += (uint32_t)(across < 0 ? -across : across);
        }
        s->along += sum_along;
        s->across += sum_across;
    }
}

/* The one map of 16-bit samples is large, and most images need little of it. */
static bool
is_cleared_by_need(const struct survey *s)
{
    return s->maps == 1 && !s->lanes;
}

static void
clear_counts(struct survey *s)
{
    s->cleared = s->cleared_to = 0;
    for (uint32_t i = 0; i < s->maps && !is_cleared_by_need(s); i++)
        memset(s->counts[i], 0, sizeof *s->counts);
}

/* Makes sure that counts from..to - 1 are set, in whole blocks. */
static void
clear_needed(struct survey *s, int from, int to)
{
    uint32_t *counts = s->counts[0];
    from = from / BLOCK * BLOCK;
    to = (to + BLOCK - 1) / BLOCK * BLOCK;
    if (s->cleared == s->cleared_to)
        s->cleared = s->cleared_to = from;
    if (from < s->cleared) {
        memset(counts + from, 0, (size_t)(s->cleared - from) * sizeof *counts);
        s->cleared = from;
    }
    if (to > s->cleared_to) {
        memset(counts + s->cleared_to, 0, (size_t)(to - s->cleared_to) * sizeof *counts);
        s->cleared_to = to;
    }
}

static void
survey_component(struct survey *s, uint64_t slice, uint64_t row, size_t component)
{
    size_t n = (size_t)s->model->shape.width, step = (size_t)s->model->shape.components;
    uint32_t *counts = s->counts[s->maps > 1 ? component : 0];
    int16_t *rows[3] = {s->rows[0], s->rows[1], s->rows[2]}, *now = rows[0];
    uint64_t rows_seen = s->level == VOXEL_LEVEL_SWIFT || s->level == VOXEL_LEVEL_FAST ? 1 : 3;
    for (uint64_t back = 0; back < rows_seen && back <= row; back++) {
        const unsigned char *pixels = voxel_row_address(s->model, s->samples, slice, row - back);
        voxel_load(s->model, pixels, component, step, rows[back], n);
    }
    int16_t least = now[0], most = now[0];
    for (size_t i = 0; i < n; i++) {
        least = now[i] < least ? now[i] : least;
        most = now[i] > most ? now[i] : most;
    }
    s->least = least - s->lowest < s->least ? least - s->lowest : s->least;
    s->most = most - s->lowest > s->most ? most - s->lowest : s->most;
    if (is_cleared_by_need(s))
        clear_needed(s, least - s->lowest, most - s->lowest + 1);
    for (size_t i = 0; i < n; i++)
        counts[now[i] - s->lowest + (int)(i & s->lanes) * BYTES]++;
    s->difference += sum_of_differences(now, n);
    s->seen += n - 1;
    if (row >= 2 && rows_seen > 2)
        add_curvatures(s, rows[2], rows[1], now, n);
}

/* An increment waits for the one before it if both are of the same counter: so neighbours have different ones. */
static void
add_lanes(uint32_t *counts)
{
    for (size_t v = 0; v < BYTES; v++)
        for (size_t lane = 1; lane < 4; lane++) {
            counts[v] += counts[lane * BYTES + v];
            counts[lane * BYTES + v] = 0;
        }
}

/* Rows spread over the image by a hash: a fixed stride could follow its structure. */
static void
survey_rows(struct survey *s)
{
    const struct voxel_shape *shape = &s->model->shape;
    uint64_t rows = shape->slices * shape->height, per_row = shape->width * shape->components;
    bool is_swift = s->level == VOXEL_LEVEL_SWIFT;
    uint64_t wanted = (is_swift ? SWIFT_SAMPLES : SURVEY_SAMPLES) / per_row;
    uint64_t share = rows / (is_swift ? SWIFT_SHARE : SHARE);
    wanted = (share < wanted ? share : wanted) + 8;
    s->seen = s->difference = s->along = s->across = 0;
    clear_counts(s);
    s->least = VOXEL_VALUES;
    s->most = 0;
    if (wanted > rows)
        wanted = rows;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t span = rows / wanted, start = i * rows / wanted;
        uint64_t row = start + hash_place(i, span ? span : 1);
        for (size_t c = 0; c < shape->components; c++)
            survey_component(s, row / shape->height, row % shape->height, c);
    }
    for (uint32_t i = 0; i < s->maps && s->lanes; i++)
        add_lanes(s->counts[i]);
}

/* 16 times log2(1 + 2 |residual|), nearly. */
static uint64_t
size_of_residual(int residual)
{
    uint64_t value = 2 * (uint64_t)(residual < 0 ? -residual : residual) + 1;
    int length = bit_length(value);
    return (uint64_t)(length - 1) * 16 + (value << 4 >> (length - 1)) - 16;
}

/* Bits, in 1/16, that residuals of the better of two simple predictions have in some rows. *seen: so many of them. */
static uint64_t
residual_bits(const struct survey *s, uint64_t *seen)
{
    const struct voxel_model *model = s->model;
    const struct voxel_shape *shape = &model->shape;
    size_t n = (size_t)shape->width, step = (size_t)shape->components;
    uint64_t rows = shape->slices * shape->height, wanted = SURVEY_SAMPLES / (8 * n * step) + 8, bits[2] = {0};
    int16_t *up = s->rows[0], *now = s->rows[1];
    wanted = wanted < rows ? wanted : rows;
    *seen = 0;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t span = rows / wanted, row = i * rows / wanted + hash_place(i, span ? span : 1);
        for (size_t c = 0; row % shape->height && c < step; c++) {
            const unsigned char *pixels =
                voxel_row_address(model, s->samples, row / shape->height, row % shape->height - 1);
            voxel_load(model, pixels, c, step, up, n);
            pixels = voxel_row_address(model, s->samples, row / shape->height, row % shape->height);
            voxel_load(model, pixels, c, step, now, n);
            *seen += n - 1;
            for (size_t x = 1; x < n; x++) {
                bits[0] += size_of_residual(now[x] - up[x]);
                bits[1] += size_of_residual(now[x] - (now[x - 1] + up[x] - up[x - 1]));
            }
        }
    }
    return bits[0] < bits[1] ? bits[0] : bits[1];
}

/* Do ranks make residuals larger? Values can be sparse and yet be predicted well, as squared distances are. */
static bool
ranks_harm(const struct survey *s, struct voxel_model *model)
{
    uint64_t seen, with = residual_bits(s, &seen);
    uint32_t count = model->ranks_count;
    model->ranks_count = 0;
    uint64_t without = residual_bits(s, &seen);
    model->ranks_count = count;
    return with > without + without / HARM;
}

/* About the bytes that the image will take. */
static uint64_t
rough_size(const struct survey *s)
{
    uint64_t seen, bits = residual_bits(s, &seen), samples = voxel_sample_count(s->model);
    return seen ? (bits / 128 * samples + seen / 2) / seen : UINT64_MAX;
}

/* Finds the first of the most frequent values in a few of them, if it is more frequent than *most. Returns their sum. */
static uint64_t
find_modal(const uint32_t *counts, int from, int to, uint64_t *most, int *modal)
{
    uint32_t sum = 0, highest = 0;
    for (int v = from; v < to; v++) {
        sum += counts[v];
        highest = counts[v] > highest ? counts[v] : highest;
    }
    if (highest > *most) {
        *most = highest;
        for (*modal = from; counts[*modal] < highest;)
            ++*modal;
    }
    return sum;
}

/* Counts of all maps together take the place of those of the first. */
static void
join_counts(struct survey *s)
{
    for (uint32_t i = 1; i < s->maps; i++)
        for (int v = s->least; v <= s->most; v++)
            s->counts[0][v] += s->counts[i][v];
}

static void
set_range(struct survey *s, struct voxel_model *model)
{
    uint64_t modal_count = 0, total = 1;
    int modal = s->least, high = model->ranks_count ? 0 : s->most;
    join_counts(s);
    uint64_t low_count = s->least <= s->most ? s->counts[0][s->least] : 0;
    for (int v = s->least; v <= s->most; v += BYTES)
        total += find_modal(s->counts[0], v, s->most + 1 - v < BYTES ? s->most + 1 : v + BYTES, &modal_count, &modal);
    for (uint32_t i = 0; i < model->ranks_count; i++)
        high = (int)model->ranks[i].count > high ? (int)model->ranks[i].count - 1 : high;
    model->low = (int16_t)(s->least + s->lowest);
    model->high = (int16_t)(high + s->lowest);
    model->modal = (int16_t)(modal + s->lowest);
    model->use_margins = modal_count * 8 > total;
    model->use_floor = low_count * 32 > total;
}

static enum zblob_result
survey_all(struct survey *s, struct voxel_model *model)
{
    enum zblob_result result = ZBLOB_OK;
    survey_rows(s);
    if (model->wide == NULL || model->wide->has_maps) /* other cells have ranks of their own kind */
        result = voxel_choose_ranks(model, s->samples, (const uint32_t(*)[VOXEL_VALUES])s->counts, s->maps, s->least,
                                    s->most);
    if (result != ZBLOB_OK)
        return result;
    if (model->ranks_count && ranks_harm(s, model))
        voxel_drop_ranks(model);
    if (model->ranks_count)
        survey_rows(s);
    if (s->level > VOXEL_LEVEL_NORMAL)
        model->rough_size = rough_size(s);
    uint64_t mean = s->seen ? s->difference / s->seen : 0;
    for (model->shift = 0; mean >> model->shift > 128 && model->shift < VOXEL_SHIFT_MAX;)
        model->shift++;
    set_range(s, model);
    return ZBLOB_OK;
}

enum zblob_result
voxel_survey_values(struct voxel_model *model, const unsigned char *samples, int level, bool *smoother_along)
{
    const struct voxel_shape *shape = &model->shape;
    struct survey s = {.model = model, .samples = samples, .level = level, .maps = 1, .least = 1};
    if (shape->components <= VOXEL_CHANNELS_MAX)
        s.maps = (uint32_t)shape->components;
    s.lanes = zblob_sample_size(model->grid.sample_type) == 1 ? 3 : 0;
    s.lowest = voxel_lowest_value(sample_type_of(model->grid.sample_type));
    s.counts = kept_take(s.maps * sizeof *s.counts);
    for (size_t i = 0; i < 3; i++)
        s.rows[i] = malloc((size_t)shape->width * sizeof(int16_t));
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (s.counts != NULL && s.rows[0] != NULL && s.rows[1] != NULL && s.rows[2] != NULL)
        result = survey_all(&s, model);
    kept_return(s.counts);
    for (size_t i = 0; i < 3; i++)
        free(s.rows[i]);
    *smoother_along = s.along * 100 < s.across * 88;
    return result;
}
