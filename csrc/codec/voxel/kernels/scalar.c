/* scalar.c: kernels that take one sample at a time, without vector instructions (as far as compilers can be kept from
 * using them). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-vectorize", "no-tree-slp-vectorize")
#endif
#include "targets.h"

#define VOXEL_WIDTH 1
typedef uint16_t vec;

static inline vec
v_magnitude(vec a, vec b)
{
    vec d = (vec)(a - b), sign = (vec)(0 - (d >> 15)); /* no branch: it could not be predicted */
    return (vec)((d ^ sign) - sign);
}

static inline vec
v_add_full(vec a, vec b)
{
    uint32_t sum = (uint32_t)a + b;
    return (vec)(sum > 65535 ? 65535 : sum);
}

#define v_load(p) (*(const uint16_t *)(const void *)(p))
#define v_store(p, v) (*(uint16_t *)(void *)(p) = (v))
#define v_set(x) ((vec)(x))
#define v_add(a, b) ((vec)((a) + (b)))
#define v_sub(a, b) ((vec)((a) - (b)))
#define v_and(a, b) ((vec)((a) & (b)))
#define v_or(a, b) ((vec)((a) | (b)))
#define v_andnot(a, b) ((vec)(~(a) & (b)))
#define v_clamp(a, low, high) ((vec)((int16_t)(a) < (low) ? (low) : (int16_t)(a) > (high) ? (high) : (int16_t)(a)))
#define v_min(a, b) ((a) < (b) ? (a) : (b))
#define v_multiply(a, b) ((vec)((uint32_t)(a) * (uint32_t)(b) >> 16))
#define v_shift_down(a, n) ((vec)((a) >> (n)))
#define v_shift_up(a, n) ((vec)((a) << (n)))
#define v_count(a, b, c) ((vec)((a) + ((b) >= (c))))
#define v_add_above(a, b, c, d) ((vec)((a) + ((0 - (unsigned)((b) > (c))) & (d))))

static inline void
predict_vector(const vec *tap, const struct voxel_predictor *predictor, bool single_class, int taps, vec class_of,
               vec *prediction, vec *fraction)
{
    int32_t sum = 1 << (VOXEL_WEIGHT_BITS - 1);
    (void)single_class;
    for (int t = 0; t < taps; t++)
        sum += predictor->weights[t][class_of] * (int16_t)tap[t];
    int32_t p = sum >> VOXEL_WEIGHT_BITS;
    *prediction = (vec)(p < -32768 ? -32768 : p > 32767 ? 32767 : p);
    *fraction = (vec)(sum & ((1 << VOXEL_WEIGHT_BITS) - 1));
}

#define VOXEL_HAS_FIND_BIN 1
static inline vec
find_bin(const struct voxel_model *model, int bins, vec step)
{
    (void)bins;
    return model->bin_of[step];
}

#define LABEL_PLAIN 1
#include "target_template.h"

const struct voxel_target *
voxel_target_scalar(void)
{
    return &this_target;
}
