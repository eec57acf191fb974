/* model.c: the model's serialized form: written in the encoder, read from hostile bytes. */
#include "model.h"

#include "../base/bits.h"
#include "../base/integers.h"
#include "layouts.h"
#include "raster/codec.h"
#include "wide/cells.h"
#include "wide/cells_format.h"

#include <stdlib.h>
#include <string.h>

enum {
    FLAG_LABEL = 1,
    FLAG_REFERENCE = 2,
    FLAG_FLOOR = 4,
    FLAG_RANKS = 8,
    FLAG_WIDE = 16,
    FLAG_MARGINS = 32,
    FLAG_TRANSPOSED = 64,
    FLAG_FOLDED = 128,
    FLAG_SERIES = 256,
    FLAG_FEW_STATES = 512,
    FLAG_PLATEAUS = 1024,
    FLAG_RASTER = 2048,
    FLAG_PREDICTED = 4096,
    FLAG_MIXED = 8192,
    FLAGS_ALL = 16383,
    FLAGS_OF_PIXELS = FLAG_LABEL | FLAG_MIXED | FLAG_RASTER | FLAG_FOLDED, /* the others are about intensities */
    FLAGS_OF_PREDICTED = FLAG_PREDICTED | FLAG_RANKS,
};

enum { SHORTEST_FOLD = 8192 }; /* pixels of an image of one row */

bool
voxel_accepts(const struct zblob_grid *grid)
{
    struct voxel_shape shape;
    size_t sample_size = zblob_sample_size(grid->sample_type);
    if (sample_size == 0 || !voxel_shape_of(&shape, grid))
        return false;
    uint64_t row = shape.width * shape.components * sample_size;
    /* A row is handled whole, and a single one leaves nothing to predict from: it is folded. */
    return (shape.height > 1 ? row <= VOXEL_ROW_SIZE_MAX : shape.width >= SHORTEST_FOLD) && shape.components <= 256 &&
           shape.slices <= UINT32_MAX && shape.height <= UINT32_MAX;
}

struct voxel_model *
voxel_model_new(const struct zblob_grid *grid)
{
    struct voxel_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return NULL;
    model->grid = *grid;
    model->distance = 1;
    model->kinds = calloc(VOXEL_KINDS_MAX, sizeof *model->kinds);
    if (model->kinds == NULL || !voxel_shape_of(&model->shape, grid)) {
        voxel_model_free(model);
        return NULL;
    }
    uint64_t components = model->shape.components;
    model->kind_count = 1 + (uint32_t)(components < 4 ? components : 4);
    return model;
}

bool
voxel_widen_model(struct voxel_model *model)
{
    model->wide = voxel_wide_new(&model->grid);
    model->grid.sample_type = ZBLOB_UINT16;
    model->grid.big_endian = false;
    return model->wide != NULL;
}

void
voxel_drop_code(struct voxel_model *model)
{
    free(model->coded);
    model->coded = NULL;
    model->coded_size = 0;
}

void
voxel_model_free(struct voxel_model *model)
{
    if (model == NULL)
        return;
    for (uint32_t i = 0; i < VOXEL_CHANNELS_MAX; i++)
        voxel_ranks_free(&model->ranks[i]);
    voxel_wide_free(model->wide);
    free(model->kinds);
    free(model->packed);
    free(model->coded);
    free(model);
}

size_t
voxel_model_memory(const struct voxel_model *model)
{
    size_t size = sizeof *model + VOXEL_KINDS_MAX * sizeof *model->kinds;
    for (uint32_t i = 0; i < model->ranks_count; i++)
        size += 2 * sizeof(uint16_t) * model->ranks[i].count;
    return size + (model->wide ? sizeof *model->wide + model->wide->run_count * sizeof *model->wide->runs : 0);
}

