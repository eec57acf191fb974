/* avx512.c: the kernels for x86 with AVX-512 (F, BW, DQ, VL, VNNI): prediction, residuals and entropy coding by
 * hand, the others as the compiler vectorises them. */
#include "swift_vbmi.h"
#include "targets.h"

#if defined(__x86_64__) && defined(__GNUC__)

#ifdef __clang__
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi,bmi2,lzcnt,popcnt"))),                    \
    apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,bmi,bmi2,lzcnt,popcnt,prefer-vector-width=512")
#endif
#include <immintrin.h>

#define VOXEL_WIDTH 32
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
#define v_add_above(a, b, c, d)                                                                                        \
    _mm512_mask_add_epi16(a, _mm512_cmpgt_epu16_mask(b, c), a, _mm512_set1_epi16((short)(d)))

/* Pairs of taps against pairs of weights, in the order of unpacklo and unpackhi, which packs undoes. The
 * weights of two taps come interleaved out of one two-table permutation. */
static inline __attribute__((always_inline)) void
predict_vector(const vec *tap, const struct voxel_predictor *predictor, bool single_class, int taps, vec class_of,
               vec *prediction, vec *fraction)
{
    __m512i low = _mm512_set1_epi32(1 << (VOXEL_WEIGHT_BITS - 1)), high = low;
    vec other = _mm512_add_epi16(class_of, v_set(VOXEL_CLASSES));
    vec index_low = _mm512_unpacklo_epi16(class_of, other), index_high = _mm512_unpackhi_epi16(class_of, other);
    for (int t = 0; t < taps; t += 2) {
        vec a = tap[t], b = tap[t + 1], w_low, w_high;
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
    *prediction =
        _mm512_packs_epi32(_mm512_srai_epi32(low, VOXEL_WEIGHT_BITS), _mm512_srai_epi32(high, VOXEL_WEIGHT_BITS));
    *fraction = _mm512_packs_epi32(_mm512_and_si512(low, mask), _mm512_and_si512(high, mask));
}

#define VOXEL_HAS_FIND_BIN 1
static inline __attribute__((always_inline)) vec
find_bin(const struct voxel_model *model, int bins, vec step)
{
    vec low = v_load(model->bin_of), high = v_load(model->bin_of + 32);
    if (bins < 32)
        return _mm512_permutex2var_epi16(low, step, high);
    vec bin = _mm512_permutex2var_epi16(low, step, high);
    vec upper = _mm512_permutex2var_epi16(v_load(model->bin_of + 64), step, v_load(model->bin_of + 96));
    return _mm512_mask_mov_epi16(bin, _mm512_cmpgt_epu16_mask(step, v_set(63)), upper);
}

/* By m >> 5 below 64: the number of raw bits k, 0 where m is below 32. */
static const _Alignas(64) uint16_t raw_count_of[64] = {0, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6,
                                                       6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
                                                       7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};

/* m -> its token without the sign. */
static inline vec
magnitude_token(vec m)
{
    vec h = _mm512_srli_epi16(m, 5);
    if (_mm512_test_epi16_mask(h, h) == 0)
        return m;
    vec k = _mm512_permutex2var_epi16(v_load(raw_count_of), h, v_load(raw_count_of + 32));
    if (_mm512_cmpgt_epu16_mask(h, v_set(63)))
        for (int limit = 2048, bits = 8; bits <= 11; limit *= 2, bits++)
            k = _mm512_mask_mov_epi16(k, _mm512_cmpge_epu16_mask(m, v_set(limit)), v_set(bits));
    __mmask32 large = _mm512_test_epi16_mask(k, k);
    vec base = _mm512_maskz_slli_epi16(large, v_add(k, v_set(1)), 3);
    return v_add(base, _mm512_srlv_epi16(m, k));
}

#define VOXEL_HAS_RESIDUAL 1
static void
residual(const struct voxel_row *row, int shift, size_t at, size_t count, const struct voxel_segment *segment,
         uint16_t *symbols, uint16_t *codes)
{
    const vec half = v_set(1 << (VOXEL_WEIGHT_BITS - 1)), cap = v_set(VOXEL_ERROR_CAP);
    for (size_t i = 0; i < count; i += VOXEL_LANES) {
        vec r = v_sub(v_load(row->values + at + i), v_load(segment->prediction + i));
        __mmask32 turned = _mm512_cmplt_epu16_mask(v_load(segment->fraction + i), half);
        v_store(row->own_errors + at + i, _mm512_slli_epi16(v_min(v_shift_down(_mm512_abs_epi16(r), shift), cap), 4));
        r = _mm512_mask_sub_epi16(r, turned, v_set(0), r);
        vec z = _mm512_xor_si512(_mm512_slli_epi16(r, 1), _mm512_srai_epi16(r, 15));
        vec token = v_add(_mm512_slli_epi16(magnitude_token(_mm512_srli_epi16(z, 1)), 1), v_and(z, v_set(1)));
        v_store(codes + i, z);
        v_store(symbols + i, v_or(_mm512_slli_epi16(v_load(segment->table + i), 8), token));
    }
}

/* ---- Samples side by side <-> the halves of their row ----------------------------------------------------- */

#define VOXEL_HAS_SAMPLES 1

/* The first `count` of 64 bytes, or of 32 words. */
static inline __mmask64
first_bytes(size_t count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static inline __mmask32
first_words(size_t count)
{
    return count >= 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

/* Words of two vectors: every second one, from the first or the second on; and one of each in turns. */
static const _Alignas(64) uint16_t every_second[2][32] = {
    {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
     32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62},
    {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
     33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63},
};
static const _Alignas(64) uint16_t in_turns[2][32] = {
    {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
     8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47},
    {16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
     24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63},
};

static void
split_samples(const unsigned char *src, enum zblob_sample_type type, int16_t *even, int16_t *odd, size_t count)
{
    const vec flip = v_set(type == ZBLOB_UINT16 ? 0x8000 : 0);
    for (size_t at = 0; at < count; at += 64, even += 32, odd += 32) {
        size_t left = count - at;
        vec first, second;
        if (type == ZBLOB_UINT8 || type == ZBLOB_INT8) {
            vec both = _mm512_maskz_loadu_epi8(first_bytes(left), src + at);
            vec low = _mm512_slli_epi16(both, 8);
            first = type == ZBLOB_UINT8 ? _mm512_srli_epi16(low, 8) : _mm512_srai_epi16(low, 8);
            second = type == ZBLOB_UINT8 ? _mm512_srli_epi16(both, 8) : _mm512_srai_epi16(both, 8);
        } else {
            vec a = _mm512_maskz_loadu_epi16(first_words(left), src + 2 * at);
            vec b = _mm512_maskz_loadu_epi16(first_words(left > 32 ? left - 32 : 0), src + 2 * at + 64);
            first = _mm512_xor_si512(_mm512_permutex2var_epi16(a, v_load(every_second[0]), b), flip);
            second = _mm512_xor_si512(_mm512_permutex2var_epi16(a, v_load(every_second[1]), b), flip);
        }
        _mm512_mask_storeu_epi16(even, first_words((left + 1) / 2), first);
        _mm512_mask_storeu_epi16(odd, first_words(left / 2), second);
    }
}

static void
join_samples(const int16_t *even, const int16_t *odd, enum zblob_sample_type type, unsigned char *dst, size_t count)
{
    const vec flip = v_set(type == ZBLOB_UINT16 ? 0x8000 : 0);
    for (size_t at = 0; at < count; at += 64, even += 32, odd += 32) {
        size_t left = count - at;
        vec first = v_load(even), second = v_load(odd);
        if (type == ZBLOB_UINT8 || type == ZBLOB_INT8) {
            vec both = _mm512_mask_mov_epi8(first, 0xAAAAAAAAAAAAAAAA, _mm512_slli_epi16(second, 8));
            _mm512_mask_storeu_epi8(dst + at, first_bytes(left), both);
            continue;
        }
        vec a = _mm512_xor_si512(_mm512_permutex2var_epi16(first, v_load(in_turns[0]), second), flip);
        vec b = _mm512_xor_si512(_mm512_permutex2var_epi16(first, v_load(in_turns[1]), second), flip);
        if (left >= 64) { /* masked stores are slow on some CPUs */
            v_store(dst + 2 * at, a);
            v_store(dst + 2 * at + 64, b);
        } else {
            _mm512_mask_storeu_epi16(dst + 2 * at, first_words(left), a);
            _mm512_mask_storeu_epi16(dst + 2 * at + 64, first_words(left > 32 ? left - 32 : 0), b);
        }
    }
}

/* ---- rANS: 32 lanes a step, in two registers ------------------------------------------------------------ */

#define VOXEL_HAS_RANS_DECODE 1
#define VOXEL_HAS_RANS_ENCODE 1
#include "x86.h"

/* By a token's upper four bits: a mask of its raw bits, how many they are, and what the magnitude m is too large by. */
static const _Alignas(64) uint16_t raw_mask[32] = {0, 0, 0, 0, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 0xFFFF, 0};
static const _Alignas(64) uint16_t raw_count[32] = {0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 0};
static const _Alignas(64) uint16_t raw_base[32] = {0, 0, 0, 0, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 0, 0};

static inline __mmask32
lanes_of(size_t left)
{
    return left >= 32 ? UINT32_MAX : (1u << left) - 1;
}

static inline __m512i
refill(__m512i state, __mmask16 need, const unaligned16 *words)
{
    __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)words));
    state = _mm512_mask_slli_epi32(state, need, state, 16);
    return _mm512_or_si512(state, _mm512_maskz_expand_epi32(need, next));
}

