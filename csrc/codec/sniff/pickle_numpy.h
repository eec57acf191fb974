/* pickle_numpy.h: inside sniff/: what other libraries' objects hold of NumPy. */
#ifndef ZBLOB_CODEC_SNIFF_PICKLE_NUMPY_H
#define ZBLOB_CODEC_SNIFF_PICKLE_NUMPY_H

#include "pickle_values.h"

/* Shape and data type of an array. NumPy names the slowest axis first, except in Fortran order. */
bool numpy_read_geometry(const struct pickle_tree *tree, pickle_ref shape, pickle_ref dtype, struct zblob_image *image);

/* A matrix of float64, at most ZBLOB_DIMENSION_MAX by as many, row by row. */
bool numpy_read_matrix(const struct pickle_tree *tree, pickle_ref array, const unsigned char *src, uint32_t rows,
                       uint32_t columns, double *matrix);

#endif
