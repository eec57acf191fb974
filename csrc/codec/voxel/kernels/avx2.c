/* avx2.c: the kernels for x86 with AVX2. */
#include "targets.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#include <immintrin.h>

#define VOXEL_WIDTH 16
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

/* Sixteen steps in one table; where another is meant, the index has its top bit set and the shuffle gives zero. */
#define VOXEL_HAS_FIND_BIN 1
static inline __attribute__((always_inline)) vec
find_bin(const struct voxel_model *model, int bins, vec step)
{
    int tables = bins < 32 ? 4 : 8;
    vec bin = v_set(0);
    for (int b = 1; bins == 8 && b < bins; b++)
        bin = v_count(bin, step, v_set(model->thresholds[b]));
    if (bins == 8)
        return bin;
    for (int t = 0; t < tables; t++) {
        vec table = _mm256_packus_epi16(v_load(model->bin_of + 16 * t), v_load(model->bin_of + 16 * t));
        vec index = _mm256_adds_epu8(v_sub(step, v_set(16 * t)), v_set(0x0070));
        table = _mm256_permute4x64_epi64(table, 0x88); /* the sixteen bytes in both halves */
        bin = v_or(bin, _mm256_shuffle_epi8(table, v_or(index, v_set(0x8000))));
    }
    return v_and(bin, v_set(255));
}

/* ---- rANS: 32 lanes a step, in four registers ------------------------------------------------------------ */

#define VOXEL_HAS_RANS_DECODE 1
#define VOXEL_HAS_RANS_ENCODE 1
#include "x86.h"

/* By a token's upper four bits, twice: a mask of its raw bits (low and high byte). */
#define TWICE(...) __VA_ARGS__, __VA_ARGS__
static const _Alignas(32) uint8_t raw_mask_low[32] = {
    TWICE(0, 0, 0, 0, 3, 7, 15, 31, 63, 127, 255, 255, 255, 255, 255, 0)};
static const _Alignas(32) uint8_t raw_mask_high[32] = {TWICE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 7, 255, 0)};

#define EVERY_BYTE UINT64_C(0x0101010101010101)
#define BYTE_NUMBERS UINT64_C(0x0706050403020100)

/* Lanes -> the numbers of the words that they take; and the lanes that give the first, second, ... word. */
static inline __m256i
taken_words(unsigned lanes)
{
    uint64_t numbers = _pdep_u64(BYTE_NUMBERS, _pdep_u64(lanes, EVERY_BYTE) * 255);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)numbers));
}

static inline __m256i
given_words(unsigned lanes)
{
    uint64_t numbers = _pext_u64(BYTE_NUMBERS, _pdep_u64(lanes, EVERY_BYTE) * 255);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)numbers));
}

/* The first `count` of 32 lanes, of which register g holds eight. */
static inline __m256i
lanes_of(size_t count, int g)
{
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count - 8 * g), numbers);
}

static inline unsigned
mask_of(__m256i lanes)
{
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(lanes));
}

static inline __attribute__((always_inline)) void
take_step(const uint32_t *entries, const uint16_t *tables, uint16_t *codes, size_t count, __m256i state[4],
          const unaligned16 **words)
{
    const __m256i slots = _mm256_set1_epi32(VOXEL_TABLE_SIZE - 1), zero = _mm256_setzero_si256();
    __m256i next[4], need[4], token[4];
    unsigned masks[4], total = 0;
    for (int g = 0; g < 4; g++) {
        __m256i at = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(tables + 8 * g)));
        at = _mm256_or_si256(_mm256_slli_epi32(at, VOXEL_TABLE_BITS), _mm256_and_si256(state[g], slots));
        __m256i entry = gather8(entries, at);
        __m256i bias = _mm256_and_si256(_mm256_srli_epi32(entry, 8), slots);
        next[g] = _mm256_mullo_epi32(_mm256_srli_epi32(entry, 20), _mm256_srli_epi32(state[g], VOXEL_TABLE_BITS));
        next[g] = _mm256_add_epi32(next[g], bias);
        need[g] = _mm256_cmpeq_epi32(_mm256_srli_epi32(next[g], 16), zero);
        if (count < VOXEL_LANES)
            need[g] = _mm256_and_si256(need[g], lanes_of(count, g));
        token[g] = _mm256_and_si256(entry, _mm256_set1_epi32(255));
        masks[g] = mask_of(need[g]);
        total += (unsigned)__builtin_popcount(masks[g]);
    }
    const unaligned16 *from = *words -= total;
    for (int g = 0; g < 4; g++) {
        __m256i word = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
        word = _mm256_permutevar8x32_epi32(word, taken_words(masks[g]));
        word = _mm256_or_si256(_mm256_slli_epi32(next[g], 16), word);
        next[g] = _mm256_blendv_epi8(next[g], word, need[g]);
        state[g] = count < VOXEL_LANES ? _mm256_blendv_epi8(state[g], next[g], lanes_of(count, g)) : next[g];
        from += __builtin_popcount(masks[g]);
    }
    for (int g = 0; g < 4; g += 2)
        v_store(codes + 8 * g, _mm256_permute4x64_epi64(_mm256_packus_epi32(token[g], token[g + 1]), 0xD8));
}

