/* voxel_portable.c: the kernels with the compiler's own vectors of 128 bits: SSE2, NEON and others. */
#include "voxel_internal.h"

#if defined(__GNUC__)

#include <string.h>

enum { VOXEL_WIDTH = 8 };
typedef uint16_t vec __attribute__((vector_size(16)));
typedef int16_t signed_vec __attribute__((vector_size(16)));
typedef uint32_t wide_vec __attribute__((vector_size(32)));
typedef int32_t wide_signed __attribute__((vector_size(32)));

static inline vec v_load(const void *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void v_store(void *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec v_set(unsigned x)
{
    return (vec){0} + (uint16_t)x;
}

static inline vec v_magnitude(vec a, vec b)
{
    vec d = a - b, sign = (vec)((signed_vec)d >> 15);
    return (d ^ sign) - sign;
}

static inline vec v_add_full(vec a, vec b)
{
    vec sum = a + b;
    return sum | (vec)(sum < a);
}

static inline vec v_min(vec a, vec b)
{
    vec less = (vec)(a < b);
    return (a & less) | (b & ~less);
}

static inline vec v_clamp(vec a, int low, int high)
{
    signed_vec l = (signed_vec)v_set((uint16_t)low), h = (signed_vec)v_set((uint16_t)high), s = (signed_vec)a;
    signed_vec below = s < l, above = s > h;
    return (vec)((s & ~below & ~above) | (l & below) | (h & above));
}

static inline vec v_multiply(vec a, vec b)
{
    wide_vec product = __builtin_convertvector(a, wide_vec) * __builtin_convertvector(b, wide_vec);
    return __builtin_convertvector(product >> 16, vec);
}

#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_and(a, b) ((a) & (b))
#define v_or(a, b) ((a) | (b))
#define v_andnot(a, b) (~(a) & (b))
#define v_shift_down(a, n) ((a) >> (uint16_t)(n))
#define v_shift_up(a, n) ((a) << (uint16_t)(n))
#define v_count(a, b, c) ((a) - (vec)((b) >= (c)))
#define v_add_above(a, b, c, d) ((a) + ((vec)((b) > (c)) & v_set(d)))

static inline void predict_vector(const struct voxel_row *row, const struct voxel_predictor *predictor,
                                  bool single_class, int taps, size_t i, vec class_of, vec *prediction,
                                  vec *fraction)
{
    wide_signed sums = (wide_signed){0} + (1 << (VOXEL_WEIGHT_BITS - 1));
    for (int t = 0; t < taps; t++) {
        const int16_t *weights = predictor->weights[t];
        signed_vec weight = (signed_vec)v_set((uint16_t)weights[0]);
        if (!single_class)
            for (int lane = 0; lane < VOXEL_WIDTH; lane++)
                weight[lane] = weights[class_of[lane]];
        sums += __builtin_convertvector(weight, wide_signed) *
                __builtin_convertvector((signed_vec)v_load(row->taps[t] + i), wide_signed);
    }
    wide_signed p = sums >> VOXEL_WEIGHT_BITS, below = p < -32768, above = p > 32767;
    p = (p & ~below & ~above) | (-32768 & below) | (32767 & above);
    *prediction = (vec)__builtin_convertvector(p, signed_vec);
    *fraction = __builtin_convertvector((wide_vec)sums & ((1 << VOXEL_WEIGHT_BITS) - 1), vec);
}

#include "voxel_kernels.inc"

const struct voxel_ops *voxel_ops_portable(void)
{
    return &ops;
}

#else

const struct voxel_ops *voxel_ops_portable(void)
{
    return NULL;
}

#endif
