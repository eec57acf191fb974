/* ranks.c: rank maps: built, written, read. */
#include "ranks.h"

#include <stdlib.h>

/* A sample's bits, of which those of 8-bit samples are the lower ones. */
static uint16_t
sample_of_value(const struct sample_type *type, uint32_t value)
{
    int sample = (int)value + (type->is_signed ? voxel_lowest_value(type) : 0);
    return (uint16_t)(type->size > 1 ? sample : sample & 255);
}

/* Tables of 8-bit samples, from the values. */
static void
fill_bytes(struct voxel_ranks *ranks, const struct sample_type *type)
{
    for (uint32_t rank = 0; rank < 256; rank++) {
        uint8_t sample = (uint8_t)sample_of_value(type, ranks->values[rank < ranks->count ? rank : 0]);
        uint8_t coded = (uint8_t)((int)rank + voxel_lowest_value(type));
        ranks->bytes[VOXEL_TO_SAMPLES][coded] = sample;
        if (rank < ranks->count)
            ranks->bytes[VOXEL_TO_RANKS][sample] = coded;
    }
}

/* What leads from ranks to samples, from the values. */
static bool
open_samples(struct voxel_ranks *ranks, const struct sample_type *type)
{
    if (type->size == 1) {
        fill_bytes(ranks, type);
        return true;
    }
    ranks->sample_of = malloc(ranks->count * sizeof *ranks->sample_of);
    if (ranks->sample_of == NULL)
        return false;
    ranks->lowest = (uint16_t)voxel_lowest_value(type);
    for (uint32_t rank = 0; rank < ranks->count; rank++)
        ranks->sample_of[rank] = sample_of_value(type, ranks->values[rank]);
    return true;
}

bool
voxel_ranks_build(struct voxel_ranks *ranks, const struct sample_type *type, const uint8_t *used)
{
    uint32_t values = voxel_value_count(type);
    ranks->values = malloc(values * sizeof *ranks->values);
    ranks->coded_of = type->size > 1 ? calloc(values, sizeof *ranks->coded_of) : NULL;
    if (ranks->values == NULL || (type->size > 1 && ranks->coded_of == NULL))
        return false;
    for (uint32_t v = 0; v < values; v++)
        if (used[v]) {
            if (type->size > 1)
                ranks->coded_of[sample_of_value(type, v)] = (uint16_t)((int)ranks->count + voxel_lowest_value(type));
            ranks->values[ranks->count++] = (uint16_t)v;
        }
    return open_samples(ranks, type);
}

void
voxel_ranks_free(struct voxel_ranks *ranks)
{
    free(ranks->values);
    free(ranks->coded_of);
    free(ranks->sample_of);
}

/* The set of values in use: distances between them. */
void
voxel_ranks_write(struct bit_writer *w, const struct voxel_ranks *ranks)
{
    bits_put(w, ranks->count, 17);
    uint32_t next = 0;
    for (uint32_t i = 0; i < ranks->count; i++) {
        bits_put_golomb(w, ranks->values[i] - next, 0);
        next = ranks->values[i] + 1u;
    }
}

bool
voxel_ranks_read(struct bit_reader *r, struct voxel_ranks *ranks, const struct sample_type *type, uint64_t sample_count)
{
    uint32_t count = bits_get(r, 17), next = 0, most = voxel_value_count(type);
    if (count == 0 || count > most || count > sample_count || !bits_may_hold(r, count))
        return false;
    ranks->values = malloc(count * sizeof *ranks->values);
    r->lacks_memory = ranks->values == NULL;
    if (r->lacks_memory)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        next += bits_get_golomb(r, 0);
        if (next >= most || r->overflow)
            return false;
        ranks->values[i] = (uint16_t)next++;
    }
    ranks->count = count;
    r->lacks_memory = !open_samples(ranks, type);
    return !r->lacks_memory;
}
