/* voxel_avx2.c: the kernels for x86 with AVX2. */
#include "voxel_internal.h"

#if defined(__x86_64__) && defined(__GNUC__)

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#include <immintrin.h>

enum { VOXEL_WIDTH = 16 };
typedef __m256i vec;

static inline vec v_above(vec a, vec b) /* all ones where a > b, unsigned */
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
static inline __attribute__((always_inline)) vec pick_weight(const int16_t *weights, const vec index[4])
{
    vec w = _mm256_setzero_si256();
    for (int q = 0; q < 4; q++) {
        __m128i table = _mm_loadu_si128((const __m128i *)(const void *)(weights + 8 * q));
        w = _mm256_or_si256(w, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), index[q]));
    }
    return w;
}

static inline __attribute__((always_inline)) void
predict_vector(const struct voxel_row *row, const struct voxel_predictor *predictor, bool single_class, int taps,
               size_t i, vec class_of, vec *prediction, vec *fraction)
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
        vec a = v_load(row->taps[t] + i), b = v_load(row->taps[t + 1] + i);
        vec wa = single_class ? v_set(predictor->weights[t][0]) : pick_weight(predictor->weights[t], index);
        vec wb = single_class ? v_set(predictor->weights[t + 1][0]) : pick_weight(predictor->weights[t + 1], index);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), _mm256_unpacklo_epi16(wa, wb)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), _mm256_unpackhi_epi16(wa, wb)));
    }
    const vec mask = _mm256_set1_epi32((1 << VOXEL_WEIGHT_BITS) - 1);
    *prediction = _mm256_packs_epi32(_mm256_srai_epi32(low, VOXEL_WEIGHT_BITS),
                                     _mm256_srai_epi32(high, VOXEL_WEIGHT_BITS));
    *fraction = _mm256_packs_epi32(_mm256_and_si256(low, mask), _mm256_and_si256(high, mask));
}

/* spread[m]: for each lane of eight, which of the next words it takes if its bit in m is set. */
static const uint32_t (*spread_table(void))[8];

#define VOXEL_RANS_DECODE
struct lanes {
    __m256i state[4];
};

static inline __attribute__((always_inline)) __m256i refill(__m256i state, __m256i need, const uint16_t **words,
                                                            const uint32_t (*spread)[8])
{
    unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(need));
    __m256i next = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)*words));
    next = _mm256_permutevar8x32_epi32(next, _mm256_load_si256((const __m256i *)(const void *)spread[mask]));
    *words += __builtin_popcount(mask);
    next = _mm256_or_si256(_mm256_slli_epi32(state, 16), next);
    return _mm256_blendv_epi8(state, next, need);
}

static inline __m256i below_limit(__m256i state) /* state < 65536 */
{
    return _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
}

static inline __attribute__((always_inline)) __m256i take_symbol(const uint32_t *entries, const uint16_t *tables,
                                                                 __m256i *state, const uint16_t **words,
                                                                 const uint32_t (*spread)[8])
{
    const __m256i low_bits = _mm256_set1_epi32(VOXEL_TABLE_SIZE - 1);
    __m256i at = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)tables));
    at = _mm256_or_si256(_mm256_slli_epi32(at, VOXEL_TABLE_BITS), _mm256_and_si256(*state, low_bits));
    __m256i entry = _mm256_i32gather_epi32((const int *)(const void *)entries, at, 4);
    __m256i f = _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(entry, 12), low_bits), _mm256_set1_epi32(1));
    __m256i s = _mm256_mullo_epi32(f, _mm256_srli_epi32(*state, VOXEL_TABLE_BITS));
    s = _mm256_add_epi32(s, _mm256_and_si256(entry, low_bits));
    *state = refill(s, below_limit(s), words, spread);
    return _mm256_srli_epi32(entry, 24);
}

static inline __m256i take_raw(__m256i token, __m256i *state, const uint16_t **words, const uint32_t (*spread)[8])
{
    const __m256i one = _mm256_set1_epi32(1);
    __m256i raw = _mm256_and_si256(_mm256_cmpgt_epi32(token, _mm256_set1_epi32(63)),
                                   _mm256_cmpgt_epi32(_mm256_set1_epi32(VOXEL_ESCAPE), token));
    __m256i k = _mm256_and_si256(raw, _mm256_sub_epi32(_mm256_srli_epi32(token, 4), _mm256_set1_epi32(2)));
    __m256i bits = _mm256_and_si256(*state, _mm256_sub_epi32(_mm256_sllv_epi32(one, k), one));
    __m256i m = _mm256_sub_epi32(_mm256_srli_epi32(token, 1), _mm256_slli_epi32(_mm256_add_epi32(k, one), 3));
    m = _mm256_or_si256(_mm256_sllv_epi32(m, k), bits);
    __m256i s = _mm256_srlv_epi32(*state, k);
    *state = refill(s, _mm256_and_si256(raw, below_limit(s)), words, spread);
    __m256i code = _mm256_add_epi32(_mm256_slli_epi32(m, 1), _mm256_and_si256(token, one));
    return _mm256_blendv_epi8(token, code, raw);
}

