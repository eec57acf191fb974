/*
 * swift_template.h: the kernels of the swift coder (../swift/rows.h), in plain C that compilers make vectors of. A
 * target defines what it does better by hand before it includes this, and says so with a switch that is 1:
 *
 *   SWIFT_HAS_PREDICT       swift_predict
 *   SWIFT_HAS_DECODE        swift_decode
 *   SWIFT_HAS_ENCODE        swift_encode
 *   SWIFT_HAS_READ_CLASSES  swift_read_classes
 *   SWIFT_HAS_RESIDUALS     swift_residuals
 *   SWIFT_HAS_CHOOSE_CLASSES and SWIFT_HAS_WRITE_CLASSES   swift_choose_classes and swift_write_classes
 *
 * A field has the lowest `class` bits of a group's eight codes one after the other. Codes from 3/4 of what a field can
 * hold are escapes: their fields keep the lowest class - 2 bits, and how many times those run over is a digit of two
 * bits, then a nibble, and then the code itself.
 */
#ifndef SWIFT_HAS_PREDICT
#define SWIFT_HAS_PREDICT 0
#endif
#ifndef SWIFT_HAS_DECODE
#define SWIFT_HAS_DECODE 0
#endif
#ifndef SWIFT_HAS_ENCODE
#define SWIFT_HAS_ENCODE 0
#endif
#ifndef SWIFT_HAS_RESIDUALS
#define SWIFT_HAS_RESIDUALS 0
#endif
#ifndef SWIFT_HAS_CHOOSE_CLASSES
#define SWIFT_HAS_CHOOSE_CLASSES 0
#endif
#ifndef SWIFT_HAS_WRITE_CLASSES
#define SWIFT_HAS_WRITE_CLASSES 0
#endif
#ifndef SWIFT_HAS_READ_CLASSES
#define SWIFT_HAS_READ_CLASSES 0
#endif

#include "../../base/bytes.h"
#include "../swift/rows.h"

#include <string.h>

enum { SWIFT_LANES = VOXEL_LANES };

#if !SWIFT_HAS_DECODE || !SWIFT_HAS_ENCODE
/* By class: the lowest field that is an escape, and by how much what runs over is shifted. */
static const uint16_t swift_escapes[16] = {65535, 1,   3,   6,    12,   24,   48,    96,
                                           192,   384, 768, 1536, 3072, 6144, 12288, 65535};
static const uint8_t swift_shifts[16] = {0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0};
#endif

/* ---- Prediction -------------------------------------------------------------------------------------------- */

#if !SWIFT_HAS_PREDICT && !(SWIFT_HAS_RESIDUALS && SWIFT_HAS_DECODE)
/* SWIFT_LANES samples from `at` on. */
static inline void
swift_predict(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, int16_t *prediction)
{
    int32_t sums[SWIFT_LANES];
    for (int i = 0; i < SWIFT_LANES; i++)
        sums[i] = 1 << (VOXEL_WEIGHT_BITS - 1);
    for (int pair = 0; pair < predictor->pairs; pair++) {
        const int16_t *tap = voxel_tap(row, 2 * pair) + at;
        const int16_t first = (int16_t)predictor->weights[pair], second = (int16_t)(predictor->weights[pair] >> 16);
        for (int i = 0; i < SWIFT_LANES; i++)
            sums[i] += first * tap[i] + second * tap[i + 1];
    }
    for (int i = 0; i < SWIFT_LANES; i++) {
        int32_t value = sums[i] >> VOXEL_WEIGHT_BITS;
        value = value < predictor->low ? predictor->low : value;
        prediction[i] = (int16_t)(value > predictor->high ? predictor->high : value);
    }
}
#endif

#if !SWIFT_HAS_RESIDUALS
static void
swift_residuals(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
                uint16_t *codes)
{
    for (size_t block = 0; block < count; block += SWIFT_LANES) {
        int16_t prediction[SWIFT_LANES];
        const int16_t *values = row->values + at + block;
        swift_predict(predictor, row, at + block, prediction);
        for (int i = 0; i < SWIFT_LANES; i++) {
            uint16_t r = (uint16_t)((uint16_t)values[i] - (uint16_t)prediction[i]);
            codes[block + (size_t)i] = (uint16_t)(r << 1 ^ (uint16_t) - (r >> 15));
        }
    }
}
#endif

/* ---- Classes ----------------------------------------------------------------------------------------------- */

#if !SWIFT_HAS_CHOOSE_CLASSES
/* A code in a sum: large ones are escapes, whatever the class. */
static inline uint32_t
swift_counted(uint16_t code)
{
    return code < 32767 ? code : 32767;
}

