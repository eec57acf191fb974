/*
 * label_words_template.h: what the label coder does to 64 labels at once, in plain C. Compilers vectorise the loops,
 * except that comparisons become bit masks by each instruction set's own way. Included by label_rows_template.h, which
 * documents LABEL_T, LABEL_PAIR and LABEL_NAME, once for each width of labels.
 */

/* 1: plain C, whatever instructions the compiler may use. */
#ifndef LABEL_PLAIN
#define LABEL_PLAIN 0
#endif

#include <string.h>

/* Bit i: is a[i] = b[i]? */
static inline __attribute__((always_inline)) uint64_t
LABEL_NAME(equal_word)(const LABEL_T *a, const LABEL_T *b)
{
#if defined(__AVX512BW__) && !LABEL_PLAIN
    if (sizeof(LABEL_T) == 1)
        return _cvtmask64_u64(
            _mm512_cmpeq_epi8_mask(_mm512_loadu_si512((const void *)a), _mm512_loadu_si512((const void *)b)));
    uint64_t low = _cvtmask32_u32(
        _mm512_cmpeq_epi16_mask(_mm512_loadu_si512((const void *)a), _mm512_loadu_si512((const void *)b)));
    uint64_t high = _cvtmask32_u32(_mm512_cmpeq_epi16_mask(_mm512_loadu_si512((const void *)(a + 32)),
                                                           _mm512_loadu_si512((const void *)(b + 32))));
    return low | high << 32;
#elif defined(__AVX2__) && !LABEL_PLAIN
    uint64_t bits = 0;
    for (int i = 0; i < 64; i += 32) {
        const __m256i *p = (const void *)(a + i), *q = (const void *)(b + i);
        __m256i same;
        if (sizeof(LABEL_T) == 1) {
            same = _mm256_cmpeq_epi8(_mm256_loadu_si256(p), _mm256_loadu_si256(q));
        } else {
            same = _mm256_packs_epi16(_mm256_cmpeq_epi16(_mm256_loadu_si256(p), _mm256_loadu_si256(q)),
                                      _mm256_cmpeq_epi16(_mm256_loadu_si256(p + 1), _mm256_loadu_si256(q + 1)));
            same = _mm256_permute4x64_epi64(same, 0xD8);
        }
        bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(same) << i;
    }
    return bits;
#else
    enum { LANES = 8 / sizeof(LABEL_T), TOP = 8 * sizeof(LABEL_T) - 1 };
    const uint64_t ones = ~UINT64_C(0) / (LABEL_T)-1, low = ones * ((LABEL_T)-1 >> 1); /* all but the top bits */
    const uint64_t gather =
        sizeof(LABEL_T) == 1 ? UINT64_C(0x0102040810204080) : UINT64_C(0x1000200040008000); /* lane i to the top + i */
    uint64_t bits = 0;
    for (int i = 0; i < 64; i += LANES) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        x ^= y;
        uint64_t zero = ~(((x & low) + low) | x | low); /* the top bit of each lane that is 0 */
        bits |= ((zero >> TOP) * gather >> (64 - LANES)) << i;
    }
    return bits;
#endif
}

static inline void
LABEL_NAME(find_equal)(const LABEL_T *a, const LABEL_T *b, size_t words, uint64_t *bits)
{
    for (size_t i = 0; i < words; i++)
        bits[i] = LABEL_NAME(equal_word)(a + 64 * i, b + 64 * i);
}

/* Even labels are flat where n, p and ps agree, and each of them with its neighbours. */
static inline void
LABEL_NAME(find_flat_even)(const struct label_work *work, size_t words)
{
    const struct label_above *a = &work->above;
    const LABEL_T *n = a->n.half[0], *p = a->p.half[0], *ps = a->ps.half[0];
    for (size_t i = 0; i < words; i++) {
        uint64_t same = a->n.edges[i] & a->p.edges[i] & a->ps.edges[i];
        same &= a->n.edges[words + i] & a->p.edges[words + i] & a->ps.edges[words + i];
        work->flat[i] =
            same & LABEL_NAME(equal_word)(n + 64 * i, p + 64 * i) & LABEL_NAME(equal_word)(p + 64 * i, ps + 64 * i);
    }
}

/* Odd labels are flat where n, p, ps and the labels to the left and to the right are the same. */
static inline void
LABEL_NAME(find_flat_odd)(const struct label_work *work, size_t words)
{
    const struct label_above *a = &work->above;
    const LABEL_T *n = a->n.half[1], *p = a->p.half[1], *ps = a->ps.half[1], *now = work->row.half[0];
    for (size_t i = 0; i < 64 * words; i += 64)
        work->flat[i / 64] = LABEL_NAME(equal_word)(n + i, p + i) & LABEL_NAME(equal_word)(p + i, ps + i) &
                             LABEL_NAME(equal_word)(now + i, n + i) & LABEL_NAME(equal_word)(now + i + 1, n + i);
}

