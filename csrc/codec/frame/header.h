/*
 * header.h: the frame's header: sizes, sections, chunk index, checksum. Knows no codec.
 * The layout's reference is docs/format.md; names are the same there, here and in Python's FrameInfo.
 */
#ifndef ZBLOB_CODEC_FRAME_HEADER_H
#define ZBLOB_CODEC_FRAME_HEADER_H

#include "../../zblob.h"

#define FRAME_FIXED_SIZE 36   /* up to the sections */
#define FRAME_ENTRY_SIZE 20   /* of one chunk in the index */
#define FRAME_CHECKSUM_SIZE 8 /* of the header, at its end */

/* The bound of zblob.h: a frame of one stored chunk and no section costs exactly the first overhead. */
_Static_assert(FRAME_FIXED_SIZE + FRAME_ENTRY_SIZE + FRAME_CHECKSUM_SIZE == ZBLOB_OVERHEAD_FIRST_CHUNK,
               "the header of one stored chunk");
_Static_assert(FRAME_ENTRY_SIZE <= ZBLOB_OVERHEAD_NEXT_CHUNK, "the header's growth by a chunk");

enum frame_section_type {
    FRAME_SECTION_IMAGE = 1, /* geometry of one image: base/geometry.h */
    FRAME_SECTION_MODEL = 2, /* what the chunks of one image share: codec, image index, model */
};

#define FRAME_SECTION_PREFIX_SIZE 8
#define FRAME_MODEL_PREFIX_SIZE 4 /* in a MODEL section: codec, image index, 0 */

struct frame_section {
    enum frame_section_type type;
    const unsigned char *body;
    uint32_t size;
};

size_t frame_header_size(size_t section_size, size_t chunk_count);

/* Write prefix and body of one section; returns the byte behind it. */
unsigned char *frame_write_section_prefix(unsigned char *dst, enum frame_section_type type, size_t size);

/* Write the header around section_size bytes of sections, which stand at dst + FRAME_FIXED_SIZE
 * already. Takes value_type, codec, level, raw_size, dictionary_id and chunk_count from `frame`. */
void frame_write_header(unsigned char *dst, const struct zblob_frame *frame, size_t section_size,
                        const struct zblob_chunk *chunks);

/* All image_count images of a validated frame. */
void frame_images(const struct zblob_frame *frame, struct zblob_image *images);

/* Step through a validated frame's sections: start with *cursor = 0; false at the end. */
bool frame_next_section(const struct zblob_frame *frame, uint32_t *cursor, struct frame_section *section);

#endif
