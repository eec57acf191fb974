/*
 * standing.h: inside frame/: images whose samples do not stand in the value as they are, one after another, but as text,
 * in rows with padding, or in pieces (pieces.h). The codec sees the samples, and the chunks' raw bytes are those of the value.
 */
#ifndef ZBLOB_CODEC_FRAME_STANDING_H
#define ZBLOB_CODEC_FRAME_STANDING_H

#include "../../zblob.h"

/* The samples of the image, which begins at src and stands there as it says, into dst, which has room for all. */
void standing_take(const struct zblob_image *image, const unsigned char *src, unsigned char *dst);

/* How many bytes of the value these samples take, of which the first is byte `offset` of the image's. */
size_t standing_size(const struct zblob_image *image, uint64_t offset, const unsigned char *samples, size_t size);

/* Where in rows with padding byte `offset` of the samples stands. */
uint64_t standing_start(const struct zblob_image *image, uint64_t offset);

/* The value's bytes for these samples, which do not stand in pieces; false if they are not exactly dst_size. */
bool standing_put(const struct zblob_image *image, uint64_t offset, const unsigned char *samples, size_t size,
                  unsigned char *dst, size_t dst_size);

#endif