static inline __attribute__((always_inline)) void
LABEL_NAME(split_pairs)(const unsigned char *restrict src, LABEL_T *restrict even, LABEL_T *restrict odd, size_t at,
                        size_t count)
{
    for (size_t i = at; i < at + count; i++) {
        LABEL_PAIR pair;
        memcpy(&pair, src + i * sizeof pair, sizeof pair);
        even[i] = (LABEL_T)pair;
        odd[i] = (LABEL_T)(pair >> 8 * sizeof(LABEL_T));
    }
}

static inline __attribute__((always_inline)) void
LABEL_NAME(join_pairs)(const LABEL_T *restrict even, const LABEL_T *restrict odd, unsigned char *restrict dst,
                       size_t at, size_t count)
{
    for (size_t i = at; i < at + count; i++) {
        LABEL_PAIR pair = (LABEL_PAIR)(even[i] | (LABEL_PAIR)odd[i] << 8 * sizeof(LABEL_T));
        memcpy(dst + i * sizeof pair, &pair, sizeof pair);
    }
}

/* A row to its halves, and back: 32 pairs at a time. The last 32 may overlap with those before. */
static inline void
LABEL_NAME(split)(const unsigned char *src, LABEL_T *even, LABEL_T *odd, size_t width)
{
    size_t i = 0, count = width / 2;
    for (; i + 32 <= count; i += 32)
        LABEL_NAME(split_pairs)(src, even, odd, i, 32);
    if (count < 32)
        LABEL_NAME(split_pairs)(src, even, odd, 0, count);
    else
        LABEL_NAME(split_pairs)(src, even, odd, count - 32, 32);
    if (width % 2)
        memcpy(even + count, src + (width - 1) * sizeof(LABEL_T), sizeof(LABEL_T));
}

static inline void
LABEL_NAME(join)(const LABEL_T *even, const LABEL_T *odd, unsigned char *dst, size_t width)
{
    size_t i = 0, count = width / 2;
    for (; i + 32 <= count; i += 32)
        LABEL_NAME(join_pairs)(even, odd, dst, i, 32);
    if (count < 32)
        LABEL_NAME(join_pairs)(even, odd, dst, 0, count);
    else
        LABEL_NAME(join_pairs)(even, odd, dst, count - 32, 32);
    if (width % 2)
        memcpy(dst + (width - 1) * sizeof(LABEL_T), even + count, sizeof(LABEL_T));
}

/* For 64 labels from `at` on: the second candidates, which are the first site that differs from site 0, or site 0
 * itself; and the contexts of those in `coded`, moved together. Up to LABEL_LANES elements after these are written
 * to, too. Bits 0 to 8 of a context say which sites are equal to site 0, bit 9 that there is a third label. */
#if defined(__AVX512BW__) && !LABEL_PLAIN

#define LABEL_LOAD(k) _mm512_loadu_si512((const void *)(sites[k] + at))
#define LABEL_EQUAL(a, b)                                                                                              \
    (sizeof(LABEL_T) == 1 ? _cvtmask64_u64(_mm512_cmpeq_epi8_mask(a, b))                                               \
                          : _cvtmask32_u32(_mm512_cmpeq_epi16_mask(a, b)))
#define LABEL_TEST(a)                                                                                                  \
    (sizeof(LABEL_T) == 1 ? _cvtmask64_u64(_mm512_test_epi8_mask(a, a)) : _cvtmask32_u32(_mm512_test_epi16_mask(a, a)))
#define LABEL_LESS(a, b) (sizeof(LABEL_T) == 1 ? _mm512_min_epu8(a, b) : _mm512_min_epu16(a, b))
#define LABEL_CHOOSE(mask, a, b) /* b where the mask is set */                                                         \
    (sizeof(LABEL_T) == 1 ? _mm512_mask_mov_epi8(a, mask, b) : _mm512_mask_mov_epi16(a, (__mmask32)(mask), b))
#define LABEL_BIT(mask, a, bit)                                                                                        \
    (sizeof(LABEL_T) == 1 ? _mm512_mask_add_epi8(a, mask, a, _mm512_set1_epi8((char)(bit)))                            \
                          : _mm512_mask_add_epi16(a, (__mmask32)(mask), a, _mm512_set1_epi16((short)(bit))))

