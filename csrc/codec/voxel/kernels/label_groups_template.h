/*
 * label_groups_template.h: groups of up to LABEL_LANES symbols, each with a state of its own, all coded by the odds
 * before the group; and bits of places in and out of words. The same for labels of 8 and 16 bits: included once for
 * each target.
 */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_LABEL_GROUPS_TEMPLATE_H
#define ZBLOB_CODEC_VOXEL_KERNELS_LABEL_GROUPS_TEMPLATE_H

/* 1: plain C, whatever instructions the compiler may use. */
#ifndef LABEL_PLAIN
#define LABEL_PLAIN 0
#endif

#include "../label/coder.h"

/* ---- Bits -------------------------------------------------------------------------------------------------- */

/* The bits of `bits` where the mask has ones, moved together; and back. */
static inline __attribute__((always_inline)) uint64_t
label_pack(uint64_t bits, uint64_t mask)
{
#if defined(__BMI2__) && !LABEL_PLAIN
    return _pext_u64(bits, mask);
#else
    uint64_t packed = 0;
    for (int i = 0; mask; mask &= mask - 1, i++)
        packed |= (uint64_t)((bits & mask & -mask) != 0) << i;
    return packed;
#endif
}

static inline __attribute__((always_inline)) uint64_t
label_spread(uint64_t packed, uint64_t mask)
{
#if defined(__BMI2__) && !LABEL_PLAIN
    return _pdep_u64(packed, mask);
#else
    uint64_t bits = 0;
    for (; mask && packed; mask &= mask - 1, packed >>= 1)
        bits |= packed & 1 ? mask & -mask : 0;
    return bits;
#endif
}

/* 64 bits from bit `at` on. */
static inline uint64_t
label_get_bits(const uint64_t *bits, size_t at)
{
    return bits[at / 64] >> at % 64 | bits[at / 64 + 1] << 1 << (63 - at % 64);
}

/* Stores 64 bits from bit `at` on, and clears those after them up to the end of the next word. */
static inline void
label_put_bits(uint64_t *bits, size_t at, uint64_t value)
{
    bits[at / 64] = (bits[at / 64] & ~(UINT64_MAX << at % 64)) | value << at % 64;
    bits[at / 64 + 1] = value >> 1 >> (63 - at % 64);
}

/* ---- Groups ------------------------------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) void
label_decode_group(struct label_coder *coder, const uint32_t *contexts, size_t count, size_t mask, uint64_t above[3])
{
    label_odds next[LABEL_LANES];
    uint64_t bits[4] = {0};
    for (size_t i = 0; i < count; i++) {
        label_odds odds = coder->odds[contexts[i]];
        unsigned symbol = label_take(coder, &coder->states[i & mask], odds);
        next[i] = label_adapted(odds, symbol);
        bits[symbol] |= UINT64_C(1) << i;
    }
    for (size_t i = 0; i < count; i++)
        coder->odds[contexts[i]] = next[i];
    above[2] = bits[3];
    above[1] = bits[3] | bits[2];
    above[0] = above[1] | bits[1];
}

/* Groups from symbol `at` on, one symbol after the other. Symbol i of a group has state i & mask. */
static inline __attribute__((always_inline)) void
label_decode_rest(struct label_coder *coder, const uint32_t *contexts, size_t at, size_t count, size_t mask,
                  uint64_t *const above[3])
{
    for (; at < count; at += LABEL_LANES) {
        uint64_t now[3];
        label_decode_group(coder, contexts + at, count - at < LABEL_LANES ? count - at : LABEL_LANES, mask, now);
        for (int j = 0; j < 3; j++)
            label_put_bits(above[j], at, now[j]);
    }
}

#if defined(__AVX512BW__) && !LABEL_PLAIN

static inline __m512i
label_eight_ends(__m512i odds)
{
    __m512i pull = _mm512_and_si512(_mm512_srli_epi64(odds, 9), _mm512_set1_epi64(LABEL_PULL));
    __m512i ends = _mm512_sub_epi64(_mm512_and_si512(odds, _mm512_set1_epi64(LABEL_ENDS)), pull);
    return _mm512_add_epi64(ends, _mm512_set1_epi64((long long)LABEL_PUSH));
}

