/*
 * sniff_pickle.c: recognises the calls that rebuild SimpleITK images and NumPy arrays in a pickle's tree.
 *
 * SimpleITK (Image.__reduce__): Image(size, pixel id, components), state (0, samples, origin, spacing,
 * direction, metadata). NumPy: _reconstruct(...) with state (1, shape, dtype, is_fortran, samples), or,
 * from protocol 5 on, _frombuffer(samples, dtype, shape, order).
 */
#include "sniff.h"

#include "geometry.h"
#include "pickle_tree.h"

#include <stdlib.h>
#include <string.h>

typedef const struct pickle_node *node_ref;

static bool
is_global(const struct pickle_tree *tree, node_ref node, const char *module, const char *name)
{
    return node && node->kind == PICKLE_GLOBAL && pickle_text_is(pickle_item(tree, node, 0), module) &&
           pickle_text_is(pickle_item(tree, node, 1), name);
}

static bool
is_tuple(node_ref node, uint32_t item_count)
{
    return node && node->kind == PICKLE_TUPLE && node->item_count == item_count;
}

static bool
is_integer(node_ref node, int64_t least, int64_t most)
{
    return node && node->kind == PICKLE_INTEGER && node->integer >= least && node->integer <= most;
}

static node_ref
state_of(const struct pickle_tree *tree, node_ref call)
{
    return call->state < 0 ? NULL : &tree->nodes[call->state];
}

/* A tuple of 1..ZBLOB_DIMENSION_MAX positive integers. */
static bool
read_shape(const struct pickle_tree *tree, node_ref tuple, struct zblob_grid *grid)
{
    if (!tuple || tuple->kind != PICKLE_TUPLE || tuple->item_count < 1 || tuple->item_count > ZBLOB_DIMENSION_MAX)
        return false;
    grid->dimension = tuple->item_count;
    for (uint32_t axis = 0; axis < grid->dimension; axis++) {
        node_ref item = pickle_item(tree, tuple, axis);
        if (!is_integer(item, 1, INT64_MAX))
            return false;
        grid->size[axis] = (uint64_t)item->integer;
    }
    return true;
}

/* The samples' place, where their number of bytes is exactly what the grid asks for. */
static bool
read_samples(node_ref samples, const unsigned char *src, struct zblob_image *image)
{
    uint64_t size;
    if (!samples || samples->kind != PICKLE_BYTES || !geometry_byte_size(&image->grid, &size) ||
        size != samples->byte_count)
        return false;
    image->value_offset = (uint64_t)(samples->bytes - src);
    return true;
}

/* ---- SimpleITK ------------------------------------------------------------------------------- */

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

