/*
 * channels.c: what the planes of an image of two to four components hold. The components of a colour image resemble one
 * another, so planes may hold them in another order, and differences of them. Which of these schemes is best is
 * estimated. In a volume, where much is predicted from other slices, the best few are tried: an excerpt is coded in
 * each.
 */
#include "channels.h"

#include "../chunks.h"
#include "../intensity.h"
#include "../samples.h"
#include "channel_cost.h"
#include "levels.h"
#include "train.h"

#include <stdlib.h>
#include <string.h>

/* ---- The values of a channel --------------------------------------------------------------------- */

enum { VALUES = 65536, RANGE_SAMPLES = 1 << 16, ZERO = VALUES / 2 /* the place of 0 */ };

/* How far from 0 values and their differences can be. */
static int
reach_of(const struct voxel_model *model)
{
    return zblob_sample_size(model->grid.sample_type) == 1 ? 256 : ZERO;
}

struct range {
    int low, high, modal;
    uint64_t seen, modal_count, low_count;
};

struct chooser {
    const struct voxel_model *model;
    const unsigned char *samples;
    uint32_t *counts;
    int16_t *rows[2];
    struct range ranges[VOXEL_CHANNELS_MAX][VOXEL_CHANNELS_MAX + 1]; /* [component][1 + subtracted component] */
};

/* Counts a component's values, or its differences from another one, in rows spread over the image. */
static void
count_values(struct chooser *chooser, size_t component, size_t minus)
{
    const struct voxel_model *model = chooser->model;
    const struct voxel_shape *shape = &model->shape;
    size_t width = (size_t)shape->width;
    size_t step = (size_t)(model->is_transposed ? shape->height * shape->components : shape->components);
    uint64_t rows = shape->slices * shape->height, stride = rows * shape->width / RANGE_SAMPLES + 1;
    size_t reach = (size_t)reach_of(model);
    memset(chooser->counts + ZERO - reach, 0, 2 * reach * sizeof *chooser->counts);
    memset(chooser->rows[1], 0, width * sizeof *chooser->rows[1]);
    for (uint64_t row = stride / 2 < rows ? stride / 2 : rows / 2; row < rows; row += stride) {
        const unsigned char *at = voxel_row_address(model, chooser->samples, row / shape->height, row % shape->height);
        voxel_load(model, at, component, step, chooser->rows[0], width);
        if (minus)
            voxel_load(model, at, minus - 1, step, chooser->rows[1], width);
        for (size_t i = 0; i < width; i++)
            chooser->counts[(uint16_t)(chooser->rows[0][i] - chooser->rows[1][i]) ^ 0x8000]++;
    }
}

static const struct range *
range_of(struct chooser *chooser, size_t component, size_t minus)
{
    struct range *range = &chooser->ranges[component][minus];
    if (range->seen)
        return range;
    count_values(chooser, component, minus);
    int reach = reach_of(chooser->model), low = -1, high = 0, modal = ZERO - reach;
    for (int v = ZERO - reach; v < ZERO + reach; v++) {
        if (chooser->counts[v]) {
            low = low < 0 ? v : low;
            high = v;
            modal = chooser->counts[v] > chooser->counts[modal] ? v : modal;
            range->seen += chooser->counts[v];
        }
    }
    range->modal_count = chooser->counts[modal];
    range->low_count = chooser->counts[low];
    range->low = low - 32768;
    range->high = high - 32768;
    range->modal = modal - 32768;
    return range;
}

/* ---- Schemes --------------------------------------------------------------------------------------- */

/* Each plane's component, and 1 + the plane whose component is subtracted. */
struct scheme {
    uint8_t component[3], minus[3];
};

enum { PLAIN, SCHEMES_MAX = 8 };

/* The plain one is coded without channels. Each of the others was the best for some photograph, histology or ultrasound
 * image. Red is component 0. */
static const struct scheme of_two[] = {
    [PLAIN] = {{0, 1}, {0, 0}},
    {{0, 1}, {0, 1}},
    {{1, 0}, {0, 1}},
    {{0, 1}, {0, 0}},
};
static const struct scheme of_three[SCHEMES_MAX] = {
    [PLAIN] = {{0, 1, 2}, {0, 0, 0}}, {{1, 0, 2}, {0, 1, 1}}, {{1, 2, 0}, {0, 1, 1}}, {{1, 0, 2}, {0, 1, 2}},
    {{1, 0, 2}, {0, 0, 0}},           {{2, 0, 1}, {0, 1, 1}}, {{0, 1, 2}, {0, 1, 1}}, {{0, 1, 2}, {0, 0, 0}},
};

