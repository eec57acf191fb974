/* fit.c: weighted least squares for prediction and context weights. */
#include "fit.h"

#include "../../base/interrupt.h"
#include "../../base/kept.h"

#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { ORDER = VOXEL_TAPS_MAX, LANES = 8 };

struct voxel_fit {
    const struct voxel_kernels *kernels;
    float sums[VOXEL_CLASSES][ORDER][ORDER]; /* lower triangle; the last row is the right-hand side */
    float whole[ORDER][ORDER];
    float lanes[ORDER][ORDER][LANES]; /* the systems of a few classes, side by side */
    float solution[VOXEL_CLASSES][ORDER];
    size_t starts[VOXEL_CLASSES + 1]; /* of each class in indices */
    float *calm, *weights;            /* of each observation: by its surroundings, and in this round */
    uint32_t *indices;                /* observations by class */
};

struct voxel_fit *
voxel_fit_new(const struct voxel_kernels *kernels, size_t capacity)
{
    struct voxel_fit *fit = kept_take(sizeof *fit);
    if (fit == NULL)
        return NULL;
    fit->kernels = kernels;
    fit->calm = kept_take((capacity + 1) * sizeof *fit->calm);
    fit->weights = kept_take((capacity + 1) * sizeof *fit->weights);
    fit->indices = kept_take((capacity + 1) * sizeof *fit->indices);
    if (fit->calm != NULL && fit->weights != NULL && fit->indices != NULL)
        return fit;
    voxel_fit_free(fit);
    return NULL;
}

void
voxel_fit_free(struct voxel_fit *fit)
{
    if (fit == NULL)
        return;
    kept_return(fit->calm);
    kept_return(fit->weights);
    kept_return(fit->indices);
    kept_return(fit);
}

/* Observations in classes; class_of NULL: all in the first. */
static void
sort_classes(struct voxel_fit *fit, const uint8_t *class_of, size_t count)
{
    size_t next[VOXEL_CLASSES];
    memset(fit->starts, 0, sizeof fit->starts);
    for (size_t i = 0; i < count; i++)
        fit->starts[(class_of ? class_of[i] : 0) + 1]++;
    for (int c = 0; c < VOXEL_CLASSES; c++) {
        next[c] = fit->starts[c];
        fit->starts[c + 1] += fit->starts[c];
    }
    for (size_t i = 0; i < count; i++)
        fit->indices[next[class_of ? class_of[i] : 0]++] = (uint32_t)i;
}

static void
sum_classes(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], int classes, int order)
{
    memset(fit->sums, 0, (size_t)classes * sizeof fit->sums[0]);
    for (int c = 0; c < classes && !interrupt_is_set(); c++)
        fit->kernels->accumulate(fit->sums[c], rows, fit->weights, fit->indices + fit->starts[c],
                                 fit->starts[c + 1] - fit->starts[c], order);
}

/* Solves m x = b in each lane by m = L D L', without square roots. b is in row `order` of m, and x takes its place. An
 * unknown whose pivot is 0 becomes 0. */
static void
solve(float (*m)[ORDER][LANES], int order)
{
    for (int k = 0; k < order; k++) {
        float inverse[LANES];
        for (int lane = 0; lane < LANES; lane++)
            inverse[lane] = m[k][k][lane] > 1e-6f ? 1.0f / m[k][k][lane] : 0;
        for (int i = k + 1; i <= order; i++) {
            float factor[LANES];
            for (int lane = 0; lane < LANES; lane++)
                factor[lane] = m[i][k][lane] * inverse[lane];
            for (int j = k + 1; j <= i && j < order; j++)
                for (int lane = 0; lane < LANES; lane++) {
                    float product = factor[lane] * m[j][k][lane];
                    m[i][j][lane] = m[i][j][lane] - product;
                }
        }
        for (int i = k + 1; i <= order; i++)
            for (int lane = 0; lane < LANES; lane++)
                m[i][k][lane] = m[i][k][lane] * inverse[lane];
    }
    for (int i = order; i-- > 0;)
        for (int k = i + 1; k < order; k++)
            for (int lane = 0; lane < LANES; lane++) {
                float product = m[k][i][lane] * m[order][k][lane];
                m[order][i][lane] = m[order][i][lane] - product;
            }
}

