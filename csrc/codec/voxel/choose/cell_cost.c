/* cell_cost.c: what cells take, from rows all over the image. */
#include "cell_cost.h"

#include "../../base/hash.h"
#include "../wide/cells.h"
#include "residuals.h"

#include <string.h>

enum { SAMPLES = 1 << 15, PREDICTIONS = 6 };

struct counts {
    uint32_t classes[PREDICTIONS][RESIDUAL_CLASSES];
    uint64_t seen, inner_bits;
};

/* A row with the one above it, and the same two of the slice before. */
static void
count_row(struct counts *c, const uint16_t *now, size_t width, size_t components, size_t slice)
{
    const uint16_t *n = now - width, *p = slice ? now - slice : n, *pn = slice ? p - width : n;
    for (size_t i = components; i < width; i++) {
        int32_t w = now[i - components], nw = n[i - components];
        int32_t predictions[PREDICTIONS] = {n[i],
                                            w,
                                            w + n[i] - nw,
                                            p[i],
                                            n[i] + p[i] - pn[i],
                                            w + n[i] + p[i] - nw - p[i - components] - pn[i] + pn[i - components]};
        for (int k = 0; k < PREDICTIONS; k++)
            count_residual(c->classes[k], now[i] - predictions[k]);
    }
    c->seen += width - components;
}

static void
count_inner_bits(struct counts *c, const uint8_t *widths, const uint16_t *now, size_t width, size_t components)
{
    for (size_t i = components; i < width; i++)
        c->inner_bits += widths[now[i]];
}

static void
set_widths(uint8_t *widths, const struct voxel_wide *wide)
{
    memset(widths, 0, CELLS_MAX);
    for (uint32_t r = 0; wide && r < wide->run_count; r++)
        memset(widths + wide->runs[r].first, wide->runs[r].width, wide->runs[r].count);
}

uint64_t
voxel_cell_bits(const struct voxel_shape *shape, const uint16_t *cells, const struct voxel_wide *wide)
{
    struct counts c = {.seen = 1};
    uint8_t widths[CELLS_MAX];
    size_t components = (size_t)shape->components, width = (size_t)shape->width * components;
    size_t height = (size_t)shape->height, slice = width * height;
    uint64_t rows = shape->slices * height, wanted = SAMPLES / width + 8, best = UINT64_MAX;
    wanted = wanted < rows ? wanted : rows;
    set_widths(widths, wide);
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t start = rows * i / wanted, span = rows * (i + 1) / wanted - start, row = start + hash_place(i, span);
        if (row % height == 0)
            continue;
        count_row(&c, cells + row * width, width, components, row > height ? slice : 0);
        count_inner_bits(&c, widths, cells + row * width, width, components);
    }
    for (int k = 0; k < PREDICTIONS; k++) {
        uint64_t cost = residual_cost(c.classes[k]);
        best = cost < best ? cost : best;
    }
    return (best / 16 + c.inner_bits) * (rows * width / 64) / (c.seen / 64 + 1);
}
