/* swift_vbmi.h: the swift coder's kernels for a CPU that has what target "avx512" needs, and bytewise permutations. */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_SWIFT_VBMI_H
#define ZBLOB_CODEC_VOXEL_KERNELS_SWIFT_VBMI_H

#include "../swift/rows.h"

/* NULL: this build or this CPU has no such instructions. */
const struct swift_kernels *swift_kernels_vbmi(void);

#endif
