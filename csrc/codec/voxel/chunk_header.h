/* chunk_header.h: the four numbers with which a chunk of intensities begins. */
#ifndef ZBLOB_CODEC_VOXEL_CHUNK_HEADER_H
#define ZBLOB_CODEC_VOXEL_CHUNK_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VOXEL_HEADER_SIZE = 16, VOXEL_HEADER_FIELDS = 4 };

/* The header's u32 become varints, and what follows moves up. Returns the chunk's new size; 0 if there was none, or if a
 * number is too large. */
size_t voxel_shorten_header(unsigned char *dst, size_t size);

/* Moves *src behind the header. False: it is damaged. */
bool voxel_read_header(bool is_short, const unsigned char **src, const unsigned char *end,
                       uint64_t fields[VOXEL_HEADER_FIELDS]);

#endif
