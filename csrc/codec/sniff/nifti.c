/*
 * nifti.c: recognises NIfTI-1 and NIfTI-2 files whose samples follow the header (".nii"), in both byte orders.
 * Spacing, origin and direction are those that nibabel's affine says, in SimpleITK's coordinates: millimetres and seconds, x
 * to the left, y to the back, where NIfTI has x to the right and y to the front, and units of its own.
 */
#include "formats.h"

#include "reader.h"

#include <math.h>

/* Where the two versions of the header have their fields. */
struct nifti_layout {
    uint32_t header_size;
    unsigned magic, dim, dim_width, datatype, pixdim, real_width, vox_offset;
    unsigned codes, code_width; /* qform_code, then sform_code */
    unsigned quaternion;        /* b, c, d, then the offsets x, y, z */
    unsigned srow;              /* three rows of four */
    unsigned units, units_width, slope, intent, intent_width;
};

static const struct nifti_layout layouts[] = {
    {348, 344, 40, 2, 70, 76, 4, 108, 252, 2, 256, 280, 123, 1, 112, 68, 2},
    {540, 4, 16, 8, 12, 104, 8, 168, 344, 4, 352, 400, 500, 4, 176, 504, 4},
};

struct nifti_type {
    int code;
    enum zblob_sample_type sample_type;
    uint32_t components;
    bool is_complex;
};

static const struct nifti_type types[] = {
    {2, ZBLOB_UINT8, 1, false},     {4, ZBLOB_INT16, 1, false},    {8, ZBLOB_INT32, 1, false},
    {16, ZBLOB_FLOAT32, 1, false},  {32, ZBLOB_FLOAT32, 2, true},  {64, ZBLOB_FLOAT64, 1, false},
    {128, ZBLOB_UINT8, 3, false},   {256, ZBLOB_INT8, 1, false},   {512, ZBLOB_UINT16, 1, false},
    {768, ZBLOB_UINT32, 1, false},  {1024, ZBLOB_INT64, 1, false}, {1280, ZBLOB_UINT64, 1, false},
    {1792, ZBLOB_FLOAT64, 2, true}, {2304, ZBLOB_UINT8, 4, false},
};

static bool
read_type(const struct byte_reader *r, const struct nifti_layout *at, struct zblob_image *image)
{
    int64_t code = read_signed(r, at->datatype, 2);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].code != code)
            continue;
        image->grid.sample_type = types[i].sample_type;
        image->grid.components = types[i].components;
        image->is_complex = types[i].is_complex;
        return true;
    }
    return false;
}

static bool
read_size(const struct byte_reader *r, const struct nifti_layout *at, struct zblob_grid *grid)
{
    int64_t dimension = read_signed(r, at->dim, at->dim_width);
    if (dimension < 1 || dimension > 7)
        return false;
    grid->dimension = (uint32_t)dimension;
    for (uint32_t axis = 0; axis < grid->dimension; axis++) {
        int64_t extent = read_signed(r, at->dim + (axis + 1) * at->dim_width, at->dim_width);
        if (extent < 1)
            return false;
        grid->size[axis] = (uint64_t)extent;
    }
    return true;
}

static double
real_at(const struct byte_reader *r, const struct nifti_layout *at, unsigned start, unsigned index)
{
    return read_real(r, start + index * at->real_width, at->real_width);
}

/* The affine's columns, the last of which is the origin, from its three rows. */
static void
read_srow(const struct byte_reader *r, const struct nifti_layout *at, double columns[4][3])
{
    for (unsigned row = 0; row < 3; row++)
        for (unsigned column = 0; column < 4; column++)
            columns[column][row] = real_at(r, at, at->srow, 4 * row + column);
}

