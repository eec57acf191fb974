/* noise.h: is there anything in these samples that an image coder could use? */
#ifndef ZBLOB_CODEC_CHUNK_NOISE_H
#define ZBLOB_CODEC_CHUNK_NOISE_H

#include "../../zblob.h"

/* True where a few thousand of the samples, and their differences along every axis, are spread over the type's
 * whole range: full-range noise, encrypted or compressed bytes. `size` bytes of whole samples of that grid. */
bool noise_fills(const struct zblob_grid *grid, const unsigned char *samples, size_t size);

#endif
