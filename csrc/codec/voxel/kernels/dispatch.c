/* dispatch.c: which target's kernels run on this CPU. */
#include "dispatch.h"

#include "targets.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* From the plainest to the best. */
static const struct {
    const char *name;
    const struct voxel_target *(*find)(void);
} targets[] = {
    {"scalar", voxel_target_scalar},
    {"portable", voxel_target_portable},
    {"avx2", voxel_target_avx2},
    {"avx512", voxel_target_avx512},
};
enum { TARGET_COUNT = sizeof targets / sizeof *targets };

/* ZBLOB_TARGET=scalar|portable|avx2|avx512 forces a target that the CPU has. */
static const struct voxel_target *
detect(void)
{
    const char *wanted = getenv("ZBLOB_TARGET");
    const struct voxel_target *best = NULL;
    for (int i = 0; i < TARGET_COUNT; i++) {
        const struct voxel_target *target = targets[i].find();
        if (target == NULL)
            continue;
        if (wanted != NULL && strcmp(wanted, targets[i].name) == 0)
            return target;
        best = target;
    }
    return best;
}

/* Looked for once; two threads that race write the same value. */
static _Atomic(const struct voxel_target *) chosen;

static const struct voxel_target *
chosen_target(void)
{
    const struct voxel_target *target = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (target == NULL) {
        target = detect();
        atomic_store_explicit(&chosen, target, memory_order_relaxed);
    }
    return target;
}

const struct voxel_kernels *
voxel_kernels(void)
{
    return &chosen_target()->kernels;
}

const struct label_kernels *
voxel_label_kernels(void)
{
    return &chosen_target()->label_kernels;
}

const struct swift_kernels *
voxel_swift_kernels(void)
{
    return chosen_target()->swift_kernels();
}