static inline __attribute__((always_inline)) void
LABEL_NAME(find_contexts)(const LABEL_T *const sites[LABEL_SITES], size_t at, uint64_t coded, unsigned table,
                          uint32_t *contexts, LABEL_T *second)
{
    enum { LANES = 64 / sizeof(LABEL_T), BITS = sizeof(LABEL_T) == 1 ? 8 : 9 };
    for (size_t end = at + LABEL_BLOCK; at < end; at += LANES, second += LANES, coded = coded >> (LANES - 1) >> 1) {
        __m512i site[LABEL_SITES], other, pattern = _mm512_setzero_si512();
        for (int k = 0; k < LABEL_SITES; k++)
            site[k] = LABEL_LOAD(k);
        uint64_t last = LABEL_EQUAL(site[9], site[0]);
        other = LABEL_CHOOSE(last, site[9], site[0]);
        if (BITS == 9)
            pattern = LABEL_BIT(last, pattern, 256);
        for (int k = 8; k > 0; k--) {
            uint64_t equal = LABEL_EQUAL(site[k], site[0]);
            other = LABEL_CHOOSE(equal, site[k], other);
            pattern = LABEL_BIT(equal, pattern, 1 << (k - 1));
        }
        __m512i more = _mm512_setzero_si512(); /* differences from both */
        for (int k = 1; k < LABEL_SITES; k++)
            more =
                _mm512_or_si512(more, LABEL_LESS(_mm512_xor_si512(site[k], site[0]), _mm512_xor_si512(site[k], other)));
        uint64_t third = LABEL_TEST(more);
        _mm512_storeu_si512((void *)second, other);
#define LABEL_PART(i)                                                                                                  \
    {                                                                                                                  \
        __m512i part = sizeof(LABEL_T) == 1 ? _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(pattern, i))              \
                                            : _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(pattern, i & 1));        \
        if (BITS == 8)                                                                                                 \
            part = _mm512_mask_add_epi32(part, (__mmask16)(last >> 16 * i), part, _mm512_set1_epi32(256));             \
        part = _mm512_mask_add_epi32(part, (__mmask16)(third >> 16 * i), part, _mm512_set1_epi32(512));                \
        part = _mm512_add_epi32(part, _mm512_set1_epi32((int)table));                                                  \
        __mmask16 here = (__mmask16)(coded >> 16 * i);                                                                 \
        _mm512_storeu_si512((void *)contexts, _mm512_maskz_compress_epi32(here, part));                                \
        contexts += __builtin_popcount(here);                                                                          \
    }
        LABEL_PART(0)
        LABEL_PART(1)
        if (sizeof(LABEL_T) == 1) {
            LABEL_PART(2)
            LABEL_PART(3)
        }
#undef LABEL_PART
    }
}

/* 64 labels: from b where a bit of `second` is set, from a where one of `first` is, else as they are. */
static inline void
LABEL_NAME(choose)(LABEL_T *now, uint64_t first, uint64_t second, const LABEL_T *a, const LABEL_T *b)
{
    enum { LANES = 64 / sizeof(LABEL_T) };
    for (int i = 0; i < LABEL_BLOCK; i += LANES) {
        __m512i labels = _mm512_loadu_si512((const void *)(now + i));
        labels = LABEL_CHOOSE(first >> i, labels, _mm512_loadu_si512((const void *)(a + i)));
        labels = LABEL_CHOOSE(second >> i, labels, _mm512_loadu_si512((const void *)(b + i)));
        _mm512_storeu_si512((void *)(now + i), labels);
    }
}

#undef LABEL_LOAD
#undef LABEL_EQUAL
#undef LABEL_CHOOSE
#undef LABEL_BIT
#undef LABEL_TEST
#undef LABEL_LESS

#else

static __attribute__((noinline)) void
LABEL_NAME(find_patterns)(const LABEL_T *const sites[LABEL_SITES], size_t at, uint16_t *restrict context,
                          LABEL_T *restrict second)
{
    const LABEL_T *s[LABEL_SITES];
    LABEL_T candidates[LABEL_BLOCK], pattern[LABEL_BLOCK], above[LABEL_BLOCK];
    for (int k = 0; k < LABEL_SITES; k++)
        s[k] = sites[k] + at;
    for (int i = 0; i < LABEL_BLOCK; i++) {
        LABEL_T first = s[0][i], change = 0, equal = 0, third = 0, last = 0;
        for (int k = LABEL_SITES - 1; k > 0; k--) {
            LABEL_T other = s[k][i] ^ first;
            change = other ? other : change;
            if (k == LABEL_SITES - 1)
                last = other ? 0 : 1;
            else
                equal |= (LABEL_T)(other ? 0 : 1 << (k - 1));
        }
        for (int k = 1; k < LABEL_SITES; k++)
            third |= (LABEL_T)(s[k][i] != first && (s[k][i] ^ first) != change ? 2 : 0);
        candidates[i] = first ^ change;
        pattern[i] = equal;
        above[i] = (LABEL_T)(last | third);
    }
    for (int i = 0; i < LABEL_BLOCK; i++)
        context[i] = (uint16_t)(pattern[i] | above[i] << (LABEL_SITES - 2));
    memcpy(second, candidates, sizeof candidates);
}

static inline void
LABEL_NAME(find_contexts)(const LABEL_T *const sites[LABEL_SITES], size_t at, uint64_t coded, unsigned table,
                          uint32_t *contexts, LABEL_T *second)
{
    uint16_t patterns[LABEL_BLOCK];
    LABEL_NAME(find_patterns)(sites, at, patterns, second);
    for (; coded; coded &= coded - 1)
        *contexts++ = table + patterns[__builtin_ctzll(coded)];
}

static inline void
LABEL_NAME(choose)(LABEL_T *now, uint64_t first, uint64_t second, const LABEL_T *a, const LABEL_T *b)
{
    for (; first; first &= first - 1)
        now[__builtin_ctzll(first)] = a[__builtin_ctzll(first)];
    for (; second; second &= second - 1)
        now[__builtin_ctzll(second)] = b[__builtin_ctzll(second)];
}

#endif