/* Weights in steps of 4/4096; the first tap's is what is missing to 4096. */
static void
write_predictor(struct bit_writer *w, const struct voxel_predictor *p, const struct voxel_layout *layout, int classes)
{
    for (int t = 1; t < layout->tap_count; t++)
        for (int c = 0; c < classes; c++) {
            int previous = c ? p->weights[t][c - 1] : 0;
            bits_put_golomb(w, zigzag((p->weights[t][c] - previous) / 4), 7);
        }
    for (int i = 0; i < 3 && layout->has_pairs; i++)
        bits_put(w, p->activity[i], 16);
    for (int i = 0; i < layout->error_count + 3 * layout->has_pairs; i++)
        bits_put(w, p->context_weights[i], 16);
}

static bool
read_predictor(struct bit_reader *r, struct voxel_predictor *p, const struct voxel_layout *layout, int classes)
{
    for (int t = 1; t < layout->tap_count; t++)
        for (int c = 0; c < classes; c++) {
            int32_t v = (c ? p->weights[t][c - 1] : 0) + 4 * (int32_t)unzigzag(bits_get_golomb(r, 7));
            if (v < -VOXEL_WEIGHT_LIMIT || v > VOXEL_WEIGHT_LIMIT || r->overflow)
                return false;
            p->weights[t][c] = (int16_t)v;
        }
    for (int i = 0; i < 3 && layout->has_pairs; i++)
        p->activity[i] = (uint16_t)bits_get(r, 16);
    for (int i = 0; i < layout->error_count + 3 * layout->has_pairs; i++)
        p->context_weights[i] = (uint16_t)bits_get(r, 16);
    for (int c = 0; c < VOXEL_CLASSES; c++) {
        int32_t sum = 0, size = 0;
        for (int t = 1; t < layout->tap_count; t++) {
            if (c >= classes)
                p->weights[t][c] = p->weights[t][0];
            sum += p->weights[t][c];
            size += p->weights[t][c] < 0 ? -p->weights[t][c] : p->weights[t][c];
        }
        int32_t first = (1 << VOXEL_WEIGHT_BITS) - sum;
        if (first < -VOXEL_WEIGHT_LIMIT || first > VOXEL_WEIGHT_LIMIT ||
            size + (first < 0 ? -first : first) > VOXEL_WEIGHT_SUM_LIMIT)
            return false;
        p->weights[0][c] = (int16_t)first;
    }
    return !r->overflow;
}

static bool
kind_in_use(const struct voxel_model *model, uint32_t kind)
{
    if (kind == 0)
        return true;
    if (!model->use_reference)
        return false;
    return (kind > 1 && !model->is_apart) || model->chunk_slices > 1;
}

int
voxel_plain_tables(const struct voxel_model *model)
{
    int bins = voxel_preset_bins(model->preset), count = bins + voxel_preset_split(model->preset);
    return model->use_floor ? count + bins / 2 * VOXEL_FLOOR_LEVELS : count;
}

int
voxel_table_count(const struct voxel_model *model)
{
    return voxel_plain_tables(model) + (int)model->plateau_count;
}

void
voxel_index_bins(struct voxel_model *model)
{
    int bin = 0, bins = voxel_preset_bins(model->preset);
    for (int step = 0; step < VOXEL_STEPS_MAX; step++) {
        while (bin + 1 < bins && model->thresholds[bin + 1] <= step)
            bin++;
        model->bin_of[step] = (uint16_t)bin;
    }
}

static const struct voxel_layout *
layout_of(const struct voxel_model *model, uint32_t kind, int parity)
{
    return voxel_find_layout(model->preset, kind, model->chunk_slices > 1, parity);
}

static bool
may_have_channels(const struct voxel_model *model)
{
    return model->shape.components > 1 && model->shape.components <= VOXEL_CHANNELS_MAX;
}

static void
write_ranks(struct bit_writer *w, const struct voxel_model *model)
{
    if (may_have_channels(model))
        bits_put(w, model->ranks_count > 1, 1);
    for (uint32_t i = 0; i < model->ranks_count; i++)
        voxel_ranks_write(w, &model->ranks[i]);
}

static bool
read_ranks(struct bit_reader *r, struct voxel_model *model)
{
    bool each = may_have_channels(model) && bits_get(r, 1);
    model->ranks_count = each ? (uint32_t)model->shape.components : 1;
    for (uint32_t i = 0; i < model->ranks_count; i++)
        if (!voxel_ranks_read(r, &model->ranks[i], sample_type_of(model->grid.sample_type), voxel_sample_count(model)))
            return false;
    return true;
}

