/* noise.h: is there nothing in these samples that an image codec could use? */
#ifndef ZBLOB_CODEC_CHUNK_NOISE_H
#define ZBLOB_CODEC_CHUNK_NOISE_H

#include "../../zblob.h"

/* True if a few thousand of the samples, and their differences along every axis, are spread evenly over the whole range
 * of the type: noise, or encrypted or compressed bytes. `size` bytes of whole samples; the grid gives their neighbours. */
bool noise_fills(const struct zblob_grid *grid, const unsigned char *samples, size_t size);

#endif
