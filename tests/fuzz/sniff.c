/* sniff.c: the search for images in hostile bytes: images lie within the value, one after another. */
#include "target.h"

#include <time.h>

#define IMAGES_MAX 4
#define SECONDS_MAX 0.5

void
fuzz_sniff(const uint8_t *data, size_t size)
{
    struct zblob_image images[IMAGES_MAX];
    struct zblob_error error;
    uint64_t at = 0, span = 0;
    char *json = NULL;
    clock_t start = clock();
    size_t count = zblob_sniff(data, size, images, IMAGES_MAX);
    require((double)(clock() - start) / CLOCKS_PER_SEC < SECONDS_MAX, "a slow search for images");
    require(count <= IMAGES_MAX, "too many images");
    for (size_t i = 0; i < count; i++) {
        require(zblob_image_span(&images[i], &span), "an image without a size");
        require(images[i].value_offset >= at && images[i].value_offset <= size, "an image in a wrong place");
        require(span <= size - images[i].value_offset, "an image that is too large");
        at = images[i].value_offset + span;
    }
    require(count == 0 || zblob_may_have_images(data, size), "images in a value that may have none");
    zblob_compressed_format(data, size);
    zblob_is_complete_pickle(data, size);
    if (zblob_describe(data, size, ZBLOB_BLOB, &json, NULL, &error) == ZBLOB_OK)
        require(strlen(json) > 2, "empty description");
    zblob_free(json);
}