/* For sixteen tokens, the masks of their raw bits. */
static inline vec
raw_masks(vec token)
{
    vec group = v_and(_mm256_srli_epi16(token, 4), v_set(15)); /* the upper bytes then pick entry 0, which is 0 */
    vec low = _mm256_shuffle_epi8(v_load(raw_mask_low), group),
        high = _mm256_shuffle_epi8(v_load(raw_mask_high), group);
    return v_or(low, _mm256_slli_epi16(high, 8));
}

/* Tokens to codes, with the raw bits of large ones. Three passes, so that no load waits for a store just before it. */
static inline void
finish_codes(struct voxel_decoder *decoder, uint16_t *codes, size_t count)
{
    _Alignas(32) uint64_t raw[VOXEL_SEGMENT / 4];
    size_t quads = (count + 3) / 4;
    for (size_t i = 0; i < count; i += VOXEL_WIDTH)
        v_store(raw + i / 4, raw_masks(v_load(codes + i)));
    if (count % 4) /* lanes after the last sample have no bits */
        raw[quads - 1] &= (UINT64_C(1) << 16 * (count % 4)) - 1;
    take_raw(decoder, raw, quads);
    for (size_t i = 0; i < count; i += VOXEL_WIDTH) {
        vec token = v_load(codes + i), group = _mm256_srli_epi16(token, 4), bits = v_load(raw + i / 4);
        vec large = _mm256_cmpgt_epi16(group, v_set(3));
        vec base = v_and(large, v_sub(_mm256_slli_epi16(group, 3), v_set(8)));
        vec m = v_sub(_mm256_srli_epi16(token, 1), base);
        m = v_or(_mm256_mullo_epi16(m, v_add(raw_masks(token), v_set(1))), bits);
        vec code = v_or(_mm256_slli_epi16(m, 1), v_and(token, v_set(1)));
        v_store(codes + i, _mm256_blendv_epi8(code, bits, _mm256_cmpeq_epi16(group, v_set(14))));
    }
}

static void
rans_decode(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    const unaligned16 *words = decoder->words;
    __m256i state[8];
    for (int g = 0; g < 8; g++)
        state[g] = v_load(decoder->states + 8 * g);
    size_t base = 0;
    for (; base + VOXEL_STATES <= count; base += VOXEL_STATES) {
        take_step(decoder->entries, tables + base, codes + base, VOXEL_LANES, state, &words);
        take_step(decoder->entries, tables + base + 32, codes + base + 32, VOXEL_LANES, state + 4, &words);
    }
    for (__m256i *bank = state; base < count; base += VOXEL_LANES, bank += 4) {
        size_t left = count - base < VOXEL_LANES ? count - base : VOXEL_LANES;
        uint16_t rest[VOXEL_LANES] = {0};
        memcpy(rest, tables + base, left * sizeof *rest);
        take_step(decoder->entries, rest, codes + base, left, bank, &words);
    }
    for (int g = 0; g < 8; g++)
        v_store(decoder->states + 8 * g, state[g]);
    decoder->words = words;
    vec any = v_set(0);
    for (size_t i = 0; i < count; i += VOXEL_WIDTH)
        any = v_or(any, v_load(codes + i));
    if (!_mm256_testz_si256(any, v_set(0xC0)))
        finish_codes(decoder, codes, count);
}

