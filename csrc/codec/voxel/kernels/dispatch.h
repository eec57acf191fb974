/* dispatch.h: the kernels of the best target that this CPU has, or of the one that ZBLOB_TARGET names. */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_DISPATCH_H
#define ZBLOB_CODEC_VOXEL_KERNELS_DISPATCH_H

#include "../label/rows.h"
#include "../swift/rows.h"
#include "ops.h"

const struct voxel_kernels *voxel_kernels(void);
const struct label_kernels *voxel_label_kernels(void);
const struct swift_kernels *voxel_swift_kernels(void);

#endif