/* Gives the model the channels of a scheme. A fourth component stays what it is. False: the planes cannot have one
 * modal value, as their values would exceed 16 bits. */
static bool
apply_scheme(struct chooser *chooser, const struct scheme *scheme, struct voxel_model *model)
{
    const struct range *ranges[VOXEL_CHANNELS_MAX];
    int below = 0, above = 0;
    uint64_t seen = 0, modal_count = 0;
    model->channel_count = (uint32_t)model->shape.components;
    for (uint32_t c = 0; c < model->channel_count; c++) {
        struct voxel_channel *channel = &model->channels[c];
        channel->component = c < 3 ? scheme->component[c] : (uint8_t)c;
        channel->minus = c < 3 ? scheme->minus[c] : 0;
        size_t minus = channel->minus ? 1u + model->channels[channel->minus - 1].component : 0;
        const struct range *r = ranges[c] = range_of(chooser, channel->component, minus);
        below = r->modal - r->low > below ? r->modal - r->low : below;
        above = r->high - r->modal > above ? r->high - r->modal : above;
        seen += r->low < r->high ? r->seen : 0; /* rows of constant planes are flat, and have no margins */
        modal_count += r->low < r->high ? r->modal_count : 0;
    }
    if (below + above > UINT16_MAX) {
        model->channel_count = 0;
        return false;
    }
    int modal = ranges[0]->modal < below - 32768 ? below - 32768 : ranges[0]->modal;
    model->modal = (int16_t)(modal > 32767 - above ? 32767 - above : modal);
    model->use_margins = modal_count * 8 > seen;
    model->use_floor = false;
    for (uint32_t c = 0; c < model->channel_count; c++) {
        struct voxel_channel *channel = &model->channels[c];
        channel->offset = (uint16_t)(model->modal - ranges[c]->modal);
        channel->low = (int16_t)(ranges[c]->low + model->modal - ranges[c]->modal);
        channel->high = (int16_t)(ranges[c]->high + model->modal - ranges[c]->modal);
        channel->use_floor = ranges[c]->low < ranges[c]->high && ranges[c]->low_count * 32 > ranges[c]->seen;
        model->use_floor = model->use_floor || channel->use_floor;
    }
    return true;
}

/* ---- An excerpt: patches of the image, one below the other --------------------------------------- */

enum {
    PATCH_WIDTH = 128,
    PATCH_PIXELS = 1024,
    PATCHES_MIN = 4,
    PATCHES_MAX = 16,
    PATCH_SLICES = 3,
    EXCERPT_SLACK = 65536
};

struct excerpt {
    struct voxel_model model; /* of a smaller image; shares the rank maps with the whole one's */
    unsigned char *samples, *coded;
    size_t coded_capacity;
};

static void
copy_patches(const struct voxel_model *model, const unsigned char *samples, struct excerpt *excerpt, uint64_t width,
             uint64_t height, uint64_t patches)
{
    uint64_t pixel = model->shape.components * zblob_sample_size(model->grid.sample_type);
    uint64_t image_width = model->is_transposed ? model->shape.height : model->shape.width;
    uint64_t image_height = model->is_transposed ? model->shape.width : model->shape.height;
    uint64_t slices = excerpt->model.shape.slices;
    unsigned char *to = excerpt->samples;
    for (uint64_t z = 0; z < slices; z++) {
        for (uint64_t p = 0; p < patches; p++) {
            uint64_t slice = (model->shape.slices - slices) * (2 * p + 1) / (2 * patches) + z;
            uint64_t x = (image_width - width) * ((2 * p + 1) * 3 % (2 * patches)) / (2 * patches);
            uint64_t y = (image_height - height) * (2 * p + 1) / (2 * patches);
            for (uint64_t row = y; row < y + height; row++, to += width * pixel)
                memcpy(to, samples + ((slice * image_height + row) * image_width + x) * pixel, (size_t)(width * pixel));
        }
    }
}

