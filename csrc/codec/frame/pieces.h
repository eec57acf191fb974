/*
 * pieces.h: inside frame/: images that stand in the value in pieces: in tiles, or as slices with other bytes between them. A
 * chunk of such an image is a number of rows of tiles (without tiles: of rows). In the value stand its samples, and
 * the chunk's *rest*: what of its tiles lies outside of the image, and what follows its slices.
 */
#ifndef ZBLOB_CODEC_FRAME_PIECES_H
#define ZBLOB_CODEC_FRAME_PIECES_H

#include "../../zblob.h"

/* May a chunk begin or end at byte `offset` of the image's samples? */
bool pieces_may_part(const struct zblob_image *image, uint64_t offset);

/* How far from the image's first byte a chunk stands that begins at byte `offset` of the samples. */
uint64_t pieces_place(const struct zblob_image *image, uint64_t offset);

/* Take the samples [offset, offset + size) and the rest of that chunk, which stands at `value`, apart. Where `samples` or
 * `rest` is NULL these are left out. */
void pieces_split(const struct zblob_image *image, uint64_t offset, size_t size, const unsigned char *value,
                  unsigned char *samples, unsigned char *rest);

/* The other way round. */
void pieces_join(const struct zblob_image *image, uint64_t offset, size_t size, const unsigned char *samples,
                 const unsigned char *rest, unsigned char *value);

#endif
