/*
 * pickle_array.c: finds the standard library's arrays in a pickle: _array_reconstructor(class, type code, format code,
 * samples).
 */
#include "pickle_formats.h"

#include "../base/sample_types.h"
/* Its third argument is one of the module's machine format codes, 0..17. */
bool
match_array(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    static const char *const types[] = {"|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4",
                                        ">i4", "<u8", ">u8", "<i8", ">i8", "<f4", ">f4", "<f8", ">f8"};
    pickle_ref arguments = pickle_item(tree, call, 1);
    if (!pickle_is_global(tree, pickle_item(tree, call, 0), "array", "_array_reconstructor") ||
        !pickle_is_tuple(arguments, 4))
        return false;
    pickle_ref format = pickle_item(tree, arguments, 2), samples = pickle_item(tree, arguments, 3);
    if (!pickle_is_integer(format, 0, sizeof types / sizeof *types - 1) || samples->kind != PICKLE_BYTES ||
        !pixel_type_parse(types[format->integer], image))
        return false;
    image->source = ZBLOB_SOURCE_ARRAY;
    image->grid.dimension = 1;
    image->grid.size[0] = samples->byte_count / zblob_sample_size(image->grid.sample_type);
    return pickle_read_samples(tree, samples, src, image);
}
