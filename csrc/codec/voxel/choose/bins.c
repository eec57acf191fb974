/*
 * bins.c: how the energies of an image are cut into bins, each with a frequency table of its own: the scale of their
 * steps, and the thresholds. It works on counts of energies.
 */
#include "bins.h"

#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    TABLE_BITS = 360,
    OCTAVE_BITS = 4,  /* a price for each sixteenth of an octave of means, */
    LOWEST_MEAN = -5, /* from 2^-5 on, the lowest one, */
    OCTAVES = 18,     /* to beyond the largest one */
    PRICES = (OCTAVES << OCTAVE_BITS) + 1,
};

/* For one scale of steps, without those that no sample is in: the number of samples in all steps before each, and the sum
 * of their energies. */
struct steps {
    uint32_t used;
    uint8_t number[VOXEL_STEPS_MAX]; /* of a step, among all steps */
    double count[VOXEL_STEPS_MAX + 1], energy[VOXEL_STEPS_MAX + 1];
};

/* Section 7 of the format. */
static uint32_t
step_of(uint32_t energy, int shift, uint32_t steps)
{
    uint32_t fine = energy >> shift, half = steps / 2;
    uint32_t coarse = fine < half ? 0 : (fine - half) >> VOXEL_COARSE_SHIFT;
    return fine < half ? fine : half + (coarse < half ? coarse : half - 1);
}

static void
sum_steps(const struct voxel_energy *energies, size_t n, int shift, uint32_t steps, struct steps *sums)
{
    uint64_t count[VOXEL_STEPS_MAX] = {0}, energy[VOXEL_STEPS_MAX] = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t step = step_of(energies[i].value, shift, steps);
        count[step] += energies[i].count;
        energy[step] += (uint64_t)energies[i].count * energies[i].value;
    }
    sums->used = 0;
    sums->count[0] = sums->energy[0] = 0;
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t k = sums->used;
        if (count[step] == 0)
            continue;
        sums->number[k] = (uint8_t)step;
        sums->count[k + 1] = sums->count[k] + (double)count[step];
        sums->energy[k + 1] = sums->energy[k] + (double)energy[step];
        sums->used++;
    }
}

/* libm is not used: its last bit differs between platforms. */
static double
log2_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int whole = (int)(bits >> 52 & 2047) - 1023; /* x is at least 1 */
    bits = (bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(1023) << 52;
    memcpy(&x, &bits, sizeof x);
    if (x > 1.4142135623730951) {
        x = x * 0.5;
        whole++;
    }
    double y = (x - 1) / (x + 1), square = y * y;
    double sum = square * 0.1111111111111111 + 0.14285714285714285;
    sum = sum * square + 0.2;
    sum = sum * square + 0.3333333333333333;
    sum = (sum * square + 1) * y;
    double fraction = sum * 2.8853900817779268; /* 2 / ln 2 */
    return whole + fraction;
}

/* Bits of a sample whose magnitude is distributed geometrically with this mean: of the magnitude and its sign. */
static double
price_of(double mean)
{
    double inverse = mean * log2_of(1 + 1 / mean), sign = mean / (1 + mean);
    return log2_of(1 + mean) + inverse + sign;
}

static void
fill_prices(float prices[PRICES])
{
    for (int i = 0; i < PRICES; i++) {
        uint64_t bits = (uint64_t)(((1023 + LOWEST_MEAN) << OCTAVE_BITS) + i) << (52 - OCTAVE_BITS);
        double mean;
        memcpy(&mean, &bits, sizeof mean);
        prices[i] = (float)price_of(mean);
    }
}

/* Bits of the samples of steps from..to - 1 as one bin, with the mean that the energies predict (in sixteenths), which is
 * taken to be above 0. The price is interpolated. */
static float
bits_of(const struct steps *steps, const float prices[PRICES], uint32_t from, uint32_t to)
{
    double count = steps->count[to] - steps->count[from];
    double mean = ((steps->energy[to] - steps->energy[from]) / count + 0.5) / 16;
    uint64_t bits;
    memcpy(&bits, &mean, sizeof bits);
    uint64_t place = bits - ((uint64_t)(1023 + LOWEST_MEAN) << 52);
    const float *price = prices + (place >> (52 - OCTAVE_BITS));
    float part = (float)(uint32_t)(place >> (20 - OCTAVE_BITS)) * 0x1p-32F;
    return (float)count * (price[0] + part * (price[1] - price[0]));
}

