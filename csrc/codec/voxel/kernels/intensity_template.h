/*
 * intensity_template.h: prediction, contexts and residuals in plain C on a target's vectors, and what else compilers
 * vectorise by themselves. Included once by target_template.h for each target.
 */

/* The target's file has its own find_bin(model, bins, step). */
#ifndef VOXEL_HAS_FIND_BIN
#define VOXEL_HAS_FIND_BIN 0
#endif

/* The target's file has its own residual(...). */
#ifndef VOXEL_HAS_RESIDUAL
#define VOXEL_HAS_RESIDUAL 0
#endif

#include "../layouts.h"
#include "ops.h"

/* Activity along three directions, and the class of 32. */
static inline __attribute__((always_inline)) vec
classify(const struct voxel_layout *layout, const vec *taps, const uint16_t *activity, int shift, vec direction[3])
{
    for (int d = 0; d < 3; d++) {
        const uint8_t(*pairs)[2] = layout->pairs[d];
        vec sum = v_magnitude(taps[pairs[0][0]], taps[pairs[0][1]]);
        sum = v_add_full(sum, v_magnitude(taps[pairs[1][0]], taps[pairs[1][1]]));
        sum = v_add_full(sum, v_magnitude(taps[pairs[2][0]], taps[pairs[2][1]]));
        direction[d] = v_min(v_shift_down(sum, shift), v_set(VOXEL_DIRECTION_CAP));
    }
    vec f = v_add(direction[0], v_add(direction[1], direction[2])), class_of = v_set(0);
    class_of = v_add_above(class_of, direction[1], direction[0], 1);
    class_of = v_add_above(class_of, direction[2], direction[0], 2);
    class_of = v_add_above(class_of, direction[2], direction[1], 4);
    for (int q = 0; q < 3; q++)
        class_of = v_add_above(class_of, f, v_set(activity[q]), 8);
    return class_of;
}

/* The error to expect here, in sixteenths, from the errors around and the activity. */
static inline __attribute__((always_inline)) vec
energy(const struct voxel_row *row, const uint16_t *weights, int errors, bool has_pairs, const vec direction[3],
       size_t i)
{
    vec e = v_multiply(v_load(voxel_error(row, 0) + i), v_set(weights[0]));
    for (int k = 1; k < errors; k++)
        e = v_add(e, v_multiply(v_load(voxel_error(row, k) + i), v_set(weights[k])));
    for (int d = 0; has_pairs && d < 3; d++)
        e = v_add(e, v_multiply(v_shift_up(direction[d], 4), v_set(weights[errors + d])));
    return e;
}

/* Steps are eight times as wide in their upper half: high energies are few and need no fine distinctions. */
static inline __attribute__((always_inline)) vec
energy_step(const struct voxel_model *model, int bins, vec e)
{
    const vec half = v_set(bins == 32 ? VOXEL_STEPS_MAX / 2 : VOXEL_STEPS_MAX / 4);
    vec fine = v_shift_down(e, model->energy_shift), below = v_min(fine, half);
    vec above = v_shift_down(v_sub(fine, below), VOXEL_COARSE_SHIFT);
    return v_add(below, v_min(above, v_sub(half, v_set(1))));
}

#if !VOXEL_HAS_FIND_BIN
/* The number of thresholds from 1 on that are not above the step. */
static inline __attribute__((always_inline)) vec
find_bin(const struct voxel_model *model, int bins, vec step)
{
    vec bin = v_set(0);
    for (int b = 1; b < bins; b++)
        bin = v_count(bin, step, v_set(model->thresholds[b]));
    return bin;
}
#endif

static inline __attribute__((always_inline)) vec
context(const struct voxel_model *model, int bins, int split, vec e, vec fraction, vec *bin)
{
    vec table = find_bin(model, bins, energy_step(model, bins, e));
    *bin = table;
    if (split) { /* in low bins, tables also depend on how far the prediction was from a whole number */
        vec far = v_add_above(v_set(0), v_sub(fraction, v_set(1024)), v_set(2047), (uint16_t)bins);
        vec low = v_add_above(v_set(0), v_set((uint16_t)split), table, 0xFFFF);
        table = v_add(table, v_and(far, low));
    }
    return table;
}