static void
write_channels(struct bit_writer *w, const struct voxel_model *model)
{
    bits_put(w, model->channel_count > 0, 1);
    for (uint32_t i = 0; i < model->channel_count; i++) {
        const struct voxel_channel *channel = &model->channels[i];
        bits_put(w, channel->component, 2);
        bits_put(w, channel->minus, 2);
        bits_put(w, channel->use_floor, 1);
        bits_put(w, channel->offset, 16);
        bits_put(w, (uint16_t)channel->low, 16);
        bits_put(w, (uint16_t)channel->high, 16);
    }
}

static bool
read_channels(struct bit_reader *r, struct voxel_model *model)
{
    unsigned seen = 0;
    model->channel_count = bits_get(r, 1) ? (uint32_t)model->shape.components : 0;
    for (uint32_t i = 0; i < model->channel_count; i++) {
        struct voxel_channel *channel = &model->channels[i];
        channel->component = (uint8_t)bits_get(r, 2);
        channel->minus = (uint8_t)bits_get(r, 2);
        channel->use_floor = bits_get(r, 1);
        channel->offset = (uint16_t)bits_get(r, 16);
        channel->low = (int16_t)bits_get(r, 16);
        channel->high = (int16_t)bits_get(r, 16);
        seen |= 1u << channel->component;
        if (channel->minus > i || channel->low > channel->high || (channel->use_floor && !model->use_floor))
            return false;
    }
    return model->channel_count == 0 || seen == (1u << model->channel_count) - 1;
}

/* The cells of planes that there are, one after the other. */
static int
list_cells(const struct voxel_model *model, uint16_t cells[VOXEL_PLATEAU_CELLS_ALL])
{
    bool later = model->use_reference && model->shape.components > 1 && !model->is_apart;
    bool following = model->chunk_slices > 1, in_use[VOXEL_PLATEAU_KINDS] = {
                                                  [VOXEL_PLATEAU_ALONE] = true,
                                                  [VOXEL_PLATEAU_REFERENCE] = model->use_reference && following,
                                                  [VOXEL_PLATEAU_LATER] = later,
                                                  [VOXEL_PLATEAU_LATER_FOLLOWING] = later && following,
                                              };
    int count = 0;
    for (int i = 0; i < VOXEL_PLATEAU_CELLS_ALL; i++)
        if (in_use[i / (2 * VOXEL_PLATEAU_CELLS)])
            cells[count++] = (uint16_t)i;
    return count;
}

/* Runs of cells with the same table: its number, and how many they are. */
static void
write_plateaus(struct bit_writer *w, const struct voxel_model *model)
{
    uint16_t cells[VOXEL_PLATEAU_CELLS_ALL];
    int count = list_cells(model, cells);
    bits_put(w, model->plateau_count, 7);
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && model->plateau_map[cells[end]] == model->plateau_map[cells[i]]; end++)
            ;
        bits_put(w, model->plateau_map[cells[i]], 7);
        bits_put_golomb(w, (uint32_t)(end - i - 1), 0);
    }
}

static bool
read_plateaus(struct bit_reader *r, struct voxel_model *model)
{
    uint16_t cells[VOXEL_PLATEAU_CELLS_ALL];
    int count = list_cells(model, cells);
    model->plateau_count = bits_get(r, 7);
    if (model->plateau_count == 0 || model->plateau_count > VOXEL_PLATEAU_TABLES_MAX)
        return false;
    for (int i = 0; i < count;) {
        uint32_t table = bits_get(r, 7), more = bits_get_golomb(r, 0);
        if (table > model->plateau_count || more >= (uint32_t)(count - i) || r->overflow)
            return false;
        for (uint32_t k = 0; k <= more; k++)
            model->plateau_map[cells[i++]] = (uint8_t)table;
    }
    return true;
}

static void
write_contexts(struct bit_writer *w, const struct voxel_model *model)
{
    bits_put(w, model->shift, 4);
    bits_put(w, model->energy_shift, 4);
    for (int b = 1; b < voxel_preset_bins(model->preset); b++)
        bits_put(w, model->thresholds[b], 8);
}