static void decode_rest(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t from,
                        size_t count);

static void take_escapes(struct voxel_decoder *decoder, uint16_t *codes, const uint8_t *tokens)
{
    for (int lane = 0; lane < VOXEL_LANES; lane++) {
        if (tokens[lane] != VOXEL_ESCAPE)
            continue;
        if (decoder->escapes == decoder->escapes_end)
            decoder->damaged = true;
        else
            codes[lane] = *decoder->escapes++;
    }
}

static inline void store_codes(uint16_t *codes, __m256i a, __m256i b)
{
    v_store(codes, _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8));
}

static inline __attribute__((always_inline)) void take_step(struct voxel_decoder *decoder, const uint16_t *tables,
                                                            uint16_t *codes, __m256i state[4],
                                                            const uint16_t **words, const uint32_t (*spread)[8])
{
    __m256i code[4], any = _mm256_setzero_si256();
    for (int g = 0; g < 4; g++) {
        code[g] = take_symbol(decoder->entries, tables + 8 * g, &state[g], words, spread);
        any = _mm256_or_si256(any, code[g]);
    }
    bool large = !_mm256_testz_si256(any, _mm256_set1_epi32(0xC0)); /* a token of 64 or more */
    uint8_t tokens[VOXEL_LANES];
    for (int g = 0; large && g < 4; g++) {
        uint32_t out[8];
        _mm256_storeu_si256((__m256i *)(void *)out, code[g]);
        for (int lane = 0; lane < 8; lane++)
            tokens[8 * g + lane] = (uint8_t)out[lane];
        code[g] = take_raw(code[g], &state[g], words, spread);
    }
    store_codes(codes, code[0], code[1]);
    store_codes(codes + 16, code[2], code[3]);
    if (large)
        take_escapes(decoder, codes, tokens);
}

static void rans_decode(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    const uint16_t *words = decoder->words;
    const uint32_t(*spread)[8] = spread_table();
    __m256i state[8];
    size_t whole = count / VOXEL_STATES * VOXEL_STATES;
    for (int g = 0; g < 8; g++)
        state[g] = _mm256_loadu_si256((const __m256i *)(const void *)(decoder->states + 8 * g));
    for (size_t base = 0; base < whole; base += VOXEL_STATES) {
        take_step(decoder, tables + base, codes + base, state, &words, spread);
        take_step(decoder, tables + base + VOXEL_LANES, codes + base + VOXEL_LANES, state + 4, &words, spread);
    }
    bool one_more = count - whole >= VOXEL_LANES;
    if (one_more)
        take_step(decoder, tables + whole, codes + whole, state, &words, spread);
    for (int g = 0; g < 8; g++)
        _mm256_storeu_si256((__m256i *)(void *)(decoder->states + 8 * g), state[g]);
    decoder->words = words;
    if (one_more) /* the rest takes the second bank, as it would at its own place */
        decode_rest(decoder, tables + whole, codes + whole, VOXEL_LANES, count - whole);
    else if (whole < count)
        decode_rest(decoder, tables + whole, codes + whole, 0, count - whole);
}

#include "voxel_kernels.inc"

#define E8(f, m) {f(m, 0), f(m, 1), f(m, 2), f(m, 3), f(m, 4), f(m, 5), f(m, 6), f(m, 7)}
#define BITS(m) (((m) & 1) + ((m) >> 1 & 1) + ((m) >> 2 & 1) + ((m) >> 3 & 1) + ((m) >> 4 & 1) + ((m) >> 5 & 1) + ((m) >> 6 & 1))
#define RANK(m, lane) BITS((m) & ((1 << (lane)) - 1))
#define ROW(m) E8(RANK, m)
#define ROWS4(m) ROW(m), ROW((m) + 1), ROW((m) + 2), ROW((m) + 3)
#define ROWS16(m) ROWS4(m), ROWS4((m) + 4), ROWS4((m) + 8), ROWS4((m) + 12)
#define ROWS64(m) ROWS16(m), ROWS16((m) + 16), ROWS16((m) + 32), ROWS16((m) + 48)

static const uint32_t (*spread_table(void))[8]
{
    static const _Alignas(32) uint32_t spread[256][8] = {ROWS64(0), ROWS64(64), ROWS64(128), ROWS64(192)};
    return spread;
}

#ifdef __clang__
#pragma clang attribute pop
#endif

const struct voxel_ops *voxel_ops_avx2(void)
{
    bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    return has ? &ops : NULL;
}

#else

const struct voxel_ops *voxel_ops_avx2(void)
{
    return NULL;
}

#endif
