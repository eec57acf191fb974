/* portable.c: the kernels with the compiler's own vectors of 128 bits: SSE2, NEON and others. */
#include "targets.h"

#if defined(__GNUC__)

#include <string.h>

#define VOXEL_WIDTH 8
typedef uint16_t vec __attribute__((vector_size(16)));
typedef int16_t signed_vec __attribute__((vector_size(16)));
typedef uint32_t wide_vec __attribute__((vector_size(32)));
typedef int32_t wide_signed __attribute__((vector_size(32)));

static inline vec
v_load(const void *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void
v_store(void *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline vec
v_set(unsigned x)
{
    return (vec){0} + (uint16_t)x;
}

static inline vec
v_magnitude(vec a, vec b)
{
    vec d = a - b, sign = (vec)((signed_vec)d >> 15);
    return (d ^ sign) - sign;
}

#ifdef __SSE2__ /* compilers do not find these instructions by themselves */
#include <emmintrin.h>
static inline vec
v_add_full(vec a, vec b)
{
    return (vec)_mm_adds_epu16((__m128i)a, (__m128i)b);
}

static inline vec
v_min(vec a, vec b)
{
    return a - (vec)_mm_subs_epu16((__m128i)a, (__m128i)b);
}

static inline vec
v_multiply(vec a, vec b)
{
    return (vec)_mm_mulhi_epu16((__m128i)a, (__m128i)b);
}

static inline vec
v_clamp(vec a, int low, int high)
{
    __m128i v = _mm_max_epi16((__m128i)a, (__m128i)v_set((uint16_t)low));
    return (vec)_mm_min_epi16(v, (__m128i)v_set((uint16_t)high));
}

static inline vec
v_above(vec a, vec b)
{
    return (vec)_mm_cmpgt_epi16((__m128i)(a ^ v_set(0x8000)), (__m128i)(b ^ v_set(0x8000)));
}

static inline vec
v_reached(vec a, vec b) /* a >= b */
{
    return (vec)_mm_cmpeq_epi16(_mm_subs_epu16((__m128i)b, (__m128i)a), _mm_setzero_si128());
}

/* Sums of eight pairs of products, kept in two halves. */
struct sums {
    __m128i low, high;
};

static inline struct sums
sums_start(int32_t first)
{
    return (struct sums){_mm_set1_epi32(first), _mm_set1_epi32(first)};
}

static inline void
sums_add(struct sums *s, vec a, vec b, vec wa, vec wb)
{
    __m128i low = _mm_unpacklo_epi16((__m128i)a, (__m128i)b), high = _mm_unpackhi_epi16((__m128i)a, (__m128i)b);
    __m128i w_low = _mm_unpacklo_epi16((__m128i)wa, (__m128i)wb), w_high = _mm_unpackhi_epi16((__m128i)wa, (__m128i)wb);
    s->low = _mm_add_epi32(s->low, _mm_madd_epi16(low, w_low));
    s->high = _mm_add_epi32(s->high, _mm_madd_epi16(high, w_high));
}

static inline vec
sums_prediction(struct sums s)
{
    return (vec)_mm_packs_epi32(_mm_srai_epi32(s.low, VOXEL_WEIGHT_BITS), _mm_srai_epi32(s.high, VOXEL_WEIGHT_BITS));
}

static inline vec
sums_fraction(struct sums s)
{
    __m128i mask = _mm_set1_epi32((1 << VOXEL_WEIGHT_BITS) - 1);
    return (vec)_mm_packs_epi32(_mm_and_si128(s.low, mask), _mm_and_si128(s.high, mask));
}
#else
static inline vec
v_above(vec a, vec b)
{
    return (vec)(a > b);
}

static inline vec
v_reached(vec a, vec b)
{
    return (vec)(a >= b);
}

struct sums {
    wide_signed all;
};

static inline struct sums
sums_start(int32_t first)
{
    return (struct sums){(wide_signed){0} + first};
}

static inline void
sums_add(struct sums *s, vec a, vec b, vec wa, vec wb)
{
    s->all +=
        __builtin_convertvector((signed_vec)a, wide_signed) * __builtin_convertvector((signed_vec)wa, wide_signed);
    s->all +=
        __builtin_convertvector((signed_vec)b, wide_signed) * __builtin_convertvector((signed_vec)wb, wide_signed);
}

static inline vec
sums_prediction(struct sums s)
{
    wide_signed p = s.all >> VOXEL_WEIGHT_BITS, below = p < -32768, above = p > 32767;
    p = (p & ~below & ~above) | (-32768 & below) | (32767 & above);
    return (vec) __builtin_convertvector(p, signed_vec);
}

static inline vec
sums_fraction(struct sums s)
{
    return __builtin_convertvector((wide_vec)s.all & ((1 << VOXEL_WEIGHT_BITS) - 1), vec);
}

static inline vec
v_add_full(vec a, vec b)
{
    vec sum = a + b;
    return sum | (vec)(sum < a);
}

static inline vec
v_min(vec a, vec b)
{
    vec less = (vec)(a < b);
    return (a & less) | (b & ~less);
}

static inline vec
v_clamp(vec a, int low, int high)
{
    signed_vec l = (signed_vec)v_set((uint16_t)low), h = (signed_vec)v_set((uint16_t)high), s = (signed_vec)a;
    signed_vec below = s<l, above = s> h;
    return (vec)((s & ~below & ~above) | (l & below) | (h & above));
}

static inline vec
v_multiply(vec a, vec b)
{
    wide_vec product = __builtin_convertvector(a, wide_vec) * __builtin_convertvector(b, wide_vec);
    return __builtin_convertvector(product >> 16, vec);
}

#endif

#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_and(a, b) ((a) & (b))
#define v_or(a, b) ((a) | (b))
#define v_andnot(a, b) (~(a) & (b))
#define v_shift_down(a, n) ((a) >> (uint16_t)(n))
#define v_shift_up(a, n) ((a) << (uint16_t)(n))
#define v_count(a, b, c) ((a) - v_reached(b, c))
#define v_add_above(a, b, c, d) ((a) + (v_above(b, c) & v_set(d)))

static inline vec
pick_weights(const int16_t *w, const uint16_t *c)
{
    return (vec)(signed_vec){w[c[0]], w[c[1]], w[c[2]], w[c[3]], w[c[4]], w[c[5]], w[c[6]], w[c[7]]};
}

static inline __attribute__((always_inline)) void
predict_vector(const vec *tap, const struct voxel_predictor *predictor, bool single_class, int taps, vec class_of,
               vec *prediction, vec *fraction)
{
    struct sums sums = sums_start(1 << (VOXEL_WEIGHT_BITS - 1));
    uint16_t classes[VOXEL_WIDTH];
    v_store(classes, class_of);
    for (int t = 0; t < taps; t += 2) {
        const int16_t *first = predictor->weights[t], *second = predictor->weights[t + 1];
        vec wa = single_class ? v_set((uint16_t)first[0]) : pick_weights(first, classes);
        vec wb = single_class ? v_set((uint16_t)second[0]) : pick_weights(second, classes);
        sums_add(&sums, tap[t], tap[t + 1], wa, wb);
    }
    *prediction = sums_prediction(sums);
    *fraction = sums_fraction(sums);
}

#include "target_template.h"

const struct voxel_target *
voxel_target_portable(void)
{
    return &this_target;
}

#else

const struct voxel_target *
voxel_target_portable(void)
{
    return NULL;
}

#endif
