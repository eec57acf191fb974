/* map_build.h: builds maps of values for each slice, or for runs of slices that share one. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_MAP_BUILD_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_MAP_BUILD_H

#include "../model.h"

/* Maps of all slices, and the cells of all samples in the image's order. */
struct slice_maps {
    struct wide_map *maps;
    uint16_t *cells;
    uint64_t bits;   /* that the maps take */
    uint64_t listed; /* values that are no integers */
};

/* Is a model with these maps better for the image's first slices? */
bool voxel_maps_pay(const struct voxel_wide *present, const struct slice_maps *maps, const struct voxel_shape *shape,
                    uint64_t slices);

/* Of a model that was widened. *found = false: there are none, as slices have too many values, or the first slices are better
 * off with their present cells. The caller frees what it finds in *result. */
enum zblob_result voxel_build_maps(const struct voxel_model *model, const unsigned char *samples,
                                   const struct voxel_wide *present, struct slice_maps *result, bool *found);

#endif
