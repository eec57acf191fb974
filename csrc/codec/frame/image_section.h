/* image_section.h: the body of an IMAGE section: where an image lies in the value, and its grid (docs/format.md). */
#ifndef ZBLOB_CODEC_FRAME_IMAGE_SECTION_H
#define ZBLOB_CODEC_FRAME_IMAGE_SECTION_H

#include "../../zblob.h"

size_t image_section_size(const struct zblob_image *image);
void image_section_write(const struct zblob_image *image, unsigned char *dst);

/* False where the bytes are no valid section. Whether the image fits into its value is not looked at. */
bool image_section_read(struct zblob_image *image, const unsigned char *src, size_t src_size);

enum { IMAGE_READING_MAX = 40 };

/* Numbers of sources are below, those of later versions too: as many as a byte has room for beside the sample type, in a
 * compact frame. */
enum { IMAGE_SOURCES = 256 / ZBLOB_FLOAT64 };

/* What a number says to this version. */
enum zblob_image_source image_source(unsigned number);

/* The reading alone, which is the last part of a body: its size, 0 where there is none; the size of one whose first bytes,
 * at most `available`, are at src, 0 where that is none; and reading one, after the image's other fields. */
size_t image_reading_size(const struct zblob_image *image);
size_t image_reading_size_at(const unsigned char *src, size_t available);
void image_reading_write(const struct zblob_image *image, unsigned char *dst);
bool image_reading_read(struct zblob_image *image, const unsigned char *src, size_t size);

/* The flags of an image that say all they mean by themselves, and an image of such flags: false for any others. */
unsigned image_flags(const struct zblob_image *image);
bool image_flags_set(struct zblob_image *image, unsigned flags);

/* Complex pixels are pairs of floats, and a bool is a uint8: no frame says anything else. */
bool image_flags_suit(const struct zblob_image *image);

#endif
