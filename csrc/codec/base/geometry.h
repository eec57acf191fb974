/* geometry.h: images: their arithmetic, and their form in a frame's header (docs/format.md). */
#ifndef ZBLOB_CODEC_BASE_GEOMETRY_H
#define ZBLOB_CODEC_BASE_GEOMETRY_H

#include "../../zblob.h"

/* Are the samples within a value of that many bytes? */
bool geometry_fits(const struct zblob_image *image, uint64_t value_size);

/* A pixel type by its NumPy name ("uint16", "<i2", ">f4", "bool", "c8"): sample type, byte order, components, and
 * whether it is complex or bool. False for an unknown one. */
bool geometry_parse_dtype(const char *name, struct zblob_image *image);

/* "uint8", "float32", "complex64", "bool" ...: pixel type as NumPy names it. */
const char *geometry_pixel_type(const struct zblob_image *image);

size_t geometry_section_size(const struct zblob_image *image);
void geometry_write(const struct zblob_image *image, unsigned char *dst);
/* False where the section's bytes are not a valid geometry. */
bool geometry_read(struct zblob_image *image, const unsigned char *src, size_t src_size);

#endif
