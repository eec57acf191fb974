/*
 * x86.h: what the x86 targets with vectors share: table look-ups, and the raw bits of four samples at a time, by pdep
 * and pext. Included by a target's file after it has named its instructions to the compiler.
 */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_X86_H
#define ZBLOB_CODEC_VOXEL_KERNELS_X86_H

#include "ops.h"
#include "raw_bits.h"

#include <immintrin.h>
#include <string.h>

static inline __attribute__((always_inline)) __m128i
gather4(const uint32_t *from, __m128i at)
{
    uint64_t low = (uint64_t)_mm_cvtsi128_si64(at), high = (uint64_t)_mm_extract_epi64(at, 1);
    __m128i a = _mm_insert_epi32(_mm_cvtsi32_si128((int)from[(uint32_t)low]), (int)from[low >> 32], 1);
    __m128i b = _mm_insert_epi32(_mm_cvtsi32_si128((int)from[(uint32_t)high]), (int)from[high >> 32], 1);
    return _mm_unpacklo_epi64(a, b);
}

/* Loads one by one: 15 cycles for 16 lanes where the gather instruction takes 21 (Zen 4), and nothing that microcode
 * against speculation slows down. */
static inline __attribute__((always_inline)) __m256i
gather8(const uint32_t *from, __m256i at)
{
    __m128i low = gather4(from, _mm256_castsi256_si128(at)), high = gather4(from, _mm256_extracti128_si256(at, 1));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Replaces masks by the raw bits under them, four lanes at a time. Four escapes have more bits than one load holds. */
static inline void
take_raw(struct voxel_decoder *decoder, uint64_t *masks, size_t count)
{
    uint64_t at = decoder->raw_at;
    for (size_t q = 0; q < count; q++) {
        uint64_t mask = masks[q], bits, from;
        unsigned size = (unsigned)_mm_popcnt_u64(mask);
        memcpy(&from, decoder->raw + (at >> 3), sizeof from);
        bits = _pdep_u64(from >> (at & 7), mask);
        if (__builtin_expect(size > 56, 0)) {
            unsigned half = (unsigned)_mm_popcnt_u64(mask & UINT32_MAX);
            memcpy(&from, decoder->raw + ((at + half) >> 3), sizeof from);
            bits = (bits & UINT32_MAX) | _pdep_u64(from >> ((at + half) & 7), mask & ~(uint64_t)UINT32_MAX);
        }
        masks[q] = bits;
        at += size;
    }
    decoder->raw_at = at;
}

/* What goes into the stream of raw bits: a mask for each sample, and the bits under it. */
struct raw_lanes {
    _Alignas(64) uint64_t masks[VOXEL_SEGMENT / 4], bits[VOXEL_SEGMENT / 4];
};

/* From the last lane to the first: the decoder reads in the other direction. */
static inline void
put_raw_lanes(struct voxel_encoder *encoder, const struct raw_lanes *raw, size_t count)
{
    for (size_t q = (count + 3) / 4; q-- > 0;) {
        uint64_t mask = raw->masks[q], bits = raw->bits[q];
        unsigned size = (unsigned)_mm_popcnt_u64(mask);
        if (__builtin_expect(size > 56, 0)) {
            uint64_t upper = mask & ~(uint64_t)UINT32_MAX;
            put_raw(encoder, _pext_u64(bits, upper), (unsigned)_mm_popcnt_u64(upper));
            mask &= UINT32_MAX;
            size = (unsigned)_mm_popcnt_u64(mask);
        }
        put_raw(encoder, _pext_u64(bits, mask), size);
    }
}

#endif
