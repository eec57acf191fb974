/* map_build.h: builds maps of values for each slice, or for runs of slices that share one. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_MAP_BUILD_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_MAP_BUILD_H

#include "../model.h"

/* Maps of all slices, and the cells of all samples in the image's order. */
struct slice_maps {
    struct wide_map *maps;
    uint16_t *cells;
    uint64_t bits; /* that the maps take */
};

/* Of a model that was widened. *found = false: there are none, as slices have too many values. The caller frees what it
 * finds in *result. */
enum zblob_result voxel_build_maps(const struct voxel_model *model, const unsigned char *samples,
                                   struct slice_maps *result, bool *found);

#endif