/* The class in which codes of this sum take least, nearly: `lanes` of them are twice SWIFT_GROUP, or as if they were. */
static inline uint8_t
swift_class_of(uint32_t sum)
{
    if (sum == 0)
        return 0;
    uint32_t scaled = sum * 45 >> 9; /* 1.4 times the mean */
    int class = scaled ? 32 - __builtin_clz(scaled) : 1;
    return (uint8_t)(class > SWIFT_CLASS_MAX ? SWIFT_CLASS_MAX : class);
}

static void
swift_choose_classes(const uint16_t *codes, const uint16_t *below, size_t groups, uint8_t *classes)
{
    for (size_t g = 0; g < groups; g++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < SWIFT_GROUP; i++)
            sum += swift_counted(codes[g * SWIFT_GROUP + i]);
        if (below == NULL)
            sum *= 2;
        for (size_t i = 0; below && i < SWIFT_GROUP; i++)
            sum += swift_counted(below[g * SWIFT_GROUP + i]);
        classes[g] = swift_class_of(sum);
    }
}
#endif

#if !SWIFT_HAS_WRITE_CLASSES
static void
swift_write_classes(const uint8_t *classes, const uint8_t *above, size_t groups, struct swift_class_writer *writer)
{
    static const uint8_t change_of[3] = {SWIFT_DOWN, SWIFT_SAME, SWIFT_UP};
    size_t from = writer->changes_at, others = writer->classes_at;
    for (size_t i = 0; i < groups; i++) {
        unsigned step = (unsigned)(classes[i] - above[i] + 1), change = step < 3 ? change_of[step] : SWIFT_OTHER;
        unsigned char *byte = writer->changes + (from + i) / 4;
        *byte = (unsigned char)(((from + i) % 4 ? *byte : 0) | change << (from + i) % 4 * 2);
        if (change == SWIFT_OTHER) {
            byte = writer->classes + others / 2;
            *byte = (unsigned char)((others % 2 ? *byte : 0) | classes[i] << others % 2 * 4);
            others++;
        }
    }
    writer->changes_at += groups;
    writer->classes_at = others;
}
#endif

#if !SWIFT_HAS_READ_CLASSES
static bool
swift_read_classes(struct swift_class_reader *reader, uint8_t *classes, size_t groups)
{
    static const uint8_t change_of[4] = {0, 1, 255, 0};
    unsigned highest = 0;
    for (size_t i = 0; i < groups; i++) {
        size_t at = reader->changes_at + i, from = reader->classes_at;
        unsigned change = reader->changes[at / 4] >> (at % 4 * 2) & 3;
        unsigned nibble = reader->classes[from / 2] >> (from % 2 * 4) & 15;
        unsigned other = 0 - (change == 3), class = (uint8_t)(classes[i] + change_of[change]);
        class = (class & ~other) | (nibble & other);
        classes[i] = (uint8_t) class;
        highest = class > highest ? class : highest;
        reader->classes_at += change == 3;
    }
    reader->changes_at += groups;
    return highest <= SWIFT_CLASS_MAX;
}
#endif

/* ---- Streams ----------------------------------------------------------------------------------------------- */

#if !SWIFT_HAS_DECODE
/* What is missing of an escape of this field. */
static inline uint16_t
swift_take_escape(struct swift_reader *reader, unsigned field, unsigned shift)
{
    size_t at = reader->digits_at++;
    unsigned over = reader->digits[at / 4] >> (at % 4 * 2) & 3;
    if (over == SWIFT_DIGIT_MAX) {
        at = reader->nibbles_at++;
        unsigned nibble = reader->nibbles[at / 2] >> (at % 2 * 4) & 15;
        over += nibble;
        if (nibble == SWIFT_NIBBLE_MAX)
            return load_le16(reader->codes + 2 * reader->codes_at++);
    }
    return (uint16_t)(field + (over << shift));
}

/* The codes of one group. */
static inline void
swift_take_group(struct swift_reader *reader, unsigned class, uint16_t *codes)
{
    uint64_t halves[2], mask = (UINT64_C(1) << class) - 1;
    unsigned escape = swift_escapes[class], shift = swift_shifts[class];
    memcpy(&halves[0], reader->fields, 8);
    memcpy(&halves[1], reader->fields + class / 2, 8);
    halves[1] >>= class % 2 * 4;
    for (unsigned i = 0; i < SWIFT_GROUP; i++) {
        unsigned field = (unsigned)(halves[i / 4] >> (i % 4 * class) & mask);
        codes[i] = field < escape ? (uint16_t)field : swift_take_escape(reader, field, shift);
    }
    reader->fields += class;
}