/* Where many values are at the low end of the range (air, masks), predictions near it have one-sided errors. These have
 * tables of their own, by the distance in units of the expected error, and their residuals are not turned. */
static inline __attribute__((always_inline)) vec
near_floor(vec table, vec *fraction, vec e, vec distance, vec bin, int bins, int split)
{
    const vec origin = v_set(VOXEL_FLOOR_OFFSET);
    vec d = v_add(distance, origin), near = v_set(0);
    near = v_add_above(near, v_add(origin, v_shift_down(v_add(e, v_add(e, v_shift_down(e, 1))), 4)), d, 1);
    near = v_add_above(near, v_add(origin, v_shift_down(e, 4)), d, 1);
    near = v_add_above(near, v_add(origin, v_shift_down(e, 6)), d, 1);
    near = v_add_above(near, v_sub(origin, v_shift_down(e, 5)), d, 1);
    vec is_near = v_add_above(v_set(0), near, v_set(0), 0xFFFF);
    int level_shift = bins == 8 ? 2 : bins == 16 ? 3 : 4; /* bins / 2 tables per level */
    vec own = v_add(v_shift_up(near, level_shift), v_add(v_set(bins + split - bins / 2), v_shift_down(bin, 1)));
    *fraction = v_or(v_andnot(is_near, *fraction), v_and(is_near, v_set(VOXEL_NOT_TURNED)));
    return v_or(v_andnot(is_near, table), v_and(is_near, own));
}

static inline __attribute__((always_inline)) void
model_taps(const struct voxel_model *model, const struct voxel_kind *kind, const struct voxel_layout *layout,
           const struct voxel_row *row, int parity, size_t at, size_t count, struct voxel_segment *segment, int taps,
           int errors, bool has_pairs, bool single_class, int bins, int split)
{
    const struct voxel_predictor *predictor = &kind->parity[parity];
    size_t n = voxel_whole_vectors(count);
    for (size_t i = 0; i < n; i += VOXEL_WIDTH) {
        vec tap[VOXEL_TAPS_MAX], direction[3], class_of = v_set(0), prediction, fraction;
        for (int t = 0; t < taps; t++)
            tap[t] = v_load(voxel_tap(row, t) + at + i);
        if (has_pairs)
            class_of = classify(layout, tap, predictor->activity, model->shift, direction);
        predict_vector(tap, predictor, single_class, taps, class_of, &prediction, &fraction);
        vec e = energy(row, predictor->context_weights, errors, has_pairs, direction, at + i);
        vec bin, table = context(model, bins, split, e, fraction, &bin);
        if (model->use_floor)
            table = near_floor(table, &fraction, e, v_sub(prediction, v_set((uint16_t)model->low)), bin, bins, split);
        v_store(segment->prediction + i, v_clamp(prediction, model->low, model->high));
        v_store(segment->fraction + i, fraction);
        v_store(segment->table + i, table);
        if (segment->keep_all || model->plateau_count)
            v_store(segment->energy + i, e);
        if (has_pairs && segment->keep_all) {
            v_store(segment->class_of + i, class_of);
            for (int d = 0; d < 3; d++)
                v_store(segment->direction[d] + i, direction[d]);
        }
    }
}

/* For each of the format's neighbourhoods a loop with its counts as constants, so that taps stay in registers. */
#define MODEL_FIXED(preset, reference, parity)                                                                         \
    case ((preset) * 2 + (reference)) * 2 + (parity):                                                                  \
        model_taps(model, kind, &voxel_layouts[preset][reference][parity], row, parity, at, count, segment,            \
                   voxel_layouts[preset][reference][parity].tap_count,                                                 \
                   voxel_layouts[preset][reference][parity].error_count, (preset) != VOXEL_PRESET_FAST,                \
                   (preset) == VOXEL_PRESET_FAST, voxel_preset_bins(preset), voxel_preset_split(preset));              \
        return;