static bool
read_contexts(struct bit_reader *r, struct voxel_model *model)
{
    model->shift = (uint8_t)bits_get(r, 4);
    model->energy_shift = (uint8_t)bits_get(r, 4);
    if (model->shift > VOXEL_SHIFT_MAX || model->energy_shift > VOXEL_ENERGY_SHIFT_MAX)
        return false;
    for (int b = 1; b < voxel_preset_bins(model->preset); b++) {
        model->thresholds[b] = (uint8_t)bits_get(r, 8);
        if (model->thresholds[b] < model->thresholds[b - 1])
            return false;
    }
    voxel_index_bins(model);
    return true;
}

static void
write_intensity(struct bit_writer *w, const struct voxel_model *model)
{
    if (may_have_channels(model))
        write_channels(w, model);
    bits_put(w, model->preset, 4);
    if (model->preset != VOXEL_PRESET_SWIFT)
        write_contexts(w, model);
    if (model->plateau_count)
        write_plateaus(w, model);
    for (uint32_t k = 0; k < model->kind_count; k++) {
        const struct voxel_kind *kind = &model->kinds[k];
        if (!kind_in_use(model, k))
            continue;
        if (model->preset != VOXEL_PRESET_SWIFT)
            bits_put(w, kind->single_class, 1);
        for (int parity = 0; parity < 2; parity++)
            write_predictor(w, &kind->parity[parity], layout_of(model, k, parity),
                            kind->single_class ? 1 : VOXEL_CLASSES);
    }
}

static bool
read_intensity(struct bit_reader *r, struct voxel_model *model)
{
    if (may_have_channels(model) && !read_channels(r, model))
        return false;
    model->preset = (uint8_t)bits_get(r, 4);
    bool is_swift = model->preset == VOXEL_PRESET_SWIFT;
    if (model->preset >= VOXEL_PRESET_COUNT)
        return false;
    if (is_swift ? model->use_floor || model->use_margins || model->has_few_states || model->plateau_count
                 : !read_contexts(r, model))
        return false;
    if (model->plateau_count && !read_plateaus(r, model))
        return false;
    for (uint32_t k = 0; k < model->kind_count; k++) {
        struct voxel_kind *kind = &model->kinds[k];
        if (!kind_in_use(model, k))
            continue;
        kind->single_class = is_swift || bits_get(r, 1);
        for (int parity = 0; parity < 2; parity++)
            if (!read_predictor(r, &kind->parity[parity], layout_of(model, k, parity),
                                kind->single_class ? 1 : VOXEL_CLASSES))
                return false;
    }
    return true;
}

static bool
is_predicted(const struct voxel_model *model)
{
    return model->is_raster && model->way == RASTER_PREDICTED;
}

static void
write_way(struct bit_writer *w, const struct voxel_model *model)
{
    if (!is_predicted(model))
        bits_put(w, model->way == RASTER_BY_VALUE, 1);
    for (int i = 0; i < RASTER_WEIGHTS && is_predicted(model); i++)
        bits_put(w, (uint32_t)(model->raster_weights[i] + RASTER_WEIGHT_MOST + 1), RASTER_WEIGHT_BITS);
}

/* The range is one of samples, or of ranks. */
static bool
read_way(struct bit_reader *r, struct voxel_model *model)
{
    const struct sample_type *type = sample_type_of(model->grid.sample_type);
    if (!is_predicted(model)) {
        model->way = bits_get(r, 1) ? RASTER_BY_VALUE : RASTER_BY_DIFFERENCE;
        return model->way == RASTER_BY_DIFFERENCE || type->size == 1;
    }
    for (int i = 0; i < RASTER_WEIGHTS; i++)
        model->raster_weights[i] = (int16_t)((int)bits_get(r, RASTER_WEIGHT_BITS) - RASTER_WEIGHT_MOST - 1);
    uint32_t values = model->ranks_count ? model->ranks[0].count : voxel_value_count(type);
    int lowest = voxel_lowest_value(type);
    return model->low >= lowest && model->high - lowest < (int)values &&
           voxel_sample_count(model) <= ZBLOB_CHUNK_RAW_MAX / type->size && model->shape.width <= PREDICTED_WIDTH_MAX;
}

