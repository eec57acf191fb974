/*
 * ranks.c: which values are in use, and whether their ranks suit better. Where they are sparse, an intensity coder
 * spends about the logarithm of their distance on saying which values between them it does not mean.
 */
#include "ranks.h"

#include "../../base/integers.h"
#include "../../base/interrupt.h"
#include "../../base/kept.h"
#include "../chunks.h"
#include "../kernels/ops.h"
#include "../samples.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORTH = 13,       /* in 1/256 of a bit for each sample: below, ranks gain too little */
    WORTH_APART = 26, /* what a map for each component must gain over one for all */
    TABLE_COST = 2,   /* the least gain, in sizes of the map */
    SMALL_SHARE = 16, /* an image is small if the survey has seen one sample in so many */
    LISTED = 1 << 12, /* values that are listed at once */
    BLOCK = 64,       /* values that are passed over at once */
    GREY_ROWS = 64,   /* rows in which grey pixels are counted */
    GREY_SHARE = 2,   /* an image with one grey pixel in so many is grey: components that are equal must remain so */
};

/* Values from..to - 1 may be in use. */
struct span {
    int from, to;
};

static inline bool
is_empty(const uint8_t *used)
{
    uint64_t words[BLOCK / 8], any = 0;
    memcpy(words, used, sizeof words);
    for (int i = 0; i < BLOCK / 8; i++)
        any |= words[i];
    return any == 0;
}

/* Values from..to - 1 that are in use, at most LISTED of them. Without a branch for each, as none could be predicted. */
static inline size_t
list_used(const uint8_t *used, int from, int to, uint16_t *list)
{
    size_t n = 0;
    for (int start = from; start < to; start += BLOCK) {
        int end = to - start < BLOCK ? to : start + BLOCK;
        if (end - start == BLOCK && is_empty(used + start))
            continue;
        for (int v = start; v < end; v++) {
            list[n] = (uint16_t)v;
            n += used[v];
        }
    }
    return n;
}

/* In 1/256. */
static inline uint64_t
quick_log(uint32_t value)
{
    return voxel_quick_log(value) >> (VOXEL_QUICK_LOG_BITS - 8);
}

/* Of the values in use: voxel_spread, and about the bits of their map. */
struct spread {
    uint64_t sum, map_bits;
};

static struct spread
spread_of(const uint32_t *counts, int least, int most, const uint8_t *used, struct span span)
{
    struct spread spread = {0, 17};
    int before = -1, now = -1; /* the last two values in use */
    for (int start = span.from; start < span.to; start += LISTED) {
        uint16_t list[LISTED];
        size_t n = list_used(used, start, span.to - start < LISTED ? span.to : start + LISTED, list);
        for (size_t i = 0; i < n; i++) {
            int v = list[i], left = before < 0 ? v - now : now - before; /* the first has one neighbour */
            if (now >= least && now <= most)
                spread.sum += counts[now] * (quick_log((uint32_t)(left + v - now)) - 256);
            spread.map_bits += 2 * (uint64_t)bit_length((uint32_t)(v - now)) - 1;
            before = now;
            now = v;
        }
    }
    if (before >= 0 && now >= least && now <= most) /* and so has the last one */
        spread.sum += counts[now] * (quick_log((uint32_t)(2 * (now - before))) - 256);
    return spread;
}

uint64_t
voxel_spread(const uint32_t *counts, int least, int most, const uint8_t *used, int from, int to)
{
    return spread_of(counts, least, most, used, (struct span){from, to}).sum;
}

struct look {
    const struct voxel_model *model;
    const struct sample_type *type;
    const uint32_t (*counts)[VOXEL_VALUES];
    uint8_t (*used)[VOXEL_VALUES];
    struct span span;
    int least, most; /* of the values counted */
    uint32_t maps;
    uint64_t seen; /* samples counted */
};

/* What ranks gain for each sample, in 1/256 of a bit; 0 if the maps take too much of it. */
static uint64_t
gain_of(const struct look *look)
{
    const struct voxel_shape *shape = &look->model->shape;
    uint64_t sum = 0, bits = 0, total = shape->width * shape->height * shape->slices * shape->components;
    for (uint32_t i = 0; i < look->maps; i++) {
        struct spread spread = spread_of(look->counts[i], look->least, look->most, look->used[i], look->span);
        sum += spread.sum;
        bits += spread.map_bits;
    }
    uint64_t each = sum / look->seen;
    return each <= WORTH || each * (total / 256) > bits * TABLE_COST ? each : 0;
}

/* Samples of 8 bits without loading them. Words that repeat the one before, as in background, are passed over. */
static void
mark_bytes(uint8_t *used, const unsigned char *at, size_t count, size_t step, unsigned flip)
{
    uint64_t word, before = 0;
    size_t i = 0;
    for (; step == 1 && i + sizeof word <= count; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        if (word == before && i > 0)
            continue;
        before = word;
        for (int shift = 0; shift < 64; shift += 8)
            used[(word >> shift & 255) ^ flip] = 1;
    }
    for (; i < count; i++)
        used[at[i * step] ^ flip] = 1;
}