/* The same from a quaternion and the sizes of a pixel. */
static void
read_quaternion(const struct byte_reader *r, const struct nifti_layout *at, double columns[4][3])
{
    double b = real_at(r, at, at->quaternion, 0), c = real_at(r, at, at->quaternion, 1);
    double d = real_at(r, at, at->quaternion, 2), rest = 1 - (b * b + c * c + d * d);
    double a = rest > 1e-7 ? square_root(rest) : 0;
    double length = square_root(a * a + b * b + c * c + d * d);
    if (a == 0 && length > 0) {
        b /= length;
        c /= length;
        d /= length;
    }
    const double rotation[3][3] = {
        {a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
        {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
        {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c},
    };
    for (unsigned column = 0; column < 3; column++) {
        double size = real_at(r, at, at->pixdim, column + 1);
        bool is_flipped = column == 2 && real_at(r, at, at->pixdim, 0) < 0;
        for (unsigned row = 0; row < 3; row++)
            columns[column][row] = rotation[row][column] * (is_flipped ? -size : size);
    }
    for (unsigned row = 0; row < 3; row++)
        columns[3][row] = real_at(r, at, at->quaternion, 3 + row);
}

enum nifti_unit {
    UNITS_OF_SPACE = 7,
    METRES = 1,
    MICROMETRES = 3,
    UNITS_OF_TIME = 0x38,
    MILLISECONDS = 16,
    MICROSECONDS = 24,
};

/* What the file's numbers are in millimetres, and in seconds. */
static double
unit_of_space(uint64_t units)
{
    units &= UNITS_OF_SPACE;
    return units == METRES ? 1e3 : units == MICROMETRES ? 1e-3 : 1;
}

static double
unit_of_time(uint64_t units)
{
    units &= UNITS_OF_TIME;
    return units == MILLISECONDS ? 1e-3 : units == MICROSECONDS ? 1e-6 : 1;
}

/* An axis' step in space. An image of two axes has a direction in the plane of x and y alone, but the whole step's length. */
static void
set_step(struct zblob_image *image, uint32_t axis, const double *column)
{
    uint32_t rows = image->grid.dimension < 3 ? image->grid.dimension : 3;
    double length = square_root(column[0] * column[0] + column[1] * column[1] + column[2] * column[2]);
    image_set_step(image, axis, column, rows);
    if (length > 0)
        image->spacing[axis] = length;
}

static void
read_space(const struct byte_reader *r, const struct nifti_layout *at, struct zblob_image *image)
{
    double columns[4][3];
    uint32_t dimension = image->grid.dimension;
    bool has_quaternion = read_signed(r, at->codes, at->code_width) > 0;
    bool has_rows = read_signed(r, at->codes + at->code_width, at->code_width) > 0;
    uint64_t units = read_unsigned(r, at->units, at->units_width);
    double space = unit_of_space(units);
    image_start_space(image);
    for (uint32_t axis = 0; axis < dimension; axis++) {
        double size = fabs(real_at(r, at, at->pixdim, axis + 1));
        double unit = axis < 3 ? space : axis == 3 ? unit_of_time(units) : 1;
        image->spacing[axis] = size > 0 ? size * unit : 1;
    }
    if (!has_rows && !has_quaternion)
        return;
    if (has_rows)
        read_srow(r, at, columns);
    else
        read_quaternion(r, at, columns);
    for (uint32_t column = 0; column < 4; column++) {
        columns[column][0] = -space * columns[column][0] + 0.0; /* no negative zeros */
        columns[column][1] = -space * columns[column][1] + 0.0;
        columns[column][2] *= space;
    }
    uint32_t rows = dimension < 3 ? dimension : 3;
    for (uint32_t axis = 0; axis < rows; axis++) {
        set_step(image, axis, columns[axis]);
        image->origin[axis] = columns[3][axis];
    }
}

enum { VECTOR_AXIS = 4, INTENT_DISPLACEMENTS = 1006, INTENT_VECTORS = 1007 };

/* Vectors lie along the fifth axis. A slope of 0 says that there is none; colours have none. */
static void
read_reading(const struct byte_reader *r, const struct nifti_layout *at, struct zblob_image *image)
{
    int64_t intent = read_signed(r, at->intent, at->intent_width);
    if (image->grid.dimension == VECTOR_AXIS + 1 && image->grid.components == 1 && image->grid.size[VECTOR_AXIS] > 1 &&
        (intent == INTENT_VECTORS || intent == INTENT_DISPLACEMENTS)) {
        image->vector_axis = VECTOR_AXIS;
        image->is_mirrored = intent == INTENT_DISPLACEMENTS && image->grid.size[VECTOR_AXIS] <= 3;
    }
    double slope = real_at(r, at, at->slope, 0), intercept = real_at(r, at, at->slope, 1);
    if (image->grid.components == 1 || image->is_complex)
        image_set_scale(image, slope, intercept);
}

static bool
read_as(struct byte_reader *r, const struct nifti_layout *at, struct zblob_image *image)
{
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_NIFTI};
    if (read_unsigned(r, 0, 4) != at->header_size)
        return false;
    image->grid.big_endian = r->big_endian;
    double offset = at->real_width == 4 ? read_real(r, at->vox_offset, 4) : (double)read_signed(r, at->vox_offset, 8);
    if (!read_type(r, at, image) || !read_size(r, at, &image->grid) || !(offset >= 0) || offset > (double)r->size)
        return false;
    image->value_offset = offset > at->header_size ? (uint64_t)offset : at->header_size + 4;
    read_space(r, at, image);
    read_reading(r, at, image);
    return image_settle(image, r->size);
}

size_t
sniff_nifti(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct byte_reader r = {src, src_size, false};
    (void)capacity;
    for (size_t version = 0; version < 2; version++) {
        const struct nifti_layout *at = &layouts[version];
        if (!reader_sees(&r, at->magic, version ? "n+2\0" : "n+1\0", 4))
            continue;
        for (int order = 0; order < 2; order++) {
            r.big_endian = order == 1;
            if (read_as(&r, at, images))
                return 1;
        }
    }
    return 0;
}
