/*
 * swift_vbmi.c: the kernels of the swift coder for x86 with AVX-512 and its bytewise permutations (VBMI and VBMI2, since
 * Ice Lake and Zen 4): 32 samples a step, and no branch that depends on samples but those to what is rare.
 */
#include "swift_vbmi.h"

#if defined(__x86_64__) && defined(__GNUC__)

#ifdef __clang__
#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni,avx512vbmi,avx512vbmi2,bmi,bmi2,"    \
                          "lzcnt,popcnt"))),                                                                           \
    apply_to = function)
#else
#pragma GCC target(                                                                                                    \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni,avx512vbmi,avx512vbmi2,bmi,bmi2,lzcnt,popcnt")
#endif
#include <immintrin.h>
#include <string.h>

/* Functions of a constant number of pairs of taps become loops of their own. */
#define INLINE static inline __attribute__((always_inline))

INLINE __m512i
load(const void *p)
{
    return _mm512_loadu_si512(p);
}

INLINE uint64_t
load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE uint32_t
load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The predictions of 32 samples. A pair of taps is a word of the half-row: the words at `tap` give the even ones of 32
 * sums, those that begin one sample later the odd ones. */
INLINE __m512i
predict(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, int pairs)
{
    __m512i even = _mm512_set1_epi32(1 << (VOXEL_WEIGHT_BITS - 1)), odd = even;
    for (int pair = 0; pair < pairs; pair++) {
        const int16_t *tap = voxel_tap(row, 2 * pair) + at;
        __m512i weights = _mm512_set1_epi32((int)predictor->weights[pair]);
        even = _mm512_dpwssd_epi32(even, load(tap), weights);
        odd = _mm512_dpwssd_epi32(odd, load(tap + 1), weights);
    }
    const __m512i low = _mm512_set1_epi32(predictor->low), high = _mm512_set1_epi32(predictor->high);
    even = _mm512_min_epi32(_mm512_max_epi32(_mm512_srai_epi32(even, VOXEL_WEIGHT_BITS), low), high);
    odd = _mm512_min_epi32(_mm512_max_epi32(_mm512_srai_epi32(odd, VOXEL_WEIGHT_BITS), low), high);
    return _mm512_mask_blend_epi16(0xAAAAAAAA, even, _mm512_slli_epi32(odd, 16));
}

/* A byte for each of four groups -> in all bytes of the group's quarter. */
INLINE __m512i
spread(uint32_t bytes)
{
    const __m512i quarter =
        _mm512_set_epi32(0x03030303, 0x03030303, 0x03030303, 0x03030303, 0x02020202, 0x02020202, 0x02020202, 0x02020202,
                         0x01010101, 0x01010101, 0x01010101, 0x01010101, 0, 0, 0, 0);
    return _mm512_shuffle_epi8(_mm512_set1_epi32((int)bytes), quarter);
}

static const _Alignas(64) uint16_t escapes[32] = {65535, 1,   3,   6,    12,   24,   48,    96,
                                                  192,   384, 768, 1536, 3072, 6144, 12288, 65535};

/* ---- Decoding ---------------------------------------------------------------------------------------------- */

/* The fields of four groups. A quad of four fields begins within the byte that its lane of 64 bits is filled from. */
INLINE __m512i
take_fields(const unsigned char *fields, uint32_t classes, __m512i class8, __m512i class16)
{
    const __m512i bytes = _mm512_set1_epi64(0x0706050403020100), odd_quads = _mm512_set4_epi64(-1, 0, -1, 0);
    const __m512i places =
        _mm512_set4_epi64(0x0303020201010000, 0x0303020201010000, 0x0303020201010000, 0x0303020201010000);
    __m512i half = _mm512_and_si512(_mm512_srli_epi16(class8, 1), _mm512_and_si512(odd_quads, _mm512_set1_epi8(0x7F)));
    __m512i index = _mm512_add_epi8(_mm512_add_epi8(spread(classes * 0x01010100u), bytes), half);
    __m512i quads = _mm512_permutexvar_epi8(index, load(fields));
    __m512i shift = _mm512_and_si512(_mm512_slli_epi16(class8, 2), _mm512_and_si512(odd_quads, _mm512_set1_epi8(4)));
    shift = _mm512_add_epi8(_mm512_add_epi8(shift, _mm512_set1_epi16(0x0800)), _mm512_mullo_epi16(class16, places));
    __m512i bits = _mm512_multishift_epi64_epi8(shift, quads);
    return _mm512_andnot_si512(_mm512_sllv_epi16(_mm512_set1_epi16(-1), class16), bits);
}

