/* voxel_avx512.c: the kernels for x86 with AVX-512 (F, BW, DQ, VL, VNNI): the plain ones as the compiler
 * vectorises them, prediction and entropy coding by hand. */
#include "voxel_internal.h"

#if defined(__x86_64__) && defined(__GNUC__)

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi,bmi2,lzcnt,popcnt,prefer-vector-width=512")
#endif
#include <immintrin.h>

enum { VOXEL_WIDTH = 32 };
typedef __m512i vec;

#define v_load(p) _mm512_loadu_si512((const void *)(p))
#define v_store(p, v) _mm512_storeu_si512((void *)(p), v)
#define v_set(x) _mm512_set1_epi16((short)(x))
#define v_add(a, b) _mm512_add_epi16(a, b)
#define v_sub(a, b) _mm512_sub_epi16(a, b)
#define v_and(a, b) _mm512_and_si512(a, b)
#define v_or(a, b) _mm512_or_si512(a, b)
#define v_andnot(a, b) _mm512_andnot_si512(a, b)
#define v_clamp(a, low, high) _mm512_min_epi16(_mm512_max_epi16(a, v_set(low)), v_set(high))
#define v_magnitude(a, b) _mm512_abs_epi16(_mm512_sub_epi16(a, b))
#define v_add_full(a, b) _mm512_adds_epu16(a, b)
#define v_min(a, b) _mm512_min_epu16(a, b)
#define v_multiply(a, b) _mm512_mulhi_epu16(a, b)
#define v_shift_down(a, n) _mm512_srl_epi16(a, _mm_cvtsi32_si128(n))
#define v_shift_up(a, n) _mm512_slli_epi16(a, n)
#define v_count(a, b, c) _mm512_mask_add_epi16(a, _mm512_cmpge_epu16_mask(b, c), a, _mm512_set1_epi16(1))
#define v_add_above(a, b, c, d) \
    _mm512_mask_add_epi16(a, _mm512_cmpgt_epu16_mask(b, c), a, _mm512_set1_epi16((short)(d)))

/* Pairs of taps against pairs of weights, in the order of unpacklo and unpackhi, which packs undoes. The
 * weights of two taps come interleaved out of one two-table permutation. */
static inline __attribute__((always_inline)) void
predict_vector(const struct voxel_row *row, const struct voxel_predictor *predictor, bool single_class, int taps,
               size_t i, vec class_of, vec *prediction, vec *fraction)
{
    __m512i low = _mm512_set1_epi32(1 << (VOXEL_WEIGHT_BITS - 1)), high = low;
    vec other = _mm512_add_epi16(class_of, v_set(VOXEL_CLASSES));
    vec index_low = _mm512_unpacklo_epi16(class_of, other), index_high = _mm512_unpackhi_epi16(class_of, other);
    for (int t = 0; t < taps; t += 2) {
        vec a = v_load(row->taps[t] + i), b = v_load(row->taps[t + 1] + i), w_low, w_high;
        if (single_class) {
            uint32_t both = (uint16_t)predictor->weights[t][0] | (uint32_t)(uint16_t)predictor->weights[t + 1][0] << 16;
            w_low = w_high = _mm512_set1_epi32((int)both);
        } else {
            vec wa = v_load(predictor->weights[t]), wb = v_load(predictor->weights[t + 1]);
            w_low = _mm512_permutex2var_epi16(wa, index_low, wb);
            w_high = _mm512_permutex2var_epi16(wa, index_high, wb);
        }
        low = _mm512_dpwssd_epi32(low, _mm512_unpacklo_epi16(a, b), w_low);
        high = _mm512_dpwssd_epi32(high, _mm512_unpackhi_epi16(a, b), w_high);
    }
    __m512i mask = _mm512_set1_epi32((1 << VOXEL_WEIGHT_BITS) - 1);
    *prediction = _mm512_packs_epi32(_mm512_srai_epi32(low, VOXEL_WEIGHT_BITS),
                                     _mm512_srai_epi32(high, VOXEL_WEIGHT_BITS));
    *fraction = _mm512_packs_epi32(_mm512_and_si512(low, mask), _mm512_and_si512(high, mask));
}

