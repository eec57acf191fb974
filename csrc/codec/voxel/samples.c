/* samples.c: between samples as they lie in memory and the 16-bit integers that are predicted. */
#include "samples.h"

#include "../base/sample_types.h"
#include "channels.h"
#include "chunks.h"
#include "kernels/dispatch.h"

#include <string.h>

static inline uint16_t
get16(const unsigned char *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}

static inline void
put16(unsigned char *p, uint16_t v)
{
    memcpy(p, &v, 2);
}

static void
load16(const unsigned char *restrict src, size_t step, int16_t *restrict dst, size_t count, bool swap, uint16_t flip)
{
    if (step == 1 && !swap)
        for (size_t i = 0; i < count; i++)
            dst[i] = (int16_t)(get16(src + 2 * i) ^ flip);
    else
        for (size_t i = 0; i < count; i++) {
            uint16_t v = get16(src + 2 * step * i);
            dst[i] = (int16_t)((swap ? (uint16_t)(v << 8 | v >> 8) : v) ^ flip);
        }
}

static void
load8(const unsigned char *restrict src, size_t step, int16_t *restrict dst, size_t count, bool is_signed)
{
    if (is_signed)
        for (size_t i = 0; i < count; i++)
            dst[i] = (int16_t)(int8_t)src[step * i];
    else if (step == 1)
        for (size_t i = 0; i < count; i++)
            dst[i] = src[i];
    else
        for (size_t i = 0; i < count; i++)
            dst[i] = src[step * i];
}

static void
load_ranks(const uint8_t *restrict table, const unsigned char *restrict src, size_t step, int16_t *restrict dst,
           size_t count, bool is_signed)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = is_signed ? (int8_t)table[src[step * i]] : table[src[step * i]];
}

/* dst = table[src], where src are the bits of samples. */
static void
look_up(const uint16_t *restrict table, const unsigned char *src, size_t step, unsigned char *dst, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put16(dst + 2 * i, table[get16(src + 2 * step * i)]);
}

/* The rank map of a component; NULL: there is none. */
static const struct voxel_ranks *
ranks_of(const struct voxel_model *model, size_t component)
{
    return model->ranks_count > 1 ? &model->ranks[component] : model->ranks_count ? &model->ranks[0] : NULL;
}

void
voxel_load(const struct voxel_model *model, const unsigned char *pixels, size_t component, size_t step, int16_t *dst,
           size_t count)
{
    const struct sample_type *type = sample_type_of(model->grid.sample_type);
    const struct voxel_ranks *ranks = ranks_of(model, component);
    const unsigned char *src = pixels + component * type->size;
    if (type->size == 1 && ranks)
        load_ranks(ranks->bytes[VOXEL_TO_RANKS], src, step, dst, count, type->is_signed);
    else if (type->size == 1)
        load8(src, step, dst, count, type->is_signed);
    else if (ranks && !model->grid.big_endian)
        look_up(ranks->coded_of, src, step, (unsigned char *)dst, count);
    else
        load16(src, step, dst, count, model->grid.big_endian, type->is_signed || ranks ? 0 : 0x8000);
    if (type->size > 1 && ranks && model->grid.big_endian)
        look_up(ranks->coded_of, (const unsigned char *)dst, 1, (unsigned char *)dst, count);
}

static void
store8(const struct voxel_ranks *ranks, const int16_t *restrict src, unsigned char *restrict dst, size_t step,
       size_t count)
{
    for (size_t i = 0; ranks && i < count; i++)
        dst[step * i] = ranks->bytes[VOXEL_TO_SAMPLES][(uint8_t)src[i]];
    for (size_t i = 0; !ranks && i < count; i++)
        dst[step * i] = (unsigned char)src[i];
}

/* What is no rank counts as rank 0. */
static void
store_ranks(const struct voxel_ranks *ranks, const int16_t *src, unsigned char *dst, size_t step, size_t count,
            bool swap)
{
    const uint16_t *table = ranks->sample_of;
    uint32_t in_use = ranks->count;
    uint16_t lowest = ranks->lowest;
    for (size_t i = 0; i < count; i++) {
        uint16_t rank = (uint16_t)((uint16_t)src[i] - lowest), v = table[rank < in_use ? rank : 0];
        put16(dst + 2 * step * i, swap ? (uint16_t)(v << 8 | v >> 8) : v);
    }
}

static void
store(const struct voxel_model *model, const int16_t *src, unsigned char *pixels, size_t component, size_t step,
      size_t count)
{
    const struct sample_type *type = sample_type_of(model->grid.sample_type);
    const struct voxel_ranks *ranks = ranks_of(model, component);
    unsigned char *dst = pixels + component * type->size;
    bool swap = model->grid.big_endian;
    uint16_t flip = type->is_signed ? 0 : 0x8000;
    if (type->size == 1) {
        store8(ranks, src, dst, step, count);
        return;
    }
    if (ranks) {
        if (step == 1 && !swap) /* a loop of its own */
            store_ranks(ranks, src, dst, 1, count, false);
        else
            store_ranks(ranks, src, dst, step, count, swap);
        return;
    }
    if (step == 1 && !swap) {
        for (size_t i = 0; i < count; i++)
            put16(dst + 2 * i, (uint16_t)((uint16_t)src[i] ^ flip));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t v = (uint16_t)src[i] ^ flip;
        put16(dst + 2 * step * i, swap ? (uint16_t)(v << 8 | v >> 8) : v);
    }
}

