/* doubled.c: looks at pixels of odd columns and rows: are they copies of a neighbour wherever that is possible? */
#include "doubled.h"

#include "../../base/hash.h"
#include "../chunks.h"

#include <string.h>

enum { LOOKS = 512, VARIED_MIN = 32, SHARE = 16, FIRST_LOOKS = 64 };

/* Pixels whose neighbours along an axis differ, and how many of them are like the one before, and like the one after. */
struct copies {
    uint32_t varied, like[2];
};

static void
look_at(struct copies *copies, const unsigned char *before, const unsigned char *here, const unsigned char *after,
        size_t pixel)
{
    if (memcmp(before, after, pixel) == 0)
        return;
    copies->varied++;
    copies->like[0] += memcmp(before, here, pixel) == 0;
    copies->like[1] += memcmp(here, after, pixel) == 0;
}

/* Nearly all are like the same neighbour. */
static bool
are_doubled(const struct copies *copies)
{
    uint32_t most = copies->like[0] > copies->like[1] ? copies->like[0] : copies->like[1];
    return copies->varied >= VARIED_MIN && (copies->varied - most) * SHARE < copies->varied;
}

static void
look(const struct voxel_model *model, const unsigned char *samples, struct copies *columns, struct copies *rows)
{
    const struct voxel_shape *shape = &model->shape;
    size_t pixel = (size_t)shape->components * zblob_sample_size(model->grid.sample_type);
    size_t row = pixel * (size_t)shape->width;
    if (shape->width < 3 || shape->height < 3 || model->is_transposed)
        return;
    for (uint64_t i = 0; i < LOOKS; i++) {
        size_t x = hash_place(3 * i, (size_t)(shape->width - 1) / 2) * 2 + 1;
        size_t y = hash_place(3 * i + 1, (size_t)(shape->height - 1) / 2) * 2 + 1;
        size_t z = hash_place(3 * i + 2, (size_t)shape->slices);
        const unsigned char *here = voxel_row_address(model, samples, z, y) + x * pixel;
        look_at(columns, here - pixel, here, here + pixel, pixel);
        look_at(rows, here - row, here, here + row, pixel);
        bool may_be = are_doubled(columns) || are_doubled(rows) || columns->varied < VARIED_MIN;
        if (i >= FIRST_LOOKS && !may_be) /* as most images */
            return;
    }
}

void
voxel_find_doubled(const struct voxel_model *model, const unsigned char *samples, bool *smoother_along)
{
    struct copies columns = {.varied = 0}, rows = {.varied = 0};
    look(model, samples, &columns, &rows);
    if (are_doubled(&columns) != are_doubled(&rows))
        *smoother_along = are_doubled(&rows);
}

bool
voxel_columns_are_doubled(const struct voxel_model *model, const unsigned char *samples)
{
    struct copies columns = {.varied = 0}, rows = {.varied = 0};
    look(model, samples, &columns, &rows);
    return are_doubled(&columns);
}
