/*
 * rans_plain.h: the entropy coder in plain C, with `state_count` states, a power of two: lane j of step s has state
 * 32 * s + j, modulo their number. Included by a target's file after it has named its instructions to the compiler.
 */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_RANS_PLAIN_H
#define ZBLOB_CODEC_VOXEL_KERNELS_RANS_PLAIN_H

#include "ops.h"
#include "raw_bits.h"

#include <string.h>

/* By a token's upper four bits: how many raw bits it has, and what its magnitude is too large by. Token 224 is the
 * escape, and the last. */
static const uint8_t raw_bits[16] = {0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 0};
static const uint8_t raw_base[16] = {0, 0, 0, 0, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 0, 0};

static inline void
put_raws(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count)
{
    uint8_t with[VOXEL_LANES]; /* those that have raw bits, which are few; no branch depends on a sample */
    size_t n = 0;
    for (size_t i = count; i-- > 0;) {
        with[n] = (uint8_t)i;
        n += (encoder->entries[symbols[i]].packed >> 31 | (symbols[i] & 0xC0)) != 0;
    }
    for (size_t at = 0; at < n;) {
        uint64_t bits = 0;
        unsigned size = 0;
        for (int part = 0; part < 3 && at < n; part++, at++) { /* each has 16 bits at most */
            size_t i = with[at];
            uint32_t escaped = encoder->entries[symbols[i]].packed >> 31;
            unsigned k = escaped ? 16 : raw_bits[symbols[i] >> 4 & 15];
            bits = bits << k | (codes[i] >> (1 - escaped) & ((1u << k) - 1));
            size += k;
        }
        put_raw(encoder, bits, size);
    }
}

static inline void
plain_encode(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count,
             size_t state_count)
{
    const struct voxel_encode_entry *entries = encoder->entries;
    unaligned16 *words = encoder->words;
    uint32_t states[VOXEL_STATES]; /* a copy that words, which may alias anything, do not */
    memcpy(states, encoder->states, state_count * sizeof *states);
    for (size_t start = voxel_whole_vectors(count); start > 0; start -= VOXEL_LANES) {
        size_t base = start - VOXEL_LANES;
        size_t lanes = count - base < VOXEL_LANES ? count - base : VOXEL_LANES;
        put_raws(encoder, symbols + base, codes + base, lanes);
        for (size_t lane = 0; lane < lanes; lane++) {
            const struct voxel_encode_entry *entry = entries + symbols[base + lane];
            uint32_t *at = &states[(base + lane) & (state_count - 1)];
            uint32_t state = *at, frequency = entry->packed >> 12 & 0xFFF;
            uint32_t full = (state >> (32 - VOXEL_TABLE_BITS)) >= frequency;
            *words = (uint16_t)state;
            words += full;
            state >>= 16 * full;
            uint32_t quotient = (uint32_t)((uint64_t)state * entry->reciprocal >> 32);
            uint32_t rest = state - quotient * frequency, over = rest >= frequency;
            quotient += over;
            rest -= over * frequency;
            *at = (quotient << VOXEL_TABLE_BITS) + rest + (entry->packed & 0xFFF);
        }
    }
    encoder->words = words;
    memcpy(encoder->states, states, state_count * sizeof *states);
}

static inline void
take_raws(struct voxel_decoder *decoder, uint16_t *codes, size_t count)
{
    uint64_t at = decoder->raw_at;
    uint16_t with[VOXEL_SEGMENT]; /* as in put_raws; the others are their tokens */
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        with[n] = (uint16_t)i;
        n += codes[i] >= 64;
    }
    for (size_t place = 0; place < n; place++) {
        uint16_t *code = &codes[with[place]];
        unsigned token = *code, group = token >> 4, k = raw_bits[group];
        uint32_t from;
        memcpy(&from, decoder->raw + (at >> 3), sizeof from);
        uint32_t bits = from >> (at & 7) & ((1u << k) - 1), escaped = group == 14;
        uint32_t full = ((token >> 1) - raw_base[group]) << (k + 1) | bits << 1 | (token & 1);
        at += k;
        *code = (uint16_t)(escaped * bits + (1 - escaped) * full);
    }
    decoder->raw_at = at;
}

static inline void
plain_decode(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count, size_t state_count)
{
    const unaligned16 *words = decoder->words;
    uint32_t any = 0, states[VOXEL_STATES];
    memcpy(states, decoder->states, state_count * sizeof *states);
    for (size_t base = 0; base < count; base += VOXEL_LANES) {
        for (size_t lane = count - base < VOXEL_LANES ? count - base : VOXEL_LANES; lane-- > 0;) {
            uint32_t *at = &states[(base + lane) & (state_count - 1)], state = *at;
            uint32_t slot = state & (VOXEL_TABLE_SIZE - 1);
            uint32_t entry = decoder->entries[(size_t)tables[base + lane] * VOXEL_TABLE_SIZE + slot];
            state = (entry >> 20) * (state >> VOXEL_TABLE_BITS) + (entry >> 8 & 0xFFF);
            uint32_t need = state < 65536;
            words -= need;
            *at = state << 16 * need | (*words & (0 - need));
            codes[base + lane] = entry & 255;
            any |= entry & 0xC0;
        }
    }
    memset(codes + count, 0, (voxel_whole_vectors(count) - count) * sizeof *codes); /* others read whole vectors */
    decoder->words = words;
    memcpy(decoder->states, states, state_count * sizeof *states);
    if (any)
        take_raws(decoder, codes, count);
}

#endif
