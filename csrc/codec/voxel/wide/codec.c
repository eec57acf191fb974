/*
 * codec.c: a chunk of wide samples: keys <-> cells and the bits within them.
 *
 * Layout of a chunk: u32 size of the cells' part, a chunk of the 16-bit stages; the bits within cells.
 */
#include "cells.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 4, PIECE = 4096, BATCH = 64 };

/* How samples become keys that keep their order. */
enum key_order { ORDER_UNSIGNED, ORDER_SIGNED, ORDER_FLOAT };

/* The first key and the width of each cell. */
struct cell_table {
    void *low; /* as wide as samples are, but at least 32 bits */
    uint8_t *width;
    uint32_t count;
};

/* The bits within cells. Behind their end come zeros. */
struct tail {
    const unsigned char *bytes;
    size_t size;
    uint64_t position; /* in bits */
};

/* A box as its bytes lie in the image: rows and slices without regard to how they are coded. */
struct layout {
    size_t slices, row, plane, count; /* samples in a row, in the box's share of a slice, in the box */
    size_t components;
};

/* 64 bits from byte `at` on. */
static inline uint64_t
tail_word(const struct tail *tail, uint64_t at)
{
    uint64_t word = 0;
    if (at < tail->size && tail->size - at >= 8)
        memcpy(&word, tail->bytes + at, 8);
    else if (at < tail->size)
        memcpy(&word, tail->bytes + at, (size_t)(tail->size - at));
    return word;
}

#define KEY uint32_t
#define NAME(x) x##_32
#include "keys_template.h"
#define KEY uint64_t
#define NAME(x) x##_64
#include "keys_template.h"

bool
wide_is_float(enum zblob_sample_type type)
{
    return type == ZBLOB_FLOAT16 || type == ZBLOB_FLOAT32 || type == ZBLOB_FLOAT64;
}

int
wide_mantissa_bits(enum zblob_sample_type type)
{
    return type == ZBLOB_FLOAT16 ? 10 : type == ZBLOB_FLOAT32 ? 23 : 52;
}

static bool
is_signed(enum zblob_sample_type type)
{
    return type == ZBLOB_INT32 || type == ZBLOB_INT64;
}

static enum key_order
order_of(enum zblob_sample_type type)
{
    return wide_is_float(type) ? ORDER_FLOAT : is_signed(type) ? ORDER_SIGNED : ORDER_UNSIGNED;
}

struct voxel_wide *
voxel_wide_new(const struct zblob_grid *grid)
{
    struct voxel_wide *wide = calloc(1, sizeof *wide);
    if (wide == NULL)
        return NULL;
    wide->sample_type = grid->sample_type;
    wide->big_endian = grid->big_endian;
    wide->sample_size = (uint8_t)zblob_sample_size(grid->sample_type);
    return wide;
}

void
voxel_wide_free(struct voxel_wide *wide)
{
    if (wide == NULL)
        return;
    free(wide->runs);
    free(wide->cells);
    free(wide->index);
    free(wide->set);
    free(wide);
}

size_t
voxel_wide_sample_size(const struct voxel_wide *wide)
{
    return wide->sample_size;
}

/* ---- Keys ---------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) uint64_t
load_sample(const unsigned char *p, size_t size, bool big_endian)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
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

/* Constant arguments: one loop for each kind of samples. */
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

void
wide_keys(const struct voxel_wide *wide, const unsigned char *src, uint64_t *keys, size_t count)
{
    enum key_order order = order_of(wide->sample_type);
    if (wide->sample_size == 2)
        keys_of_order(src, keys, count, 2, ORDER_FLOAT, wide);
    else if (wide->sample_size == 4 && order == ORDER_FLOAT)
        keys_of_order(src, keys, count, 4, ORDER_FLOAT, wide);
    else if (wide->sample_size == 4)
        keys_of_order(src, keys, count, 4, order, wide);
    else if (order == ORDER_FLOAT)
        keys_of_order(src, keys, count, 8, ORDER_FLOAT, wide);
    else
        keys_of_order(src, keys, count, 8, order, wide);
}

static struct layout
layout_of(const struct voxel_model *model, struct voxel_box box)
{
    const struct voxel_shape *shape = &model->shape;
    uint64_t width = model->is_transposed ? shape->height : shape->width;
    uint64_t rows = model->is_transposed ? shape->width : box.rows;
    size_t row = (size_t)(width * shape->components), plane = row * (size_t)rows;
    return (struct layout){(size_t)box.slices, row, plane, plane * (size_t)box.slices, (size_t)shape->components};
}

