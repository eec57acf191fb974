/*
 * pickle_numpy.c: finds NumPy's arrays in a pickle: _reconstruct(...) with state (1, shape, dtype, is_fortran, samples), a
 * masked array _mareconstruct(...) with state (1, shape, dtype, is_fortran, samples, mask, fill value), or, from protocol 5
 * on, _frombuffer(samples, dtype, shape, order[, order of axes]).
 */
#include "pickle_numpy.h"

#include "../base/latin1.h"
#include "../base/sample_types.h"
#include "pickle_formats.h"
#include "reader.h"

#include <string.h>

/* dtype("i2", False, True) with state (3, "<" | ">" | "|", None, None, None, -1, -1, 0): fields,
 * subarrays and times have something else there and are refused. */
static bool
read_dtype(const struct pickle_tree *tree, pickle_ref call, struct zblob_image *image)
{
    pickle_ref arguments, state, order;
    char code[4] = "";
    if (!call || call->kind != PICKLE_CALL || !pickle_is_global(tree, pickle_item(tree, call, 0), "numpy", "dtype") ||
        !pickle_is_tuple(arguments = pickle_item(tree, call, 1), 3) ||
        !pickle_is_tuple(state = pickle_state(tree, call), 8))
        return false;
    pickle_ref name = pickle_item(tree, arguments, 0);
    if (name->kind != PICKLE_TEXT || name->byte_count < 2 || name->byte_count >= sizeof code)
        return false;
    memcpy(code, name->bytes, (size_t)name->byte_count);
    for (uint32_t i = 2; i <= 4; i++) {
        if (pickle_item(tree, state, i)->kind != PICKLE_NONE)
            return false;
    }
    if (!pixel_type_parse(code, image))
        return false;
    order = pickle_item(tree, state, 1);
    image->grid.big_endian = pickle_text_is(order, ">");
    return image->grid.big_endian || pickle_text_is(order, "<") || pickle_text_is(order, "|");
}

bool
numpy_read_geometry(const struct pickle_tree *tree, pickle_ref shape, pickle_ref dtype, struct zblob_image *image)
{
    struct zblob_grid *grid = &image->grid;
    if (!pickle_read_shape(tree, shape, grid) || !read_dtype(tree, dtype, image))
        return false;
    for (uint32_t axis = 0; !image->is_fortran && axis < grid->dimension / 2; axis++) {
        uint64_t size = grid->size[axis];
        grid->size[axis] = grid->size[grid->dimension - 1 - axis];
        grid->size[grid->dimension - 1 - axis] = size;
    }
    image->source = ZBLOB_SOURCE_NUMPY;
    return true;
}

/* State (1, shape, dtype, is_fortran, ...) of `count` items. */
static bool
read_state(const struct pickle_tree *tree, pickle_ref state, uint32_t count, struct zblob_image *image)
{
    if (!pickle_is_tuple(state, count) || pickle_item(tree, state, 3)->kind != PICKLE_BOOL)
        return false;
    image->is_fortran = pickle_item(tree, state, 3)->integer != 0;
    return numpy_read_geometry(tree, pickle_item(tree, state, 1), pickle_item(tree, state, 2), image);
}

static bool
read_reconstruct(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    pickle_ref callable = pickle_item(tree, call, 0), state = pickle_state(tree, call);
    return (pickle_is_global(tree, callable, "numpy._core.multiarray", "_reconstruct") ||
            pickle_is_global(tree, callable, "numpy.core.multiarray", "_reconstruct")) &&
           read_state(tree, state, 5, image) && pickle_read_samples(tree, pickle_item(tree, state, 4), src, image);
}

/* With order "K", the shape is the one that the memory has in C order; the order of axes says how to transpose it. */
static bool
read_buffer(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    pickle_ref callable = pickle_item(tree, call, 0), arguments = pickle_item(tree, call, 1);
    if (!(pickle_is_global(tree, callable, "numpy._core.numeric", "_frombuffer") ||
          pickle_is_global(tree, callable, "numpy.core.numeric", "_frombuffer")) ||
        !(pickle_is_tuple(arguments, 4) || pickle_is_tuple(arguments, 5)))
        return false;
    pickle_ref order = pickle_item(tree, arguments, 3);
    image->is_fortran = pickle_text_is(order, "F");
    image->is_permuted = pickle_text_is(order, "K") && arguments->item_count == 5;
    return (image->is_fortran || image->is_permuted || pickle_text_is(order, "C")) &&
           numpy_read_geometry(tree, pickle_item(tree, arguments, 2), pickle_item(tree, arguments, 1), image) &&
           pickle_read_samples(tree, pickle_item(tree, arguments, 0), src, image);
}

bool
match_numpy(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    return read_reconstruct(tree, call, src, image) || read_buffer(tree, call, src, image);
}

static bool
read_masked(const struct pickle_tree *tree, pickle_ref call, struct zblob_image *image)
{
    return pickle_is_global(tree, pickle_item(tree, call, 0), "numpy.ma.core", "_mareconstruct") &&
           read_state(tree, pickle_state(tree, call), 7, image);
}

bool
match_numpy_masked(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    return read_masked(tree, call, image) &&
           pickle_read_samples(tree, pickle_item(tree, pickle_state(tree, call), 4), src, image);
}

bool
match_numpy_mask(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    return read_masked(tree, call, image) && pixel_type_parse("bool", image) &&
           pickle_read_samples(tree, pickle_item(tree, pickle_state(tree, call), 5), src, image);
}

bool
numpy_read_matrix(const struct pickle_tree *tree, pickle_ref array, const unsigned char *src, uint32_t rows,
                  uint32_t columns, double *matrix)
{
    unsigned char bytes[ZBLOB_DIMENSION_MAX * ZBLOB_DIMENSION_MAX * sizeof(double)];
    struct zblob_image image = {0};
    size_t size = (size_t)rows * columns * sizeof(double);
    const struct zblob_grid *grid = &image.grid;
    if (size > sizeof bytes || !array || array->kind != PICKLE_CALL || !match_numpy(tree, array, src, &image) ||
        grid->sample_type != ZBLOB_FLOAT64 || grid->dimension != 2 || image.is_permuted || grid->components != 1 ||
        grid->size[0] != (image.is_fortran ? rows : columns) || grid->size[1] != (image.is_fortran ? columns : rows))
        return false;
    const unsigned char *at = src + image.value_offset;
    if (image.text_size) {
        if (!latin1_is_text_of(at, (size_t)image.text_size, size))
            return false;
        latin1_narrow(at, (size_t)image.text_size, bytes);
        at = bytes;
    }
    struct byte_reader r = {at, size, grid->big_endian};
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < columns; column++) {
            uint32_t place = image.is_fortran ? column * rows + row : row * columns + column;
            matrix[row * columns + column] = read_real(&r, place * sizeof(double), sizeof(double));
        }
    }
    return true;
}
