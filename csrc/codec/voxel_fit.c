/* voxel_fit.c: weighted least squares for prediction and context weights. */
#include "voxel_fit.h"

#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { ORDER = VOXEL_TAPS_MAX };

struct voxel_fit {
    const struct voxel_ops *ops;
    float sums[VOXEL_CLASSES][ORDER][ORDER]; /* lower triangle; the last row is the right-hand side */
    double whole[ORDER][ORDER];
    double matrix[ORDER][ORDER];
    float solution[VOXEL_CLASSES][ORDER];
    size_t starts[VOXEL_CLASSES + 1]; /* of each class in indices */
    float *weights;                   /* of each observation */
    uint32_t *indices;                /* observations by class */
};

struct voxel_fit *
voxel_fit_new(const struct voxel_ops *ops, size_t capacity)
{
    struct voxel_fit *fit = aligned_alloc(64, (sizeof *fit + 63) / 64 * 64);
    if (fit == NULL)
        return NULL;
    fit->ops = ops;
    fit->weights = malloc((capacity + 1) * sizeof *fit->weights);
    fit->indices = malloc((capacity + 1) * sizeof *fit->indices);
    if (fit->weights != NULL && fit->indices != NULL)
        return fit;
    voxel_fit_free(fit);
    return NULL;
}

void
voxel_fit_free(struct voxel_fit *fit)
{
    if (fit == NULL)
        return;
    free(fit->weights);
    free(fit->indices);
    free(fit);
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
    for (int c = 0; c < classes; c++)
        fit->ops->accumulate(fit->sums[c], rows, fit->weights, fit->indices + fit->starts[c],
                             fit->starts[c + 1] - fit->starts[c], order);
}

/* Solve m x = b by Cholesky, b in row `order` of m. False: not positive definite. */
static bool
solve(double (*m)[ORDER], int order, double *x)
{
    for (int i = 0; i < order; i++)
        for (int j = 0; j <= i; j++) {
            double sum = m[i][j];
            for (int k = 0; k < j; k++) {
                double product = m[i][k] * m[j][k];
                sum = sum - product;
            }
            if (i != j)
                m[i][j] = sum / m[j][j];
            else if (sum <= 1e-9)
                return false;
            else { /* square root by Newton's method: no libm */
                double root = sum > 1 ? sum : 1;
                for (int n = 0; n < 60; n++) {
                    double next = 0.5 * (root + sum / root);
                    if (next == root)
                        break;
                    root = next;
                }
                m[i][i] = root;
            }
        }
    for (int i = 0; i < order; i++) {
        double sum = m[order][i];
        for (int k = 0; k < i; k++) {
            double product = m[i][k] * x[k];
            sum = sum - product;
        }
        x[i] = sum / m[i][i];
    }
    for (int i = order; i-- > 0;) {
        double sum = x[i];
        for (int k = i + 1; k < order; k++) {
            double product = m[k][i] * x[k];
            sum = sum - product;
        }
        x[i] = sum / m[i][i];
    }
    return true;
}

static double
trace_of(const double (*m)[ORDER], int order)
{
    double sum = 0;
    for (int i = 0; i < order; i++)
        sum = sum + m[i][i];
    return sum;
}

enum { PRIOR = 40, CALM = 4 };
/* One class: its own sums, and everyone's as if they were PRIOR observations of its own scale. */
static void
solve_class(struct voxel_fit *fit, int c, int order, double count)
{
    double x[ORDER] = {0}, own = 0;
    for (int i = 0; i < order; i++)
        own = own + fit->sums[c][i][i];
    double whole = trace_of((const double(*)[ORDER])fit->whole, order);
    double share = own > 0 && whole > 0 ? PRIOR / count * own / whole : 1;
    for (int i = 0; i <= order; i++)
        for (int j = 0; j < order; j++) {
            double extra = share * fit->whole[i][j];
            fit->matrix[i][j] = fit->sums[c][i][j] + extra;
        }
    double ridge = trace_of((const double(*)[ORDER])fit->matrix, order) * 1e-5 / order + 1e-6;
    for (int i = 0; i < order; i++)
        fit->matrix[i][i] = fit->matrix[i][i] + ridge;
    if (!solve(fit->matrix, order, x))
        memset(x, 0, sizeof x);
    for (int i = 0; i < order; i++)
        fit->solution[c][i] = x[i] > -100 && x[i] < 100 ? (float)x[i] : 0; /* and no NaN */
}