/* keys[i] -= keys[i - distance] from `from` on, except each period's first `distance`; last ones first. */
static void
subtract_before(uint64_t *keys, size_t count, size_t period, size_t distance)
{
    for (size_t start = 0; start < count; start += period)
        for (size_t i = start + period; i-- > start + distance;)
            keys[i] -= keys[i - distance];
}

void
wide_box_keys(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples, uint64_t *keys)
{
    const struct voxel_wide *wide = model->wide;
    struct layout l = layout_of(model, box);
    size_t slice = model->is_transposed ? l.plane : (size_t)model->shape.height * l.row;
    size_t first = (size_t)box.slice * slice + (size_t)box.row * l.row;
    wide_keys(wide, samples + first * wide->sample_size, keys, l.count);
    if (wide->axes & AXIS_X)
        subtract_before(keys, l.count, l.row, l.components);
    if (wide->axes & AXIS_Y)
        subtract_before(keys, l.count, l.plane, l.row);
    if (wide->axes & AXIS_Z)
        subtract_before(keys, l.count, l.count, l.plane);
    uint64_t mask = wide_key_mask(wide), half = mask / 2 + 1;
    for (size_t i = 0; wide->axes && i < l.count; i++)
        keys[i] = (keys[i] + half) & mask;
}

/* ---- Encoding ------------------------------------------------------------------------------------ */

/* All cells of the image, chunk after chunk. */
static enum zblob_result
fill_cells(struct voxel_model *model, const unsigned char *samples)
{
    struct voxel_wide *wide = model->wide;
    size_t total = (size_t)(model->shape.width * model->shape.height * model->shape.slices * model->shape.components);
    size_t chunks = voxel_chunk_count(model), at = 0;
    uint64_t *keys = malloc(layout_of(model, voxel_chunk_box(model, 0)).count * sizeof *keys);
    wide->cells = malloc(total * sizeof *wide->cells);
    if (keys == NULL || wide->cells == NULL) {
        free(keys);
        return ZBLOB_NO_MEMORY;
    }
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        struct voxel_box box = voxel_chunk_box(model, chunk);
        size_t count = layout_of(model, box).count;
        wide_box_keys(model, box, samples, keys);
        for (size_t i = 0; i < count; i++) {
            uint32_t run;
            if (i && keys[i] == keys[i - 1])
                wide->cells[at + i] = wide->cells[at + i - 1];
            else if (wide->is_list)
                wide->cells[at + i] = wide_cell_of_value(wide, keys[i]);
            else
                wide->cells[at + i] = (uint16_t)wide_find_cell(wide, keys[i], &run);
        }
        at += count;
    }
    free(keys);
    return ZBLOB_OK;
}

enum zblob_result
voxel_wide_prepare(struct voxel_model *model, const unsigned char *samples, const unsigned char **cells, bool *gain)
{
    enum zblob_result result = wide_choose_cells(model, samples, gain);
    if (result == ZBLOB_OK && *gain)
        result = fill_cells(model, samples);
    *cells = (const unsigned char *)model->wide->cells;
    return result;
}

static bool
open_table(struct cell_table *table, const struct voxel_wide *wide)
{
    size_t key_size = wide->sample_size == 8 ? 8 : 4;
    table->count = wide->cell_count;
    table->low = malloc(table->count * (key_size + 1));
    if (table->low == NULL)
        return false;
    table->width = (uint8_t *)table->low + table->count * key_size;
    if (key_size == 8)
        fill_table_64(table, wide);
    else
        fill_table_32(table, wide);
    return true;
}

static inline uint64_t
first_key(const struct voxel_wide *wide, const struct cell_table *table, uint16_t cell)
{
    return wide->sample_size == 8 ? ((const uint64_t *)table->low)[cell] : ((const uint32_t *)table->low)[cell];
}

/* The bits within cells, one sample after the other, from the lowest bit up. 0: no room. */
static size_t
put_tail(const struct voxel_wide *wide, const uint64_t *keys, const uint16_t *cells, size_t count,
         const struct cell_table *table, unsigned char *dst, size_t capacity, bool *fits)
{
    uint64_t bits = 0;
    size_t at = 0;
    int used = 0;
    *fits = false;
    for (size_t i = 0; i < count; i++) {
        int width = table->width[cells[i]];
        if (width == 0)
            continue;
        if (capacity - at < 16)
            return 0;
        bits |= (keys[i] - first_key(wide, table, cells[i])) << used; /* used < 8, width <= 56 */
        used += width;
        memcpy(dst + at, &bits, 8);
        at += (size_t)(used >> 3);
        bits = used >= 64 ? 0 : bits >> (used & ~7);
        used &= 7;
    }
    *fits = true;
    return at + (used > 0);
}

