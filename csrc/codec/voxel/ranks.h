/* ranks.h: rank maps. Where not all values are in use, their places among those that are take their place. Sections 2
 * and 4 of docs/voxel-format.md. */
#ifndef ZBLOB_CODEC_VOXEL_RANKS_H
#define ZBLOB_CODEC_VOXEL_RANKS_H

#include "../base/bits.h"
#include "../base/sample_types.h"

enum { VOXEL_VALUES = 65536 };

enum { VOXEL_TO_RANKS, VOXEL_TO_SAMPLES };

/* Values here are distances from the type's lowest one. What is no rank counts as rank 0. */
struct voxel_ranks {
    uint32_t count;        /* values in use */
    uint16_t lowest;       /* the type's lowest value, modulo 2^16 */
    uint16_t *values;      /* ascending */
    uint16_t *coded_of;    /* encoder: a sample's bits -> its rank plus the lowest value, of samples of 16 bits */
    uint16_t *sample_of;   /* a rank -> a sample's bits, of samples of 16 bits */
    uint8_t bytes[2][256]; /* the same for samples of 8 bits, of which ranks plus the lowest value have 8 bits, too */
};

/* How many values samples of a type have. */
static inline uint32_t
voxel_value_count(const struct sample_type *type)
{
    return type->size > 1 ? VOXEL_VALUES : 256;
}

/* The lowest value of samples that are coded as integers of 16 bits. */
static inline int
voxel_lowest_value(const struct sample_type *type)
{
    return type->size > 1 ? -32768 : type->is_signed ? -128 : 0;
}

/* Encoder: the map of the values that are marked as used. False: no memory. */
bool voxel_ranks_build(struct voxel_ranks *ranks, const struct sample_type *type, const uint8_t *used);
void voxel_ranks_free(struct voxel_ranks *ranks);

/* The map's serialized form. The bits that are read are hostile; a map has no more values than the image has samples. */
void voxel_ranks_write(struct bit_writer *w, const struct voxel_ranks *ranks);
bool voxel_ranks_read(struct bit_reader *r, struct voxel_ranks *ranks, const struct sample_type *type,
                      uint64_t sample_count);

#endif
