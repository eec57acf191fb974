/*
 * rows.h: what the swift coder's kernels do with half-rows, of which there is one set for each CPU target
 * (kernels/swift_*.h); whoever calls this room hands them in. Section 11 of docs/voxel-format.md.
 *
 * The codes of a *group*, eight neighbours of a half-row, have a *class*: the number of bits in the field of each. The highest
 * quarter of what a field can hold are escapes, and what is missing of their codes lies in other streams.
 */
#ifndef ZBLOB_CODEC_VOXEL_SWIFT_ROWS_H
#define ZBLOB_CODEC_VOXEL_SWIFT_ROWS_H

#include "../neighbours.h"

#include <stddef.h>

enum {
    SWIFT_GROUP = 8,      /* samples of a half-row that share a class, in this row and the next */
    SWIFT_CLASS_MAX = 14, /* bits of a field */
    SWIFT_SEGMENT = 512,  /* samples of a half-row that one call codes at most */
    SWIFT_BLOCK = 64,     /* groups of a half-row whose classes one call reads at most */
    SWIFT_SLACK = 1152,   /* bytes beyond a stream's end that a call may read, or write before room is checked again */
    SWIFT_DIGIT_MAX = 3,  /* an escape's digit that says: a nibble follows */
    SWIFT_NIBBLE_MAX = 15 /* a nibble that says: the code itself follows */
};

/* Classes are bytes; kernels read those of whole vectors, so that zeros follow the last one. */
enum { SWIFT_CLASS_PAD = 2 * VOXEL_LANES };

/* What a half-row is predicted from: taps in pairs, whose weights are the halves of a word. */
struct swift_predictor {
    int pairs;
    uint32_t weights[VOXEL_TAPS_MAX / 2];
    int16_t low, high;
};

/* Places in the streams: of the decoder; *_at count items. */
struct swift_reader {
    const unsigned char *fields, *digits, *nibbles, *codes;
    size_t digits_at, nibbles_at, codes_at;
};

struct swift_writer {
    unsigned char *fields, *digits, *nibbles, *codes;
    size_t digits_at, nibbles_at, codes_at;
};

/* Places in the streams that classes are read from: changes of two bits, and classes of four. */
struct swift_class_reader {
    const unsigned char *changes, *classes;
    size_t changes_at, classes_at;
};

struct swift_class_writer {
    unsigned char *changes, *classes;
    size_t changes_at, classes_at;
};

enum swift_change { SWIFT_SAME, SWIFT_UP, SWIFT_DOWN, SWIFT_OTHER };

struct swift_kernels {
    /* codes of the residuals of samples at..at + count - 1, in whole vectors */
    void (*residuals)(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
                      uint16_t *codes);
    /* classes of groups, from the codes of one half-row or two (`below` may be NULL), `lanes` of them in each group */
    void (*choose_classes)(const uint16_t *codes, const uint16_t *below, size_t groups, uint8_t *classes);
    /* classes to streams, as changes from those above; at most SWIFT_BLOCK of them */
    void (*write_classes)(const uint8_t *classes, const uint8_t *above, size_t groups,
                          struct swift_class_writer *writer);
    /* codes to streams; at most SWIFT_SEGMENT, whole groups */
    void (*encode)(const uint16_t *codes, const uint8_t *classes, size_t groups, struct swift_writer *writer);
    /* The values of samples at..at + count - 1, in whole vectors, from streams; `classes` are those of the first group on.
     * False: a code after the last sample is not 0. */
    bool (*decode)(const struct swift_predictor *predictor, const struct voxel_row *row, size_t at, size_t count,
                   const uint8_t *classes, struct swift_reader *reader);
    /* from the classes above to those of this row, at most SWIFT_BLOCK of them. False: one of them is too large */
    bool (*read_classes)(struct swift_class_reader *reader, uint8_t *classes, size_t groups);
    /* dst = table[src], which may be the same, for bytes: the rank maps of all presets */
    void (*look_up)(const uint8_t table[256], const unsigned char *src, unsigned char *dst, size_t count);
};

#endif