static bool
is_one_chunk(const struct voxel_model *model)
{
    return model->chunk_slices == model->shape.slices && model->chunk_rows == model->shape.height;
}

static void
write_cut(struct bit_writer *w, const struct voxel_model *model)
{
    bits_put(w, is_one_chunk(model), 1);
    if (!is_one_chunk(model)) {
        bits_put(w, model->chunk_slices, 32);
        bits_put(w, model->chunk_rows, 32);
    }
}

static void
read_cut(struct bit_reader *r, struct voxel_model *model)
{
    bool is_one = is_predicted(model) || bits_get(r, 1);
    model->chunk_slices = is_one ? (uint32_t)model->shape.slices : bits_get(r, 32);
    model->chunk_rows = is_one ? (uint32_t)model->shape.height : bits_get(r, 32);
}

static void
write_range(struct bit_writer *w, const struct voxel_model *model)
{
    if (voxel_has_pixels(model) && !is_predicted(model))
        return;
    bits_put(w, (uint16_t)model->low, 16);
    bits_put(w, (uint16_t)model->high, 16);
    if (!is_predicted(model))
        bits_put(w, (uint16_t)model->modal, 16);
}

static void
read_range(struct bit_reader *r, struct voxel_model *model)
{
    if (voxel_has_pixels(model) && !is_predicted(model))
        return;
    model->low = (int16_t)bits_get(r, 16);
    model->high = (int16_t)bits_get(r, 16);
    if (!is_predicted(model))
        model->modal = (int16_t)bits_get(r, 16);
}

static void
write_model(struct bit_writer *w, const struct voxel_model *model)
{
    bool ranks = model->ranks_count > 0, wide = model->wide != NULL;
    bits_put(w,
             (uint32_t)(model->is_label * FLAG_LABEL + model->use_reference * FLAG_REFERENCE +
                        model->use_floor * FLAG_FLOOR + model->use_margins * FLAG_MARGINS +
                        model->is_transposed * FLAG_TRANSPOSED + model->is_folded * FLAG_FOLDED +
                        (model->distance > 1) * FLAG_SERIES + model->has_few_states * FLAG_FEW_STATES +
                        (model->plateau_count > 0) * FLAG_PLATEAUS + is_predicted(model) * FLAG_PREDICTED +
                        (model->is_raster && !is_predicted(model)) * FLAG_RASTER + ranks * FLAG_RANKS +
                        wide * FLAG_WIDE + model->is_mixed * FLAG_MIXED),
             16);
    if (model->is_folded) {
        bits_put(w, (uint32_t)(model->is_transposed ? model->shape.height : model->shape.width), 32);
        bits_put(w, (uint32_t)(model->is_transposed ? model->shape.width : model->shape.height), 32);
    }
    if (!is_predicted(model))
        write_cut(w, model);
    if (model->distance > 1)
        bits_put(w, model->distance, 32);
    write_range(w, model);
    if (wide) {
        bits_put(w, model->is_apart, 1);
        wide_write_cells(w, model->wide);
    }
    if (ranks)
        write_ranks(w, model);
    if (model->is_raster)
        write_way(w, model);
    if (!voxel_has_pixels(model))
        write_intensity(w, model);
    bits_flush(w);
}

