/* raw.h: guesses an image in samples that no header describes. Only an encoder may use it: a guess can be wrong. */
#ifndef ZBLOB_CODEC_SNIFF_RAW_H
#define ZBLOB_CODEC_SNIFF_RAW_H

#include "../../zblob.h"

/* Samples of 8 or 16 bits or float32, at least 256 KB of them, that look like an image in rows: all of the value, or
 * bytes objects that make most of a pickle, of which each may be one. What precedes the first slice stays outside the
 * image. The number of images, in order; 0 for nearly everything else, after microseconds. */
size_t sniff_raw(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity);

#endif
