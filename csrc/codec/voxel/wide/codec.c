/*
 * codec.c: a chunk of wide samples: keys <-> cells and the bits within them.
 *
 * A chunk is the size of the cells' part (u32), the cells' part, which is a chunk of intensities, and the bits within
 * cells, or the chunk's maps of values.
 */
#include "codec.h"

#include "../../base/bytes.h"
#include "../chunks.h"
#include "../intensity.h"
#include "formula.h"
#include "keys.h"
#include "maps.h"

#include "../../base/interrupt.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 4, PIECE = 4096, BATCH = 64 };

/* The first key and the width of each cell. */
struct cell_table {
    void *low; /* as wide as samples are, but at least 32 bits */
    uint8_t *width;
    uint32_t count;
};

/* The bits within cells. After their end, zeros are read. */
struct tail {
    const unsigned char *bytes;
    size_t size;
    uint64_t position; /* in bits */
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

/* ---- Both ways ---------------------------------------------------------------------------------- */

static bool
open_table(struct cell_table *table, const struct voxel_wide *wide)
{
    size_t key_size = wide_key_size(wide) == 8 ? 8 : 4;
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
    return wide_key_size(wide) == 8 ? ((const uint64_t *)table->low)[cell] : ((const uint32_t *)table->low)[cell];
}

/* ---- Encoding ----------------------------------------------------------------------------------- */

/* Writes the bits within cells, sample after sample, from the lowest bit up. Returns their size; *fits = false: no
 * room. */
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

/* The bits within cells, which need a table of these. */
static enum zblob_result
encode_tail(const struct voxel_wide *wide, const uint64_t *keys, const uint16_t *cells, size_t count,
            unsigned char *dst, size_t capacity, size_t *size, bool *fits)
{
    struct cell_table table = {NULL, NULL, 0};
    if (!open_table(&table, wide))
        return ZBLOB_NO_MEMORY;
    *size = put_tail(wide, keys, cells, count, &table, dst, capacity, fits);
    free(table.low);
    return ZBLOB_OK;
}

/* The maps of values of a box's slices: which slices share one, then the maps. */
static enum zblob_result
encode_maps(const struct voxel_wide *wide, struct voxel_box box, const struct wide_layout *l, const uint64_t *keys,
            const uint16_t *cells, unsigned char *dst, size_t capacity, size_t *size, bool *fits)
{
    struct wide_entries *entries = calloc(1, sizeof *entries);
    uint64_t *key_of = malloc(CELLS_MAX * sizeof *key_of);
    enum zblob_result result = entries && key_of ? ZBLOB_OK : ZBLOB_NO_MEMORY;
    struct bit_writer w = bits_write_to(dst, capacity);
    const struct wide_map *maps = wide->maps + box.slice;
    for (size_t z = 1; z < l->slices; z++)
        bits_put(&w, !maps[z].is_shared, 1);
    for (size_t z = 0, end; result == ZBLOB_OK && z < l->slices; z = end) {
        for (end = z + 1; end < l->slices && maps[end].is_shared;)
            end++;
        for (size_t i = z * l->plane; i < end * l->plane; i++)
            key_of[cells[i]] = keys[i];
        wide_find_entries(entries, cells + z * l->plane, (end - z) * l->plane);
        for (uint32_t k = 0; k < entries->count; k++)
            entries->keys[k] = key_of[entries->cells[k]];
        wide_write_map(&w, wide, &maps[z], entries);
    }
    bits_flush(&w);
    *size = (size_t)(w.at - dst);
    *fits = !w.overflow;
    free(entries);
    free(key_of);
    return result;
}

enum zblob_result
voxel_encode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                  unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    const struct voxel_wide *wide = model->wide;
    struct wide_layout l = wide_layout_of(model, box);
    size_t cells_size, size = 0;
    *dst_size = 0;
    if (dst_capacity < 2 * HEADER_SIZE)
        return ZBLOB_OK;
    enum zblob_result result = voxel_encode_intensity(model, box, (const unsigned char *)wide->cells, dst + HEADER_SIZE,
                                                      dst_capacity - HEADER_SIZE, &cells_size);
    if (result != ZBLOB_OK || cells_size == 0)
        return result;
    store_le32(dst, (uint32_t)cells_size);
    if (wide->is_list) {
        *dst_size = HEADER_SIZE + cells_size;
        return ZBLOB_OK;
    }
    uint64_t *keys = malloc(l.count * sizeof *keys);
    if (keys == NULL)
        return ZBLOB_NO_MEMORY;
    bool fits = false;
    const void *cells = voxel_row_address(model, (const unsigned char *)wide->cells, box.slice, box.row);
    size_t at = HEADER_SIZE + cells_size;
    wide_load_box(model, box, samples, keys);
    if (wide->has_maps)
        result = encode_maps(wide, box, &l, keys, cells, dst + at, dst_capacity - at, &size, &fits);
    else
        result = encode_tail(wide, keys, cells, l.count, dst + at, dst_capacity - at, &size, &fits);
    if (result == ZBLOB_OK && fits)
        *dst_size = at + size;
    free(keys);
    return result;
}

/* ---- Decoding ------------------------------------------------------------------------------------ */

/* Keys of a formula's integers -> samples. */
static void
store_formula(const struct voxel_wide *wide, const uint32_t *keys, unsigned char *dst, size_t count)
{
    int32_t integers[PIECE];
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        samples_of_32(keys + at, (unsigned char *)integers, n, sizeof *integers, wide->shift, ORDER_SIGNED);
        wide_formula_samples(wide, integers, dst + at * wide->sample_size, n);
    }
}

