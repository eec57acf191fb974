/* rans_few.c: as many states as keep a CPU busy without vectors. They stay in registers, so that loops over them are
 * written out. */
#include "rans_few.h"

#include "rans_plain.h"

#include <string.h>

/* ---- Encoding ---------------------------------------------------------------------------------------------- */

void
voxel_fill_few_entries(const uint16_t frequencies[VOXEL_TOKENS], struct voxel_few_entry entries[256])
{
    uint32_t start = 0;
    for (int t = 0; t < VOXEL_TOKENS; t++) {
        uint16_t f = frequencies[t], raw = t == VOXEL_ESCAPE ? VOXEL_FEW_ESCAPED | VOXEL_FEW_RAW : t >= 64;
        if (f == 0)
            continue;
        /* a quotient by 1 is too small by one, which the last number makes good */
        entries[t] = (struct voxel_few_entry){f == 1 ? UINT64_MAX : UINT64_MAX / f + 1, f, raw,
                                              start + (f == 1 ? VOXEL_TABLE_SIZE - 1 : 0)};
        start += f;
    }
    for (int t = 0; t < 256; t++)
        if (t >= VOXEL_TOKENS || frequencies[t] == 0)
            entries[t] = entries[VOXEL_ESCAPE];
}

/* The reciprocal has so many bits that the quotient is exact. */
static inline __attribute__((always_inline)) uint32_t
put_symbol(const struct voxel_few_entry *entry, uint32_t state, unaligned16 **words)
{
    __extension__ typedef unsigned __int128 wide;
    uint32_t frequency = entry->frequency, full = state >> (32 - VOXEL_TABLE_BITS) >= frequency;
    **words = (uint16_t)state;
    *words += full;
    state >>= 16 * full;
    uint32_t quotient = (uint32_t)((wide)state * entry->reciprocal >> 64);
    return state + entry->bias + quotient * (VOXEL_TABLE_SIZE - frequency);
}

/* The raw bits of these samples, of which the last comes first. */
static void
put_raws_of(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, const uint8_t *with,
            size_t n)
{
    while (n > 0) {
        uint64_t bits = 0;
        unsigned size = 0;
        for (int part = 0; part < 3 && n > 0; part++) { /* each has 16 bits at most */
            size_t i = with[--n];
            unsigned escaped = (encoder->few[symbols[i]].raw & VOXEL_FEW_ESCAPED) != 0;
            unsigned k = escaped ? 16 : raw_bits[symbols[i] >> 4 & 15];
            bits = bits << k | (codes[i] >> (1 - escaped) & ((1u << k) - 1));
            size += k;
        }
        put_raw(encoder, bits, size);
    }
}

void
voxel_rans_encode_few(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count)
{
    const struct voxel_few_entry *entries = encoder->few;
    unaligned16 *words = encoder->words;
    uint32_t states[VOXEL_FEW_STATES]; /* a copy that words, which may alias anything, do not */
    memcpy(states, encoder->states, sizeof states);
    for (size_t start = voxel_whole_vectors(count); start > 0; start -= VOXEL_LANES) {
        size_t base = start - VOXEL_LANES, lanes = count - base < VOXEL_LANES ? count - base : VOXEL_LANES, lane = 0;
        uint8_t with[VOXEL_LANES]; /* those that have raw bits; no branch depends on a sample */
        size_t n = 0;
#define PUT(i)                                                                                                         \
    do {                                                                                                               \
        const struct voxel_few_entry *entry = entries + symbols[base + lane + (i)];                                    \
        with[n] = (uint8_t)(lane + (i));                                                                               \
        n += entry->raw & VOXEL_FEW_RAW;                                                                               \
        states[i] = put_symbol(entry, states[i], &words);                                                              \
    } while (0)
        for (; lane + VOXEL_FEW_STATES <= lanes; lane += VOXEL_FEW_STATES) {
            PUT(0);
            PUT(1);
            PUT(2);
            PUT(3);
            PUT(4);
            PUT(5);
            PUT(6);
            PUT(7);
        }
        for (size_t i = 0; lane + i < lanes; i++)
            PUT(i);
#undef PUT
        put_raws_of(encoder, symbols + base, codes + base, with, n);
    }
    encoder->words = words;
    memcpy(encoder->states, states, sizeof states);
}

/* ---- Decoding ---------------------------------------------------------------------------------------------- */

void
voxel_rans_decode_few(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count)
{
    plain_decode(decoder, tables, codes, count, VOXEL_FEW_STATES);
}
