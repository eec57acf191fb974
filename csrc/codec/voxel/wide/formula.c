/* formula.c: floats <-> the integers that a formula makes them from. */
#include "formula.h"

#include <string.h>

enum { PIECE = 256 };

bool
wide_formula_suits(enum zblob_sample_type type)
{
    return type == ZBLOB_FLOAT32 || type == ZBLOB_FLOAT64;
}

/* ---- Samples <-> doubles ------------------------------------------------------------------------------ */

static void
load_numbers(const struct voxel_wide *wide, const unsigned char *src, double *numbers, size_t count)
{
    float narrow;
    uint32_t bits;
    uint64_t long_bits;
    if (wide->sample_size == sizeof(float))
        for (size_t i = 0; i < count; i++) {
            memcpy(&bits, src + i * sizeof bits, sizeof bits);
            bits = wide->big_endian ? __builtin_bswap32(bits) : bits;
            memcpy(&narrow, &bits, sizeof bits);
            numbers[i] = (double)narrow;
        }
    else
        for (size_t i = 0; i < count; i++) {
            memcpy(&long_bits, src + i * sizeof long_bits, sizeof long_bits);
            long_bits = wide->big_endian ? __builtin_bswap64(long_bits) : long_bits;
            memcpy(numbers + i, &long_bits, sizeof long_bits);
        }
}

static void
store_numbers(const struct voxel_wide *wide, const double *numbers, unsigned char *dst, size_t count)
{
    float narrow;
    uint32_t bits;
    uint64_t long_bits;
    if (wide->sample_size == sizeof(float))
        for (size_t i = 0; i < count; i++) {
            narrow = (float)numbers[i];
            memcpy(&bits, &narrow, sizeof bits);
            bits = wide->big_endian ? __builtin_bswap32(bits) : bits;
            memcpy(dst + i * sizeof bits, &bits, sizeof bits);
        }
    else
        for (size_t i = 0; i < count; i++) {
            memcpy(&long_bits, numbers + i, sizeof long_bits);
            long_bits = wide->big_endian ? __builtin_bswap64(long_bits) : long_bits;
            memcpy(dst + i * sizeof long_bits, &long_bits, sizeof long_bits);
        }
}

double
wide_formula_number(const struct voxel_wide *wide, const unsigned char *sample)
{
    double number;
    load_numbers(wide, sample, &number, 1);
    return number;
}

/* ---- Doubles <-> integers ----------------------------------------------------------------------------- */

void
wide_formula_samples(const struct voxel_wide *wide, const int32_t *integers, unsigned char *dst, size_t count)
{
    double numbers[PIECE], divisor = wide->formula.divisor;
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        for (size_t i = 0; i < n; i++)
            numbers[i] = (double)integers[at + i] / divisor;
        for (size_t i = 0; wide->formula.kind == WIDE_ROOT && i < n; i++)
            numbers[i] = __builtin_copysign(__builtin_sqrt(__builtin_fabs(numbers[i])), numbers[i]);
        store_numbers(wide, numbers, dst + at * wide->sample_size, n);
    }
}

void
wide_formula_integers(const struct voxel_wide *wide, const unsigned char *src, int32_t *integers, size_t count)
{
    double numbers[PIECE], divisor = wide->formula.divisor;
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        load_numbers(wide, src + at * wide->sample_size, numbers, n);
        for (size_t i = 0; wide->formula.kind == WIDE_ROOT && i < n; i++)
            numbers[i] *= __builtin_fabs(numbers[i]);
        for (size_t i = 0; i < n; i++) {
            double exact = numbers[i] * divisor;
            bool fits = exact > -2147483648.0 && exact < 2147483647.0; /* NaN does not */
            integers[at + i] = (int32_t)((fits ? exact : 0) + __builtin_copysign(0.5, exact));
        }
    }
}
