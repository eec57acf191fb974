/* pickle_values.h: inside sniff/: the numbers, shapes and samples in a pickle. */
#ifndef ZBLOB_CODEC_SNIFF_PICKLE_VALUES_H
#define ZBLOB_CODEC_SNIFF_PICKLE_VALUES_H

#include "pickle_tree.h"

typedef const struct pickle_node *pickle_ref;

bool pickle_is_tuple(pickle_ref node, uint32_t item_count);
bool pickle_is_integer(pickle_ref node, int64_t least, int64_t most);

/* A tuple of 1..ZBLOB_DIMENSION_MAX positive integers, into the grid in the order in which they stand. */
bool pickle_read_shape(const struct pickle_tree *tree, pickle_ref tuple, struct zblob_grid *grid);

/* A tuple of `count` finite floats. */
bool pickle_read_reals(const struct pickle_tree *tree, pickle_ref tuple, uint32_t count, double *values);

/* The samples' place in the value; false if they are not exactly as many bytes as the grid has. Whether a text has as many
 * characters is not looked at yet, because many calls may name the same text. */
bool pickle_read_samples(const struct pickle_tree *tree, pickle_ref samples, const unsigned char *src,
                         struct zblob_image *image);

#endif
