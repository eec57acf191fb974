/*
 * images.c: what is in these bytes? The images of a file or a pickle: sample type, shape, geometry, and where the
 * samples lie. Nothing is unpickled, and whatever is odd is taken for no image.
 */
#include "formats.h"

#define PICKLE_START 0x80

static bool
begins_as_pickle(const unsigned char *src, size_t src_size)
{
    return src_size > 0 && *src == PICKLE_START;
}

bool
zblob_may_have_images(const void *src, size_t src_size)
{
    return begins_as_pickle(src, src_size) || begins_as_file(src, src_size);
}

size_t
zblob_sniff(const void *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    if (begins_as_pickle(src, src_size))
        return capacity ? sniff_pickle(src, src_size, images, capacity) : 0;
    return sniff_file(src, src_size, images, capacity);
}
