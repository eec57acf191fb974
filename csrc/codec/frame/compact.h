/*
 * compact.h: frames of small values of one chunk without images, 10 to 15 bytes of header and then the stored bytes; and of
 * values of one image in one chunk (compact_image.h). The layout's reference is docs/format.md, section 8.
 */
#ifndef ZBLOB_CODEC_FRAME_COMPACT_H
#define ZBLOB_CODEC_FRAME_COMPACT_H

#include "../../zblob.h"

struct plan; /* plan.h */

/* Does it begin with the magic of compact frames? */
bool compact_has_magic(const void *src, size_t src_size);

/* No compact frame that begins with these ZBLOB_PREFIX_SIZE bytes, or consists of fewer, has more bytes than this. */
uint64_t compact_reach(const unsigned char *src, size_t src_size);

/* The same for a value without the magic, if its first ZBLOB_PREFIX_SIZE bytes could otherwise be a compact frame's; or 0. */
uint64_t compact_unmarked_reach(const void *src, size_t src_size);

/* Does the checksum hold, whatever stands in place of the magic? src is the whole value. */
bool compact_checksum_holds(const unsigned char *src, size_t src_size);

/* Is this a compact frame but for its magic? */
bool compact_lacks_magic(const void *src, size_t src_size);

/* Does it begin as a frame of one image does? */
bool compact_is_of_image(const unsigned char *src, size_t src_size);

/* Do a compact frame's first bytes say that a compressed column has made it? */
bool compact_is_for_column(const unsigned char *src, size_t src_size);

/* Check all of a value that carries the magic, and fill `frame`. */
enum zblob_result compact_open(struct zblob_frame *frame, const unsigned char *src, size_t src_size,
                               struct zblob_error *error);

/* The checksum's field. */
uint32_t compact_checksum(const struct zblob_frame *frame);

/* May a value of that size be in a compact frame? */
bool compact_may_hold(size_t src_size);

/* Compress a value without looking for images in it; codec and dictionary are those of the options. On OK *frame is a new
 * block, to be released with free. */
enum zblob_result compact_compress(const struct zblob_options *options, enum zblob_value_type value_type,
                                   const void *src, size_t src_size, unsigned char **frame, size_t *frame_size,
                                   struct zblob_error *error);

/* The image of an opened frame that has one. */
void compact_read_image(const struct zblob_frame *frame, struct zblob_image *image);

/* Write an encoded plan as a frame of one image, into a new block, to be released with free. False: it is another plan, it
 * would take more than `most` bytes, or there is no memory. */
bool compact_write_image(const struct plan *plan, uint64_t most, unsigned char **frame, size_t *frame_size);

/* Decode the stored bytes of an opened frame into raw_size bytes. The frame's dictionary has been set, if it needs one. */
enum zblob_result compact_decode(const struct zblob_frame *frame, const unsigned char *stored, void *dst,
                                 struct zblob_error *error);

#endif
