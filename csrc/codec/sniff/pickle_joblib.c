/*
 * pickle_joblib.c: finds arrays in a file of joblib.dump: NumpyArrayWrapper objects, whose state describes samples that
 * follow them in the file and are no part of the pickle.
 */
#include "pickle_formats.h"

#include "pickle_numpy.h"

#define JOBLIB "joblib.numpy_pickle"

/* An array of joblib.dump: its state is a dict of shape, order and dtype. */
static bool
read_wrapper(const struct pickle_tree *tree, pickle_ref object, struct zblob_image *image)
{
    pickle_ref state = pickle_state(tree, object);
    if (!pickle_is_object(tree, object, JOBLIB, "NumpyArrayWrapper") || !state)
        return false;
    image->is_fortran = pickle_text_is(pickle_get(tree, state, "order"), "F");
    return numpy_read_geometry(tree, pickle_get(tree, state, "shape"), pickle_get(tree, state, "dtype"), image);
}

uint64_t
joblib_gap(const struct pickle_tree *tree, pickle_ref object, const unsigned char *at, size_t rest)
{
    struct zblob_image image = {0};
    uint64_t size;
    if (!read_wrapper(tree, object, &image) || !zblob_grid_size(&image.grid, &size) || size > rest)
        return 0;
    pickle_ref alignment = pickle_get(tree, pickle_state(tree, object), "numpy_array_alignment_bytes");
    bool is_aligned = alignment && alignment->kind == PICKLE_INTEGER && rest > 0;
    return size + (is_aligned ? 1U + at[0] : 0);
}

bool
match_joblib(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    uint64_t size;
    if (call->byte_count == 0 || !read_wrapper(tree, call, image) || !zblob_grid_size(&image->grid, &size))
        return false;
    image->value_offset = (uint64_t)(call->bytes - src) + call->byte_count - size;
    return true;
}
