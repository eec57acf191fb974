/*
 * swift_pdep.h: the swift coder's kernels for x86 with AVX2 and BMI2, for a target's file to include before
 * target_template.h: prediction in vectors, and fields that pdep and pext move four at a time.
 */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_SWIFT_PDEP_H
#define ZBLOB_CODEC_VOXEL_KERNELS_SWIFT_PDEP_H

#include "../../base/bytes.h"
#include "../swift/rows.h"

#include <immintrin.h>
#include <string.h>

#define SWIFT_HAS_PREDICT 1
#define SWIFT_HAS_DECODE 1
#define SWIFT_HAS_ENCODE 1

enum { SWIFT_QUADS = VOXEL_LANES / 4 };

#define SWIFT_EIGHT(x) {x, x, x, x, x, x, x, x}
/* By class, for each sample of a group: the lowest field that is an escape, and what one that runs over counts for. */
static const _Alignas(16) uint16_t swift_limits[16][8] = {
    SWIFT_EIGHT(65535), SWIFT_EIGHT(1),    SWIFT_EIGHT(3),     SWIFT_EIGHT(6),    SWIFT_EIGHT(12),  SWIFT_EIGHT(24),
    SWIFT_EIGHT(48),    SWIFT_EIGHT(96),   SWIFT_EIGHT(192),   SWIFT_EIGHT(384),  SWIFT_EIGHT(768), SWIFT_EIGHT(1536),
    SWIFT_EIGHT(3072),  SWIFT_EIGHT(6144), SWIFT_EIGHT(12288), SWIFT_EIGHT(65535)};
static const _Alignas(16) uint16_t swift_steps[16][8] = {
    SWIFT_EIGHT(1),    SWIFT_EIGHT(1),    SWIFT_EIGHT(1),    SWIFT_EIGHT(2),   SWIFT_EIGHT(4),   SWIFT_EIGHT(8),
    SWIFT_EIGHT(16),   SWIFT_EIGHT(32),   SWIFT_EIGHT(64),   SWIFT_EIGHT(128), SWIFT_EIGHT(256), SWIFT_EIGHT(512),
    SWIFT_EIGHT(1024), SWIFT_EIGHT(2048), SWIFT_EIGHT(4096), SWIFT_EIGHT(1)};

static inline __m256i
swift_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static inline uint64_t
swift_load64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* 64 bits from an item of `width` bits on. */
static inline uint64_t
swift_bits_at(const unsigned char *stream, size_t at, unsigned width)
{
    const unsigned char *p = stream + at * width / 8;
    unsigned shift = (unsigned)(at * width % 8);
    return swift_load64(p) >> shift | swift_load64(p + 8) << 1 << (63 - shift);
}

static inline __m256i
swift_clamped(__m256i sums, const struct swift_predictor *predictor)
{
    sums = _mm256_max_epi32(_mm256_srai_epi32(sums, VOXEL_WEIGHT_BITS), _mm256_set1_epi32(predictor->low));
    return _mm256_min_epi32(sums, _mm256_set1_epi32(predictor->high));
}

/* Words of the half-row at a tap give the even ones of 16 sums, those that begin one sample later the odd ones. */
static inline void
swift_predict(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, int16_t *prediction)
{
    const __m256i half = _mm256_set1_epi32(1 << (VOXEL_WEIGHT_BITS - 1));
    __m256i even[2] = {half, half}, odd[2] = {half, half};
    for (int pair = 0; pair < predictor->pairs; pair++) {
        const int16_t *tap = voxel_tap(row, 2 * pair) + at;
        const __m256i weights = _mm256_set1_epi32((int)predictor->weights[pair]);
        for (int i = 0; i < 2; i++) {
            even[i] = _mm256_add_epi32(even[i], _mm256_madd_epi16(swift_load(tap + 16 * i), weights));
            odd[i] = _mm256_add_epi32(odd[i], _mm256_madd_epi16(swift_load(tap + 16 * i + 1), weights));
        }
    }
    for (int i = 0; i < 2; i++) {
        __m256i second = _mm256_slli_epi32(swift_clamped(odd[i], predictor), 16);
        __m256i both = _mm256_blend_epi16(swift_clamped(even[i], predictor), second, 0xAA);
        _mm256_storeu_si256((void *)(prediction + 16 * i), both);
    }
}

/* What two groups have in their classes' rows of a table. */
static inline __m256i
swift_look_up(const uint16_t (*table)[8], const uint8_t *classes)
{
    __m128i first = _mm_load_si128((const void *)table[classes[0]]);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(first), _mm_load_si128((const void *)table[classes[1]]), 1);
}