enum zblob_result
voxel_encode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                  unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    const struct voxel_wide *wide = model->wide;
    size_t count = layout_of(model, box).count, cells_size;
    *dst_size = 0;
    if (dst_capacity < 2 * HEADER_SIZE)
        return ZBLOB_OK;
    enum zblob_result result = voxel_encode_planes(model, box, (const unsigned char *)wide->cells, dst + HEADER_SIZE,
                                                   dst_capacity - HEADER_SIZE, &cells_size);
    if (result != ZBLOB_OK || cells_size == 0)
        return result;
    voxel_put32(dst, (uint32_t)cells_size);
    if (wide->is_list) {
        *dst_size = HEADER_SIZE + cells_size;
        return ZBLOB_OK;
    }
    struct cell_table table = {NULL, NULL, 0};
    uint64_t *keys = malloc(count * sizeof *keys);
    if (keys != NULL && open_table(&table, wide)) {
        bool fits;
        const unsigned char *first = voxel_row_address(model, (const unsigned char *)wide->cells, box.slice, box.row);
        wide_box_keys(model, box, samples, keys);
        size_t at = HEADER_SIZE + cells_size;
        size_t size = put_tail(wide, keys, (const uint16_t *)(const void *)first, count, &table, dst + at,
                               dst_capacity - at, &fits);
        *dst_size = fits ? at + size : 0;
    } else
        result = ZBLOB_NO_MEMORY;
    free(table.low);
    free(keys);
    return result;
}

/* ---- Decoding ------------------------------------------------------------------------------------ */

/* In pieces that stay in the cache, except where differences reach over the whole chunk. */
static bool
decode_samples(const struct voxel_wide *wide, const struct layout *l, const uint16_t *cells,
               const struct cell_table *table, struct tail *tail, void *keys, unsigned char *dst)
{
    enum key_order order = order_of(wide->sample_type);
    size_t step = wide->axes ? l->count : PIECE;
    for (size_t at = 0; at < l->count; at += step) {
        size_t n = l->count - at < step ? l->count - at : step;
        unsigned char *to = dst + at * wide->sample_size;
        if (wide->sample_size == 8) {
            if (wide->is_list)
                look_up_64(keys, cells + at, n, table);
            else
                join_64(keys, cells + at, n, table, tail);
            if (wide->axes)
                integrate_64(keys, wide, l);
            store_keys_64(wide, keys, to, n, order);
        } else {
            if (wide->is_list)
                look_up_32(keys, cells + at, n, table);
            else
                join_32(keys, cells + at, n, table, tail);
            if (wide->axes)
                integrate_32(keys, wide, l);
            store_keys_32(wide, keys, to, n, order);
        }
    }
    return (tail->position + 7) / 8 == tail->size; /* no bit missing, none left */
}

enum zblob_result
voxel_decode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *src, size_t src_size,
                  unsigned char *dst)
{
    const struct voxel_wide *wide = model->wide;
    struct layout l = layout_of(model, box);
    if (src_size < HEADER_SIZE || voxel_get32(src) > src_size - HEADER_SIZE)
        return ZBLOB_DAMAGED;
    size_t cells_size = voxel_get32(src);
    struct tail tail = {src + HEADER_SIZE + cells_size, src_size - HEADER_SIZE - cells_size, 0};
    uint16_t *cells = malloc(l.count * sizeof *cells);
    void *keys = malloc((wide->axes || l.count < PIECE ? l.count : PIECE) * sizeof(uint64_t));
    struct cell_table table = {NULL, NULL, 0};
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (cells != NULL && keys != NULL && open_table(&table, wide)) {
        result = voxel_decode_planes(model, box, src + HEADER_SIZE, cells_size, (unsigned char *)cells);
        if (result == ZBLOB_OK && !decode_samples(wide, &l, cells, &table, &tail, keys, dst))
            result = ZBLOB_DAMAGED;
    }
    free(table.low);
    free(keys);
    free(cells);
    return result;
}