static void
model_segment(const struct voxel_model *model, const struct voxel_kind *kind, const struct voxel_layout *layout,
              const struct voxel_row *row, int parity, size_t at, size_t count, struct voxel_segment *segment)
{
    if (kind->single_class == (model->preset == VOXEL_PRESET_FAST))
        switch ((model->preset * 2 + layout->has_reference) * 2 + parity) {
            MODEL_FIXED(VOXEL_PRESET_FAST, 0, 0)
            MODEL_FIXED(VOXEL_PRESET_FAST, 0, 1)
            MODEL_FIXED(VOXEL_PRESET_FAST, 1, 0)
            MODEL_FIXED(VOXEL_PRESET_FAST, 1, 1)
            MODEL_FIXED(VOXEL_PRESET_NORMAL, 0, 0)
            MODEL_FIXED(VOXEL_PRESET_NORMAL, 0, 1)
            MODEL_FIXED(VOXEL_PRESET_NORMAL, 1, 0)
            MODEL_FIXED(VOXEL_PRESET_NORMAL, 1, 1)
            MODEL_FIXED(VOXEL_PRESET_RICH, 0, 0)
            MODEL_FIXED(VOXEL_PRESET_RICH, 0, 1)
            MODEL_FIXED(VOXEL_PRESET_RICH, 1, 0)
            MODEL_FIXED(VOXEL_PRESET_RICH, 1, 1)
        }
    model_taps(model, kind, layout, row, parity, at, count, segment, layout->tap_count, layout->error_count,
               layout->has_pairs, kind->single_class, voxel_preset_bins(model->preset),
               voxel_preset_split(model->preset));
}

/* The fraction indicates on which side of the prediction the true value more likely lies: a fraction below a half means
 * that the prediction was rounded up. Changing the sign of those residuals gives all of them the same skew. */
static inline uint16_t
turn(uint16_t fraction)
{
    return (uint16_t)(fraction < (1 << (VOXEL_WEIGHT_BITS - 1)) ? 0xFFFF : 0);
}

static inline uint16_t
stored_error(int16_t residual, int shift)
{
    uint16_t magnitude = (uint16_t)(residual < 0 ? -(uint16_t)residual : (uint16_t)residual);
    magnitude = (uint16_t)(magnitude >> shift);
    magnitude = magnitude < VOXEL_ERROR_CAP ? magnitude : VOXEL_ERROR_CAP;
    return (uint16_t)(magnitude << 4);
}

static inline uint16_t
token_of(uint16_t code)
{
    uint16_t m = (uint16_t)(code >> 1);
    uint16_t k = (uint16_t)((m >= 32 ? 2 : 0) + (m >= 64) + (m >= 128) + (m >= 256) + (m >= 512) + (m >= 1024) +
                            (m >= 2048) + (m >= 4096) + (m >= 8192) + (m >= 16384));
    uint16_t t = (uint16_t)(k ? 8 * (k + 1) + (m >> k) : m);
    return (uint16_t)(2 * t + (code & 1));
}

#if !VOXEL_HAS_RESIDUAL
static void
residual(const struct voxel_row *row, int shift, size_t at, size_t count, const struct voxel_segment *segment,
         uint16_t *restrict symbols, uint16_t *restrict codes)
{
    const int16_t *restrict values = row->values + at;
    uint16_t *restrict errors = row->own_errors + at;
    const int16_t *restrict prediction = segment->prediction;
    const uint16_t *restrict fraction = segment->fraction;
    const uint16_t *restrict table = segment->table;
    size_t n = voxel_whole_vectors(count);
    for (size_t i = 0; i < n; i++) {
        int16_t r = (int16_t)(uint16_t)((uint16_t)values[i] - (uint16_t)prediction[i]);
        errors[i] = stored_error(r, shift);
        uint16_t mask = turn(fraction[i]);
        uint16_t turned = (uint16_t)(((uint16_t)r ^ mask) - mask);
        uint16_t sign = (uint16_t)((int16_t)turned >> 15);
        uint16_t z = (uint16_t)((uint16_t)(turned << 1) ^ sign);
        codes[i] = z;
        symbols[i] = (uint16_t)(table[i] << 8 | token_of(z));
    }
}
#endif

static void
reconstruct(const struct voxel_row *row, int shift, size_t at, size_t count, struct voxel_segment *segment)
{
    int16_t *restrict values = row->values + at;
    uint16_t *restrict errors = row->own_errors + at;
    const int16_t *restrict prediction = segment->prediction;
    const uint16_t *restrict fraction = segment->fraction;
    const uint16_t *restrict code = segment->code;
    size_t n = voxel_whole_vectors(count); /* what is written past the half-row is overwritten by its padding */
    for (size_t i = 0; i < n; i++) {
        uint16_t z = code[i];
        uint16_t turned = (uint16_t)((z >> 1) ^ (uint16_t) - (z & 1));
        uint16_t mask = turn(fraction[i]);
        uint16_t r = (uint16_t)((turned ^ mask) - mask);
        errors[i] = stored_error((int16_t)r, shift);
        values[i] = (int16_t)(uint16_t)((uint16_t)prediction[i] + r);
    }
}

