/*
 * sites.h: the pixels that one is compared with, and which of them are equal to a label, as bits. Section 10 of
 * docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_MIXED_SITES_H
#define ZBLOB_CODEC_VOXEL_MIXED_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    MIXED_SITES = 22,
    MIXED_LANES = 8,
    MIXED_SIDE = 4, /* labels beyond both ends of a row */
};
#define MIXED_ALL ((UINT32_C(1) << MIXED_SITES) - 1)

/* A row at work, and those that it refers to: above it (n, nn, nnn), in the slice before (p; pn, ps, pss: the row above
 * it, the first and the second one below), and in the one before that (q). */
struct mixed_above {
    uint16_t *now;
    const uint16_t *n, *nn, *nnn, *p, *pn, *ps, *pss, *q;
    bool is_first; /* the chunk's first slice, which has sites of its own */
};

typedef uint16_t mixed_vector __attribute__((vector_size(2 * MIXED_LANES)));

/* The last two lanes repeat the first one. */
struct mixed_sites {
    mixed_vector lanes[3];
};

static inline struct mixed_sites
mixed_sites_of(const struct mixed_above *a, size_t x)
{
    const uint16_t *now = a->now + x, *n = a->n + x, *nn = a->nn + x, *nnn = a->nnn + x, *p = a->p + x;
    const uint16_t *pn = a->pn + x, *ps = a->ps + x;
    uint16_t w = now[-1];
    if (a->is_first)
        return (struct mixed_sites){{{w, n[0], n[-1], n[1], now[-2], nn[0], n[2], n[-2]},
                                     {nn[1], nn[-1], now[-3], nnn[0], n[3], nn[2], nn[-2], n[-3]},
                                     {nnn[1], nnn[-1], nn[3], nn[-3], nnn[2], nnn[-2], w, w}}};
    return (struct mixed_sites){{{w, n[0], p[0], n[-1], n[1], p[1], ps[0], now[-2]},
                                 {nn[0], p[-1], pn[0], n[2], ps[1], ps[-1], pn[1], pn[-1]},
                                 {p[2], a->pss[x], a->q[x], n[-2], nn[-1], nn[1], w, w}}};
}

static inline unsigned
mixed_site(const struct mixed_sites *sites, unsigned i)
{
    return sites->lanes[i / MIXED_LANES][i % MIXED_LANES];
}

/* Bit i: site i is the label. */
static inline uint32_t
mixed_equal(const struct mixed_sites *sites, unsigned label)
{
    uint32_t equal = 0;
#ifdef __SSE2__
    __m128i all = _mm_set1_epi16((short)label), is[3];
    for (int i = 0; i < 3; i++)
        is[i] = _mm_cmpeq_epi16((__m128i)sites->lanes[i], all);
    equal = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(is[0], is[1])) |
            (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(is[2], is[2])) << 16;
#else
    for (unsigned i = 0; i < MIXED_SITES; i++)
        equal |= (uint32_t)(mixed_site(sites, i) == label) << i;
#endif
    return equal & MIXED_ALL;
}

#endif