/* 64 bits from an item of `width` bits on. */
INLINE uint64_t
bits_at(const unsigned char *stream, size_t at, unsigned width)
{
    const unsigned char *p = stream + at * width / 8;
    unsigned shift = (unsigned)(at * width % 8);
    return load64(p) >> shift | load64(p + 8) << 1 << (63 - shift);
}

/* By how much escapes run over; *raw: those whose codes follow as they are. */
INLINE __m512i
take_over(struct swift_reader *reader, __mmask32 escape, __mmask32 *raw)
{
    const __m512i pairs = _mm512_set_epi16(62, 60, 58, 56, 54, 52, 50, 48, 46, 44, 42, 40, 38, 36, 34, 32, 30, 28, 26,
                                           24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    __m512i digits = _mm512_set1_epi64((long long)bits_at(reader->digits, reader->digits_at, 2));
    digits = _mm512_and_si512(_mm512_multishift_epi64_epi8(pairs, digits), _mm512_set1_epi16(SWIFT_DIGIT_MAX));
    digits = _mm512_maskz_expand_epi16(escape, digits);
    reader->digits_at += (size_t)_mm_popcnt_u32(escape);
    __mmask32 more = _mm512_cmpeq_epi16_mask(digits, _mm512_set1_epi16(SWIFT_DIGIT_MAX));
    *raw = 0;
    if (more) {
        const __m512i fours = _mm512_set_epi16(60, 56, 52, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0, 60, 56, 52,
                                               48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0);
        size_t count = (size_t)_mm_popcnt_u32(more);
        __m512i nibbles = _mm512_set1_epi64((long long)bits_at(reader->nibbles, reader->nibbles_at, 4));
        if (count > 16)
            nibbles =
                _mm512_mask_set1_epi64(nibbles, 0xF0, (long long)bits_at(reader->nibbles, reader->nibbles_at + 16, 4));
        nibbles = _mm512_and_si512(_mm512_multishift_epi64_epi8(fours, nibbles), _mm512_set1_epi16(SWIFT_NIBBLE_MAX));
        nibbles = _mm512_maskz_expand_epi16(more, nibbles);
        reader->nibbles_at += count;
        digits = _mm512_add_epi16(digits, nibbles);
        *raw = _mm512_cmpeq_epi16_mask(nibbles, _mm512_set1_epi16(SWIFT_NIBBLE_MAX));
    }
    return digits;
}

INLINE __m512i
take_raw_codes(struct swift_reader *reader, __mmask32 raw, __m512i codes)
{
    __m512i from = load(reader->codes + 2 * reader->codes_at);
    reader->codes_at += (size_t)_mm_popcnt_u32(raw);
    return _mm512_mask_expand_epi16(codes, raw, from);
}

INLINE bool
decode(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
       const uint8_t *classes, struct swift_reader *to, int pairs)
{
    struct swift_reader reader = *to;
    const __m512i limits = load(escapes), one = _mm512_set1_epi16(1);
    __m512i codes = _mm512_setzero_si512();
    for (size_t block = 0; block < count; block += VOXEL_LANES) {
        __m512i prediction = predict(predictor, row, at + block, pairs);
        uint32_t four = load32(classes + block / SWIFT_GROUP);
        __m512i class8 = spread(four), class16 = _mm512_and_si512(class8, _mm512_set1_epi16(255));
        codes = take_fields(reader.fields, four, class8, class16);
        reader.fields += four * 0x01010101u >> 24;
        __mmask32 raw, escape = _mm512_cmpge_epu16_mask(codes, _mm512_permutexvar_epi16(class16, limits));
        __m512i over = take_over(&reader, escape, &raw), shift = _mm512_subs_epu16(class16, _mm512_set1_epi16(2));
        codes = _mm512_add_epi16(codes, _mm512_sllv_epi16(over, shift));
        if (__builtin_expect(raw != 0, 0))
            codes = take_raw_codes(&reader, raw, codes);
        __m512i sign = _mm512_sub_epi16(_mm512_setzero_si512(), _mm512_and_si512(codes, one));
        __m512i residual = _mm512_xor_si512(_mm512_srli_epi16(codes, 1), sign);
        _mm512_storeu_si512(row->values + at + block, _mm512_add_epi16(prediction, residual));
    }
    *to = reader;
    __mmask32 beyond = count % VOXEL_LANES ? UINT32_MAX << count % VOXEL_LANES : 0;
    return _mm512_mask_test_epi16_mask(beyond, codes, codes) == 0;
}

#define SWIFT_HAS_DECODE 1
static bool
swift_decode(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
             const uint8_t *classes, struct swift_reader *reader)
{
    switch (predictor->pairs) {
    case 5: return decode(predictor, row, at, count, classes, reader, 5);
    case 6: return decode(predictor, row, at, count, classes, reader, 6);
    default: return decode(predictor, row, at, count, classes, reader, 7);
    }
}

#define SWIFT_HAS_READ_CLASSES 1
static bool
swift_read_classes(struct swift_class_reader *reader, uint8_t *classes, size_t groups)
{
    const __m128i pairs = _mm_set_epi8(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m128i fours = _mm_set_epi8(60, 56, 52, 48, 44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0);
    const __m128i change_of = _mm_set1_epi32(0x00FF0100);
    __mmask16 large = 0;
    for (size_t at = 0; at < groups; at += 16) {
        __mmask16 lanes = groups - at < 16 ? (__mmask16)((1u << (groups - at)) - 1) : 0xFFFF;
        __m128i changes = _mm_set1_epi64x((long long)bits_at(reader->changes, reader->changes_at + at, 2));
        changes = _mm_and_si128(_mm_multishift_epi64_epi8(pairs, changes), _mm_set1_epi8(3));
        __mmask16 other = _mm_mask_cmpeq_epi8_mask(lanes, changes, _mm_set1_epi8(3));
        __m128i whole = _mm_set1_epi64x((long long)bits_at(reader->classes, reader->classes_at, 4));
        whole = _mm_and_si128(_mm_multishift_epi64_epi8(fours, whole), _mm_set1_epi8(15));
        __m128i class = _mm_add_epi8(_mm_maskz_loadu_epi8(lanes, classes + at), _mm_shuffle_epi8(change_of, changes));
        class = _mm_mask_expand_epi8(class, other, whole);
        reader->classes_at += (size_t)_mm_popcnt_u32(other);
        large |= _mm_mask_cmpgt_epu8_mask(lanes, class, _mm_set1_epi8(SWIFT_CLASS_MAX));
        _mm_mask_storeu_epi8(classes + at, lanes, class);
    }
    reader->changes_at += groups;
    return large == 0;
}

/* ---- Encoding ---------------------------------------------------------------------------------------------- */

INLINE void
find_residuals(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
               uint16_t *codes, int pairs)
{
    for (size_t block = 0; block < count; block += VOXEL_LANES) {
        __m512i prediction = predict(predictor, row, at + block, pairs);
        __m512i residual = _mm512_sub_epi16(load(row->values + at + block), prediction);
        __m512i code = _mm512_xor_si512(_mm512_slli_epi16(residual, 1), _mm512_srai_epi16(residual, 15));
        _mm512_storeu_si512(codes + block, code);
    }
}

#define SWIFT_HAS_RESIDUALS 1
static void
swift_residuals(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
                uint16_t *codes)
{
    switch (predictor->pairs) {
    case 5: find_residuals(predictor, row, at, count, codes, 5); break;
    case 6: find_residuals(predictor, row, at, count, codes, 6); break;
    default: find_residuals(predictor, row, at, count, codes, 7);
    }
}

/* Sums of pairs of codes, none of which counts for more than 32767. */
INLINE __m512i
sum_pairs(const uint16_t *codes)
{
    return _mm512_madd_epi16(_mm512_min_epu16(load(codes), _mm512_set1_epi16(32767)), _mm512_set1_epi16(1));
}

#define SWIFT_HAS_CHOOSE_CLASSES 1
static void
swift_choose_classes(const uint16_t *codes, const uint16_t *below, size_t groups, uint8_t *classes)
{
    for (size_t g = 0; g < groups; g += 4) {
        __m512i sum = sum_pairs(codes + g * SWIFT_GROUP);
        sum = _mm512_add_epi32(sum, below ? sum_pairs(below + g * SWIFT_GROUP) : sum);
        sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_CDAB));
        sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_BADC));
        __m512i scaled = _mm512_srli_epi32(_mm512_mullo_epi32(sum, _mm512_set1_epi32(45)), 9);
        __m512i class = _mm512_sub_epi32(_mm512_set1_epi32(32), _mm512_lzcnt_epi32(scaled));
        class = _mm512_min_epi32(class, _mm512_set1_epi32(SWIFT_CLASS_MAX));
        class = _mm512_mask_max_epi32(class, _mm512_test_epi32_mask(sum, sum), class, _mm512_set1_epi32(1));
        __m128i four = _mm512_cvtepi32_epi8(_mm512_maskz_compress_epi32(0x1111, class));
        uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(four);
        memcpy(classes + g, &bytes, groups - g < 4 ? groups - g : 4);
    }
}