/* Binary search, all lanes at once: thresholds do not decrease. */
#define VOXEL_FIND_BIN
static inline __attribute__((always_inline)) vec find_bin(const uint16_t *thresholds, int bins, vec e)
{
    vec all = v_load(thresholds), bin = v_set(0);
    for (int step = bins / 2; step > 0; step /= 2) {
        vec next = _mm512_add_epi16(bin, v_set(step));
        __mmask32 above = _mm512_cmpge_epu16_mask(e, _mm512_permutexvar_epi16(next, all));
        bin = _mm512_mask_mov_epi16(bin, above, next);
    }
    return bin;
}

#define VOXEL_RANS_DECODE
#define VOXEL_RANS_DECODE_WHOLE
static inline __m512i refill(__m512i state, __mmask16 need, const uint16_t **words)
{
    __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)*words));
    next = _mm512_maskz_expand_epi32(need, next);
    *words += _mm_popcnt_u32(need);
    return _mm512_mask_or_epi32(state, need, _mm512_slli_epi32(state, 16), next);
}

/* The raw bits of 16 lanes: their codes, and the states without those bits. */
static inline __m512i take_raw(__m512i token, __m512i *state, __mmask16 lanes, const uint16_t **words)
{
    const __m512i one = _mm512_set1_epi32(1);
    __mmask16 raw = _mm512_mask_cmpge_epi32_mask(lanes, token, _mm512_set1_epi32(64));
    raw = _mm512_mask_cmplt_epi32_mask(raw, token, _mm512_set1_epi32(VOXEL_ESCAPE));
    __m512i k = _mm512_maskz_sub_epi32(raw, _mm512_srli_epi32(token, 4), _mm512_set1_epi32(2));
    __m512i bits = _mm512_and_si512(*state, _mm512_sub_epi32(_mm512_sllv_epi32(one, k), one));
    __m512i m = _mm512_sub_epi32(_mm512_srli_epi32(token, 1), _mm512_slli_epi32(_mm512_add_epi32(k, one), 3));
    m = _mm512_or_si512(_mm512_sllv_epi32(m, k), bits);
    *state = _mm512_srlv_epi32(*state, k);
    __mmask16 need = _mm512_mask_cmplt_epu32_mask(raw, *state, _mm512_set1_epi32(65536));
    *state = refill(*state, need, words);
    __m512i code = _mm512_add_epi32(_mm512_slli_epi32(m, 1), _mm512_and_si512(token, one));
    return _mm512_mask_mov_epi32(token, raw, code);
}

static void take_escapes(struct voxel_decoder *decoder, uint16_t *codes, uint32_t lanes)
{
    for (; lanes; lanes &= lanes - 1) {
        if (decoder->escapes == decoder->escapes_end)
            decoder->damaged = true;
        else
            codes[__builtin_ctz(lanes)] = *decoder->escapes++;
    }
}

static inline __m512i take_symbol(const uint32_t *entries, __m256i tables, __m512i *state, __mmask16 lanes,
                                  const uint16_t **words)
{
    const __m512i low_bits = _mm512_set1_epi32(VOXEL_TABLE_SIZE - 1);
    __m512i at = _mm512_slli_epi32(_mm512_cvtepu16_epi32(tables), VOXEL_TABLE_BITS);
    at = _mm512_or_si512(at, _mm512_and_si512(*state, low_bits));
    __m512i entry = _mm512_i32gather_epi32(at, (const void *)entries, 4);
    __m512i f = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(entry, 12), low_bits), _mm512_set1_epi32(1));
    __m512i s = _mm512_mullo_epi32(f, _mm512_srli_epi32(*state, VOXEL_TABLE_BITS));
    s = _mm512_add_epi32(s, _mm512_and_si512(entry, low_bits));
    __mmask16 need = _mm512_mask_cmplt_epu32_mask(lanes, s, _mm512_set1_epi32(65536));
    *state = _mm512_mask_mov_epi32(*state, lanes, refill(s, need, words));
    return _mm512_srli_epi32(entry, 24);
}