static float
trace_of(const float (*m)[ORDER], int order)
{
    float sum = 0;
    for (int i = 0; i < order; i++)
        sum = sum + m[i][i];
    return sum;
}

enum { PRIOR = 40, CALM = 4 };
/* Puts a class in a lane: its own sums, and those of all classes, weighted as if they were PRIOR observations of
 * this one. */
static void
load_lane(struct voxel_fit *fit, int lane, int c, int order)
{
    float own = trace_of((const float(*)[ORDER])fit->sums[c], order);
    float whole = trace_of((const float(*)[ORDER])fit->whole, order);
    float count = (float)(fit->starts[c + 1] - fit->starts[c]);
    float share = own > 0 && whole > 0 ? PRIOR / count * (own / whole) : 1;
    float extra = share * whole, ridge = (own + extra) * 1e-5f / (float)order + 1e-6f;
    for (int i = 0; i <= order; i++)
        for (int j = 0; j <= i && j < order; j++) {
            float prior = share * fit->whole[i][j];
            fit->lanes[i][j][lane] = fit->sums[c][i][j] + prior;
        }
    for (int i = 0; i < order; i++)
        fit->lanes[i][i][lane] = fit->lanes[i][i][lane] + ridge;
}

static void
solve_classes(struct voxel_fit *fit, int order, int classes)
{
    memset(fit->whole, 0, sizeof fit->whole);
    for (int c = 0; c < classes; c++)
        for (int i = 0; i <= order; i++)
            for (int j = 0; j < order; j++)
                fit->whole[i][j] = fit->whole[i][j] + fit->sums[c][i][j];
    for (int first = 0; first < classes; first += LANES) {
        int lanes = classes - first < LANES ? classes - first : LANES;
        if (lanes < LANES)
            memset(fit->lanes, 0, sizeof fit->lanes);
        for (int lane = 0; lane < lanes; lane++)
            load_lane(fit, lane, first + lane, order);
        solve(fit->lanes, order);
        for (int lane = 0; lane < lanes; lane++)
            for (int i = 0; i < order; i++) {
                float x = fit->lanes[order][i][lane];
                fit->solution[first + lane][i] = x > -100 && x < 100 ? x : 0; /* this also replaces NaN */
            }
    }
}

/* Rows and solutions are zero from their order on. There are eight sums, so that additions do not wait for each
 * other. */
static float
residual_of(const float *row, const float *solution, int order)
{
    float part[8] = {0};
    for (int i = 0; i < order; i += 8)
        for (int j = 0; j < 8; j++) {
            float product = row[i + j] * solution[i + j];
            part[j] = part[j] + product;
        }
    float p = ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7]));
    return row[order] - p;
}

static inline float
magnitude(float x)
{
    return __builtin_fabsf(x); /* no branch: it could not be predicted */
}

static void
quantise(const float *solution, int taps, int c, int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES])
{
    for (float scale = 1.0f;; scale *= 0.75f) {
        int sum = 0, size = 0;
        bool fits = true;
        for (int t = 1; t < taps; t++) {
            float v = solution[t - 1] * scale * (1 << VOXEL_WEIGHT_BITS) / 4;
            v = v > 5000 ? 5000 : v < -5000 ? -5000 : v;
            int w = 4 * (int)(v < 0 ? v - 0.5f : v + 0.5f);
            fits = fits && w <= VOXEL_WEIGHT_LIMIT && w >= -VOXEL_WEIGHT_LIMIT;
            weights[t][c] = (int16_t)w;
            sum += w;
            size += w < 0 ? -w : w;
        }
        int first = (1 << VOXEL_WEIGHT_BITS) - sum;
        weights[0][c] = (int16_t)first;
        size += first < 0 ? -first : first;
        if (fits && first <= VOXEL_WEIGHT_LIMIT && first >= -VOXEL_WEIGHT_LIMIT && size <= VOXEL_WEIGHT_SUM_LIMIT)
            return;
    }
}

/* The mean magnitude of seven taps. */
static float
spread_of(const float *x)
{
    float sum = ((magnitude(x[0]) + magnitude(x[1])) + (magnitude(x[2]) + magnitude(x[3]))) +
                ((magnitude(x[4]) + magnitude(x[5])) + magnitude(x[6]));
    return sum * (1.0f / 7);
}

enum { FEW = 16384, SHARE = 2 };

