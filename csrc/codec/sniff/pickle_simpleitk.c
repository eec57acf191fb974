/*
 * pickle_simpleitk.c: finds SimpleITK's images in a pickle: Image(size, pixel id, components) with state (0, samples, origin,
 * spacing, direction, metadata).
 */
#include "pickle_formats.h"

/* sitk.sitkInt8 = 0 .. sitkFloat64 = 9, two complex types, then ten vector types in the same order. */
static bool
read_pixel_id(int64_t id, struct zblob_image *image)
{
    static const enum zblob_sample_type types[] = {
        ZBLOB_INT8,   ZBLOB_UINT8, ZBLOB_INT16,  ZBLOB_UINT16,  ZBLOB_INT32,
        ZBLOB_UINT32, ZBLOB_INT64, ZBLOB_UINT64, ZBLOB_FLOAT32, ZBLOB_FLOAT64,
    };
    enum { SCALARS = 10, FIRST_COMPLEX = 10, FIRST_VECTOR = 12, END = 22 };
    if (id < 0 || id >= END)
        return false;
    if (id >= FIRST_VECTOR)
        image->grid.sample_type = types[id - FIRST_VECTOR];
    else if (id >= FIRST_COMPLEX)
        image->grid.sample_type = id == FIRST_COMPLEX ? ZBLOB_FLOAT32 : ZBLOB_FLOAT64;
    else
        image->grid.sample_type = types[id];
    image->is_complex = id >= FIRST_COMPLEX && id < FIRST_VECTOR;
    return true;
}

bool
match_simpleitk(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    pickle_ref callable = pickle_item(tree, call, 0), arguments = pickle_item(tree, call, 1);
    pickle_ref state = pickle_state(tree, call);
    if (!pickle_is_global(tree, callable, "SimpleITK.SimpleITK", "Image") || !pickle_is_tuple(arguments, 3) ||
        !pickle_is_tuple(state, 6) || !pickle_is_integer(pickle_item(tree, state, 0), 0, 0))
        return false;
    pickle_ref pixel_id = pickle_item(tree, arguments, 1), components = pickle_item(tree, arguments, 2);
    if (!pickle_read_shape(tree, pickle_item(tree, arguments, 0), &image->grid) ||
        !pickle_is_integer(pixel_id, 0, INT8_MAX) || !read_pixel_id(pixel_id->integer, image) ||
        !pickle_is_integer(components, 1, INT32_MAX / 2))
        return false;
    uint32_t dimension = image->grid.dimension;
    image->source = ZBLOB_SOURCE_SIMPLEITK;
    image->has_space = true;
    image->grid.components = (uint32_t)components->integer * (image->is_complex ? 2 : 1);
    return pickle_read_samples(tree, pickle_item(tree, state, 1), src, image) &&
           pickle_read_reals(tree, pickle_item(tree, state, 2), dimension, image->origin) &&
           pickle_read_reals(tree, pickle_item(tree, state, 3), dimension, image->spacing) &&
           pickle_read_reals(tree, pickle_item(tree, state, 4), dimension * dimension, image->direction);
}