static inline __attribute__((always_inline)) __m512i
gather(const uint32_t *from, __m512i at)
{
    __m256i low = gather8(from, _mm512_castsi512_si256(at)), high = gather8(from, _mm512_extracti64x4_epi64(at, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* The next states of 16 lanes, before words come in, and their tokens; which of them need a word. */
static inline __attribute__((always_inline)) __mmask16
take_half(const uint32_t *entries, const uint16_t *tables, __mmask16 lanes, __m512i state, __m512i *next,
          __m256i *token)
{
    const __m512i slots = _mm512_set1_epi32(VOXEL_TABLE_SIZE - 1), limit = _mm512_set1_epi32(65536);
    __m512i at = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, tables));
    at = _mm512_ternarylogic_epi32(_mm512_slli_epi32(at, VOXEL_TABLE_BITS), state, slots, 0xF8); /* a | b & c */
    __m512i entry = gather(entries, at);
    *next = _mm512_mullo_epi32(_mm512_srli_epi32(entry, 20), _mm512_srli_epi32(state, VOXEL_TABLE_BITS));
    *next = _mm512_add_epi32(*next, _mm512_and_si512(_mm512_srli_epi32(entry, 8), slots));
    *token = _mm512_cvtepi32_epi16(entry);
    return _mm512_mask_cmplt_epu32_mask(lanes, *next, limit);
}

/* Tokens to codes; which of them have raw bits. */
static inline __attribute__((always_inline)) __mmask32
take_step(const uint32_t *entries, const uint16_t *tables, uint16_t *codes, __mmask32 lanes, __m512i state[2],
          const unaligned16 **words)
{
    __m512i next[2];
    __m256i token[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __mmask16 need[2] = {0, 0};
    need[0] = take_half(entries, tables, (__mmask16)lanes, state[0], &next[0], &token[0]);
    if (lanes >> 16)
        need[1] = take_half(entries, tables + 16, (__mmask16)(lanes >> 16), state[1], &next[1], &token[1]);
    size_t first = (size_t)_mm_popcnt_u32(need[0]);
    *words -= first + (size_t)_mm_popcnt_u32(need[1]);
    state[0] = _mm512_mask_mov_epi32(state[0], (__mmask16)lanes, refill(next[0], need[0], *words));
    if (lanes >> 16)
        state[1] = _mm512_mask_mov_epi32(state[1], (__mmask16)(lanes >> 16), refill(next[1], need[1], *words + first));
    vec tokens = v_and(_mm512_inserti64x4(_mm512_castsi256_si512(token[0]), token[1], 1), v_set(255));
    v_store(codes, tokens);
    return _mm512_mask_cmpge_epu16_mask(lanes, tokens, v_set(64));
}

/* Tokens to codes, with the raw bits of large ones. Three passes, so that no load waits for a store just before it. */
static inline void
finish_codes(struct voxel_decoder *decoder, uint16_t *codes, size_t count)
{
    const vec masks = v_load(raw_mask), counts = v_load(raw_count), bases = v_load(raw_base);
    _Alignas(64) uint64_t raw[VOXEL_SEGMENT / 4];
    for (size_t i = 0; i < count; i += VOXEL_LANES) {
        vec group = _mm512_srli_epi16(v_load(codes + i), 4);
        v_store(raw + i / 4, _mm512_maskz_permutexvar_epi16(lanes_of(count - i), group, masks));
    }
    take_raw(decoder, raw, (count + 3) / 4);
    for (size_t i = 0; i < count; i += VOXEL_LANES) {
        vec token = v_load(codes + i), group = _mm512_srli_epi16(token, 4), bits = v_load(raw + i / 4);
        vec m = v_sub(_mm512_srli_epi16(token, 1), _mm512_permutexvar_epi16(group, bases));
        m = v_or(_mm512_sllv_epi16(m, _mm512_permutexvar_epi16(group, counts)), bits);
        vec code = v_or(_mm512_slli_epi16(m, 1), v_and(token, v_set(1)));
        v_store(codes + i, _mm512_mask_mov_epi16(code, _mm512_cmpeq_epu16_mask(group, v_set(14)), bits));
    }
}

static void
rans_decode(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    const unaligned16 *words = decoder->words;
    const uint32_t *entries = decoder->entries;
    __mmask32 any = 0;
    __m512i state[4];
    for (int i = 0; i < 4; i++)
        state[i] = v_load(decoder->states + 16 * i);
    size_t base = 0;
    for (; base + 64 <= count; base += 64) {
        any |= take_step(entries, tables + base, codes + base, UINT32_MAX, state, &words);
        any |= take_step(entries, tables + base + 32, codes + base + 32, UINT32_MAX, state + 2, &words);
    }
    if (base < count)
        any |= take_step(entries, tables + base, codes + base, lanes_of(count - base), state, &words);
    if (base + 32 < count)
        any |=
            take_step(entries, tables + base + 32, codes + base + 32, lanes_of(count - base - 32), state + 2, &words);
    for (int i = 0; i < 4; i++)
        v_store(decoder->states + 16 * i, state[i]);
    decoder->words = words;
    if (any)
        finish_codes(decoder, codes, count);
}

static inline __m512i
spill(__m512i state, __mmask16 full, unaligned16 **words)
{
    _mm256_storeu_si256((void *)*words, _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, state)));
    *words += _mm_popcnt_u32(full);
    return _mm512_mask_srli_epi32(state, full, state, 16);
}

