/* dispatch.c: which target's kernels run on this CPU. */
#include "internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const struct voxel_ops *
ops_of(int target)
{
    switch (target) {
    case VOXEL_TARGET_SCALAR: return voxel_ops_scalar();
    case VOXEL_TARGET_PORTABLE: return voxel_ops_portable();
    case VOXEL_TARGET_AVX2: return voxel_ops_avx2();
    case VOXEL_TARGET_AVX512: return voxel_ops_avx512();
    default: return NULL;
    }
}

static int
best_target(void)
{
    for (int target = VOXEL_TARGET_COUNT - 1; target > VOXEL_TARGET_SCALAR; target--)
        if (ops_of(target) != NULL)
            return target;
    return VOXEL_TARGET_SCALAR;
}

/* One-time detection; two threads that race write the same value. */
static _Atomic int chosen = VOXEL_TARGET_AUTO;

/* ZBLOB_TARGET=scalar|portable|avx2|avx512 forces a target that the CPU has. */
static int
detect(void)
{
    static const char *const names[VOXEL_TARGET_COUNT] = {"scalar", "portable", "avx2", "avx512"};
    const char *wanted = getenv("ZBLOB_TARGET");
    for (int target = 0; wanted != NULL && target < VOXEL_TARGET_COUNT; target++)
        if (strcmp(wanted, names[target]) == 0 && ops_of(target) != NULL)
            return target;
    return best_target();
}

const struct voxel_ops *
voxel_ops(void)
{
    int target = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (target == VOXEL_TARGET_AUTO) {
        target = detect();
        atomic_store_explicit(&chosen, target, memory_order_relaxed);
    }
    return ops_of(target);
}
