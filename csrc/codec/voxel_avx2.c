/* voxel_avx2.c: the kernels for x86 with AVX2. */
#include "voxel_internal.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#include <immintrin.h>

enum { VOXEL_WIDTH = 16 };
typedef __m256i vec;

static inline vec
v_above(vec a, vec b) /* all ones where a > b, unsigned */
{
    const vec top = _mm256_set1_epi16((short)0x8000);
    return _mm256_cmpgt_epi16(_mm256_xor_si256(a, top), _mm256_xor_si256(b, top));
}

#define v_load(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define v_store(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define v_set(x) _mm256_set1_epi16((short)(x))
#define v_add(a, b) _mm256_add_epi16(a, b)
#define v_sub(a, b) _mm256_sub_epi16(a, b)
#define v_and(a, b) _mm256_and_si256(a, b)
#define v_or(a, b) _mm256_or_si256(a, b)
#define v_andnot(a, b) _mm256_andnot_si256(a, b)
#define v_clamp(a, low, high) _mm256_min_epi16(_mm256_max_epi16(a, v_set(low)), v_set(high))
#define v_magnitude(a, b) _mm256_abs_epi16(_mm256_sub_epi16(a, b))
#define v_add_full(a, b) _mm256_adds_epu16(a, b)
#define v_min(a, b) _mm256_min_epu16(a, b)
#define v_multiply(a, b) _mm256_mulhi_epu16(a, b)
#define v_shift_down(a, n) _mm256_srl_epi16(a, _mm_cvtsi32_si128(n))
#define v_shift_up(a, n) _mm256_slli_epi16(a, n)
#define v_count(a, b, c) _mm256_sub_epi16(a, _mm256_cmpeq_epi16(_mm256_max_epu16(b, c), b))
#define v_add_above(a, b, c, d) _mm256_add_epi16(a, _mm256_and_si256(v_above(b, c), v_set(d)))

/* 32 weights in four tables of eight: where another table is meant, the index has its top bit set
 * and the shuffle gives zero. */
static inline __attribute__((always_inline)) vec
pick_weight(const int16_t *weights, const vec index[4])
{
    vec w = _mm256_setzero_si256();
    for (int q = 0; q < 4; q++) {
        __m128i table = _mm_loadu_si128((const __m128i *)(const void *)(weights + 8 * q));
        w = _mm256_or_si256(w, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), index[q]));
    }
    return w;
}

static inline __attribute__((always_inline)) void
predict_vector(const vec *tap, const struct voxel_predictor *predictor, bool single_class, int taps, vec class_of,
               vec *prediction, vec *fraction)
{
    vec low = _mm256_set1_epi32(1 << (VOXEL_WEIGHT_BITS - 1)), high = low, index[4];
    if (!single_class) {
        vec bytes = _mm256_slli_epi16(_mm256_and_si256(class_of, v_set(7)), 1);
        bytes = _mm256_add_epi16(_mm256_or_si256(bytes, _mm256_slli_epi16(bytes, 8)), v_set(0x0100));
        for (int q = 0; q < 4; q++) {
            vec here = _mm256_cmpeq_epi16(_mm256_srli_epi16(class_of, 3), v_set(q));
            index[q] = _mm256_or_si256(bytes, _mm256_andnot_si256(here, v_set(0x8080)));
        }
    }
    for (int t = 0; t < taps; t += 2) {
        vec a = tap[t], b = tap[t + 1];
        vec wa = single_class ? v_set(predictor->weights[t][0]) : pick_weight(predictor->weights[t], index);
        vec wb = single_class ? v_set(predictor->weights[t + 1][0]) : pick_weight(predictor->weights[t + 1], index);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), _mm256_unpacklo_epi16(wa, wb)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), _mm256_unpackhi_epi16(wa, wb)));
    }
    const vec mask = _mm256_set1_epi32((1 << VOXEL_WEIGHT_BITS) - 1);
    *prediction =
        _mm256_packs_epi32(_mm256_srai_epi32(low, VOXEL_WEIGHT_BITS), _mm256_srai_epi32(high, VOXEL_WEIGHT_BITS));
    *fraction = _mm256_packs_epi32(_mm256_and_si256(low, mask), _mm256_and_si256(high, mask));
}

#include "voxel_kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#endif

const struct voxel_ops *
voxel_ops_avx2(void)
{
    bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    return has ? &ops : NULL;
}

#else

const struct voxel_ops *
voxel_ops_avx2(void)
{
    return NULL;
}

#endif
