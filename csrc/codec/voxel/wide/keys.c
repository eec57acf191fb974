/* keys.c: wide samples -> keys. */
#include "keys.h"

#include "../../base/sample_types.h"
#include "formula.h"

#include <string.h>

enum { PIECE = 512 }; /* integers of a formula at a time */

enum key_order
wide_order_of(enum zblob_sample_type type)
{
    const struct sample_type *row = sample_type_of(type);
    return row->is_float ? ORDER_FLOAT : row->is_signed ? ORDER_SIGNED : ORDER_UNSIGNED;
}

static inline __attribute__((always_inline)) uint64_t
load_sample(const unsigned char *p, size_t size, bool big_endian)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    if (size == 1)
        return *p;
    if (size == 2) {
        memcpy(&v16, p, 2);
        return big_endian ? __builtin_bswap16(v16) : v16;
    }
    if (size == 4) {
        memcpy(&v32, p, 4);
        return big_endian ? __builtin_bswap32(v32) : v32;
    }
    memcpy(&v64, p, 8);
    return big_endian ? __builtin_bswap64(v64) : v64;
}

/* Called with constants, so that each kind of samples has a loop of its own. */
static inline __attribute__((always_inline)) void
keys_of(const unsigned char *restrict src, uint64_t *restrict keys, size_t count, size_t size, bool big_endian,
        enum key_order order, int shift)
{
    int bits = (int)(8 * size);
    uint64_t top = UINT64_C(1) << (bits - 1 - shift), sign = UINT64_C(1) << (bits - 1);
    for (size_t i = 0; i < count; i++) {
        uint64_t v = load_sample(src + i * size, size, big_endian);
        if (order == ORDER_FLOAT) {
            uint64_t magnitude = (v & (sign - 1)) >> shift;
            keys[i] = v & sign ? top - 1 - magnitude : top + magnitude;
        } else
            keys[i] = (order == ORDER_SIGNED ? v ^ sign : v) >> shift;
    }
}

static inline __attribute__((always_inline)) void
keys_of_order(const unsigned char *src, uint64_t *keys, size_t count, size_t size, enum key_order order,
              const struct voxel_wide *wide)
{
    if (wide->big_endian)
        keys_of(src, keys, count, size, true, order, wide->shift);
    else
        keys_of(src, keys, count, size, false, order, wide->shift);
}

/* Keys of the integers that a formula makes the samples from. */
static void
load_integers(const struct voxel_wide *wide, const unsigned char *src, uint64_t *keys, size_t count)
{
    int32_t integers[PIECE];
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        wide_formula_integers(wide, src + at * wide->sample_size, integers, n);
        keys_of((const unsigned char *)integers, keys + at, n, sizeof *integers, false, ORDER_SIGNED, wide->shift);
    }
}

void
wide_load_keys(const struct voxel_wide *wide, const unsigned char *src, uint64_t *keys, size_t count)
{
    enum key_order order = wide_order_of(wide->sample_type);
    if (wide->formula.kind)
        load_integers(wide, src, keys, count);
    else if (wide->sample_size == 1)
        keys_of_order(src, keys, count, 1, order, wide);
    else if (wide->sample_size == 2 && order == ORDER_FLOAT)
        keys_of_order(src, keys, count, 2, ORDER_FLOAT, wide);
    else if (wide->sample_size == 2)
        keys_of_order(src, keys, count, 2, order, wide);
    else if (wide->sample_size == 4 && order == ORDER_FLOAT)
        keys_of_order(src, keys, count, 4, ORDER_FLOAT, wide);
    else if (wide->sample_size == 4)
        keys_of_order(src, keys, count, 4, order, wide);
    else if (order == ORDER_FLOAT)
        keys_of_order(src, keys, count, 8, ORDER_FLOAT, wide);
    else
        keys_of_order(src, keys, count, 8, order, wide);
}

struct wide_layout
wide_layout_of(const struct voxel_model *model, struct voxel_box box)
{
    const struct voxel_shape *shape = &model->shape;
    uint64_t width = model->is_transposed ? shape->height : shape->width;
    uint64_t rows = model->is_transposed ? shape->width : box.rows;
    size_t row = (size_t)(width * shape->components), plane = row * (size_t)rows;
    return (struct wide_layout){(size_t)box.slices, row, plane, plane * (size_t)box.slices, (size_t)shape->components};
}

/* keys[i] -= keys[i - distance], except for the first `distance` of each period; from the last one down. */
static void
subtract_before(uint64_t *keys, size_t count, size_t period, size_t distance)
{
    for (size_t start = 0; start < count; start += period)
        for (size_t i = start + period; i-- > start + distance;)
            keys[i] -= keys[i - distance];
}

void
wide_load_box(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples, uint64_t *keys)
{
    const struct voxel_wide *wide = model->wide;
    struct wide_layout l = wide_layout_of(model, box);
    size_t slice = model->is_transposed ? l.plane : (size_t)model->shape.height * l.row;
    size_t first = (size_t)box.slice * slice + (size_t)box.row * l.row;
    wide_load_keys(wide, samples + first * wide->sample_size, keys, l.count);
    if (wide->axes & WIDE_AXIS_X)
        subtract_before(keys, l.count, l.row, l.components);
    if (wide->axes & WIDE_AXIS_Y)
        subtract_before(keys, l.count, l.plane, l.row);
    if (wide->axes & WIDE_AXIS_Z)
        subtract_before(keys, l.count, l.count, l.plane);
    uint64_t mask = wide_key_mask(wide), half = mask / 2 + 1;
    for (size_t i = 0; wide->axes && i < l.count; i++)
        keys[i] = (keys[i] + half) & mask;
}
