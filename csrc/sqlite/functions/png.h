/* png.h: a picture as a PNG file whose pixels are stored, not compressed. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_PNG_H
#define ZBLOB_SQLITE_FUNCTIONS_PNG_H

#include "../slot.h"

#define png_size ZBLOB_IN_SLOT(png_size)
#define png_write ZBLOB_IN_SLOT(png_write)

/* The size of the file, with 1 (grey) or 3 (red, green, blue) bytes per pixel. */
size_t png_size(uint32_t width, uint32_t height, uint32_t components);

/* Write the file's png_size bytes to dst. Pixels lie row by row, without gaps. */
void png_write(const unsigned char *pixels, uint32_t width, uint32_t height, uint32_t components, unsigned char *dst);

#endif