/* Are the codes of a last block 0 after its last sample? */
static inline bool
swift_ends_with_zeros(const uint16_t *codes, size_t count)
{
    unsigned any = 0;
    for (size_t i = count % SWIFT_LANES; i % SWIFT_LANES; i++)
        any |= codes[i];
    return any == 0;
}

static bool
swift_decode(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
             const uint8_t *classes, struct swift_reader *reader)
{
    uint16_t codes[SWIFT_LANES];
    for (size_t block = 0; block < count; block += SWIFT_LANES) {
        int16_t prediction[SWIFT_LANES], *values = row->values + at + block;
        for (size_t g = 0; g < SWIFT_LANES / SWIFT_GROUP; g++)
            swift_take_group(reader, classes[block / SWIFT_GROUP + g], codes + g * SWIFT_GROUP);
        swift_predict(predictor, row, at + block, prediction);
        for (int i = 0; i < SWIFT_LANES; i++) {
            uint16_t r = (uint16_t)(codes[i] >> 1 ^ (uint16_t) - (codes[i] & 1));
            values[i] = (int16_t)(uint16_t)((uint16_t)prediction[i] + r);
        }
    }
    return swift_ends_with_zeros(codes, count);
}
#endif

#if !SWIFT_HAS_ENCODE
static inline void
swift_put_digit(struct swift_writer *writer, unsigned digit)
{
    size_t at = writer->digits_at++;
    unsigned char *byte = writer->digits + at / 4;
    *byte = (unsigned char)((at % 4 ? *byte : 0) | digit << at % 4 * 2);
}

static inline void
swift_put_nibble(struct swift_writer *writer, unsigned nibble)
{
    size_t at = writer->nibbles_at++;
    unsigned char *byte = writer->nibbles + at / 2;
    *byte = (unsigned char)((at % 2 ? *byte : 0) | nibble << at % 2 * 4);
}

/* A code that a field does not hold. Returns the field. */
static inline unsigned
swift_put_escape(struct swift_writer *writer, unsigned code, unsigned escape, unsigned shift)
{
    unsigned over = (code - escape) >> shift;
    swift_put_digit(writer, over < SWIFT_DIGIT_MAX ? over : SWIFT_DIGIT_MAX);
    if (over >= SWIFT_DIGIT_MAX) {
        unsigned nibble = over - SWIFT_DIGIT_MAX < SWIFT_NIBBLE_MAX ? over - SWIFT_DIGIT_MAX : SWIFT_NIBBLE_MAX;
        swift_put_nibble(writer, nibble);
        if (nibble == SWIFT_NIBBLE_MAX)
            store_le16(writer->codes + 2 * writer->codes_at++, (uint16_t)code);
    }
    return code - (over << shift);
}

static void
swift_encode(const uint16_t *codes, const uint8_t *classes, size_t groups, struct swift_writer *writer)
{
    for (size_t g = 0; g < groups; g++, codes += SWIFT_GROUP) {
        unsigned class = classes[g], escape = swift_escapes[class], shift = swift_shifts[class];
        uint64_t halves[2] = {0, 0};
        for (unsigned i = 0; i < SWIFT_GROUP; i++) {
            uint64_t field = codes[i] < escape ? codes[i] : swift_put_escape(writer, codes[i], escape, shift);
            halves[i / 4] |= field << (i % 4 * class);
        }
        memcpy(writer->fields, &halves[0], 8);
        if (class % 2) /* the halves share a byte */
            halves[1] = halves[1] << 4 | (halves[0] >> (4 * class - 4) & 15);
        memcpy(writer->fields + class / 2, &halves[1], 8);
        writer->fields += class;
    }
}
#endif

/* A table of bytes. The file may have a better one: SWIFT_HAS_LOOK_UP. */
#ifndef SWIFT_HAS_LOOK_UP
static void
look_up_bytes(const uint8_t table[256], const unsigned char *src, unsigned char *dst, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t from, to = 0;
        memcpy(&from, src + i, sizeof from);
        for (int k = 0; k < 64; k += 8)
            to |= (uint64_t)table[from >> k & 255] << k;
        memcpy(dst + i, &to, sizeof to);
    }
    for (; i < count; i++)
        dst[i] = table[src[i]];
}
#endif

static const struct swift_kernels swift_kernels = {swift_residuals, swift_choose_classes, swift_write_classes,
                                                   swift_encode,    swift_decode,         swift_read_classes,
                                                   look_up_bytes};
