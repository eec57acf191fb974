/*
 * target_template.h: all kernels of one CPU target. Its file defines what follows, then includes this, and has its
 * table of kernels as `this_target`:
 *
 *   VOXEL_WIDTH    samples in a `vec`, a vector of uint16_t
 *   vec            and on it, as functions or macros:
 *     v_load v_store v_set v_and v_or v_andnot (~a & b)   v_add v_sub   modulo 2^16
 *     v_clamp        signed
 *     v_magnitude    |a - b|, the difference taken modulo 2^16 and read as signed (-32768 -> 32768)
 *     v_add_full     sums that stop at 65535                      v_min           unsigned
 *     v_multiply     the upper half of a 16 x 16 bit product      v_shift_down v_shift_up
 *     v_count        a + (b >= c)                                 v_add_above     a + (b > c ? d : 0)
 *   predict_vector prediction (not yet clamped) and fraction of VOXEL_WIDTH samples
 *
 * It may define SWIFT_BETTER, which gives the swift coder's kernels for a CPU that has more, or NULL.
 * It may also define the switches that the templates below document, each 0 without it.
 */
#ifndef VOXEL_WIDTH
#error "a target's file defines VOXEL_WIDTH and a vec of so many uint16_t"
#endif

#include "targets.h"

#include "intensity_template.h"
#include "plateaus_template.h"
#include "rans_template.h"
#include "swift_template.h"

#define LABEL_T uint8_t
#define LABEL_PAIR uint16_t
#define LABEL_NAME(name) name##_8
#include "label_rows_template.h"

#define LABEL_T uint16_t
#define LABEL_PAIR uint32_t
#define LABEL_NAME(name) name##_16
#include "label_rows_template.h"

#ifndef SWIFT_BETTER
#define SWIFT_BETTER NULL
#endif

static const struct swift_kernels *
find_swift_kernels(void)
{
    const struct swift_kernels *better = SWIFT_BETTER;
    return better ? better : &swift_kernels;
}

static const struct voxel_target this_target = {
    {model_segment, residual, reconstruct, find_plateaus, encode_plateaus, decode_plateaus, sum_pair, rans_encode,
     rans_decode, split_samples, join_samples, accumulate},
    {{{encode_rows_8, encode_rows_16}, {decode_rows_8, decode_rows_16}}},
    find_swift_kernels,
};