/* Cells and the bits within them to samples: in pieces that stay in the cache, unless keys are differences, which are
 * summed over the whole chunk. */
static void
decode_samples(const struct voxel_wide *wide, const struct wide_layout *l, const uint16_t *cells,
               const struct cell_table *table, struct tail *tail, void *keys, unsigned char *dst)
{
    enum key_order order = wide_order_of(wide_key_type(wide));
    size_t step = wide->axes ? l->count : PIECE;
    bool is_value = wide->is_list || wide->has_maps;
    for (size_t at = 0; at < l->count && !interrupt_is_set(); at += step) {
        size_t n = l->count - at < step ? l->count - at : step;
        unsigned char *to = dst + at * wide->sample_size;
        if (wide_key_size(wide) == 8) {
            if (is_value)
                look_up_64(keys, cells + at, n, table);
            else
                join_64(keys, cells + at, n, table, tail);
            if (wide->axes)
                integrate_64(keys, wide, l);
            store_keys_64(wide, keys, to, n, order);
        } else {
            if (is_value)
                look_up_32(keys, cells + at, n, table);
            else
                join_32(keys, cells + at, n, table, tail);
            if (wide->axes)
                integrate_32(keys, wide, l);
            if (wide->formula.kind)
                store_formula(wide, keys, to, n);
            else
                store_keys_32(wide, keys, to, n, order);
        }
    }
}

static void
fill_from_entries(struct cell_table *table, const struct voxel_wide *wide, const struct wide_entries *entries)
{
    for (uint32_t k = 0; k < entries->count; k++)
        if (wide->sample_size == 8)
            ((uint64_t *)table->low)[entries->cells[k]] = entries->keys[k];
        else
            ((uint32_t *)table->low)[entries->cells[k]] = (uint32_t)entries->keys[k];
}

/* As decode_samples, run of slices by run of slices. */
static bool
decode_maps(const struct voxel_wide *wide, const struct wide_layout *l, const uint16_t *cells, struct cell_table *table,
            struct wide_entries *entries, const struct tail *tail, void *keys, unsigned char *dst)
{
    struct bit_reader starts = bits_read_from(tail->bytes, tail->size), r = starts;
    for (size_t z = 1; z < l->slices; z++)
        bits_get(&r, 1);
    for (size_t z = 0, end; z < l->slices && !interrupt_is_set(); z = end) {
        for (end = z + 1; end < l->slices && !bits_get(&starts, 1);)
            end++;
        struct wide_layout run = *l;
        run.slices = end - z;
        run.count = run.slices * l->plane;
        wide_find_entries(entries, cells + z * l->plane, run.count);
        if (!wide_read_map(&r, wide, entries))
            return false;
        fill_from_entries(table, wide, entries);
        decode_samples(wide, &run, cells + z * l->plane, table, NULL, keys, dst + z * l->plane * wide->sample_size);
    }
    return r.at == r.end && !r.overflow && r.bits == 0;
}

/* What follows the cells, and with them gives the samples. */
static enum zblob_result
decode_rest(const struct voxel_wide *wide, const struct wide_layout *l, const uint16_t *cells, struct tail *tail,
            void *keys, unsigned char *dst)
{
    struct cell_table table = {NULL, NULL, CELLS_MAX};
    bool is_whole = false;
    if (!wide->has_maps && !open_table(&table, wide))
        return ZBLOB_NO_MEMORY;
    if (!wide->has_maps) {
        decode_samples(wide, l, cells, &table, tail, keys, dst);
        is_whole = (tail->position + 7) / 8 == tail->size && /* every byte was needed, and no more */
                   (tail->position % 8 == 0 || tail->bytes[tail->size - 1] >> tail->position % 8 == 0);
        free(table.low);
        return is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
    }
    struct wide_entries *entries = calloc(1, sizeof *entries);
    table.low = malloc(CELLS_MAX * sizeof(uint64_t));
    if (entries && table.low)
        is_whole = decode_maps(wide, l, cells, &table, entries, tail, keys, dst);
    enum zblob_result result = !entries || !table.low ? ZBLOB_NO_MEMORY : is_whole ? ZBLOB_OK : ZBLOB_DAMAGED;
    free(table.low);
    free(entries);
    return result;
}

enum zblob_result
voxel_decode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *src, size_t src_size,
                  unsigned char *dst)
{
    const struct voxel_wide *wide = model->wide;
    struct wide_layout l = wide_layout_of(model, box);
    if (src_size < HEADER_SIZE || load_le32(src) > src_size - HEADER_SIZE)
        return ZBLOB_DAMAGED;
    size_t cells_size = load_le32(src);
    struct tail tail = {src + HEADER_SIZE + cells_size, src_size - HEADER_SIZE - cells_size, 0};
    uint16_t *cells = malloc(l.count * sizeof *cells);
    void *keys = malloc((wide->axes || l.count < PIECE ? l.count : PIECE) * sizeof(uint64_t));
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (cells != NULL && keys != NULL) {
        result = voxel_decode_intensity(model, box, src + HEADER_SIZE, cells_size, (unsigned char *)cells);
        if (result == ZBLOB_OK)
            result = decode_rest(wide, &l, cells, &tail, keys, dst);
    }
    free(keys);
    free(cells);
    return result;
}
