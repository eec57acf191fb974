/* memory.c: see memory.h. */
#include "memory.h"

#include "chunks.h"
#include "codec.h"
#include "label/codec.h"
#include "mixed/codec.h"
#include "samples.h"
#include "tables.h"
#include "wide/cells.h"
#include "window.h"

uint64_t
voxel_format_memory(const struct voxel_model *model)
{
    const struct voxel_shape *shape = &model->shape;
    struct voxel_box box = voxel_chunk_box(model, 0);
    if (voxel_has_pixels(model))
        return 0; /* in proportion to the chunk's raw size */
    uint64_t size = voxel_window_size(shape, box, model->distance), sample = model->wide ? 2 : 0;
    if (model->is_transposed)
        size += 2 * (uint64_t)voxel_scratch_size(shape);
    if (model->wide && model->wide->axes)
        sample += sizeof(uint64_t);
    return size + box.slices * box.rows * shape->width * shape->components * sample;
}

size_t
voxel_chunk_memory(const struct voxel_model *model)
{
    struct voxel_box box = voxel_chunk_box(model, 0);
    size_t pixel = (size_t)model->shape.components * zblob_sample_size(model->grid.sample_type);
    struct label_box labels = {pixel, (size_t)model->shape.width, (size_t)box.rows, (size_t)box.slices, false};
    if (model->is_label)
        return model->is_mixed ? mixed_decode_memory(labels) : label_decode_memory(labels);
    if (model->is_raster) {
        struct raster_box pixels = voxel_raster_box(model, box);
        return raster_memory(&pixels);
    }
    return (size_t)voxel_format_memory(model) + (size_t)voxel_table_count(model) * VOXEL_TABLE_SIZE * sizeof(uint32_t);
}

bool
voxel_chunks_are_allowed(const struct voxel_model *model)
{
    struct voxel_box box = voxel_chunk_box(model, 0);
    uint64_t size = box.slices * box.rows * voxel_row_size(model);
    return size <= ZBLOB_CHUNK_RAW_MAX && (size >= VOXEL_CHUNK_SIZE_MIN || voxel_chunk_count(model) == 1) &&
           voxel_format_memory(model) <= VOXEL_CHUNK_MEMORY_MAX;
}