/* One solution for all classes, from a share of the observations. */
static void
start_together(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], size_t count, int order)
{
    size_t used = count / SHARE;
    for (size_t i = 0; i < used; i++)
        fit->indices[i] = (uint32_t)(i * SHARE);
    fit->starts[0] = 0;
    fit->starts[1] = used;
    memset(fit->sums[0], 0, sizeof fit->sums[0]);
    fit->kernels->accumulate(fit->sums[0], rows, fit->weights, fit->indices, used, order + 1);
    solve_classes(fit, order, 1);
    for (int c = 1; c < VOXEL_CLASSES; c++)
        memcpy(fit->solution[c], fit->solution[0], sizeof fit->solution[0]);
}

void
voxel_fit_weights(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], const uint8_t *class_of, size_t count,
                  int taps, int classes, int rounds, int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES])
{
    int order = taps - 1;
    memset(fit->solution, 0, sizeof fit->solution); /* and stays zero from `order` on */
    for (size_t i = 0; i < count; i++)
        fit->calm[i] = 1.0f / (spread_of(rows[i]) + CALM); /* an error matters less where the neighbours differ much */
    memcpy(fit->weights, fit->calm, count * sizeof *fit->weights);
    bool together = classes > 1 && count < FEW; /* classes are too small for a first round of their own */
    if (together)
        start_together(fit, rows, count, order);
    sort_classes(fit, class_of, count);
    for (int round = together; round < rounds; round++) {
        for (size_t i = 0; i < count && round > 0; i++)
            fit->weights[i] =
                fit->calm[i] / (magnitude(residual_of(rows[i], fit->solution[class_of[i]], order)) + 0.7f);
        sum_classes(fit, rows, classes, taps);
        solve_classes(fit, order, classes);
    }
    for (int c = 0; c < VOXEL_CLASSES; c++)
        quantise(fit->solution[c < classes ? c : 0], taps, c, weights);
}

/* Coordinate descent on the normal equations, each weight kept at or above zero. */
static void
descend(const float (*sums)[ORDER], int order, double *x)
{
    double matrix[ORDER][ORDER] = {{0}}, rest[ORDER] = {0}, inverse[ORDER] = {0};
    for (int i = 0; i < order; i++)
        for (int j = 0; j <= i; j++)
            matrix[i][j] = matrix[j][i] = sums[i][j];
    for (int i = 0; i < order; i++) {
        inverse[i] = matrix[i][i] > 0 ? 1.0 / matrix[i][i] : 0;
        rest[i] = sums[order][i];
        for (int j = 0; j < order; j++) {
            double product = matrix[i][j] * x[j];
            rest[i] = rest[i] - product;
        }
    }
    for (int sweep = 0; sweep < 40; sweep++)
        for (int i = 0; i < order; i++) {
            double step = rest[i] * inverse[i];
            step = x[i] + step > 0 && inverse[i] > 0 ? step : -x[i];
            x[i] = x[i] + step;
            for (int j = 0; j < ORDER; j++) {
                double product = matrix[i][j] * step;
                rest[j] = rest[j] - product;
            }
        }
}

static double
limited_scale(const double *x, int from, int to, double limit)
{
    double sum = 0;
    for (int i = from; i < to; i++)
        sum += x[i];
    return sum > limit ? limit / sum : 1;
}

void
voxel_fit_energy(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], size_t count, int errors, int directions,
                 int rounds, uint16_t weights[VOXEL_FEATURES_MAX])
{
    int order = errors + directions;
    double x[ORDER] = {0};
    for (int i = 0; i < errors; i++)
        x[i] = 1.0 / errors;
    sort_classes(fit, NULL, count);
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            float expected = 8; /* errors count relative to their expected size, which is half a step at least */
            for (int k = 0; k < order; k++) {
                float product = (float)x[k] * rows[i][k];
                expected = expected + product;
            }
            float inverse = 1.0f / expected;
            fit->weights[i] = inverse * inverse;
        }
        sum_classes(fit, rows, 1, order + 1);
        descend((const float(*)[ORDER])fit->sums[0], order, x);
    }
    double scale = limited_scale(x, 0, errors, 1.99), wide = limited_scale(x, errors, order, 0.49);
    for (int i = 0; i < order; i++) {
        double w = x[i] * (i < errors ? scale : wide) * 65536;
        weights[i] = (uint16_t)(w > 65535 ? 65535 : w);
    }
}