/* Puts items of `width` bits, `count` of them, after the last one. */
INLINE void
put_bits(unsigned char *stream, size_t *at, unsigned width, uint64_t low, uint64_t high, unsigned count)
{
    unsigned char *p = stream + *at * width / 8;
    unsigned shift = (unsigned)(*at * width % 8);
    uint64_t before = *p & ((1u << shift) - 1);
    uint64_t words[2] = {before | low << shift, high << shift | low >> 1 >> (63 - shift)};
    memcpy(p, words, sizeof words);
    p[16] = (unsigned char)(high >> 1 >> (63 - shift));
    *at += count;
}

#define SWIFT_HAS_WRITE_CLASSES 1
static void
swift_write_classes(const uint8_t *classes, const uint8_t *above, size_t groups, struct swift_class_writer *writer)
{
    const __m128i change_of = _mm_set_epi8(3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, SWIFT_UP, SWIFT_SAME, SWIFT_DOWN);
    for (size_t at = 0; at < groups; at += 16) {
        unsigned count = groups - at < 16 ? (unsigned)(groups - at) : 16;
        __mmask16 lanes = (__mmask16)((1u << count) - 1);
        __m128i class = _mm_maskz_loadu_epi8(lanes, classes + at);
        __m128i step = _mm_add_epi8(_mm_sub_epi8(class, _mm_maskz_loadu_epi8(lanes, above + at)), _mm_set1_epi8(1));
        __m128i change = _mm_maskz_shuffle_epi8(lanes, change_of, _mm_min_epu8(step, _mm_set1_epi8(3)));
        __mmask16 other = _mm_cmpeq_epi8_mask(change, _mm_set1_epi8(SWIFT_OTHER));
        __m128i pairs =
            _mm_maddubs_epi16(change, _mm_set1_epi16(0x0401)); /* four bits of two changes, in a word each */
        __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00100001));
        put_bits(writer->changes, &writer->changes_at, 2, (uint32_t)_mm_cvtsi128_si32(_mm_cvtepi32_epi8(fours)), 0,
                 count);
        if (other) {
            __m128i whole = _mm_maddubs_epi16(_mm_maskz_compress_epi8(other, class), _mm_set1_epi16(0x1001));
            uint64_t nibbles = (uint64_t)_mm_cvtsi128_si64(_mm_cvtepi16_epi8(whole));
            put_bits(writer->classes, &writer->classes_at, 4, nibbles, 0, (unsigned)_mm_popcnt_u32(other));
        }
    }
}

