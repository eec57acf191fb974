/*
 * pickle.c: finds images in a pickle: it knows by which calls pickles rebuild images and arrays.
 *
 * SimpleITK (Image.__reduce__): Image(size, pixel id, components), state (0, samples, origin, spacing,
 * direction, metadata). NumPy: _reconstruct(...) with state (1, shape, dtype, is_fortran, samples), a masked array
 * _mareconstruct(...) with state (1, shape, dtype, is_fortran, samples, mask, fill value), or, from protocol 5 on,
 * _frombuffer(samples, dtype, shape, order[, order of axes]). array.array: _array_reconstructor(class, type code,
 * format code, samples). joblib: NumpyArrayWrapper with a state that describes the samples, which follow it in the file.
 */
#include "formats.h"

#include "../base/latin1.h"
#include "../base/sample_types.h"
#include "pickle_dicom.h"
#include "pickle_tree.h"

#include <stdlib.h>
#include <string.h>

typedef const struct pickle_node *node_ref;

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

/* A tuple of 1..ZBLOB_DIMENSION_MAX positive integers, into the grid in the order in which they stand. */
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

/* Up to protocol 2, pickles have no bytes: bytes are encode(text, "latin1"). Returns the text, or NULL. */
static node_ref
text_of_bytes(const struct pickle_tree *tree, node_ref node)
{
    node_ref arguments = pickle_item(tree, node, 1);
    if (!pickle_is_object(tree, node, "_codecs", "encode") || !is_tuple(arguments, 2) ||
        !pickle_text_is(pickle_item(tree, arguments, 1), "latin1"))
        return NULL;
    node_ref text = pickle_item(tree, arguments, 0);
    return text->kind == PICKLE_TEXT ? text : NULL;
}

/* The samples' place in the value; false if they are not exactly as many bytes as the grid has. Whether a text has as many
 * characters is not looked at yet, because many calls may name the same text. */
static bool
read_samples(const struct pickle_tree *tree, node_ref samples, const unsigned char *src, struct zblob_image *image)
{
    uint64_t size, span;
    node_ref text = text_of_bytes(tree, samples);
    if (!samples || !(text || samples->kind == PICKLE_BYTES) || !zblob_grid_size(&image->grid, &size))
        return false;
    samples = text ? text : samples;
    image->value_offset = (uint64_t)(samples->bytes - src);
    if (samples->byte_count != size && (!text || samples->byte_count < size))
        return false;
    image->text_size = samples->byte_count == size ? 0 : samples->byte_count;
    return zblob_image_span(image, &span);
}

/* Does the text, if the image is one, have as many characters as the grid has bytes? */
static bool
text_suits(const struct zblob_image *image, const unsigned char *src)
{
    uint64_t size;
    return image->text_size == 0 ||
           (zblob_grid_size(&image->grid, &size) &&
            latin1_is_text_of(src + image->value_offset, (size_t)image->text_size, (size_t)size));
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
        /* x - x is not 0 for infinities and NaN: no image has such a geometry, and JSON has no word for them */
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
    node_ref state = pickle_state(tree, call);
    if (!pickle_is_global(tree, callable, "SimpleITK.SimpleITK", "Image") || !is_tuple(arguments, 3) ||
        !is_tuple(state, 6) || !is_integer(pickle_item(tree, state, 0), 0, 0))
        return false;
    node_ref pixel_id = pickle_item(tree, arguments, 1), components = pickle_item(tree, arguments, 2);
    if (!read_shape(tree, pickle_item(tree, arguments, 0), &image->grid) || !is_integer(pixel_id, 0, INT8_MAX) ||
        !read_pixel_id(pixel_id->integer, image) || !is_integer(components, 1, INT32_MAX / 2))
        return false;
    uint32_t dimension = image->grid.dimension;
    image->source = ZBLOB_SOURCE_SIMPLEITK;
    image->has_space = true;
    image->grid.components = (uint32_t)components->integer * (image->is_complex ? 2 : 1);
    return read_samples(tree, pickle_item(tree, state, 1), src, image) &&
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
    if (!call || call->kind != PICKLE_CALL || !pickle_is_global(tree, pickle_item(tree, call, 0), "numpy", "dtype") ||
        !is_tuple(arguments = pickle_item(tree, call, 1), 3) || !is_tuple(state = pickle_state(tree, call), 8))
        return false;
    node_ref name = pickle_item(tree, arguments, 0);
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

/* Shape and data type of an array. NumPy names the slowest axis first, except in Fortran order. */
static bool
read_geometry(const struct pickle_tree *tree, node_ref shape, node_ref dtype, struct zblob_image *image)
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
    return true;
}

