/* raw.h: guesses an image in samples that no header describes. Only an encoder may use it: a guess can be wrong. */
#ifndef ZBLOB_CODEC_SNIFF_RAW_H
#define ZBLOB_CODEC_SNIFF_RAW_H

#include "../../zblob.h"

/* Samples of 8 or 16 bits or float32, at least 256 KB of them, that look like an image in rows. What precedes the first
 * slice stays outside the image. False for nearly everything else, after microseconds. */
bool sniff_raw(const unsigned char *src, size_t src_size, struct zblob_image *image);

#endif