/* The quotient comes from a division of floats. It is below 2^21, so it is wrong by one at most, which is corrected. */
static inline __m256i
put_symbol(__m256i state, __m256i packed, __m256i lanes, unaligned16 **words)
{
    const __m256i low_bits = _mm256_set1_epi32(0xFFF), zero = _mm256_setzero_si256();
    __m256i f = _mm256_and_si256(_mm256_srli_epi32(packed, 12), low_bits), before = state;
    __m256i above = _mm256_srli_epi32(state, 32 - VOXEL_TABLE_BITS);
    __m256i full = _mm256_andnot_si256(_mm256_cmpgt_epi32(f, above), lanes);
    __m256i out = _mm256_permutevar8x32_epi32(state, given_words(mask_of(full)));
    out = _mm256_and_si256(out, _mm256_set1_epi32(0xFFFF));
    out = _mm256_permute4x64_epi64(_mm256_packus_epi32(out, zero), 0xD8);
    _mm_storeu_si128((__m128i *)(void *)*words, _mm256_castsi256_si128(out));
    *words += __builtin_popcount(mask_of(full));
    state = _mm256_blendv_epi8(state, _mm256_srli_epi32(state, 16), full);
    /* AVX2 converts signed numbers only: so the two halves are converted on their own */
    __m256 value = _mm256_cvtepi32_ps(_mm256_and_si256(state, _mm256_set1_epi32(0xFFFF)));
    __m256 upper = _mm256_cvtepi32_ps(_mm256_srli_epi32(state, 16));
    value = _mm256_add_ps(value, _mm256_mul_ps(upper, _mm256_set1_ps(65536)));
    __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(value, _mm256_cvtepi32_ps(f)));
    __m256i rest = _mm256_sub_epi32(state, _mm256_mullo_epi32(quotient, f));
    __m256i under = _mm256_cmpgt_epi32(zero, rest);
    quotient = _mm256_add_epi32(quotient, under);
    rest = _mm256_add_epi32(rest, _mm256_and_si256(under, f));
    __m256i within = _mm256_cmpgt_epi32(f, rest);
    quotient = _mm256_add_epi32(quotient, _mm256_andnot_si256(within, _mm256_set1_epi32(1)));
    rest = _mm256_sub_epi32(rest, _mm256_andnot_si256(within, f));
    __m256i next = _mm256_add_epi32(_mm256_slli_epi32(quotient, VOXEL_TABLE_BITS), rest);
    next = _mm256_add_epi32(next, _mm256_and_si256(packed, low_bits));
    return _mm256_blendv_epi8(before, next, lanes);
}

/* Notes the raw bits of sixteen samples: those of large tokens, and an escape's whole code. */
static inline void
mark_raw(struct raw_lanes *raw, size_t at, vec token, vec code, vec gone)
{
    v_store(raw->masks + at / 4, v_or(raw_masks(token), gone));
    v_store(raw->bits + at / 4, _mm256_blendv_epi8(_mm256_srli_epi16(code, 1), code, gone));
}

static inline __attribute__((always_inline)) void
put_step(const struct voxel_encode_entry *entries, const uint16_t *symbols, const uint16_t *codes, size_t at,
         size_t count, __m256i state[4], unaligned16 **words, struct raw_lanes *raw)
{
    __m256i gone[4];
    for (int g = 0; g < 4; g++) {
        __m256i symbol = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(symbols + 8 * g)));
        __m256i packed = gather8(&entries->packed, _mm256_slli_epi32(symbol, 1)); /* the first half of each entry */
        gone[g] = _mm256_srai_epi32(packed, 31);
        state[g] = put_symbol(state[g], packed, lanes_of(count, g), words);
    }
    for (int h = 0; h < 2; h++) {
        vec escaped = _mm256_permute4x64_epi64(_mm256_packs_epi32(gone[2 * h], gone[2 * h + 1]), 0xD8);
        vec token = v_and(v_load(symbols + 16 * h), v_set(255));
        mark_raw(raw, at + 16 * (size_t)h, token, v_load(codes + 16 * h), escaped);
    }
}

static void
rans_encode(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count)
{
    struct raw_lanes raw;
    unaligned16 *words = encoder->words;
    __m256i state[8];
    for (int g = 0; g < 8; g++)
        state[g] = v_load(encoder->states + 8 * g);
    size_t base = count / VOXEL_LANES * VOXEL_LANES;
    if (base < count) { /* the rest of the lanes have no symbol */
        uint16_t rest[2][VOXEL_LANES] = {{0}};
        memcpy(rest[0], symbols + base, (count - base) * sizeof *symbols);
        memcpy(rest[1], codes + base, (count - base) * sizeof *codes);
        put_step(encoder->entries, rest[0], rest[1], base, count - base, state + (base & VOXEL_LANES) / 8, &words,
                 &raw);
        raw.masks[count / 4] &= (UINT64_C(1) << 16 * (count % 4)) - 1;
        for (size_t q = count / 4 + 1; q < (base + VOXEL_LANES) / 4; q++)
            raw.masks[q] = 0;
    }
    while (base > 0) {
        base -= VOXEL_LANES;
        put_step(encoder->entries, symbols + base, codes + base, base, VOXEL_LANES, state + (base & VOXEL_LANES) / 8,
                 &words, &raw);
    }
    for (int g = 0; g < 8; g++)
        v_store(encoder->states + 8 * g, state[g]);
    encoder->words = words;
    put_raw_lanes(encoder, &raw, count);
}

#include "swift_pdep.h"
#include "target_template.h"

#ifdef __clang__
#pragma clang attribute pop
#endif

const struct voxel_target *
voxel_target_avx2(void)
{
    bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    return has ? &this_target : NULL;
}

#else

const struct voxel_target *
voxel_target_avx2(void)
{
    return NULL;
}

#endif
