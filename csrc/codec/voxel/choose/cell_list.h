/* cell_list.h: cells for an image with few values, however far apart: one for each. */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_CELL_LIST_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_CELL_LIST_H

#include "../wide/cells.h"

/* Leads from a value to its cell. It is one block of memory: free it. */
struct cell_list;

/* Gives each of the values a cell. NULL, and `wide` as before: there are more than `most`, or no memory. */
struct cell_list *wide_list_cells(struct voxel_wide *wide, const unsigned char *samples, uint64_t count, uint32_t most);
/* The cell of a key that is in the list. */
uint16_t wide_find_value(const struct voxel_wide *wide, const struct cell_list *list, uint64_t key);

#endif