static inline __m512i
label_eight_adapted(__m512i odds, __m512i shift)
{
    __m512i rate = _mm512_srli_epi64(odds, LABEL_RATE_SHIFT);
    __m512i fade = _mm512_permutexvar_epi64(rate, _mm512_loadu_si512(label_fade));
    __m512i gain = _mm512_and_si512(fade, _mm512_sllv_epi64(_mm512_set1_epi64(-1), shift));
    gain = _mm512_add_epi64(gain, _mm512_permutexvar_epi64(rate, _mm512_loadu_si512(label_step)));
    __m512i loss = _mm512_and_si512(_mm512_srlv_epi64(odds, rate), fade);
    return _mm512_sub_epi64(_mm512_add_epi64(odds, gain), loss);
}

/* The shares of eight symbols, and where they start; `shift` is 16 times the symbols. */
static inline __m512i
label_eight_shares(__m512i ends, __m512i shift, __m512i *start)
{
    const __m512i low = _mm512_set1_epi64(0xFFFF);
    *start = _mm512_and_si512(_mm512_srlv_epi64(_mm512_slli_epi64(ends, 16), shift), low);
    return _mm512_sub_epi64(_mm512_and_si512(_mm512_srlv_epi64(ends, shift), low), *start);
}

/* Sixteen numbers of 32 bits <-> those at even places and those at odd places, as numbers of 64 bits. */
static inline void
label_split(__m512i pairs, __m512i halves[2])
{
    halves[0] = _mm512_and_si512(pairs, _mm512_set1_epi64(UINT32_MAX));
    halves[1] = _mm512_srli_epi64(pairs, 32);
}

static inline __m512i
label_join(const __m512i halves[2])
{
    return _mm512_or_si512(halves[0], _mm512_slli_epi64(halves[1], 32));
}

static inline void
label_store_odds(struct label_coder *coder, const uint32_t *contexts, const __m512i odds[2])
{
    uint64_t next[2][LABEL_LANES / 2] __attribute__((aligned(64)));
    _mm512_store_si512(next[0], odds[0]);
    _mm512_store_si512(next[1], odds[1]);
    for (size_t i = 0; i < LABEL_LANES; i++) /* idle lanes write to an entry of their own */
        coder->odds[contexts[i]] = next[i % 2][i / 2];
}

/* Takes a symbol from each of eight states, before words are read. Returns 16 times the symbols. */
static inline __attribute__((always_inline)) __m512i
label_take_eight(__m512i *state, __m512i odds)
{
    const __m512i slot_of = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 8, 9, 8, 9, 8, 9, 8, 9));
    __m512i ends = label_eight_ends(odds), x = *state, start;
    __m512i slot = _mm512_and_si512(x, _mm512_set1_epi64(LABEL_SCALE - 1));
    __m512i behind = _mm512_maskz_set1_epi16(_mm512_cmpge_epu16_mask(_mm512_shuffle_epi8(slot, slot_of), ends), 16);
    __m512i shift = _mm512_add_epi64(behind, _mm512_srli_epi64(behind, 16));
    shift = _mm512_and_si512(_mm512_add_epi64(shift, _mm512_srli_epi64(behind, 32)), _mm512_set1_epi64(48));
    __m512i share = label_eight_shares(ends, shift, &start);
    x = _mm512_mul_epu32(share, _mm512_srli_epi64(x, LABEL_SCALE_BITS));
    *state = _mm512_add_epi64(x, _mm512_sub_epi64(slot, start));
    return shift;
}

