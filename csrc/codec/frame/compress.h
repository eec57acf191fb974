/* compress.h: compression of a whole value for other files of this folder. */
#ifndef ZBLOB_CODEC_FRAME_COMPRESS_H
#define ZBLOB_CODEC_FRAME_COMPRESS_H

#include "../../zblob.h"

/* zblob_compress, but never into a compact frame. */
enum zblob_result compress_into_ordinary(const struct zblob_options *options, enum zblob_value_type value_type,
                                         const void *src, size_t src_size, unsigned char **frame, size_t *frame_size,
                                         struct zblob_error *error);

#endif
