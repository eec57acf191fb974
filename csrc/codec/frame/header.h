/*
 * header.h: the frame's header: fixed fields, sections, checksum. It knows no codec.
 * The layout's reference is docs/format.md; names are the same there, here and in Python's FrameInfo.
 */
#ifndef ZBLOB_CODEC_FRAME_HEADER_H
#define ZBLOB_CODEC_FRAME_HEADER_H

#include "../../zblob.h"

#define FRAME_FIXED_SIZE 36 /* bytes before the sections */

enum frame_section_type {
    FRAME_SECTION_IMAGE = 1, /* the geometry of one image: image_section.h */
    FRAME_SECTION_MODEL = 2, /* what the chunks of one image share: model_section.h */
};

#define FRAME_SECTION_PREFIX_SIZE 8

struct frame_section {
    enum frame_section_type type;
    const unsigned char *body;
    uint32_t size; /* of the body */
};

size_t frame_header_size(size_t section_size, size_t chunk_count);

/* Does it begin with the magic of an ordinary frame, not of a compact one? */
bool frame_has_ordinary_magic(const void *src, size_t src_size);

/* Does it begin as a frame does that an envelope may hold? */
bool frame_may_be_held(const unsigned char *src, size_t src_size);

/* Is this a frame but for its magic: is the header's checksum right for a header that begins with the magic? */
bool frame_lacks_magic(const void *src, size_t src_size);

/* What zblob_header_size would be of a value without magic, if its first ZBLOB_PREFIX_SIZE bytes could otherwise be a frame's; or 0. */
uint64_t frame_unmarked_header_size(const void *src, size_t src_size);

/* Do a frame's first ZBLOB_PREFIX_SIZE bytes say that a compressed column has made it? */
bool frame_is_for_column(const unsigned char *src, size_t src_size);

/* Write what precedes a section's body of `size` bytes; returns where the body goes. */
unsigned char *frame_write_section_prefix(unsigned char *dst, enum frame_section_type type, size_t size);

/* Write the header around section_size bytes of sections, which already stand at dst + FRAME_FIXED_SIZE.
 * Takes value_type, codec, level, raw_size, dictionary_id and chunk_count from `frame`. */
void frame_write_header(unsigned char *dst, const struct zblob_frame *frame, size_t section_size,
                        const struct zblob_chunk *chunks);

/* All image_count images of a validated frame. */
void frame_images(const struct zblob_frame *frame, struct zblob_image *images);

/* Step through a validated frame's sections: start with *cursor = 0; false after the last. */
bool frame_next_section(const struct zblob_frame *frame, uint32_t *cursor, struct frame_section *section);

#endif