static void
label_decode_groups(struct label_coder *coder, const uint32_t *contexts, size_t count, uint64_t *const above[3])
{
    if (coder->is_single) {
        label_decode_rest(coder, contexts, 0, count, 0, above);
        return;
    }
    __m512i states = _mm512_loadu_si512(coder->states);
    uint64_t bits[3] = {0};
    size_t at = 0;
    for (; at < count && coder->words_end - coder->words >= 2 * LABEL_LANES; at += LABEL_LANES) {
        size_t left = count - at < LABEL_LANES ? count - at : LABEL_LANES;
        __mmask16 lanes = (__mmask16)((1U << left) - 1);
        __m512i places[2], odds[2], taken[2], shift[2];
        label_split(_mm512_loadu_si512(contexts + at), places);
        label_split(states, taken);
        for (int i = 0; i < 2; i++) {
            odds[i] = _mm512_i64gather_epi64(places[i], coder->odds, 8);
            shift[i] = label_take_eight(&taken[i], odds[i]);
            odds[i] = label_eight_adapted(odds[i], shift[i]);
        }
        label_store_odds(coder, contexts + at, odds);
        __m512i x = label_join(taken), symbols = label_join(shift);
        __mmask16 few = _mm512_mask_cmplt_epu32_mask(lanes, x, _mm512_set1_epi32(1 << LABEL_STATE_BITS));
        __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)coder->words));
        words = _mm512_maskz_expand_epi32(few, words);
        x = _mm512_mask_or_epi32(x, few, _mm512_slli_epi32(x, 16), words);
        coder->words += 2 * (size_t)__builtin_popcount(few);
        states = _mm512_mask_mov_epi32(states, lanes, x);
        for (int j = 0; j < 3; j++) {
            uint64_t now = _mm512_mask_cmpgt_epu32_mask(lanes, symbols, _mm512_set1_epi32(16 * j));
            bits[j] = (at % 64 ? bits[j] : 0) | now << at % 64;
            above[j][at / 64] = bits[j];
        }
    }
    _mm512_storeu_si512(coder->states, states);
    label_decode_rest(coder, contexts, at, count, LABEL_LANES - 1, above);
}

static void
label_encode_group(struct label_coder *coder, const uint32_t *contexts, size_t count, const uint64_t above[3])
{
    __m512i places[2], odds[2], shift[2], notes[2], symbols = _mm512_setzero_si512(), start;
    for (int j = 0; j < 3; j++)
        symbols = _mm512_mask_add_epi32(symbols, (__mmask16)above[j], symbols, _mm512_set1_epi32(16));
    label_split(_mm512_loadu_si512(contexts), places);
    label_split(symbols, shift);
    for (int i = 0; i < 2; i++) {
        odds[i] = _mm512_i64gather_epi64(places[i], coder->odds, 8);
        __m512i share = label_eight_shares(label_eight_ends(odds[i]), shift[i], &start);
        share = _mm512_sub_epi64(share, _mm512_set1_epi64(1));
        notes[i] = _mm512_or_si512(start, _mm512_slli_epi64(share, LABEL_SCALE_BITS));
        odds[i] = label_eight_adapted(odds[i], shift[i]);
    }
    _mm512_storeu_si512(coder->log + coder->log_count, label_join(notes));
    label_store_odds(coder, contexts, odds);
    coder->log_count += count;
}

#else

static void
label_encode_group(struct label_coder *coder, const uint32_t *contexts, size_t count, const uint64_t above[3])
{
    label_odds next[LABEL_LANES];
    uint32_t *log = coder->log + coder->log_count;
    for (size_t i = 0; i < count; i++) {
        label_odds odds = coder->odds[contexts[i]];
        unsigned symbol = (unsigned)((above[0] >> i & 1) + (above[1] >> i & 1) + (above[2] >> i & 1));
        log[i] = label_note_symbol(odds, symbol);
        next[i] = label_adapted(odds, symbol);
    }
    for (size_t i = 0; i < count; i++)
        coder->odds[contexts[i]] = next[i];
    coder->log_count += count;
}

static void
label_decode_groups(struct label_coder *coder, const uint32_t *contexts, size_t count, uint64_t *const above[3])
{
    if (coder->is_single)
        label_decode_rest(coder, contexts, 0, count, 0, above);
    else
        label_decode_rest(coder, contexts, 0, count, LABEL_LANES - 1, above);
}

#endif

static void
label_encode_groups(struct label_coder *coder, const uint32_t *contexts, size_t count, uint64_t *const above[3])
{
    if (!label_coder_reserve(coder, count))
        return;
    for (size_t at = 0; at < count; at += LABEL_LANES) {
        const uint64_t now[3] = {label_get_bits(above[0], at), label_get_bits(above[1], at),
                                 label_get_bits(above[2], at)};
        size_t size = count - at < LABEL_LANES ? count - at : LABEL_LANES;
        label_encode_group(coder, contexts + at, size, now);
        coder->groups[coder->group_count++] = (uint8_t)size;
    }
}

#endif