/* State (1, shape, dtype, is_fortran, ...) of `count` items. */
static bool
read_state(const struct pickle_tree *tree, node_ref state, uint32_t count, struct zblob_image *image)
{
    if (!is_tuple(state, count) || pickle_item(tree, state, 3)->kind != PICKLE_BOOL)
        return false;
    image->is_fortran = pickle_item(tree, state, 3)->integer != 0;
    return read_geometry(tree, pickle_item(tree, state, 1), pickle_item(tree, state, 2), image);
}

static bool
match_reconstruct(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    node_ref callable = pickle_item(tree, call, 0), state = pickle_state(tree, call);
    return (pickle_is_global(tree, callable, "numpy._core.multiarray", "_reconstruct") ||
            pickle_is_global(tree, callable, "numpy.core.multiarray", "_reconstruct")) &&
           read_state(tree, state, 5, image) && read_samples(tree, pickle_item(tree, state, 4), src, image);
}

static bool
read_masked(const struct pickle_tree *tree, node_ref call, struct zblob_image *image)
{
    return pickle_is_global(tree, pickle_item(tree, call, 0), "numpy.ma.core", "_mareconstruct") &&
           read_state(tree, pickle_state(tree, call), 7, image);
}

static bool
match_masked(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    return read_masked(tree, call, image) &&
           read_samples(tree, pickle_item(tree, pickle_state(tree, call), 4), src, image);
}

/* The second block of a masked array: one bool for each of its elements. */
static bool
match_mask(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    return read_masked(tree, call, image) && pixel_type_parse("bool", image) &&
           read_samples(tree, pickle_item(tree, pickle_state(tree, call), 5), src, image);
}

/* With order "K", the shape is the one that the memory has in C order; the order of axes says how to transpose it. */
static bool
match_frombuffer(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    node_ref callable = pickle_item(tree, call, 0), arguments = pickle_item(tree, call, 1);
    if (!(pickle_is_global(tree, callable, "numpy._core.numeric", "_frombuffer") ||
          pickle_is_global(tree, callable, "numpy.core.numeric", "_frombuffer")) ||
        !(is_tuple(arguments, 4) || is_tuple(arguments, 5)))
        return false;
    node_ref order = pickle_item(tree, arguments, 3);
    image->is_fortran = pickle_text_is(order, "F");
    image->is_permuted = pickle_text_is(order, "K") && arguments->item_count == 5;
    return (image->is_fortran || image->is_permuted || pickle_text_is(order, "C")) &&
           read_geometry(tree, pickle_item(tree, arguments, 2), pickle_item(tree, arguments, 1), image) &&
           read_samples(tree, pickle_item(tree, arguments, 0), src, image);
}

/* ---- array.array ----------------------------------------------------------------------------- */

/* Its third argument is one of the module's machine format codes, 0..17. */
static bool
match_array(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    static const char *const types[] = {"|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4",
                                        ">i4", "<u8", ">u8", "<i8", ">i8", "<f4", ">f4", "<f8", ">f8"};
    node_ref arguments = pickle_item(tree, call, 1);
    if (!pickle_is_global(tree, pickle_item(tree, call, 0), "array", "_array_reconstructor") || !is_tuple(arguments, 4))
        return false;
    node_ref format = pickle_item(tree, arguments, 2), samples = pickle_item(tree, arguments, 3);
    if (!is_integer(format, 0, sizeof types / sizeof *types - 1) || samples->kind != PICKLE_BYTES ||
        !pixel_type_parse(types[format->integer], image))
        return false;
    image->source = ZBLOB_SOURCE_ARRAY;
    image->grid.dimension = 1;
    image->grid.size[0] = samples->byte_count / zblob_sample_size(image->grid.sample_type);
    return read_samples(tree, samples, src, image);
}

/* ---- joblib ---------------------------------------------------------------------------------- */

#define JOBLIB "joblib.numpy_pickle"

/* An array of joblib.dump: its state is a dict of shape, order and dtype. */
static bool
read_wrapper(const struct pickle_tree *tree, node_ref object, struct zblob_image *image)
{
    node_ref state = pickle_state(tree, object);
    if (!pickle_is_object(tree, object, JOBLIB, "NumpyArrayWrapper") || !state)
        return false;
    image->is_fortran = pickle_text_is(pickle_get(tree, state, "order"), "F");
    return read_geometry(tree, pickle_get(tree, state, "shape"), pickle_get(tree, state, "dtype"), image);
}

