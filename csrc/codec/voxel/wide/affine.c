/* affine.c: affine images of integers. */
#include "affine.h"

#include "../../base/integers.h"
#include "../../base/sample_types.h"

/* (whole + part / 2^32) * 2^exponent as a float of the type, rounded to nearest, ties to even: its bits without the
 * sign. */
static inline uint64_t
nearest_float(uint64_t whole, uint32_t part, int exponent, const struct sample_type *type)
{
    int mantissa_bits = type->mantissa_bits;
    int largest = (1 << (8 * type->size - 1 - mantissa_bits)) - 1; /* exponent: of infinities and NaN */
    int up = 64 - bit_length(whole);
    uint64_t magnitude = whole;
    if (up >= 32) {
        up = 32;
        magnitude = whole << 32 | part;
    } else if (up >
               0) /* the highest 64 bits; the lowest one is set if any bit below is, which matters for ties alone */
        magnitude = whole << up | part >> (32 - up) | ((uint32_t)(part << up) != 0);
    else
        magnitude |= part != 0;
    if (magnitude == 0)
        return 0;
    int length = bit_length(magnitude), own = exponent - up + length - 1 + largest / 2; /* exponent of the result */
    if (own >= largest)
        return (uint64_t)largest << mantissa_bits;
    int drop = length - 1 - mantissa_bits; /* bits that do not fit */
    if (own < 1)
        drop += 1 - own;
    if (drop > 63)
        return drop == 64 && magnitude > UINT64_C(1) << 63;
    uint64_t kept = drop > 0 ? magnitude >> drop : magnitude << -drop;
    if (drop > 0) {
        uint64_t rest = magnitude & ((UINT64_C(1) << drop) - 1), half = UINT64_C(1) << (drop - 1);
        kept += rest > half || (rest == half && (kept & 1));
    }
    /* the leading one adds 1 to the exponent, and so does a carry */
    return own < 1 ? kept : ((uint64_t)(own - 1) << mantissa_bits) + kept;
}

uint64_t
wide_affine_key(const struct voxel_wide *wide, const struct wide_affine *a, int64_t i)
{
    const struct sample_type *type = sample_type_of(wide_key_type(wide));
    int64_t low = (int64_t)a->step.part * i + a->offset.part; /* within 2^57 */
    uint64_t whole = (uint64_t)a->offset.whole + (uint64_t)a->step.whole * (uint64_t)i + (uint64_t)(low >> 32);
    uint32_t part = (uint32_t)low;
    uint64_t top = wide_key_mask(wide) / 2 + 1;
    bool negative = whole >> 63;
    if (negative) {
        whole = ~whole + (part == 0);
        part = 0 - part;
    }
    if (type->is_float) {
        uint64_t bits = nearest_float(whole, part, a->exponent, type) >> wide->shift;
        return negative ? top - 1 - bits : top + bits;
    }
    int down = -a->exponent;
    uint64_t rounded = down <= 0 ? whole + (part >> 31) : down > 64 ? 0 : ((whole >> (down - 1)) + 1) >> 1;
    return ((type->is_signed ? top : 0) + (negative ? 0 - rounded : rounded)) & wide_key_mask(wide);
}