static bool
read_reals(const struct pickle_tree *tree, node_ref tuple, uint32_t count, double *values)
{
    if (!is_tuple(tuple, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        node_ref item = pickle_item(tree, tuple, i);
        /* x - x is NaN for infinities and NaN: such a geometry is odd, and JSON cannot say it */
        if (item->kind != PICKLE_FLOAT || item->real - item->real != 0)
            return false;
        values[i] = item->real;
    }
    return true;
}

static bool
match_simpleitk(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    node_ref callable = pickle_item(tree, call, 0), arguments = pickle_item(tree, call, 1);
    node_ref state = state_of(tree, call);
    if (!is_global(tree, callable, "SimpleITK.SimpleITK", "Image") || !is_tuple(arguments, 3) || !is_tuple(state, 6) ||
        !is_integer(pickle_item(tree, state, 0), 0, 0))
        return false;
    node_ref pixel_id = pickle_item(tree, arguments, 1), components = pickle_item(tree, arguments, 2);
    if (!read_shape(tree, pickle_item(tree, arguments, 0), &image->grid) || !is_integer(pixel_id, 0, INT8_MAX) ||
        !read_pixel_id(pixel_id->integer, image) || !is_integer(components, 1, INT32_MAX / 2))
        return false;
    uint32_t dimension = image->grid.dimension;
    image->source = ZBLOB_SOURCE_SIMPLEITK;
    image->has_space = true;
    image->grid.components = (uint32_t)components->integer * (image->is_complex ? 2 : 1);
    return read_samples(pickle_item(tree, state, 1), src, image) &&
           read_reals(tree, pickle_item(tree, state, 2), dimension, image->origin) &&
           read_reals(tree, pickle_item(tree, state, 3), dimension, image->spacing) &&
           read_reals(tree, pickle_item(tree, state, 4), dimension * dimension, image->direction);
}

/* ---- NumPy ----------------------------------------------------------------------------------- */

/* dtype("i2", False, True) with state (3, "<" | ">" | "|", None, None, None, -1, -1, 0): fields,
 * subarrays and times have something else there and are refused. */
static bool
read_dtype(const struct pickle_tree *tree, node_ref call, struct zblob_image *image)
{
    node_ref arguments, state, order;
    char code[4] = "";
    if (!call || call->kind != PICKLE_CALL || !is_global(tree, pickle_item(tree, call, 0), "numpy", "dtype") ||
        !is_tuple(arguments = pickle_item(tree, call, 1), 3) || !is_tuple(state = state_of(tree, call), 8))
        return false;
    node_ref name = pickle_item(tree, arguments, 0);
    if (name->kind != PICKLE_TEXT || name->byte_count < 2 || name->byte_count >= sizeof code)
        return false;
    memcpy(code, name->bytes, (size_t)name->byte_count);
    for (uint32_t i = 2; i <= 4; i++) {
        if (pickle_item(tree, state, i)->kind != PICKLE_NONE)
            return false;
    }
    image->is_bool = strcmp(code, "b1") == 0;
    image->is_complex = strcmp(code, "c8") == 0 || strcmp(code, "c16") == 0;
    const char *sample = image->is_bool ? "u1" : code[0] != 'c' ? code : code[1] == '8' ? "f4" : "f8";
    if (!geometry_parse_dtype(sample, &image->grid))
        return false;
    image->grid.components = image->is_complex ? 2 : 1;
    order = pickle_item(tree, state, 1);
    image->grid.big_endian = pickle_text_is(order, ">");
    return image->grid.big_endian || pickle_text_is(order, "<") || pickle_text_is(order, "|");
}

/* NumPy names the slowest axis first unless in Fortran order. */
static bool
read_array(const struct pickle_tree *tree, node_ref shape, node_ref dtype, node_ref samples, const unsigned char *src,
           struct zblob_image *image)
{
    struct zblob_grid *grid = &image->grid;
    if (!read_shape(tree, shape, grid) || !read_dtype(tree, dtype, image))
        return false;
    for (uint32_t axis = 0; !image->is_fortran && axis < grid->dimension / 2; axis++) {
        uint64_t size = grid->size[axis];
        grid->size[axis] = grid->size[grid->dimension - 1 - axis];
        grid->size[grid->dimension - 1 - axis] = size;
    }
    image->source = ZBLOB_SOURCE_NUMPY;
    return read_samples(samples, src, image);
}

static bool
match_reconstruct(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    node_ref callable = pickle_item(tree, call, 0), state = state_of(tree, call), order;
    if (!(is_global(tree, callable, "numpy._core.multiarray", "_reconstruct") ||
          is_global(tree, callable, "numpy.core.multiarray", "_reconstruct")) ||
        !is_tuple(state, 5) || (order = pickle_item(tree, state, 3))->kind != PICKLE_BOOL)
        return false;
    image->is_fortran = order->integer != 0;
    return read_array(tree, pickle_item(tree, state, 1), pickle_item(tree, state, 2), pickle_item(tree, state, 4), src,
                      image);
}

static bool
match_frombuffer(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    node_ref callable = pickle_item(tree, call, 0), arguments = pickle_item(tree, call, 1);
    if (!(is_global(tree, callable, "numpy._core.numeric", "_frombuffer") ||
          is_global(tree, callable, "numpy.core.numeric", "_frombuffer")) ||
        !is_tuple(arguments, 4))
        return false;
    node_ref order = pickle_item(tree, arguments, 3);
    image->is_fortran = pickle_text_is(order, "F");
    return (image->is_fortran || pickle_text_is(order, "C")) &&
           read_array(tree, pickle_item(tree, arguments, 2), pickle_item(tree, arguments, 1),
                      pickle_item(tree, arguments, 0), src, image);
}

/* ---- All of a pickle ------------------------------------------------------------------------- */

static bool
match_call(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    static bool (*const matchers[])(const struct pickle_tree *, node_ref, const unsigned char *,
                                    struct zblob_image *) = {match_simpleitk, match_reconstruct, match_frombuffer};
    for (size_t i = 0; i < sizeof matchers / sizeof *matchers; i++) {
        *image = (struct zblob_image){0};
        if (matchers[i](tree, call, src, image))
            return true;
    }
    return false;
}

static int
compare_offsets(const void *left, const void *right)
{
    uint64_t a = ((const struct zblob_image *)left)->value_offset;
    uint64_t b = ((const struct zblob_image *)right)->value_offset;
    return (a > b) - (a < b);
}

/* Two calls may share one bytes object through the memo: keep the first. */
static size_t
drop_shared(struct zblob_image *images, size_t count)
{
    size_t kept = count > 0;
    for (size_t i = 1; i < count; i++) {
        if (images[i].value_offset != images[kept - 1].value_offset)
            images[kept++] = images[i];
    }
    return kept;
}

size_t
sniff_pickle(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct pickle_tree tree;
    size_t count = 0;
    if (pickle_tree_read(&tree, src, src_size)) {
        for (uint32_t i = 0; i < tree.node_count && count < capacity; i++) {
            if (tree.nodes[i].kind == PICKLE_CALL)
                count += match_call(&tree, &tree.nodes[i], src, &images[count]);
        }
    }
    pickle_tree_free(&tree);
    qsort(images, count, sizeof *images, compare_offsets);
    return drop_shared(images, count);
}
