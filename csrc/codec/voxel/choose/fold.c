/*
 * fold.c: the rows of an image that has a single one: those that it had before someone flattened it, or, for a signal,
 * stretches of equal length, which become rows so that earlier samples are the rows above.
 */
#include "fold.h"

#include "../../base/hash.h"
#include "../samples.h"

enum { PROBES = 2048, ROW_MAX = 1 << 15, SIGNAL_ROWS = 1024, SIGNAL_SLICE = 2 << 20 };

/* Mean difference, in 1/16, of samples `lag` pixels apart, at places spread by a hash. */
static uint64_t
difference_at(const struct voxel_model *model, const unsigned char *samples, uint64_t lag)
{
    uint64_t pixel = model->shape.components * zblob_sample_size(model->grid.sample_type), sum = 0;
    uint64_t places = model->shape.width - lag, probes = places / 32 < PROBES ? places / 32 : PROBES;
    for (uint64_t i = 0; i < probes; i++) {
        uint64_t span = places / probes, at = i * span + hash_place(i, span);
        int16_t a, b;
        voxel_load(model, samples + at * pixel, 0, 1, &a, 1);
        voxel_load(model, samples + (at + lag) * pixel, 0, 1, &b, 1);
        sum += (uint64_t)(a > b ? a - b : b - a);
    }
    return sum * 16 / probes;
}

/* The divisor d of `whole` in from..to with the least difference at d * unit, if that is below `limit`; else 0. */
static uint64_t
best_divisor(const struct voxel_model *model, const unsigned char *samples, uint64_t whole, uint64_t from, uint64_t to,
             uint64_t unit, uint64_t limit, uint64_t *least)
{
    uint64_t best = 0;
    *least = limit;
    for (uint64_t d = from; d <= to && d * 2 <= whole; d++) {
        if (whole % d)
            continue;
        uint64_t difference = difference_at(model, samples, d * unit);
        /* clearly less: in noise, the multiples of the true divisor are about as good */
        if (difference * 32 < *least * 31) {
            *least = difference;
            best = d;
        }
    }
    return best;
}

static bool
fold(struct voxel_model *model, uint64_t width, uint64_t height)
{
    model->is_folded = voxel_fold_shape(&model->shape, width, height, zblob_sample_size(model->grid.sample_type));
    return model->is_folded;
}

bool
voxel_choose_fold(struct voxel_model *model, const unsigned char *samples, bool *is_signal)
{
    uint64_t pixels = model->shape.width, least, unused, next = 2 * difference_at(model, samples, 1) + 1;
    uint64_t width = best_divisor(model, samples, pixels, VOXEL_ROW_MIN, ROW_MAX, 1, next, &least);
    /* in noise, samples at any distance are as similar: then the width means nothing, and rows may be as long as one likes */
    if (width && difference_at(model, samples, width + width / 2 + 1) * 31 < least * 32)
        width = 0;
    *is_signal = width == 0;
    if (width) {
        uint64_t rows = pixels / width;
        uint64_t height = best_divisor(model, samples, rows, VOXEL_ROW_MIN, ROW_MAX, width, 2 * least + 1, &unused);
        return fold(model, width, height ? height : rows);
    }
    uint64_t size = pixels * model->shape.components * zblob_sample_size(model->grid.sample_type);
    uint64_t slice = pixels / ((size + SIGNAL_SLICE - 1) / SIGNAL_SLICE);
    uint64_t rows = slice < SIGNAL_ROWS * 256 ? SIGNAL_ROWS / 4 : SIGNAL_ROWS;
    return fold(model, slice / rows, rows);
}
