/* index.h: the chunk index at the end of a frame's header: one entry for each chunk (docs/format.md). */
#ifndef ZBLOB_CODEC_FRAME_INDEX_H
#define ZBLOB_CODEC_FRAME_INDEX_H

#include "../../zblob.h"

#define FRAME_ENTRY_SIZE 20   /* bytes of one entry */
#define FRAME_CHECKSUM_SIZE 8 /* of the header; it follows the last entry */

/* Write `count` entries, FRAME_ENTRY_SIZE bytes each; returns the byte after the last. */
unsigned char *index_write(unsigned char *dst, const struct zblob_chunk *chunks, uint32_t count);

/* Check every entry of a frame whose fixed fields hold, and that the chunks add up to its raw_size and to
 * value_size. Sets frame_size. */
enum zblob_result index_check(struct zblob_frame *frame, uint64_t value_size, struct zblob_error *error);

#endif