/* The samples follow the object. Where they are aligned, one byte says how many others precede them. */
static uint64_t
joblib_gap(const struct pickle_tree *tree, node_ref object, const unsigned char *at, size_t rest)
{
    struct zblob_image image = {0};
    uint64_t size;
    if (!read_wrapper(tree, object, &image) || !zblob_grid_size(&image.grid, &size) || size > rest)
        return 0;
    node_ref alignment = pickle_get(tree, pickle_state(tree, object), "numpy_array_alignment_bytes");
    bool is_aligned = alignment && alignment->kind == PICKLE_INTEGER && rest > 0;
    return size + (is_aligned ? 1U + at[0] : 0);
}

static bool
match_joblib(const struct pickle_tree *tree, node_ref call, const unsigned char *src, struct zblob_image *image)
{
    uint64_t size;
    if (call->byte_count == 0 || !read_wrapper(tree, call, image) || !zblob_grid_size(&image->grid, &size))
        return false;
    image->value_offset = (uint64_t)(call->bytes - src) + call->byte_count - size;
    return true;
}

/* ---- All of a pickle ------------------------------------------------------------------------- */

typedef bool matcher(const struct pickle_tree *tree, node_ref call, const unsigned char *src,
                     struct zblob_image *image);

static matcher *const matchers[] = {match_simpleitk, match_reconstruct, match_frombuffer, match_masked,
                                    match_mask,      match_array,       match_joblib,     match_pydicom};

enum { MATCHERS = sizeof matchers / sizeof *matchers };

/* An image that was found: small, because a pickle may hold very many. Its call is matched again if the image is wanted. */
struct finding {
    uint64_t offset, size;
    uint32_t call, matcher;
};

struct findings {
    struct finding *list;
    size_t count, capacity;
};

/* False without memory. */
static bool
add_finding(struct findings *found, struct finding finding)
{
    if (found->count == found->capacity) {
        size_t capacity = 2 * found->capacity + 16;
        struct finding *list = realloc(found->list, capacity * sizeof *list);
        if (!list)
            return false;
        found->list = list;
        found->capacity = capacity;
    }
    found->list[found->count++] = finding;
    return true;
}

static bool
match(const struct pickle_tree *tree, uint32_t call, uint32_t by, const unsigned char *src, struct zblob_image *image)
{
    *image = (struct zblob_image){0};
    return matchers[by](tree, &tree->nodes[call], src, image);
}

static bool
find_all(const struct pickle_tree *tree, const unsigned char *src, struct findings *found)
{
    struct zblob_image image;
    for (uint32_t i = 0; i < tree->node_count; i++) {
        for (uint32_t by = 0; tree->nodes[i].kind == PICKLE_CALL && by < MATCHERS; by++) {
            struct finding finding = {.call = i, .matcher = by};
            if (!match(tree, i, by, src, &image))
                continue;
            finding.offset = image.value_offset;
            zblob_image_span(&image, &finding.size);
            if (!add_finding(found, finding))
                return false;
        }
    }
    return true;
}

static int
compare_offsets(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (a->call > b->call) - (a->call < b->call);
}

static int
compare_sizes(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return compare_offsets(left, right);
}

/* Sort the findings by their places in the value, and keep the `capacity` largest. Several calls may share one bytes
 * object through the memo: it counts as the first one's. */
static void
select_findings(struct findings *found, size_t capacity)
{
    size_t kept = 0;
    qsort(found->list, found->count, sizeof *found->list, compare_offsets);
    for (size_t i = 0; i < found->count; i++) {
        if (kept == 0 || found->list[i].offset != found->list[kept - 1].offset)
            found->list[kept++] = found->list[i];
    }
    if (kept > capacity) {
        qsort(found->list, kept, sizeof *found->list, compare_sizes);
        kept = capacity;
        qsort(found->list, kept, sizeof *found->list, compare_offsets);
    }
    found->count = kept;
}

size_t
sniff_pickle(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct pickle_tree tree;
    struct findings found = {0};
    if (pickle_tree_read(&tree, src, src_size, joblib_gap) && find_all(&tree, src, &found) && found.count)
        select_findings(&found, capacity);
    else
        found.count = 0;
    size_t count = 0;
    for (size_t i = 0; i < found.count; i++) {
        match(&tree, found.list[i].call, found.list[i].matcher, src, &images[count]);
        count += text_suits(&images[count], src);
    }
    pickle_tree_free(&tree);
    free(found.list);
    return count;
}