/* One bit of each of 32 samples, from the all-ones or zeros of two vectors. */
static inline uint32_t
swift_mask(__m256i first, __m256i second)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xD8));
}

/* ---- Decoding ---------------------------------------------------------------------------------------------- */

static inline void
swift_take_fields(struct swift_reader *reader, const uint8_t *classes, uint64_t *quads)
{
    const unsigned char *at = reader->fields;
    for (int g = 0; g < VOXEL_LANES / SWIFT_GROUP; g++) {
        unsigned class = classes[g];
        uint64_t mask = ((UINT64_C(1) << class) - 1) * UINT64_C(0x0001000100010001);
        quads[2 * g] = _pdep_u64(swift_load64(at), mask);
        quads[2 * g + 1] = _pdep_u64(swift_load64(at + class / 2) >> class % 2 * 4, mask);
        at += class;
    }
    reader->fields = at;
}

/* Nibbles that follow digits, and codes that follow nibbles. */
static inline void
swift_take_more(struct swift_reader *reader, uint32_t more, uint16_t *over, uint32_t *raw)
{
    for (; more; more &= more - 1) {
        unsigned i = (unsigned)__builtin_ctz(more);
        size_t at = reader->nibbles_at++;
        unsigned nibble = reader->nibbles[at / 2] >> (at % 2 * 4) & 15;
        over[i] = (uint16_t)(over[i] + nibble);
        if (nibble == SWIFT_NIBBLE_MAX)
            *raw |= 1u << i;
    }
}

/* By how much fields run over, where they are escapes. */
static inline uint32_t
swift_take_over(struct swift_reader *reader, const __m256i escapes[2], uint32_t mask, uint16_t *over)
{
    const __m256i most = _mm256_set1_epi16(SWIFT_DIGIT_MAX);
    _Alignas(32) uint64_t lanes[SWIFT_QUADS], quads[SWIFT_QUADS];
    uint64_t digits = swift_bits_at(reader->digits, reader->digits_at, 2);
    uint32_t raw = 0;
    for (int i = 0; i < 2; i++)
        _mm256_store_si256((void *)(lanes + 4 * i), _mm256_and_si256(escapes[i], most));
    for (int q = 0; q < SWIFT_QUADS; q++) {
        int before = 2 * __builtin_popcount(mask & ((1u << 4 * q) - 1));
        quads[q] = _pdep_u64(digits >> before, lanes[q]);
    }
    reader->digits_at += (size_t)__builtin_popcount(mask);
    memcpy(over, quads, sizeof quads);
    uint32_t more =
        swift_mask(_mm256_cmpeq_epi16(swift_load(over), most), _mm256_cmpeq_epi16(swift_load(over + 16), most));
    swift_take_more(reader, more, over, &raw);
    return raw;
}

static inline void
swift_take_raw(struct swift_reader *reader, uint32_t raw, uint16_t *codes)
{
    for (; raw; raw &= raw - 1)
        codes[__builtin_ctz(raw)] = load_le16(reader->codes + 2 * reader->codes_at++);
}

/* The codes of 32 samples. */
static inline void
swift_take_codes(struct swift_reader *reader, const uint8_t *classes, uint16_t *codes)
{
    _Alignas(32) uint16_t over[VOXEL_LANES];
    _Alignas(32) uint64_t quads[SWIFT_QUADS];
    __m256i fields[2], escapes[2];
    swift_take_fields(reader, classes, quads);
    for (int i = 0; i < 2; i++) {
        fields[i] = _mm256_load_si256((const void *)(quads + 4 * i));
        escapes[i] = swift_look_up(swift_limits, classes + 2 * i);
        escapes[i] = _mm256_cmpeq_epi16(_mm256_max_epu16(fields[i], escapes[i]), fields[i]);
    }
    uint32_t mask = swift_mask(escapes[0], escapes[1]), raw = 0;
    if (mask) {
        raw = swift_take_over(reader, escapes, mask, over);
        for (int i = 0; i < 2; i++) {
            __m256i steps = swift_look_up(swift_steps, classes + 2 * i);
            fields[i] = _mm256_add_epi16(fields[i], _mm256_mullo_epi16(swift_load(over + 16 * i), steps));
        }
    }
    for (int i = 0; i < 2; i++)
        _mm256_storeu_si256((void *)(codes + 16 * i), fields[i]);
    swift_take_raw(reader, raw, codes);
}