static inline __attribute__((always_inline)) void
take_step(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, uint32_t lanes, __m512i state[2],
          const uint16_t **words)
{
    __mmask16 m0 = (__mmask16)lanes, m1 = (__mmask16)(lanes >> 16);
    __m256i t0 = _mm256_loadu_si256((const __m256i *)tables);
    __m256i t1 = _mm256_loadu_si256((const __m256i *)(tables + 16));
    __m512i c0 = take_symbol(decoder->entries, t0, &state[0], m0, words);
    __m512i c1 = take_symbol(decoder->entries, t1, &state[1], m1, words);
    const __m512i raw = _mm512_set1_epi32(64), escape = _mm512_set1_epi32(VOXEL_ESCAPE);
    uint32_t large = (uint32_t)_mm512_mask_cmpge_epi32_mask(m0, c0, raw) |
                     (uint32_t)_mm512_mask_cmpge_epi32_mask(m1, c1, raw) << 16;
    uint32_t escaped = 0;
    if (large) {
        escaped = (uint32_t)_mm512_mask_cmpeq_epi32_mask(m0, c0, escape) |
                  (uint32_t)_mm512_mask_cmpeq_epi32_mask(m1, c1, escape) << 16;
        c0 = take_raw(c0, &state[0], m0, words);
        c1 = take_raw(c1, &state[1], m1, words);
    }
    _mm256_storeu_si256((__m256i *)codes, _mm512_cvtepi32_epi16(c0));
    _mm256_storeu_si256((__m256i *)(codes + 16), _mm512_cvtepi32_epi16(c1));
    if (escaped)
        take_escapes(decoder, codes, escaped);
}

static inline uint32_t lanes_of(size_t left)
{
    return left >= 32 ? UINT32_MAX : (1u << left) - 1;
}

static void rans_decode(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    const uint16_t *words = decoder->words;
    __m512i state[4];
    for (int i = 0; i < 4; i++)
        state[i] = _mm512_loadu_si512((const void *)(decoder->states + 16 * i));
    size_t base = 0;
    for (; base + 64 <= count; base += 64) {
        take_step(decoder, tables + base, codes + base, UINT32_MAX, state, &words);
        take_step(decoder, tables + base + 32, codes + base + 32, UINT32_MAX, state + 2, &words);
    }
    if (base < count)
        take_step(decoder, tables + base, codes + base, lanes_of(count - base), state, &words);
    if (base + 32 < count)
        take_step(decoder, tables + base + 32, codes + base + 32, lanes_of(count - base - 32), state + 2, &words);
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512((void *)(decoder->states + 16 * i), state[i]);
    decoder->words = words;
}

#define VOXEL_RANS_ENCODE
static inline __m512i spill(__m512i state, __mmask16 full, uint16_t **words)
{
    unsigned n = (unsigned)_mm_popcnt_u32(full);
    *words -= n;
    __m256i out = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, state));
    _mm256_mask_storeu_epi16(*words, (__mmask16)((1u << n) - 1), out);
    return _mm512_mask_srli_epi32(state, full, state, 16);
}

static inline __m512i put_raw(__m512i state, __m512i token, __m512i code, __mmask16 lanes, uint16_t **words)
{
    const __m512i one = _mm512_set1_epi32(1);
    __mmask16 raw = _mm512_mask_cmpge_epi32_mask(lanes, token, _mm512_set1_epi32(64));
    __m512i k = _mm512_maskz_sub_epi32(raw, _mm512_srli_epi32(token, 4), _mm512_set1_epi32(2));
    __m512i above = _mm512_srlv_epi32(state, _mm512_sub_epi32(_mm512_set1_epi32(32), k));
    __mmask16 full = _mm512_mask_test_epi32_mask(raw, above, above);
    state = spill(state, full, words);
    __m512i bits = _mm512_and_si512(_mm512_srli_epi32(code, 1), _mm512_sub_epi32(_mm512_sllv_epi32(one, k), one));
    return _mm512_mask_or_epi32(state, raw, _mm512_sllv_epi32(state, k), bits);
}