/* The quotient, which is below 2^21, comes from a reciprocal in floats. Every step rounds down, by less than 7/8 of
 * 2^-21 of the result altogether, and Newton's step does not exceed the true reciprocal either: so the quotient is
 * right, or too small by one, which is corrected. */
static inline __m512i
put_symbol(__m512i state, __m512i packed, __mmask16 lanes, unaligned16 **words)
{
    enum { DOWN = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC };
    const __m512i low_bits = _mm512_set1_epi32(0xFFF), one = _mm512_set1_epi32(VOXEL_TABLE_SIZE);
    __m512i f = _mm512_and_si512(_mm512_srli_epi32(packed, 12), low_bits);
    __m512 divisor = _mm512_cvtepi32_ps(f), inverse = _mm512_rcp14_ps(divisor);
    __m512 newton = _mm512_fnmadd_round_ps(divisor, inverse, _mm512_set1_ps(2), DOWN);
    inverse = _mm512_mul_round_ps(inverse, newton, DOWN);
    __mmask16 full = _mm512_mask_cmpge_epu32_mask(lanes, _mm512_srli_epi32(state, 32 - VOXEL_TABLE_BITS), f);
    __m512i before = state;
    state = spill(state, full, words);
    __m512 dividend = _mm512_cvt_roundepu32_ps(state, DOWN);
    __m512i quotient = _mm512_cvttps_epu32(_mm512_mul_round_ps(dividend, inverse, DOWN));
    __m512i rest = _mm512_sub_epi32(state, _mm512_mullo_epi32(quotient, f));
    __m512i next = _mm512_add_epi32(_mm512_slli_epi32(quotient, VOXEL_TABLE_BITS), rest);
    next = _mm512_add_epi32(next, _mm512_and_si512(packed, low_bits));
    next = _mm512_mask_add_epi32(next, _mm512_cmpge_epu32_mask(rest, f), next, _mm512_sub_epi32(one, f));
    return _mm512_mask_mov_epi32(before, lanes, next);
}