/* What runs over goes into the streams of digits, nibbles and codes. */
INLINE void
put_over(struct swift_writer *writer, __mmask32 escape, __m512i over, __m512i codes)
{
    const __m512i most = _mm512_set1_epi16(SWIFT_DIGIT_MAX);
    __mmask32 more = _mm512_mask_cmpge_epu16_mask(escape, over, most);
    __m512i digits = _mm512_min_epu16(over, most);
    uint32_t low = _pext_u32(_mm512_test_epi16_mask(digits, _mm512_set1_epi16(1)), escape);
    uint32_t high = _pext_u32(_mm512_test_epi16_mask(digits, _mm512_set1_epi16(2)), escape);
    uint64_t both = _pdep_u64(low, 0x5555555555555555) | _pdep_u64(high, 0xAAAAAAAAAAAAAAAA);
    put_bits(writer->digits, &writer->digits_at, 2, both, 0, (unsigned)_mm_popcnt_u32(escape));
    if (more == 0)
        return;
    __m512i nibbles = _mm512_min_epu16(_mm512_sub_epi16(over, most), _mm512_set1_epi16(SWIFT_NIBBLE_MAX));
    __mmask32 raw = _mm512_mask_cmpeq_epi16_mask(more, nibbles, _mm512_set1_epi16(SWIFT_NIBBLE_MAX));
    __m256i bytes = _mm512_cvtepi16_epi8(_mm512_maskz_compress_epi16(more, nibbles));
    __m128i packed = _mm256_cvtepi16_epi8(_mm256_maddubs_epi16(bytes, _mm256_set1_epi16(0x1001)));
    put_bits(writer->nibbles, &writer->nibbles_at, 4, (uint64_t)_mm_cvtsi128_si64(packed),
             (uint64_t)_mm_extract_epi64(packed, 1), (unsigned)_mm_popcnt_u32(more));
    if (raw) {
        _mm512_storeu_si512(writer->codes + 2 * writer->codes_at, _mm512_maskz_compress_epi16(raw, codes));
        writer->codes_at += (size_t)_mm_popcnt_u32(raw);
    }
}

