/* targets.h: the CPU targets that kernels are compiled for. Each is a file of this folder. */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_TARGETS_H
#define ZBLOB_CODEC_VOXEL_KERNELS_TARGETS_H

#include "../label/rows.h"
#include "../swift/rows.h"
#include "ops.h"

struct voxel_target {
    struct voxel_kernels kernels;
    struct label_kernels label_kernels;
    const struct swift_kernels *(*swift_kernels)(void);
};

/* NULL: this build or this CPU has no such target. Plain C runs everywhere. */
const struct voxel_target *voxel_target_scalar(void);
const struct voxel_target *voxel_target_portable(void);
const struct voxel_target *voxel_target_avx2(void);
const struct voxel_target *voxel_target_avx512(void);

#endif
