/* maps.c: maps of values: which cells they are for, written, read. */
#include "maps.h"

#include "lattice.h"

#include <string.h>

void
wide_find_entries(struct wide_entries *e, const uint16_t *cells, size_t count)
{
    uint16_t least = 0xFFFF, most = 0;
    for (size_t i = 0; i < count; i++) {
        least = cells[i] < least ? cells[i] : least;
        most = cells[i] > most ? cells[i] : most;
    }
    for (size_t i = 0; i < count; i++)
        e->marks[cells[i]] = 1;
    e->count = 0;
    for (uint32_t at = least & ~7u; at <= most; at += 8) {
        uint64_t eight;
        memcpy(&eight, e->marks + at, 8);
        for (uint32_t cell = at; eight && cell < at + 8; cell++) {
            e->cells[e->count] = (uint16_t)cell;
            e->count += e->marks[cell];
        }
    }
    memset(e->marks + least, 0, (size_t)(most - least) + 1);
}

void
wide_write_map(struct bit_writer *w, const struct voxel_wide *wide, const struct wide_map *map, struct wide_entries *e)
{
    struct wide_values values = {e->count, e->integers, e->keys};
    bits_put(w, map->has_integers, 1);
    if (map->has_integers) {
        wide_find_integers(wide, &map->affine, e->keys, e->count, e->integers);
        wide_write_integers(w, &values, e->cells);
    } else {
        bits_put(w, map->base, 16);
        for (uint32_t k = 0; k < e->count; k++)
            e->integers[k] = (int32_t)e->cells[k] - map->base;
    }
    wide_write_values(w, wide, map->is_affine ? &map->affine : NULL, &values);
}

bool
wide_read_map(struct bit_reader *r, const struct voxel_wide *wide, struct wide_entries *e)
{
    struct wide_values values = {e->count, e->integers, e->keys};
    bool has_integers = bits_get(r, 1);
    if (has_integers && !wide_read_integers(r, &values, e->cells))
        return false;
    uint16_t base = has_integers ? 0 : (uint16_t)bits_get(r, 16);
    for (uint32_t k = 0; !has_integers && k < e->count; k++)
        e->integers[k] = (int32_t)e->cells[k] - base;
    return wide_read_values(r, wide, &values);
}