INLINE unsigned char *
put_fields(unsigned char *to, __m512i fields, const uint8_t *classes, size_t groups)
{
    _Alignas(64) uint64_t quads[8];
    _mm512_store_si512(quads, fields);
    for (size_t g = 0; g < groups; g++) {
        unsigned class = classes[g];
        uint64_t mask = ((UINT64_C(1) << class) - 1) * UINT64_C(0x0001000100010001);
        uint64_t low = _pext_u64(quads[2 * g], mask), high = _pext_u64(quads[2 * g + 1], mask);
        uint64_t words[2] = {low | high << (4 * class), high >> 1 >> (63 - 4 * class)};
        memcpy(to, words, sizeof words);
        to += class;
    }
    return to;
}

#define SWIFT_HAS_ENCODE 1
static void
swift_encode(const uint16_t *codes, const uint8_t *classes, size_t groups, struct swift_writer *to)
{
    struct swift_writer writer = *to;
    const __m512i limits = load(escapes);
    for (size_t g = 0; g < groups; g += 4) {
        __m512i class8 = spread(load32(classes + g)), class16 = _mm512_and_si512(class8, _mm512_set1_epi16(255));
        __m512i code = load(codes + g * SWIFT_GROUP), limit = _mm512_permutexvar_epi16(class16, limits);
        __m512i shift = _mm512_subs_epu16(class16, _mm512_set1_epi16(2)), fields = code;
        __mmask32 escape = _mm512_cmpge_epu16_mask(code, limit);
        if (escape) {
            __m512i over = _mm512_maskz_srlv_epi16(escape, _mm512_sub_epi16(code, limit), shift);
            fields = _mm512_sub_epi16(code, _mm512_sllv_epi16(over, shift));
            put_over(&writer, escape, over, code);
        }
        if (groups - g >= 4)
            writer.fields = put_fields(writer.fields, fields, classes + g, 4);
        else
            writer.fields = put_fields(writer.fields, fields, classes + g, groups - g);
    }
    *to = writer;
}

/* ---- Tables of bytes --------------------------------------------------------------------------------------- */

#define SWIFT_HAS_LOOK_UP 1

INLINE __m512i
look_up_vector(const __m512i parts[4], __m512i index)
{
    __m512i low = _mm512_permutex2var_epi8(parts[0], index, parts[1]);
    __m512i high = _mm512_permutex2var_epi8(parts[2], index, parts[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(index), high);
}

static void
look_up_bytes(const uint8_t table[256], const unsigned char *src, unsigned char *dst, size_t count)
{
    const __m512i parts[4] = {load(table), load(table + 64), load(table + 128), load(table + 192)};
    size_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512(dst + i, look_up_vector(parts, load(src + i)));
    __mmask64 rest = (UINT64_C(1) << (count - i)) - 1;
    _mm512_mask_storeu_epi8(dst + i, rest, look_up_vector(parts, _mm512_maskz_loadu_epi8(rest, src + i)));
}

#include "swift_template.h"

#ifdef __clang__
#pragma clang attribute pop
#endif

const struct swift_kernels *
swift_kernels_vbmi(void)
{
    bool has = __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
               __builtin_cpu_supports("avx512cd");
    return has ? &swift_kernels : NULL;
}

#else

const struct swift_kernels *
swift_kernels_vbmi(void)
{
    return NULL;
}

#endif
