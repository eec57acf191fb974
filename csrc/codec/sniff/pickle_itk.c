/*
 * pickle_itk.c: finds itk's images in a pickle: an object of one of its many classes, whose state is a dict of a NumPy array
 * with one more axis if its pixels have components, origin and spacing as tuples, and the direction as a matrix.
 */
#include "pickle_formats.h"

#include "pickle_numpy.h"

#include <string.h>

/* The array's fastest axis is the components of a pixel. */
static void
take_components(struct zblob_grid *grid)
{
    grid->components = (uint32_t)grid->size[0];
    grid->dimension--;
    memmove(grid->size, grid->size + 1, grid->dimension * sizeof *grid->size);
}

/* The pixels that are there begin at the origin. */
static bool
begins_at_origin(const struct pickle_tree *tree, pickle_ref state, uint32_t dimension)
{
    pickle_ref index = pickle_get(tree, pickle_get(tree, state, "bufferedRegion"), "index");
    if (!pickle_is_tuple(index, dimension))
        return false;
    for (uint32_t axis = 0; axis < dimension; axis++) {
        if (!pickle_is_integer(pickle_item(tree, index, axis), 0, 0))
            return false;
    }
    return true;
}

bool
match_itk(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    if (!pickle_is_of_package(tree, call, "itk."))
        return false;
    pickle_ref state = pickle_state(tree, call), type = pickle_get(tree, state, "imageType");
    pickle_ref dimension = pickle_get(tree, type, "dimension"), components = pickle_get(tree, type, "components");
    pickle_ref array = pickle_get(tree, state, "data");
    struct zblob_grid *grid = &image->grid;
    if (!pickle_is_integer(dimension, 1, ZBLOB_DIMENSION_MAX - 1) || !pickle_is_integer(components, 1, UINT16_MAX) ||
        !array || array->kind != PICKLE_CALL || !match_numpy(tree, array, src, image) || image->is_fortran ||
        image->is_permuted)
        return false;
    if (grid->dimension == dimension->integer + 1 && grid->size[0] == (uint64_t)components->integer &&
        !image->is_complex)
        take_components(grid);
    uint32_t axes = grid->dimension;
    image->source = ZBLOB_SOURCE_ITK;
    image->has_space = true;
    return axes == dimension->integer && begins_at_origin(tree, state, axes) &&
           pickle_read_reals(tree, pickle_get(tree, state, "origin"), axes, image->origin) &&
           pickle_read_reals(tree, pickle_get(tree, state, "spacing"), axes, image->spacing) &&
           numpy_read_matrix(tree, pickle_get(tree, state, "direction"), src, axes, axes, image->direction);
}
