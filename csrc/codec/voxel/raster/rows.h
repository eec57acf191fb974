/* rows.h: rows of pixels as unsigned numbers in their order, to and from the samples' bytes. */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_ROWS_H
#define ZBLOB_CODEC_VOXEL_RASTER_ROWS_H

#include "box.h"

void raster_load_row(const struct raster_box *box, const unsigned char *src, uint32_t *pixels);
void raster_store_row(const struct raster_box *box, const uint32_t *pixels, unsigned char *dst);

#endif
