/* chunks.c: how an image is cut into chunks, and where their rows lie. */
#include "chunks.h"

#include "wide/cells.h"

uint64_t
voxel_row_size(const struct voxel_model *model)
{
    size_t size = model->wide ? voxel_wide_sample_size(model->wide) : zblob_sample_size(model->grid.sample_type);
    return model->shape.width * model->shape.components * size;
}

size_t
voxel_chunk_count(const struct voxel_model *model)
{
    const struct voxel_shape *shape = &model->shape;
    if (model->chunk_slices)
        return (size_t)((shape->slices + model->chunk_slices - 1) / model->chunk_slices);
    return (size_t)(shape->slices * ((shape->height + model->chunk_rows - 1) / model->chunk_rows));
}

struct voxel_box
voxel_chunk_box(const struct voxel_model *model, size_t index)
{
    const struct voxel_shape *shape = &model->shape;
    struct voxel_box box = {0, 1, 0, shape->height};
    if (model->chunk_slices) {
        box.slice = (uint64_t)index * model->chunk_slices;
        box.slices = shape->slices - box.slice;
        box.slices = box.slices < model->chunk_slices ? box.slices : model->chunk_slices;
    } else {
        uint64_t bands = (shape->height + model->chunk_rows - 1) / model->chunk_rows;
        box.slice = index / bands;
        box.row = index % bands * model->chunk_rows;
        box.rows = shape->height - box.row;
        box.rows = box.rows < model->chunk_rows ? box.rows : model->chunk_rows;
    }
    return box;
}

void
voxel_chunk_range(const struct voxel_model *model, size_t index, uint64_t *offset, size_t *size)
{
    struct voxel_box box = voxel_chunk_box(model, index);
    *offset = (box.slice * model->shape.height + box.row) * voxel_row_size(model);
    *size = (size_t)(box.slices * box.rows * voxel_row_size(model));
}

const unsigned char *
voxel_row_address(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint64_t row)
{
    uint64_t pixel = model->shape.components * zblob_sample_size(model->grid.sample_type);
    uint64_t row_pitch = model->shape.width * pixel, first = slice * model->shape.height * row_pitch;
    return samples + (size_t)(first + row * (model->is_transposed ? pixel : row_pitch));
}
