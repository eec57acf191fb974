/*
 * clips.c: the first slice of a chunk refers to no other, so where slices are much like the ones before, as in clips, it
 * takes several times the bits of each other slice, and longer chunks come out smaller. Pieces of rows from all over the
 * image show what a slice takes with the one before, and what it takes without. A fixed rule predicts them: good enough
 * for this comparison, and only for that.
 */
#include "clips.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../memory.h"
#include "../samples.h"

#include <stdlib.h>

enum {
    PIECES = 256,
    PIECE = 32, /* pixels */
    ROWS = 2,   /* a row and the one above it */
    GAIN = 64,  /* chunks of twice the size must save at least 1/GAIN of the bits */
    UNIT = 16,  /* costs are counted in 1/UNIT of a bit */
};

/* Pieces of a component: the row above and the row itself, and the same of the slice before. */
struct look {
    size_t count; /* samples in a row of the piece */
    int16_t now[ROWS][PIECE], before[ROWS][PIECE];
};

/* About the bits of a residual in a context that knows its magnitude. An exact prediction still costs a little. */
static uint32_t
cost_of(int residual)
{
    uint32_t x = 2 * (uint32_t)(residual < 0 ? -residual : residual) + 1, bits = 0;
    while (x >> bits > 1)
        bits++;
    return residual == 0 ? 1 : UNIT * bits + (uint32_t)(((uint64_t)x * UNIT >> bits) - UNIT);
}

/* What is left of sample i, predicted from its neighbours: the middle one of W, N and W + N - NW. */
static int
rest_of(const int16_t (*rows)[PIECE], size_t i)
{
    int w = rows[1][i - 1], n = rows[0][i], plane = w + n - rows[0][i - 1];
    int low = w < n ? w : n, high = w < n ? n : w;
    return rows[1][i] - (plane < low ? low : plane > high ? high : plane);
}

struct costs {
    uint64_t alone, following;
};

/* A piece follows the slice before in the way that is best for it: its values do, or what the rule leaves of them does,
 * or nothing. */
static void
add_costs(struct costs *costs, const struct look *look)
{
    uint64_t alone = 0, values = 0, rests = 0;
    for (size_t i = 1; i < look->count; i++) {
        int rest = rest_of(look->now, i);
        alone += cost_of(rest);
        values += cost_of(look->now[1][i] - look->before[1][i]);
        rests += cost_of(rest - rest_of(look->before, i));
    }
    costs->alone += alone;
    values = values < rests ? values : rests;
    costs->following += values < alone ? values : alone;
}

static void
load_look(struct look *look, const struct voxel_model *model, const unsigned char *samples, uint64_t piece)
{
    const struct voxel_shape *shape = &model->shape;
    size_t pixel = (size_t)shape->components * zblob_sample_size(model->grid.sample_type);
    size_t component = (size_t)(piece % shape->components);
    look->count = shape->width < PIECE ? (size_t)shape->width : PIECE;
    size_t x = hash_place(3 * piece, (size_t)shape->width - look->count + 1);
    size_t y = 1 + hash_place(3 * piece + 1, (size_t)shape->height - 1);
    size_t z = 1 + hash_place(3 * piece + 2, (size_t)shape->slices - 1);
    for (size_t r = 0; r < ROWS; r++) {
        const unsigned char *at = voxel_row_address(model, samples, z, y + r - 1) + x * pixel;
        const unsigned char *last = voxel_row_address(model, samples, z - 1, y + r - 1) + x * pixel;
        voxel_load(model, at, component, (size_t)shape->components, look->now[r], look->count);
        voxel_load(model, last, component, (size_t)shape->components, look->before[r], look->count);
    }
}

static bool
saves_enough(const struct costs *costs, uint64_t slices, uint64_t more)
{
    uint64_t saved = (costs->alone - costs->following) * (more - slices); /* of more * slices slices */
    uint64_t all = costs->alone * more + costs->following * more * (slices - 1);
    return saved * GAIN > all;
}

/* The slices of a chunk if chunks have at most `size` bytes and equal lengths, and their number is 1 or even. */
static uint64_t
slices_within(const struct voxel_model *model, uint64_t size)
{
    uint64_t slice = voxel_row_size(model) * model->shape.height, fit = size / slice;
    if (fit == 0)
        return 0;
    uint64_t chunks = (model->shape.slices + fit - 1) / fit;
    chunks += chunks > 1 && chunks % 2;
    return (model->shape.slices + chunks - 1) / chunks;
}

void
voxel_lengthen_chunks(struct voxel_model *model, const unsigned char *samples)
{
    const struct voxel_shape *shape = &model->shape;
    if (model->chunk_slices == 0 || model->chunk_slices >= shape->slices || shape->height < 2 || shape->width < 2)
        return;
    struct costs costs = {0, 0};
    struct look look;
    for (uint64_t piece = 0; piece < PIECES; piece++) {
        load_look(&look, model, samples, piece);
        add_costs(&costs, &look);
    }
    uint64_t slice = voxel_row_size(model) * shape->height;
    for (uint64_t size = slice * model->chunk_slices; size < ZBLOB_CHUNK_RAW_MAX;) {
        size = 2 * size < ZBLOB_CHUNK_RAW_MAX ? 2 * size : ZBLOB_CHUNK_RAW_MAX;
        uint32_t before = model->chunk_slices;
        uint64_t more = slices_within(model, size);
        if (more > before && !saves_enough(&costs, before, more))
            return;
        model->chunk_slices = more > before ? (uint32_t)more : before;
        if (voxel_format_memory(model) > VOXEL_CHUNK_MEMORY_MAX) {
            model->chunk_slices = before;
            return;
        }
    }
}