/* False: no memory. Close it in either case. */
static bool
open_excerpt(struct excerpt *excerpt, const struct voxel_model *model, const unsigned char *samples)
{
    const struct voxel_shape *shape = &model->shape;
    uint64_t image_width = model->is_transposed ? shape->height : shape->width;
    uint64_t image_height = model->is_transposed ? shape->width : shape->height;
    uint64_t width = image_width < PATCH_WIDTH ? image_width : PATCH_WIDTH, height = PATCH_PIXELS / width;
    height = height > image_height ? image_height : height;
    struct voxel_model *m = &excerpt->model;
    *m = *model;
    m->shape.slices = model->chunk_slices < PATCH_SLICES ? 1 : PATCH_SLICES;
    uint64_t patches = m->shape.slices > 1 ? PATCHES_MAX / 2 : PATCHES_MAX; /* a power of two */
    while (patches > PATCHES_MIN && patches * PATCH_PIXELS * 8 > image_width * image_height)
        patches /= 2;
    if (patches * width * height > image_width * image_height)
        patches = 1;
    m->shape.width = model->is_transposed ? patches * height : width;
    m->shape.height = model->is_transposed ? width : patches * height;
    m->chunk_slices = (uint32_t)m->shape.slices;
    m->chunk_rows = (uint32_t)m->shape.height;
    m->kinds = calloc(VOXEL_KINDS_MAX, sizeof *m->kinds);
    size_t size = (size_t)(m->shape.slices * m->shape.width * m->shape.height * m->shape.components *
                           zblob_sample_size(m->grid.sample_type));
    excerpt->coded_capacity = 2 * size + EXCERPT_SLACK;
    excerpt->samples = malloc(size);
    excerpt->coded = malloc(excerpt->coded_capacity + VOXEL_ENCODE_SLACK);
    if (m->kinds == NULL || excerpt->samples == NULL || excerpt->coded == NULL)
        return false;
    copy_patches(model, samples, excerpt, width, height, patches);
    return true;
}

static void
close_excerpt(struct excerpt *excerpt)
{
    free(excerpt->model.kinds);
    free(excerpt->samples);
    free(excerpt->coded);
}

/* Trains the excerpt's model, and gives the bytes that the excerpt takes with it. */
static enum zblob_result
measure(struct excerpt *excerpt, int level, size_t *size)
{
    struct voxel_box box = {0, excerpt->model.shape.slices, 0, excerpt->model.shape.height};
    enum zblob_result result = voxel_train_model(&excerpt->model, excerpt->samples, level);
    if (result == ZBLOB_OK)
        result = voxel_encode_intensity(&excerpt->model, box, excerpt->samples, excerpt->coded, excerpt->coded_capacity,
                                        size);
    if (*size == 0)
        *size = SIZE_MAX;
    return result;
}

/* ---- The choice ------------------------------------------------------------------------------------ */

enum { GAIN = 256 }; /* a scheme must save one part of the size in so many */

/* How many schemes are tried: the training of fast levels costs little. */
static int
trials_of(int level)
{
    return level > VOXEL_LEVEL_FAST ? 3 : SCHEMES_MAX;
}

/* Is a component constant, as most alpha channels are? Only in a channel do constant components cost nothing. */
static bool
has_constant(struct chooser *chooser)
{
    bool found = false;
    for (size_t c = 0; c < chooser->model->shape.components; c++) {
        const struct range *range = range_of(chooser, c, 0);
        found = found || range->low == range->high;
    }
    return found;
}

/* Channels that are the components as they are, except that constant ones get the modal value of the others, so that
 * their rows are flat. */
static void
apply_constants(struct chooser *chooser, struct voxel_model *model)
{
    const struct range *first = NULL;
    model->channel_count = (uint32_t)model->shape.components;
    model->use_floor = model->use_margins = false;
    for (uint32_t c = 0; c < model->channel_count; c++) {
        const struct range *range = range_of(chooser, c, 0);
        struct voxel_channel *channel = &model->channels[c];
        bool is_constant = range->low == range->high;
        *channel = (struct voxel_channel){.component = (uint8_t)c, .low = (int16_t)range->low};
        channel->high = (int16_t)range->high;
        channel->use_floor = !is_constant && range->low_count * 32 > range->seen;
        model->use_floor = model->use_floor || channel->use_floor;
        if (!is_constant && (first == NULL || range->modal_count > first->modal_count))
            first = range;
    }
    model->modal = (int16_t)(first ? first->modal : chooser->ranges[0][0].modal);
    model->use_margins = first && first->modal_count * 8 > first->seen;
    for (uint32_t c = 0; c < model->channel_count; c++) {
        struct voxel_channel *channel = &model->channels[c];
        if (channel->low == channel->high) {
            channel->offset = (uint16_t)(model->modal - channel->low);
            channel->low = channel->high = model->modal;
        }
    }
}

