/* space.c: sets the geometry of images and the scale of their samples, and checks an image that was found in a file. */
#include "reader.h"

/* Newton's steps from a guess that has half the exponent. They are enough for all doubles but those below 1e-300. */
double
square_root(double number)
{
    enum { STEPS = 6 };
    uint64_t bits;
    double root;
    if (!(number > 0))
        return 0;
    memcpy(&bits, &number, sizeof bits);
    bits = (bits >> 1) + (UINT64_C(0x3FF) << 51);
    memcpy(&root, &bits, sizeof root);
    for (int i = 0; i < STEPS; i++)
        root = (root + number / root) / 2;
    return root;
}

void
image_start_space(struct zblob_image *image)
{
    uint32_t dimension = image->grid.dimension;
    image->has_space = dimension > 0 && dimension <= ZBLOB_DIMENSION_MAX;
    for (uint32_t axis = 0; image->has_space && axis < dimension; axis++) {
        image->spacing[axis] = 1;
        image->origin[axis] = 0;
        for (uint32_t other = 0; other < dimension; other++)
            image->direction[axis * dimension + other] = axis == other;
    }
}

void
image_set_axis(struct zblob_image *image, uint32_t axis, const double *cosines, uint32_t count)
{
    uint32_t dimension = image->grid.dimension;
    for (uint32_t row = 0; row < count && row < dimension && axis < dimension; row++)
        image->direction[row * dimension + axis] = cosines[row];
}

void
image_set_step(struct zblob_image *image, uint32_t axis, const double *vector, uint32_t count)
{
    double cosines[ZBLOB_DIMENSION_MAX], squares = 0;
    for (uint32_t row = 0; row < count; row++)
        squares += vector[row] * vector[row];
    if (!(squares > 0) || axis >= image->grid.dimension)
        return;
    image->spacing[axis] = square_root(squares);
    for (uint32_t row = 0; row < count; row++)
        cosines[row] = vector[row] / image->spacing[axis];
    image_set_axis(image, axis, cosines, count);
}

static bool
are_finite(const double *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] - values[i] != 0)
            return false;
    }
    return true;
}

void
image_set_scale(struct zblob_image *image, double slope, double intercept)
{
    const double both[2] = {slope, intercept};
    if (!are_finite(both, 2) || slope == 0 || (slope == 1 && intercept == 0))
        return;
    image->has_scale = true;
    image->slope = slope;
    image->intercept = intercept;
}

bool
image_settle(struct zblob_image *image, size_t src_size)
{
    uint64_t size;
    uint32_t dimension = image->grid.dimension;
    if (!zblob_image_span(image, &size) || image->value_offset > src_size || size > src_size - image->value_offset)
        return false;
    image->has_space = image->has_space && are_finite(image->spacing, dimension) &&
                       are_finite(image->origin, dimension) && are_finite(image->direction, dimension * dimension);
    if (zblob_sample_size(image->grid.sample_type) == 1)
        image->grid.big_endian = false;
    return true;
}
