/*
 * tables.h: frequency tables of tokens: normalising counts, the tables' bits in a chunk, and the forms in which the
 * entropy coder uses them. Section 8 of docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_TABLES_H
#define ZBLOB_CODEC_VOXEL_TABLES_H

#include "../base/bits.h"

enum {
    VOXEL_TOKENS = 225, /* 0..223, and the escape */
    VOXEL_ESCAPE = 224,
    VOXEL_TABLE_BITS = 11,
    VOXEL_TABLE_SIZE = 1 << VOXEL_TABLE_BITS, /* what frequencies sum to */
};

/* Of one token; rANS adds `start` and scales by `frequency`. */
struct voxel_encode_entry {
    uint32_t packed;     /* start | frequency << 12 | is_escape << 31 */
    uint32_t reciprocal; /* floor(2^32 / frequency), 2^32 - 1 for 1 */
};

/* Counts -> frequencies that sum to VOXEL_TABLE_SIZE; rare tokens go to the escape. */
void voxel_normalise_counts(const uint32_t counts[VOXEL_TOKENS], uint16_t frequencies[VOXEL_TOKENS]);

void voxel_write_table(struct bit_writer *writer, const uint16_t frequencies[VOXEL_TOKENS]);
/* False: the bits contradict themselves, or end too early. */
bool voxel_read_table(struct bit_reader *reader, uint16_t frequencies[VOXEL_TOKENS]);

/* By token; tokens without a frequency have the escape's entry. */
void voxel_fill_encode_entries(const uint16_t frequencies[VOXEL_TOKENS], struct voxel_encode_entry entries[256]);
/* By slot: frequency << 20 | (slot - start) << 8 | token. */
void voxel_fill_decode_entries(const uint16_t frequencies[VOXEL_TOKENS], uint32_t entries[VOXEL_TABLE_SIZE]);

#endif
