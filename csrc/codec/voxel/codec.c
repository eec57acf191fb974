/* codec.c: the voxel codec's door: a chunk goes to the coder that its model names. */
#include "codec.h"

#include "chunks.h"
#include "intensity.h"
#include "kernels/dispatch.h"
#include "label/codec.h"
#include "mixed/codec.h"
#include "wide/codec.h"

#include <string.h>

static struct label_box
label_box_of(const struct voxel_model *model, struct voxel_box box)
{
    size_t pixel_size = (size_t)model->shape.components * zblob_sample_size(model->grid.sample_type);
    return (struct label_box){pixel_size, (size_t)model->shape.width, (size_t)box.rows, (size_t)box.slices,
                              model->grid.big_endian};
}

struct raster_box
voxel_raster_box(const struct voxel_model *model, struct voxel_box box)
{
    int lowest = voxel_lowest_value(sample_type_of(model->grid.sample_type));
    return (struct raster_box){
        .components = (size_t)model->shape.components,
        .width = (size_t)model->shape.width,
        .rows = (size_t)(box.rows * box.slices), /* slices are whole where there are several */
        .sample_type = model->grid.sample_type,
        .big_endian = model->grid.big_endian,
        .way = (enum raster_way)model->way,
        .low = model->low - lowest,
        .high = model->high - lowest,
        .values = model->ranks_count ? model->ranks[0].values : NULL,
        .value_count = model->ranks_count ? model->ranks[0].count : 0,
        .weights = model->raster_weights,
    };
}

enum zblob_result
voxel_encode_box(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                 unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    const unsigned char *first = voxel_row_address(model, samples, box.slice, box.row);
    if (model->is_mixed)
        return mixed_encode_box(label_box_of(model, box), first, dst, dst_capacity, dst_size);
    if (model->is_label)
        return label_encode_box(voxel_label_kernels(), label_box_of(model, box), first, dst, dst_capacity, dst_size);
    if (model->is_raster) {
        struct raster_box pixels = voxel_raster_box(model, box);
        return raster_encode_box(&pixels, first, dst, dst_capacity, dst_size, SIZE_MAX);
    }
    if (model->wide)
        return voxel_encode_wide(model, box, samples, dst, dst_capacity, dst_size);
    return voxel_encode_intensity(model, box, samples, dst, dst_capacity, dst_size);
}

enum zblob_result
voxel_encode_chunk(const struct voxel_model *model, size_t index, const unsigned char *samples, unsigned char *dst,
                   size_t dst_capacity, size_t *dst_size)
{
    if (model->coded == NULL)
        return voxel_encode_box(model, voxel_chunk_box(model, index), samples, dst, dst_capacity, dst_size);
    *dst_size = model->coded_size <= dst_capacity ? model->coded_size : 0;
    memcpy(dst, model->coded, *dst_size);
    return ZBLOB_OK;
}

enum zblob_result
voxel_decode_chunk(const struct voxel_model *model, size_t index, const unsigned char *src, size_t src_size,
                   unsigned char *dst)
{
    struct voxel_box box = voxel_chunk_box(model, index);
    if (model->is_mixed)
        return mixed_decode_box(label_box_of(model, box), src, src_size, dst);
    if (model->is_label)
        return label_decode_box(voxel_label_kernels(), label_box_of(model, box), src, src_size, dst);
    if (model->is_raster) {
        struct raster_box pixels = voxel_raster_box(model, box);
        return raster_decode_box(&pixels, src, src_size, dst);
    }
    if (model->wide)
        return voxel_decode_wide(model, box, src, src_size, dst);
    return voxel_decode_intensity(model, box, src, src_size, dst);
}