/* The quotient comes from a division of floats: below 2^21, so at most one off, and corrected. */
static inline __m512i put_symbol(__m512i state, __m512i packed, __mmask16 lanes, uint16_t **words)
{
    const __m512i low_bits = _mm512_set1_epi32(VOXEL_TABLE_SIZE - 1), one = _mm512_set1_epi32(1);
    __m512i less = _mm512_and_si512(_mm512_srli_epi32(packed, 12), low_bits); /* frequency - 1 */
    __m512i f = _mm512_add_epi32(less, one);
    __m512 divisor = _mm512_cvtepi32_ps(f);
    __mmask16 full = _mm512_mask_cmpgt_epu32_mask(lanes, _mm512_srli_epi32(state, 32 - VOXEL_TABLE_BITS), less);
    state = spill(state, full, words);
    __m512i quotient = _mm512_cvttps_epu32(_mm512_div_ps(_mm512_cvtepu32_ps(state), divisor));
    __m512i rest = _mm512_sub_epi32(state, _mm512_mullo_epi32(quotient, f));
    __mmask16 under = _mm512_movepi32_mask(rest);
    quotient = _mm512_mask_sub_epi32(quotient, under, quotient, one);
    rest = _mm512_mask_add_epi32(rest, under, rest, f);
    __mmask16 over = _mm512_cmpge_epu32_mask(rest, f);
    quotient = _mm512_mask_add_epi32(quotient, over, quotient, one);
    rest = _mm512_mask_sub_epi32(rest, over, rest, f);
    __m512i next = _mm512_add_epi32(_mm512_slli_epi32(quotient, VOXEL_TABLE_BITS), rest);
    next = _mm512_add_epi32(next, _mm512_and_si512(packed, low_bits));
    return _mm512_mask_mov_epi32(state, lanes, next);
}

static inline __m512i load_bytes(const uint8_t *bytes, __mmask16 lanes)
{
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, bytes));
}

static inline __attribute__((always_inline)) void
put_step(struct voxel_encoder *encoder, const uint8_t *tokens, const uint8_t *tables, const uint16_t *codes,
         uint32_t lanes, __m512i state[2], uint16_t **words)
{
    const int *entries = (const int *)(const void *)encoder->entries;
    __m512i token[2], packed[2];
    uint32_t escaped = 0, large = 0;
    for (int h = 0; h < 2; h++) {
        __mmask16 mask = (__mmask16)(lanes >> 16 * h);
        token[h] = load_bytes(tokens + 16 * h, mask);
        __m512i at = _mm512_slli_epi32(load_bytes(tables + 16 * h, mask), 8);
        at = _mm512_or_si512(at, token[h]);
        packed[h] = _mm512_i32gather_epi32(at, entries, 8);
        __mmask16 gone = _mm512_mask_cmplt_epi32_mask(mask, packed[h], _mm512_setzero_si512());
        escaped |= (uint32_t)gone << 16 * h;
        large |= (uint32_t)_mm512_mask_cmpge_epi32_mask(mask & (__mmask16)~gone, token[h], _mm512_set1_epi32(64))
                 << 16 * h;
    }
    for (uint32_t left = escaped; left;) {
        int lane = 31 - (int)__builtin_clz(left);
        left ^= 1u << lane;
        *--encoder->escapes = codes[lane];
    }
    if (large)
        for (int h = 1; h >= 0; h--) {
            __mmask16 mask = (__mmask16)(large >> 16 * h);
            __m512i code = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, codes + 16 * h));
            state[h] = put_raw(state[h], token[h], code, mask, words);
        }
    state[1] = put_symbol(state[1], packed[1], (__mmask16)(lanes >> 16), words);
    state[0] = put_symbol(state[0], packed[0], (__mmask16)lanes, words);
}

static void rans_encode(struct voxel_encoder *encoder, const uint8_t *tokens, const uint8_t *tables,
                        const uint16_t *codes, size_t count)
{
    uint16_t *words = encoder->words;
    __m512i state[4];
    for (int i = 0; i < 4; i++)
        state[i] = _mm512_loadu_si512((const void *)(encoder->states + 16 * i));
    size_t base = count / 64 * 64;
    if (base + 32 < count)
        put_step(encoder, tokens + base + 32, tables + base + 32, codes + base + 32, lanes_of(count - base - 32),
                 state + 2, &words);
    if (base < count)
        put_step(encoder, tokens + base, tables + base, codes + base, lanes_of(count - base), state, &words);
    while (base > 0) {
        base -= 64;
        put_step(encoder, tokens + base + 32, tables + base + 32, codes + base + 32, UINT32_MAX, state + 2, &words);
        put_step(encoder, tokens + base, tables + base, codes + base, UINT32_MAX, state, &words);
    }
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512((void *)(encoder->states + 16 * i), state[i]);
    encoder->words = words;
}

#include "voxel_kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#endif

const struct voxel_ops *voxel_ops_avx512(void)
{
    bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni") &&
               __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    return has ? &ops : NULL;
}

#else

const struct voxel_ops *voxel_ops_avx512(void)
{
    return NULL;
}

#endif