/* ---- Samples of one or two bytes in the machine's order, side by side <-> a row's halves ------------ */

#ifndef VOXEL_HAS_SAMPLES
static void
split_samples(const unsigned char *restrict src, enum zblob_sample_type type, int16_t *restrict even,
              int16_t *restrict odd, size_t count)
{
    const uint16_t flip = type == ZBLOB_UINT16 ? 0x8000 : 0;
    if (type == ZBLOB_UINT8)
        for (size_t i = 0; i < count / 2; i++) {
            even[i] = src[2 * i];
            odd[i] = src[2 * i + 1];
        }
    else if (type == ZBLOB_INT8)
        for (size_t i = 0; i < count / 2; i++) {
            even[i] = (int8_t)src[2 * i];
            odd[i] = (int8_t)src[2 * i + 1];
        }
    else
        for (size_t i = 0; i < count / 2; i++) {
            even[i] = (int16_t)(((const unaligned16 *)src)[2 * i] ^ flip);
            odd[i] = (int16_t)(((const unaligned16 *)src)[2 * i + 1] ^ flip);
        }
    if (count & 1)
        even[count / 2] = (int16_t)(type == ZBLOB_UINT8  ? src[count - 1]
                                    : type == ZBLOB_INT8 ? (int8_t)src[count - 1]
                                                         : ((const unaligned16 *)src)[count - 1] ^ flip);
}

static void
join_samples(const int16_t *restrict even, const int16_t *restrict odd, enum zblob_sample_type type,
             unsigned char *restrict dst, size_t count)
{
    const uint16_t flip = type == ZBLOB_UINT16 ? 0x8000 : 0;
    if (type == ZBLOB_UINT8 || type == ZBLOB_INT8)
        for (size_t i = 0; i < count / 2; i++) {
            dst[2 * i] = (unsigned char)even[i];
            dst[2 * i + 1] = (unsigned char)odd[i];
        }
    else
        for (size_t i = 0; i < count / 2; i++) {
            ((unaligned16 *)dst)[2 * i] = (uint16_t)even[i] ^ flip;
            ((unaligned16 *)dst)[2 * i + 1] = (uint16_t)odd[i] ^ flip;
        }
    if ((count & 1) && (type == ZBLOB_UINT8 || type == ZBLOB_INT8))
        dst[count - 1] = (unsigned char)even[count / 2];
    else if (count & 1)
        ((unaligned16 *)dst)[count - 1] = (uint16_t)even[count / 2] ^ flip;
}
#endif

/* Each product and each sum is rounded by itself, in the same order on every target: no contraction, no reassociation.
 * Rows are taken four at a time, so that sums are loaded and stored once for all four. */
static void
accumulate(float (*restrict sums)[VOXEL_TAPS_MAX], const float (*rows)[VOXEL_TAPS_MAX], const float *weights,
           const uint32_t *indices, size_t count, int order)
{
#ifdef __clang__
#pragma clang fp contract(off)
#endif
    for (size_t at = 0; at < count; at += 4) {
        const float *row[4];
        float weight[4];
        for (size_t s = 0; s < 4; s++) {
            uint32_t index = indices[at + s < count ? at + s : at];
            row[s] = rows[index];
            weight[s] = at + s < count ? weights[index] : 0; /* adds zeros */
        }
        for (int i = 0; i < order; i++) {
            float *restrict to = sums[i], scaled[4];
            for (int s = 0; s < 4; s++)
                scaled[s] = row[s][i] * weight[s];
            for (int block = 0; block <= i; block += 8)
                for (int j = block; j < block + 8; j++) {
                    float p0 = scaled[0] * row[0][j], p1 = scaled[1] * row[1][j];
                    float p2 = scaled[2] * row[2][j], p3 = scaled[3] * row[3][j];
                    to[j] = ((to[j] + p0) + p1) + (p2 + p3);
                }
        }
    }
}