static inline __attribute__((always_inline)) __mmask32
mark_raw(struct raw_lanes *raw, size_t at, vec token, const uint16_t *codes, __mmask32 lanes, __mmask32 gone)
{
    __mmask32 large = _mm512_mask_cmpge_epu16_mask(lanes, token, v_set(64));
    if ((large | gone) == 0) {
        v_store(raw->masks + at / 4, v_set(0));
        return 0;
    }
    vec code = _mm512_maskz_loadu_epi16(lanes, codes);
    vec mask = _mm512_maskz_permutexvar_epi16(large, _mm512_srli_epi16(token, 4), v_load(raw_mask));
    v_store(raw->masks + at / 4, _mm512_mask_mov_epi16(mask, gone, v_set(0xFFFF)));
    v_store(raw->bits + at / 4, _mm512_mask_mov_epi16(_mm512_srli_epi16(code, 1), gone, code));
    return large | gone;
}

static inline __attribute__((always_inline)) __mmask32
put_step(const struct voxel_encode_entry *entries, const uint16_t *symbols, const uint16_t *codes, size_t at,
         __mmask32 lanes, __m512i state[2], unaligned16 **words, struct raw_lanes *raw)
{
    vec symbol = _mm512_maskz_loadu_epi16(lanes, symbols + at);
    __m256i first = _mm512_castsi512_si256(symbol), second = _mm512_extracti64x4_epi64(symbol, 1);
    const uint32_t *packed = &entries->packed; /* the first half of an entry */
    __m512i low = gather(packed, _mm512_slli_epi32(_mm512_cvtepu16_epi32(first), 1));
    __m512i high = gather(packed, _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 1));
    __mmask32 gone = _mm512_movepi32_mask(low) | (__mmask32)_mm512_movepi32_mask(high) << 16;
    state[0] = put_symbol(state[0], low, (__mmask16)lanes, words);
    state[1] = put_symbol(state[1], high, (__mmask16)(lanes >> 16), words);
    return mark_raw(raw, at, v_and(symbol, v_set(255)), codes + at, lanes, gone & lanes);
}

