/*
 * compact_image.h: compact frames of one image in one chunk: geometry, model and what stands around the samples take some
 * dozen bytes. The layout's reference is docs/format.md, section 8.
 */
#ifndef ZBLOB_CODEC_FRAME_COMPACT_IMAGE_H
#define ZBLOB_CODEC_FRAME_COMPACT_IMAGE_H

#include "../../zblob.h"

struct plan; /* plan.h */

#define COMPACT_IMAGE_FRAME_MAX 65535 /* bytes of such a frame; of its value, ZBLOB_CHUNK_RAW_MAX */

/* The fields that follow magic, checksum and kind. */
struct compact_image {
    struct zblob_image image;
    enum zblob_codec codec; /* of the samples */
    uint32_t checksum;      /* of the value */
    size_t samples_size;
    size_t tail_size; /* bytes of the value after the samples; before them are image.value_offset */
    const unsigned char *model;
    size_t model_size; /* 0: none */
    size_t header_size;
};

/* Read the fields, of which the first stands at src + COMPACT_IMAGE_FIELDS. False: the frame is damaged. */
#define COMPACT_IMAGE_FIELDS 9
bool compact_image_read(struct compact_image *fields, const unsigned char *src, size_t src_size);

/* Could these be a frame's first bytes, of which COMPACT_IMAGE_FIELDS + 1 or more are there? */
bool compact_image_is_likely(const unsigned char *src, size_t src_size);

/* Decode the stored bytes, which follow the header, into the raw_size bytes of the value. */
enum zblob_result compact_image_decode(const struct zblob_frame *frame, const unsigned char *stored, void *dst,
                                       struct zblob_error *error);

/* Write an encoded plan as such a frame, all but magic, checksum and kind: into a new block, to be released with free.
 * NULL: the plan is another, or it needs more bytes than such a frame or than `most`; or there is no memory. */
unsigned char *compact_image_write(const struct plan *plan, uint64_t most, size_t *frame_size);

#endif