/* What each scheme would cost. The plain one has a small advantage. False: no memory. */
static bool
estimate(const struct voxel_model *model, const unsigned char *samples, const struct scheme *schemes, size_t count,
         uint64_t costs[SCHEMES_MAX])
{
    struct voxel_channel_look *look = voxel_look_at_channels(model, samples);
    for (size_t i = 0; look && i < count; i++) {
        struct voxel_channel channels[3];
        costs[i] = 0;
        for (size_t c = 0; c < 3 && c < model->shape.components; c++) {
            channels[c].component = schemes[i].component[c];
            channels[c].minus = schemes[i].minus[c];
            costs[i] += voxel_estimate_channel(look, channels, c);
        }
    }
    costs[PLAIN] -= costs[PLAIN] / GAIN;
    free(look);
    return look != NULL;
}

static size_t
cheapest(const uint64_t *costs, size_t count)
{
    size_t best = PLAIN;
    for (size_t i = 1; i < count; i++)
        best = costs[i] < costs[best] ? i : best;
    return best;
}

/* Train for an excerpt in the plain scheme, and in the best of the others. */
static enum zblob_result
try_schemes(struct chooser *chooser, int level, const struct scheme *schemes, size_t count, uint64_t costs[SCHEMES_MAX],
            size_t *chosen)
{
    const struct voxel_shape *shape = &chooser->model->shape;
    struct excerpt excerpt = {0};
    size_t best = 0, size = 0;
    enum zblob_result result = open_excerpt(&excerpt, chooser->model, chooser->samples) ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    int trials = trials_of(level);
    if (level > VOXEL_LEVEL_FAST)
        level = shape->width * shape->height * shape->slices >= 1 << 16 ? VOXEL_LEVEL_TRIAL : VOXEL_LEVEL_FAST;
    if (has_constant(chooser))
        apply_constants(chooser, &excerpt.model);
    if (result == ZBLOB_OK)
        result = measure(&excerpt, level, &best);
    best -= best / GAIN;
    *chosen = PLAIN;
    costs[PLAIN] = UINT64_MAX;
    for (int trial = 0; trial < trials && result == ZBLOB_OK; trial++) {
        size_t next = cheapest(costs, count);
        costs[next] = UINT64_MAX;
        if (next == PLAIN || !apply_scheme(chooser, &schemes[next], &excerpt.model))
            continue;
        result = measure(&excerpt, level, &size);
        if (size < best) {
            best = size;
            *chosen = next;
        }
    }
    close_excerpt(&excerpt);
    return result;
}

static enum zblob_result
choose(struct chooser *chooser, struct voxel_model *model, int level)
{
    bool pairs = model->shape.components == 2;
    const struct scheme *schemes = pairs ? of_two : of_three;
    size_t count = pairs ? sizeof of_two / sizeof *of_two : SCHEMES_MAX, chosen;
    uint64_t costs[SCHEMES_MAX];
    enum zblob_result result = ZBLOB_OK;
    if (!estimate(model, chooser->samples, schemes, count, costs))
        return ZBLOB_NO_MEMORY;
    chosen = cheapest(costs, count);
    if (model->chunk_slices > 1)
        result = try_schemes(chooser, level, schemes, count, costs, &chosen);
    while (chosen != PLAIN && !apply_scheme(chooser, &schemes[chosen], model)) {
        costs[chosen] = UINT64_MAX;
        chosen = cheapest(costs, count);
    }
    if (chosen == PLAIN && has_constant(chooser))
        apply_constants(chooser, model);
    return result;
}

enum zblob_result
voxel_choose_channels(struct voxel_model *model, const unsigned char *samples, int level)
{
    if (model->shape.components < 2 || model->shape.components > VOXEL_CHANNELS_MAX)
        return ZBLOB_OK;
    struct chooser chooser = {.model = model, .samples = samples};
    enum zblob_result result = ZBLOB_NO_MEMORY;
    chooser.counts = malloc(VALUES * sizeof *chooser.counts);
    chooser.rows[0] = malloc((size_t)model->shape.width * sizeof(int16_t));
    chooser.rows[1] = malloc((size_t)model->shape.width * sizeof(int16_t));
    if (chooser.counts && chooser.rows[0] && chooser.rows[1])
        result = choose(&chooser, model, level);
    free(chooser.counts);
    free(chooser.rows[0]);
    free(chooser.rows[1]);
    return result;
}
