/*
 * sample_types.h: the types that samples can have, in one table, and the pixel types that are made of them.
 * Whoever asks something about a type asks the table; only kernels, which are compiled for each type, name types.
 */
#ifndef ZBLOB_CODEC_BASE_SAMPLE_TYPES_H
#define ZBLOB_CODEC_BASE_SAMPLE_TYPES_H

#include "../../zblob.h"

struct sample_type {
    const char *name;         /* NumPy's: "int16" */
    const char *code;         /* NumPy's array-interface code without the byte order: "i2" */
    const char *complex_name; /* of a pixel that is two such samples; NULL: NumPy has none */
    const char *complex_code;
    uint8_t size; /* in bytes */
    bool is_signed;
    bool is_float;         /* of IEEE 754: a sign, an exponent, a mantissa */
    uint8_t mantissa_bits; /* of a float, without the leading one that is not stored; the exponent has the rest */
};

/* The row of a type; a row of size 0 for a number that stands for no type. */
const struct sample_type *sample_type_of(enum zblob_sample_type type);

/* Read a pixel type by its NumPy name ("uint16", "<i2", ">f4", "bool", "c8"): sets sample type, byte order and
 * components, and whether the pixels are complex or bool. False, and the image is unchanged, for an unknown name. */
bool pixel_type_parse(const char *name, struct zblob_image *image);

/* Has NumPy a pixel type of such samples? It has no complex pixels of integers, nor of halves. */
bool pixel_type_is_known(const struct zblob_image *image);

/* The pixel type as NumPy names it: "uint8", "float32", "complex64", "bool"... */
const char *pixel_type_name(const struct zblob_image *image);

/* How many slices there are along the last axis of at least three; otherwise there is one. */
uint64_t grid_slices(const struct zblob_grid *grid);

/* Bytes that stand in the value between the first slice and this one, beside those of slices. */
uint64_t image_gaps_before(const struct zblob_image *image, uint64_t slice);

#endif