/* Can kernels load and store the samples directly: is it only places and signs that change, or bytes for their ranks? */
static bool
is_plain(const struct voxel_model *model)
{
    bool is_byte = zblob_sample_size(model->grid.sample_type) == 1;
    return model->shape.components == 1 && !model->is_transposed &&
           (is_byte || (!model->grid.big_endian && model->ranks_count == 0));
}

void
voxel_load_row(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint64_t row,
               const struct voxel_window *window, size_t ring, size_t y, int16_t *scratch)
{
    size_t components = window->components;
    size_t step = model->is_transposed ? (size_t)model->shape.height * components : components;
    const unsigned char *row_samples = voxel_row_address(model, samples, slice, row);
    bool plain = is_plain(model);
    for (size_t c = 0; c < components; c++) {
        int16_t *even = window->values + voxel_half_row(window, ring, c, y, 0);
        if (!plain)
            voxel_load(model, row_samples, voxel_component_of(model, c), step, scratch, window->width);
        else if (model->ranks_count)
            voxel_swift_kernels()->look_up(model->ranks[0].bytes[VOXEL_TO_RANKS], row_samples, (unsigned char *)scratch,
                                           window->width);
        bool is_direct = plain && model->ranks_count == 0;
        voxel_kernels()->split_samples(is_direct ? row_samples : (const unsigned char *)scratch,
                                       plain ? model->grid.sample_type : ZBLOB_INT16, even, even + window->half_stride,
                                       window->width);
        voxel_pad_values(window, ring, c, y, 0);
        voxel_pad_values(window, ring, c, y, 1);
    }
    voxel_split_channels(model, window, ring, y, 1);
}

/* Transposed slices are loaded and stored in tiles of so many of the image's rows. */
enum { TILE = 32 };

static size_t
tile_stride(const struct voxel_shape *shape)
{
    return (size_t)shape->height + 40; /* no power of two: columns would share cache sets */
}

size_t
voxel_scratch_size(const struct voxel_shape *shape)
{
    size_t row = (size_t)(shape->width * shape->components), tile = TILE * tile_stride(shape);
    if (shape->components <= VOXEL_CHANNELS_MAX)
        tile *= (size_t)shape->components;
    return (row > tile ? row : tile) + 64;
}

typedef uint16_t eight __attribute__((vector_size(16)));

#ifdef __clang__
#define RIFFLE_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define RIFFLE_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define RIFFLE_LOW(a, b) __builtin_shuffle(a, b, (eight){0, 8, 1, 9, 2, 10, 3, 11})
#define RIFFLE_HIGH(a, b) __builtin_shuffle(a, b, (eight){4, 12, 5, 13, 6, 14, 7, 15})
#endif

/* Transposes 8 x 8 samples. A sample's place is a number of six bits: three for its row, three for its column.
 * Interleaving the first half of all samples with the second half rotates each sample's number by one bit, so doing it
 * three times exchanges row and column. */
static void
swap_block(const int16_t *from, size_t from_step, int16_t *to, size_t to_step)
{
    eight rows[8], riffled[8];
    for (size_t i = 0; i < 8; i++)
        memcpy(&rows[i], from + i * from_step, sizeof rows[i]);
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < 4; i++) {
            riffled[2 * i] = RIFFLE_LOW(rows[i], rows[i + 4]);
            riffled[2 * i + 1] = RIFFLE_HIGH(rows[i], rows[i + 4]);
        }
        memcpy(rows, riffled, sizeof rows);
    }
    for (size_t i = 0; i < 8; i++)
        memcpy(to + i * to_step, &rows[i], sizeof rows[i]);
}

/* Rows become columns: to[x * to_step + y] = from[y * from_step + x]. */
static void
swap_axes(const int16_t *from, size_t from_step, int16_t *to, size_t to_step, size_t height, size_t width)
{
    for (size_t y = 0; y < height; y += 8)
        for (size_t x = 0; x < width; x += 8) {
            if (y + 8 <= height && x + 8 <= width) {
                swap_block(from + y * from_step + x, from_step, to + x * to_step + y, to_step);
                continue;
            }
            for (size_t i = y; i < height && i < y + 8; i++)
                for (size_t j = x; j < width && j < x + 8; j++)
                    to[j * to_step + i] = from[i * from_step + j];
        }
}

