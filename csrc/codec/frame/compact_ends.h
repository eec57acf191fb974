/* compact_ends.h: the bytes of a value around its one image <-> a block by a dictionary of usual ones. */
#ifndef ZBLOB_CODEC_FRAME_COMPACT_ENDS_H
#define ZBLOB_CODEC_FRAME_COMPACT_ENDS_H

#include "../../zblob.h"

/* As block_encode and block_decode of ../chunk/block.h. */
enum zblob_result compact_ends_encode(const void *src, size_t src_size, unsigned char *dst, size_t *dst_size);
enum zblob_result compact_ends_decode(const void *src, size_t src_size, void *dst, size_t dst_size);

#endif
