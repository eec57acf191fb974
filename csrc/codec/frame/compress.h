/* compress.h: compression for other files of this folder: what compressing at once and to a sink share, and whole values. */
#ifndef ZBLOB_CODEC_FRAME_COMPRESS_H
#define ZBLOB_CODEC_FRAME_COMPRESS_H

#include "plan.h"

/* The header of a frame whose chunks are encoded, in a new block with `room` more bytes after it; NULL: out of memory. */
unsigned char *compress_write_header(const struct plan *plan, enum zblob_value_type value_type, uint64_t room,
                                     size_t *header_size, struct zblob_error *error);

/* The codec that the plan was made for, if its result is good; otherwise a plainer one to begin anew with. */
enum zblob_codec compress_settle(const struct plan *plan);

/* zblob_compress, but into no compact frame but that of an image. */
enum zblob_result compress_for_envelope(const struct zblob_options *options, enum zblob_value_type value_type,
                                        const void *src, size_t src_size, unsigned char **frame, size_t *frame_size,
                                        struct zblob_error *error);

#endif