static bool
read_model(struct bit_reader *r, struct voxel_model *model)
{
    uint32_t flags = bits_get(r, 16);
    if (flags & ~(uint32_t)FLAGS_ALL)
        return false;
    uint32_t width = flags & FLAG_FOLDED ? bits_get(r, 32) : 0;
    uint32_t height = flags & FLAG_FOLDED ? bits_get(r, 32) : 0;
    size_t sample_size = zblob_sample_size(model->grid.sample_type);
    model->is_folded = flags & FLAG_FOLDED;
    if (model->is_folded ? !voxel_fold_shape(&model->shape, width, height, sample_size) : model->shape.height < 2)
        return false;
    model->is_label = flags & FLAG_LABEL;
    model->is_mixed = flags & FLAG_MIXED;
    model->is_raster = flags & (FLAG_RASTER | FLAG_PREDICTED);
    model->way = flags & FLAG_PREDICTED ? RASTER_PREDICTED : RASTER_BY_DIFFERENCE;
    bool is_wide = voxel_is_wide(model->grid.sample_type), has_cells = flags & FLAG_WIDE;
    uint32_t flags_of_pixels = is_predicted(model) ? FLAGS_OF_PREDICTED : FLAGS_OF_PIXELS;
    if (voxel_has_pixels(model) ? flags & ~flags_of_pixels : is_wide && !has_cells)
        return false;
    if (model->is_mixed && !model->is_label)
        return false;
    if (model->is_raster && (model->is_label || !raster_accepts(model->grid.sample_type, model->shape.components)))
        return false;
    if (is_predicted(model) && model->shape.components > 1)
        return false;
    r->lacks_memory = has_cells && !voxel_widen_model(model);
    if (r->lacks_memory)
        return false;
    model->use_reference = flags & FLAG_REFERENCE;
    model->use_floor = flags & FLAG_FLOOR;
    model->use_margins = flags & FLAG_MARGINS;
    model->has_few_states = flags & FLAG_FEW_STATES;
    model->is_transposed = flags & FLAG_TRANSPOSED;
    if (model->is_transposed)
        voxel_transpose_shape(&model->shape);
    read_cut(r, model);
    if (flags & FLAG_SERIES)
        model->distance = bits_get(r, 32);
    read_range(r, model);
    model->plateau_count = (flags & FLAG_PLATEAUS) != 0; /* at least one table */
    if (model->wide) {
        model->is_apart = bits_get(r, 1);
        if (!wide_read_cells(r, model->wide, voxel_sample_count(model)) || (!is_wide && !model->wide->has_maps))
            return false;
    }
    if (flags & FLAG_RANKS && !read_ranks(r, model))
        return false;
    if (flags & FLAG_SERIES && (model->distance < 2 || model->distance >= model->chunk_slices))
        return false;
    if (r->overflow || model->low > model->high || model->chunk_slices > model->shape.slices ||
        model->chunk_rows == 0 || model->chunk_rows > model->shape.height ||
        (model->chunk_slices > 0 && model->chunk_rows != model->shape.height) ||
        (model->is_transposed && (model->chunk_slices == 0 || model->shape.width < VOXEL_ROW_MIN)))
        return false;
    if (model->is_raster && !read_way(r, model))
        return false;
    return (voxel_has_pixels(model) || read_intensity(r, model)) && !r->overflow;
}

bool
voxel_model_pack(struct voxel_model *model)
{
    unsigned char none;
    struct bit_writer writer = bits_write_to(&none, 0); /* counts */
    write_model(&writer, model);
    model->packed_size = writer.lost_size;
    model->packed = malloc(model->packed_size);
    if (model->packed == NULL)
        return false;
    writer = bits_write_to(model->packed, model->packed_size);
    write_model(&writer, model);
    return !writer.overflow && writer.at == writer.end; /* what has memory the second time only is longer or shorter */
}

size_t
voxel_model_size(const struct voxel_model *model)
{
    return model->packed_size;
}

void
voxel_model_write(const struct voxel_model *model, unsigned char *dst)
{
    memcpy(dst, model->packed, model->packed_size);
}

enum zblob_result
voxel_model_read(struct voxel_model **model, const struct zblob_grid *grid, const unsigned char *src, size_t src_size)
{
    *model = NULL;
    if (!voxel_accepts(grid))
        return ZBLOB_DAMAGED;
    struct voxel_model *m = voxel_model_new(grid);
    if (m == NULL)
        return ZBLOB_NO_MEMORY;
    struct bit_reader reader = bits_read_from(src, src_size);
    if (!read_model(&reader, m) || !bits_are_used_up(&reader)) {
        voxel_model_free(m);
        return reader.lacks_memory ? ZBLOB_NO_MEMORY : ZBLOB_DAMAGED;
    }
    *model = m;
    return ZBLOB_OK;
}