/* Marks all values of the image. False: they are too dense, or the call was interrupted. */
static bool
mark_values(struct look *look, const unsigned char *samples, int16_t *row)
{
    const struct voxel_model *model = look->model;
    const struct voxel_shape *shape = &model->shape;
    int lowest = voxel_lowest_value(look->type);
    uint64_t rows = shape->slices * shape->height;
    size_t left = 0;
    bool is_small = look->seen * SMALL_SHARE > rows * shape->width * shape->components;
    look->span = (struct span){0, (int)voxel_value_count(look->type)};
    for (uint64_t i = 0; i < rows; i++) {
        const unsigned char *pixels = voxel_row_address(model, samples, i / shape->height, i % shape->height);
        if (interrupt_is_due(&left, (size_t)(shape->width * shape->components)))
            return false;
        for (size_t c = 0; c < shape->components; c++) {
            uint8_t *used = look->used[look->maps > 1 ? c : 0];
            if (look->type->size == 1) {
                mark_bytes(used, pixels + c, (size_t)shape->width, (size_t)shape->components, lowest < 0 ? 0x80 : 0);
                continue;
            }
            voxel_load(model, pixels, c, (size_t)shape->components, row, (size_t)shape->width);
            for (size_t x = 0; x < shape->width; x++)
                used[row[x] - lowest] = 1;
        }
        /* they only become denser; of a small image, the survey has seen nearly as many as come first */
        if ((i == rows / 32 && !is_small) || i == rows / (is_small ? 4 : 8))
            if (gain_of(look) <= WORTH)
                return false;
    }
    return gain_of(look) > WORTH;
}

static bool
is_grey(const struct voxel_model *model, const unsigned char *samples)
{
    const struct voxel_shape *shape = &model->shape;
    size_t size = zblob_sample_size(model->grid.sample_type), pixel = (size_t)shape->components * size;
    uint64_t rows = shape->slices * shape->height, wanted = rows < GREY_ROWS ? rows : GREY_ROWS, grey = 0;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t row = rows * i / wanted;
        const unsigned char *at = voxel_row_address(model, samples, row / shape->height, row % shape->height);
        for (uint64_t x = 0; x < shape->width; x++, at += pixel)
            grey += memcmp(at, at + size, pixel - size) == 0;
    }
    return grey * GREY_SHARE > wanted * shape->width;
}

/* One map for all components. */
static struct look
join_maps(const struct look *look, uint32_t (*counts)[VOXEL_VALUES], uint8_t (*used)[VOXEL_VALUES])
{
    memset(counts, 0, sizeof *counts);
    memset(used, 0, sizeof *used);
    for (uint32_t i = 0; i < look->maps; i++)
        for (int v = look->span.from; v < look->span.to; v++) {
            counts[0][v] += look->counts[i][v];
            used[0][v] |= look->used[i][v];
        }
    struct look joint = *look;
    joint.counts = (const uint32_t(*)[VOXEL_VALUES])counts;
    joint.used = used;
    joint.maps = 1;
    return joint;
}

static enum zblob_result
build(const struct look *look, struct voxel_model *model)
{
    for (uint32_t i = 0; i < look->maps; i++)
        if (!voxel_ranks_build(&model->ranks[i], look->type, look->used[i]))
            return ZBLOB_NO_MEMORY;
    model->ranks_count = look->maps;
    return ZBLOB_OK;
}

static enum zblob_result
choose(const struct look *look, struct voxel_model *model, const unsigned char *samples)
{
    if (look->maps == 1)
        return build(look, model);
    uint32_t(*counts)[VOXEL_VALUES] = kept_take(sizeof *counts);
    uint8_t(*used)[VOXEL_VALUES] = kept_take(sizeof *used);
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (counts && used) {
        struct look joint = join_maps(look, counts, used);
        uint64_t gain = gain_of(&joint);
        result = ZBLOB_OK;
        if (gain_of(look) > gain + WORTH_APART && !is_grey(model, samples))
            result = build(look, model);
        else if (gain > WORTH)
            result = build(&joint, model);
    }
    kept_return(counts);
    kept_return(used);
    return result;
}

void
voxel_drop_ranks(struct voxel_model *model)
{
    for (uint32_t i = 0; i < model->ranks_count; i++) {
        voxel_ranks_free(&model->ranks[i]);
        model->ranks[i] = (struct voxel_ranks){0};
    }
    model->ranks_count = 0;
}

enum zblob_result
voxel_choose_ranks(struct voxel_model *model, const unsigned char *samples, const uint32_t (*counts)[VOXEL_VALUES],
                   uint32_t maps, int least, int most)
{
    struct look look = {.model = model, .counts = counts, .maps = maps, .least = least, .most = most};
    look.type = sample_type_of(model->grid.sample_type);
    look.span = (struct span){least, most + 1};
    int16_t *row = malloc((size_t)model->shape.width * sizeof *row);
    look.used = kept_take_zeros(maps, sizeof *look.used);
    enum zblob_result result = row && look.used ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    for (uint32_t i = 0; i < maps && look.used; i++)
        for (int v = least; v <= most; v++) {
            look.used[i][v] = counts[i][v] > 0;
            look.seen += counts[i][v];
        }
    /* the values that were sampled are fewer than all, and so farther apart */
    if (result == ZBLOB_OK && look.seen > 0 && gain_of(&look) > WORTH && mark_values(&look, samples, row))
        result = choose(&look, model, samples);
    if (result == ZBLOB_OK && interrupt_is_set())
        result = ZBLOB_INTERRUPTED;
    free(row);
    kept_return(look.used);
    return result;
}
