/*
 * pickle_nibabel.c: finds nibabel's images in a pickle, such as nibabel.nifti1.Nifti1Image: their state is a dict of a NumPy
 * array and a matrix of 4 by 4, which maps places in the array to millimetres. The image stays one of NumPy, with the
 * geometry of its axes in SimpleITK's coordinates.
 */
#include "pickle_formats.h"

#include "pickle_numpy.h"
#include "reader.h"

#include <string.h>

enum { AXES = 3, AFFINE = AXES + 1 };

/* The affine's columns are the steps along the array's first three axes, and the place of its first voxel, in coordinates
 * that point to the right and to the front where SimpleITK's point to the left and to the back. */
static void
set_space(const double affine[AFFINE * AFFINE], struct zblob_image *image)
{
    image_start_space(image);
    for (uint32_t column = 0; column < AFFINE; column++) {
        double vector[AXES];
        for (uint32_t row = 0; row < AXES; row++)
            vector[row] = (row < 2 ? -1 : 1) * affine[row * AFFINE + column] + 0.0; /* no negative zeros */
        if (column < AXES)
            image_set_step(image, image->is_fortran ? column : image->grid.dimension - 1 - column, vector, AXES);
        else
            memcpy(image->origin, vector, sizeof vector);
    }
}

bool
match_nibabel(const struct pickle_tree *tree, pickle_ref call, const unsigned char *src, struct zblob_image *image)
{
    double affine[AFFINE * AFFINE];
    if (!pickle_is_of_package(tree, call, "nibabel."))
        return false;
    pickle_ref array = pickle_get(tree, pickle_state(tree, call), "_dataobj");
    if (!array || array->kind != PICKLE_CALL || !match_numpy(tree, array, src, image) || image->is_permuted ||
        image->grid.dimension < AXES ||
        !numpy_read_matrix(tree, pickle_get(tree, pickle_state(tree, call), "_affine"), src, AFFINE, AFFINE, affine))
        return false;
    set_space(affine, image);
    return true;
}