/* For one scale: bits of steps from..to - 1 as one bin, and of the first steps in the bins so far. */
struct cuts {
    float bits[VOXEL_STEPS_MAX][VOXEL_STEPS_MAX + 1]; /* [from][to]; 66 kB of stack */
    float best[VOXEL_STEPS_MAX + 1];
    uint8_t from[VOXEL_BINS_MAX][VOXEL_STEPS_MAX + 1]; /* where the last bin starts, by the number of bins less one */
};

/* One bin more, the b-th after the first. All ends are tried for one start, and then for the next, which compilers
 * vectorise. */
static void
add_bin(struct cuts *cuts, uint32_t steps, uint32_t b)
{
    float fewest[VOXEL_STEPS_MAX + 1];
    uint32_t from[VOXEL_STEPS_MAX + 1];
    for (uint32_t to = b + 1; to <= steps; to++) {
        fewest[to] = cuts->best[b] + cuts->bits[b][to];
        from[to] = b;
    }
    for (uint32_t start = b + 1; start < steps; start++) {
        const float *bits = cuts->bits[start], before = cuts->best[start];
        for (uint32_t to = start + 1; to <= steps; to++) {
            float sum = before + bits[to];
            from[to] = sum < fewest[to] ? start : from[to];
            fewest[to] = sum < fewest[to] ? sum : fewest[to];
        }
    }
    for (uint32_t to = b + 1; to <= steps; to++) {
        cuts->best[to] = fewest[to];
        cuts->from[b][to] = (uint8_t)from[to];
    }
}

/* Cuts the steps into at most so many bins so that the bits are fewest, where each bin costs so many, and returns those.
 * starts[b] is where bin b starts; those that are left over start nowhere. */
static double
cut_steps(const struct steps *sums, const float prices[PRICES], int bins, double bin_bits,
          uint8_t starts[VOXEL_BINS_MAX])
{
    struct cuts cuts;
    uint32_t steps = sums->used;
    cuts.best[0] = 0;
    for (uint32_t i = 0; i < steps; i++)
        for (uint32_t j = i + 1; j <= steps; j++)
            cuts.bits[i][j] = bits_of(sums, prices, i, j);
    for (uint32_t j = 1; j <= steps; j++)
        cuts.best[j] = cuts.bits[0][j];
    double least = (double)cuts.best[steps] + bin_bits;
    int used = 1;
    for (int b = 1; b < bins && b < (int)steps; b++) {
        add_bin(&cuts, steps, (uint32_t)b);
        double all = (double)cuts.best[steps] + (b + 1) * bin_bits;
        if (bin_bits > 0 && all >= least) /* and so will it be with more of them */
            break;
        least = all;
        used = b + 1;
    }
    for (int b = used; b < bins; b++)
        starts[b] = UINT8_MAX;
    uint32_t end = steps;
    for (int b = used; b-- > 1;)
        starts[b] = sums->number[end = cuts.from[b][end]];
    return least;
}

/* What a table takes of the histogram's bits, in an image so small that tables count. */
static double
bits_of_table(const struct voxel_model *model, uint64_t counted)
{
    uint64_t samples = model->shape.width * model->shape.height * model->shape.slices * model->shape.components;
    return samples < VOXEL_SMALL ? (double)TABLE_BITS * (double)counted / (double)samples : 0;
}

/* Tries scales of steps, which are powers of two, from one so coarse that it distinguishes nearly all energies on,
 * for as long as finer ones are better. */
void
voxel_choose_bins(struct voxel_model *model, const struct voxel_energy *energies, size_t n)
{
    uint32_t steps = (uint32_t)voxel_preset_steps(model->preset);
    int bins = voxel_preset_bins(model->preset), coarsest = 0;
    float prices[PRICES];
    double least = 0;
    uint64_t above = 0, total = 0;
    for (size_t i = 0; i < n; i++)
        total += energies[i].count;
    size_t last = n; /* except a few */
    while (last > 0 && (above += energies[last - 1].count) * steps < total)
        last--;
    uint32_t most = last > 0 ? energies[last - 1].value : 0;
    while (step_of(most, coarsest, steps) == steps - 1 && coarsest < VOXEL_ENERGY_SHIFT_MAX)
        coarsest++;
    fill_prices(prices);
    for (int shift = coarsest; shift >= 0; shift--) {
        struct steps sums;
        uint8_t starts[VOXEL_BINS_MAX] = {0};
        sum_steps(energies, n, shift, steps, &sums);
        double bits = cut_steps(&sums, prices, bins, bits_of_table(model, total), starts);
        if (shift < coarsest && bits >= least)
            break;
        least = bits;
        model->energy_shift = (uint8_t)shift;
        memcpy(model->thresholds, starts, sizeof starts);
    }
    voxel_index_bins(model);
}