static void
solve_classes(struct voxel_fit *fit, int order, int classes)
{
    memset(fit->whole, 0, sizeof fit->whole);
    for (int c = 0; c < classes; c++)
        for (int i = 0; i <= order; i++)
            for (int j = 0; j < order; j++)
                fit->whole[i][j] = fit->whole[i][j] + fit->sums[c][i][j];
    for (int c = 0; c < classes; c++)
        solve_class(fit, c, order, (double)(fit->starts[c + 1] - fit->starts[c]));
}

/* Rows and solutions are zero behind their order; eight sums, so that they need not wait for another. */
static float
residual_of(const float *row, const float *solution, int order)
{
    float part[8] = {0};
    for (int i = 0; i < ORDER; i += 8)
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
    return x < 0 ? -x : x;
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
    return sum / 7;
}

void
voxel_fit_weights(struct voxel_fit *fit, const float (*rows)[VOXEL_TAPS_MAX], const uint8_t *class_of, size_t count,
                  int taps, int classes, int rounds, int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES])
{
    int order = taps - 1;
    memset(fit->solution, 0, sizeof fit->solution); /* and stays zero from `order` on */
    sort_classes(fit, class_of, count);
    for (int round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            float weight = 1.0f / (spread_of(rows[i]) + CALM); /* a step matters less where the image is restless */
            if (round > 0)
                weight = weight / (magnitude(residual_of(rows[i], fit->solution[class_of[i]], order)) + 0.7f);
            fit->weights[i] = weight;
        }
        sum_classes(fit, rows, classes, taps);
        solve_classes(fit, order, classes);
    }
    for (int c = 0; c < VOXEL_CLASSES; c++)
        quantise(fit->solution[c < classes ? c : 0], taps, c, weights);
}

/* Coordinate descent on the normal equations, each weight kept at or above zero. */
static void
descend(struct voxel_fit *fit, int order, double *x)
{
    for (int sweep = 0; sweep < 40; sweep++)
        for (int i = 0; i < order; i++) {
            double diagonal = fit->sums[0][i][i], rest = fit->sums[0][order][i];
            for (int j = 0; j < order; j++)
                if (j != i) {
                    double product = fit->sums[0][i][j] * x[j];
                    rest = rest - product;
                }
            x[i] = diagonal > 0 && rest > 0 ? rest / diagonal : 0;
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
                 uint16_t weights[VOXEL_FEATURES_MAX])
{
    int order = errors + directions;
    double x[ORDER] = {0};
    for (int i = 0; i < errors; i++)
        x[i] = 1.0 / errors;
    sort_classes(fit, NULL, count);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            float expected = 8; /* errors are relative to their own size: half a step at least */
            for (int k = 0; k < order; k++) {
                float product = (float)x[k] * rows[i][k];
                expected = expected + product;
            }
            float inverse = 1.0f / expected;
            fit->weights[i] = inverse * inverse;
        }
        sum_classes(fit, rows, 1, order + 1);
        descend(fit, order, x);
    }
    double scale = limited_scale(x, 0, errors, 1.99), wide = limited_scale(x, errors, order, 0.49);
    for (int i = 0; i < order; i++) {
        double w = x[i] * (i < errors ? scale : wide) * 65536;
        weights[i] = (uint16_t)(w > 65535 ? 65535 : w);
    }
}