static void
rans_encode(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count)
{
    const struct voxel_encode_entry *entries = encoder->entries;
    struct raw_lanes raw;
    unaligned16 *words = encoder->words;
    __mmask32 any = 0;
    __m512i state[4];
    for (int i = 0; i < 4; i++)
        state[i] = v_load(encoder->states + 16 * i);
    size_t base = count / 64 * 64;
    if (base + 32 < count)
        any |= put_step(entries, symbols, codes, base + 32, lanes_of(count - base - 32), state + 2, &words, &raw);
    if (base < count)
        any |= put_step(entries, symbols, codes, base, lanes_of(count - base), state, &words, &raw);
    while (base > 0) {
        base -= 64;
        any |= put_step(entries, symbols, codes, base + 32, UINT32_MAX, state + 2, &words, &raw);
        any |= put_step(entries, symbols, codes, base, UINT32_MAX, state, &words, &raw);
    }
    for (int i = 0; i < 4; i++)
        v_store(encoder->states + 16 * i, state[i]);
    encoder->words = words;
    if (any)
        put_raw_lanes(encoder, &raw, count);
}

#include "swift_pdep.h"
#define SWIFT_BETTER swift_kernels_vbmi()
#include "target_template.h"

#ifdef __clang__
#pragma clang attribute pop
#endif

const struct voxel_target *
voxel_target_avx512(void)
{
    bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("bmi2") &&
               __builtin_cpu_supports("popcnt");
    return has ? &this_target : NULL;
}

#else

const struct voxel_target *
voxel_target_avx512(void)
{
    return NULL;
}

#endif
