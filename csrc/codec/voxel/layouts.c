/* layouts.c: which neighbourhood a kind of plane has. */
#include "layouts.h"

const struct voxel_layout *
voxel_find_layout(int preset, uint32_t kind, bool has_slices, int parity)
{
    bool is_later = kind > 2 || (kind == 2 && has_slices);
    if (is_later && preset == VOXEL_PRESET_NORMAL)
        return &voxel_layouts_later[parity];
    return &voxel_layouts[preset][kind > 0][parity];
}
