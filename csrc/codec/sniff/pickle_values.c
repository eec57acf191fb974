/* pickle_values.c: reads the numbers, shapes and samples of which the pickles of all libraries consist. */
#include "pickle_values.h"

#include <string.h>

bool
pickle_is_tuple(pickle_ref node, uint32_t item_count)
{
    return node && node->kind == PICKLE_TUPLE && node->item_count == item_count;
}

bool
pickle_is_integer(pickle_ref node, int64_t least, int64_t most)
{
    return node && node->kind == PICKLE_INTEGER && node->integer >= least && node->integer <= most;
}

bool
pickle_read_shape(const struct pickle_tree *tree, pickle_ref tuple, struct zblob_grid *grid)
{
    if (!tuple || tuple->kind != PICKLE_TUPLE || tuple->item_count < 1 || tuple->item_count > ZBLOB_DIMENSION_MAX)
        return false;
    grid->dimension = tuple->item_count;
    for (uint32_t axis = 0; axis < grid->dimension; axis++) {
        pickle_ref item = pickle_item(tree, tuple, axis);
        if (!pickle_is_integer(item, 1, INT64_MAX))
            return false;
        grid->size[axis] = (uint64_t)item->integer;
    }
    return true;
}

/* Up to protocol 2, pickles have no bytes: bytes are encode(text, "latin1"). Returns the text, or NULL. */
static pickle_ref
text_of_bytes(const struct pickle_tree *tree, pickle_ref node)
{
    pickle_ref arguments = pickle_item(tree, node, 1);
    if (!pickle_is_object(tree, node, "_codecs", "encode") || !pickle_is_tuple(arguments, 2) ||
        !pickle_text_is(pickle_item(tree, arguments, 1), "latin1"))
        return NULL;
    pickle_ref text = pickle_item(tree, arguments, 0);
    return text->kind == PICKLE_TEXT ? text : NULL;
}

bool
pickle_read_samples(const struct pickle_tree *tree, pickle_ref samples, const unsigned char *src,
                    struct zblob_image *image)
{
    uint64_t size, span;
    pickle_ref text = text_of_bytes(tree, samples);
    if (!samples || !(text || samples->kind == PICKLE_BYTES) || !zblob_grid_size(&image->grid, &size))
        return false;
    samples = text ? text : samples;
    image->value_offset = (uint64_t)(samples->bytes - src);
    if (samples->byte_count != size && (!text || samples->byte_count < size))
        return false;
    image->text_size = samples->byte_count == size ? 0 : samples->byte_count;
    return zblob_image_span(image, &span);
}

bool
pickle_read_reals(const struct pickle_tree *tree, pickle_ref tuple, uint32_t count, double *values)
{
    if (!pickle_is_tuple(tuple, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        pickle_ref item = pickle_item(tree, tuple, i);
        /* x - x is not 0 for infinities and NaN: no image has such a geometry, and JSON has no word for them */
        if (item->kind != PICKLE_FLOAT || item->real - item->real != 0)
            return false;
        values[i] = item->real;
    }
    return true;
}
