/*
 * images.h: what is in these bytes? Finds the images in a pickle, .npy or .npz value: sample type, shape,
 * and where the samples lie. Nothing is unpickled, and anything odd is no image: the general path takes it.
 */
#ifndef ZBLOB_CODEC_SNIFF_IMAGES_H
#define ZBLOB_CODEC_SNIFF_IMAGES_H

#include "../../zblob.h"

/* Images in ascending, disjoint ranges of the value; at most `capacity`. Return their number. */
size_t sniff_pickle(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_npz(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
bool sniff_npy(const unsigned char *src, size_t src_size, struct zblob_image *image);

/* Samples of 8 or 16 bits or float32 without any description, at least 256 KB, an image in rows: a guess. What
 * stands in front of the first slice stays outside the image. False for nearly everything else, after microseconds. */
bool sniff_raw(const unsigned char *src, size_t src_size, struct zblob_image *image);

#endif