/* The tile holds `count` rows of the image: they are samples at..at + count - 1 of every coded row. */
static void
tile_to_window(const int16_t *tile, size_t stride, const struct voxel_window *window, size_t ring, size_t c, size_t at,
               size_t count)
{
    int16_t *even = window->values + voxel_half_row(window, ring, c, 0, 0) + at / 2, *odd = even + window->half_stride;
    swap_axes(tile, 2 * stride, even, 2 * window->half_stride, (count + 1) / 2, window->height);
    swap_axes(tile + stride, 2 * stride, odd, 2 * window->half_stride, count / 2, window->height);
}

static void
window_to_tile(int16_t *tile, size_t stride, const struct voxel_window *window, size_t ring, size_t c, size_t at,
               size_t count)
{
    const int16_t *even = window->values + voxel_half_row(window, ring, c, 0, 0) + at / 2;
    const int16_t *odd = even + window->half_stride;
    swap_axes(even, 2 * window->half_stride, tile, 2 * stride, window->height, (count + 1) / 2);
    swap_axes(odd, 2 * window->half_stride, tile + stride, 2 * stride, window->height, count / 2);
}

void
voxel_load_slice(const struct voxel_model *model, const unsigned char *samples, struct voxel_box box, size_t z,
                 const struct voxel_window *window, int16_t *scratch)
{
    size_t size = zblob_sample_size(model->grid.sample_type), components = window->components;
    size_t stride = tile_stride(&model->shape), pitch = window->height * components * size;
    if (!model->is_transposed) {
        for (size_t y = 0; y < window->height; y++)
            voxel_load_row(model, samples, box.slice + z, box.row + y, window, z % window->ring, y, scratch);
        return;
    }
    const unsigned char *slice = voxel_row_address(model, samples, box.slice + z, 0);
    for (size_t c = 0; c < components; c++) {
        for (size_t at = 0; at < window->width; at += TILE) {
            size_t count = window->width - at < TILE ? window->width - at : TILE;
            for (size_t j = 0; j < count; j++)
                voxel_load(model, slice + (at + j) * pitch, voxel_component_of(model, c), components,
                           scratch + j * stride, window->height);
            tile_to_window(scratch, stride, window, z % window->ring, c, at, count);
        }
        for (size_t y = 0; y < 2 * window->height; y++)
            voxel_pad_values(window, z % window->ring, c, y / 2, y & 1);
    }
    voxel_split_channels(model, window, z % window->ring, 0, window->height);
}

/* Row y of slice z to its pixels. With channels, joining a plane's row takes the rows of earlier planes, so each plane
 * has its own place in the scratch memory. store_tile does the same for `count` rows of a transposed image. */
void
voxel_store_row(const struct voxel_model *model, unsigned char *row_samples, const struct voxel_window *window,
                size_t z, size_t y, int16_t *scratch)
{
    bool plain = is_plain(model);
    for (size_t c = 0; c < window->components; c++) {
        const int16_t *even = window->values + voxel_half_row(window, z % window->ring, c, y, 0);
        int16_t *row = scratch + (model->channel_count ? c * window->width : 0);
        voxel_kernels()->join_samples(even, even + window->half_stride, plain ? model->grid.sample_type : ZBLOB_INT16,
                                      plain ? row_samples : (unsigned char *)row, window->width);
        if (plain && model->ranks_count)
            voxel_swift_kernels()->look_up(model->ranks[0].bytes[VOXEL_TO_SAMPLES], row_samples, row_samples,
                                           window->width);
        if (plain)
            return;
        voxel_join_channel(model, c, scratch, window->width, window->width);
        store(model, row, row_samples, voxel_component_of(model, c), window->components, window->width);
    }
}

static void
store_tile(const struct voxel_model *model, unsigned char *slice, const struct voxel_window *window, size_t z,
           size_t at, size_t count, int16_t *scratch)
{
    size_t size = zblob_sample_size(model->grid.sample_type), stride = tile_stride(&model->shape);
    size_t pitch = window->height * window->components * size;
    for (size_t c = 0; c < window->components; c++) {
        int16_t *tile = scratch + (model->channel_count ? c * TILE * stride : 0);
        window_to_tile(tile, stride, window, z % window->ring, c, at, count);
        for (size_t j = 0; j < count; j++) {
            voxel_join_channel(model, c, scratch + j * stride, TILE * stride, window->height);
            store(model, tile + j * stride, slice + (at + j) * pitch, voxel_component_of(model, c), window->components,
                  window->height);
        }
    }
}

void
voxel_store_slice(const struct voxel_model *model, unsigned char *dst, struct voxel_box box, size_t z,
                  const struct voxel_window *window, int16_t *scratch)
{
    size_t pixel = window->components * zblob_sample_size(model->grid.sample_type);
    unsigned char *slice = dst + z * (size_t)box.rows * window->width * pixel;
    for (size_t y = 0; !model->is_transposed && y < window->height; y++)
        voxel_store_row(model, slice + y * window->width * pixel, window, z, y, scratch);
    for (size_t at = 0; model->is_transposed && at < window->width; at += TILE)
        store_tile(model, slice, window, z, at, window->width - at < TILE ? window->width - at : TILE, scratch);
}
