/*
 * images.c: what is in these bytes? The images of a .npy, .npz or pickle value: sample type, shape, and where the
 * samples lie. Nothing is unpickled, and whatever is odd is taken for no image.
 */
#include "formats.h"

size_t
zblob_sniff(const void *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    if (capacity && sniff_npy(src, src_size, images))
        return 1;
    size_t count = sniff_npz(src, src_size, images, capacity);
    return count ? count : sniff_pickle(src, src_size, images, capacity);
}