static bool
swift_decode(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
             const uint8_t *classes, struct swift_reader *to)
{
    struct swift_reader reader = *to;
    _Alignas(32) uint16_t codes[VOXEL_LANES];
    for (size_t block = 0; block < count; block += VOXEL_LANES) {
        _Alignas(32) int16_t prediction[VOXEL_LANES];
        int16_t *values = row->values + at + block;
        swift_take_codes(&reader, classes + block / SWIFT_GROUP, codes);
        swift_predict(predictor, row, at + block, prediction);
        for (int i = 0; i < VOXEL_LANES; i += 16) {
            __m256i code = swift_load(codes + i);
            __m256i sign = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_and_si256(code, _mm256_set1_epi16(1)));
            __m256i residual = _mm256_xor_si256(_mm256_srli_epi16(code, 1), sign);
            _mm256_storeu_si256((void *)(values + i), _mm256_add_epi16(swift_load(prediction + i), residual));
        }
    }
    *to = reader;
    unsigned any = 0;
    for (size_t i = count % VOXEL_LANES; i % VOXEL_LANES; i++)
        any |= codes[i];
    return any == 0;
}

/* ---- Encoding ---------------------------------------------------------------------------------------------- */

/* After the items that are there. */
static inline void
swift_put_item(unsigned char *stream, size_t *at, unsigned width, unsigned item)
{
    unsigned char *byte = stream + *at * width / 8;
    unsigned shift = (unsigned)(*at * width % 8);
    *byte = (unsigned char)((shift ? *byte : 0) | item << shift);
    ++*at;
}

/* Puts escapes in their streams, and leaves in `fields` what remains of them. */
static inline void
swift_put_escapes(struct swift_writer *writer, uint32_t mask, const uint8_t *classes, uint16_t *fields)
{
    for (; mask; mask &= mask - 1) {
        unsigned i = (unsigned)__builtin_ctz(mask), class = classes[i / SWIFT_GROUP];
        unsigned shift = class > 2 ? class - 2 : 0, code = fields[i], over = (code - swift_limits[class][0]) >> shift;
        fields[i] = (uint16_t)(code - (over << shift));
        swift_put_item(writer->digits, &writer->digits_at, 2, over < SWIFT_DIGIT_MAX ? over : SWIFT_DIGIT_MAX);
        if (over < SWIFT_DIGIT_MAX)
            continue;
        over -= SWIFT_DIGIT_MAX;
        swift_put_item(writer->nibbles, &writer->nibbles_at, 4, over < SWIFT_NIBBLE_MAX ? over : SWIFT_NIBBLE_MAX);
        if (over >= SWIFT_NIBBLE_MAX)
            store_le16(writer->codes + 2 * writer->codes_at++, (uint16_t)code);
    }
}

/* Two groups. */
static inline void
swift_put_groups(struct swift_writer *writer, const uint16_t *codes, const uint8_t *classes, size_t groups)
{
    _Alignas(32) uint64_t quads[4];
    __m256i fields = swift_load(codes), limits = swift_look_up(swift_limits, classes);
    __m256i escapes = _mm256_cmpeq_epi16(_mm256_max_epu16(fields, limits), fields);
    uint32_t mask = swift_mask(escapes, _mm256_setzero_si256());
    _mm256_store_si256((void *)quads, fields);
    if (mask) {
        uint16_t samples[16];
        memcpy(samples, codes, sizeof samples);
        swift_put_escapes(writer, mask, classes, samples);
        memcpy(quads, samples, sizeof quads);
    }
    for (size_t g = 0; g < groups; g++) {
        unsigned class = classes[g];
        uint64_t lanes = ((UINT64_C(1) << class) - 1) * UINT64_C(0x0001000100010001);
        uint64_t low = _pext_u64(quads[2 * g], lanes), high = _pext_u64(quads[2 * g + 1], lanes);
        uint64_t words[2] = {low | high << (4 * class), high >> 1 >> (63 - 4 * class)};
        memcpy(writer->fields, words, sizeof words);
        writer->fields += class;
    }
}

static void
swift_encode(const uint16_t *codes, const uint8_t *classes, size_t groups, struct swift_writer *to)
{
    struct swift_writer writer = *to;
    for (size_t g = 0; g < groups; g += 2)
        swift_put_groups(&writer, codes + g * SWIFT_GROUP, classes + g, groups - g < 2 ? 1 : 2);
    *to = writer;
}

#endif
