/* formats.h: inside sniff/: one function per format that can hold images. images.c says in which order they are tried. */
#ifndef ZBLOB_CODEC_SNIFF_FORMATS_H
#define ZBLOB_CODEC_SNIFF_FORMATS_H

#include "../../zblob.h"

/* A whole .npy file of `src_size` bytes. */
bool sniff_npy(const unsigned char *src, size_t src_size, struct zblob_image *image);

/* These return the number of images, at most `capacity`, in ascending and disjoint ranges of the value. */
size_t sniff_npz(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);
size_t sniff_pickle(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);

#endif
