/* geometry.c: sizes and names of images, and the IMAGE section of a frame's header. */
#include "geometry.h"

#include "bytes.h"

#include <stdio.h>

enum image_offset {
    AT_SOURCE = 0,
    AT_SAMPLE_TYPE = 1,
    AT_DIMENSION = 2,
    AT_FLAGS = 3,
    AT_COMPONENTS = 4,
    AT_VALUE_OFFSET = 8,
    AT_SIZE = 16, /* then spacing, origin and direction, if flagged */
};

enum image_flag {
    FLAG_BIG_ENDIAN = 1,
    FLAG_COMPLEX = 2,
    FLAG_BOOL = 4,
    FLAG_FORTRAN = 8,
    FLAG_SPACE = 16,
    FLAG_PERMUTED = 32,
    FLAGS_KNOWN = 63,
};

static const struct {
    const char *name; /* NumPy's */
    const char *code; /* NumPy's array-interface code, without byte order */
    size_t size;
} sample_types[] = {
    [ZBLOB_UINT8] = {"uint8", "u1", 1},     [ZBLOB_INT8] = {"int8", "i1", 1},
    [ZBLOB_UINT16] = {"uint16", "u2", 2},   [ZBLOB_INT16] = {"int16", "i2", 2},
    [ZBLOB_UINT32] = {"uint32", "u4", 4},   [ZBLOB_INT32] = {"int32", "i4", 4},
    [ZBLOB_UINT64] = {"uint64", "u8", 8},   [ZBLOB_INT64] = {"int64", "i8", 8},
    [ZBLOB_FLOAT16] = {"float16", "f2", 2}, [ZBLOB_FLOAT32] = {"float32", "f4", 4},
    [ZBLOB_FLOAT64] = {"float64", "f8", 8},
};

static bool
is_sample_type(unsigned type)
{
    return type >= ZBLOB_UINT8 && type <= ZBLOB_FLOAT64;
}

size_t
zblob_sample_size(enum zblob_sample_type type)
{
    return is_sample_type(type) ? sample_types[type].size : 0;
}

const char *
zblob_sample_type_name(enum zblob_sample_type type)
{
    return is_sample_type(type) ? sample_types[type].name : "unknown";
}

const char *
geometry_pixel_type(const struct zblob_image *image)
{
    if (image->is_complex)
        return image->grid.sample_type == ZBLOB_FLOAT32 ? "complex64" : "complex128";
    return image->is_bool ? "bool" : zblob_sample_type_name(image->grid.sample_type);
}

/* Pixel types that are samples of another name, or two of them. */
static const struct {
    const char *name, *code;
    enum zblob_sample_type sample_type;
} composed_types[] = {
    {"bool", "b1", ZBLOB_UINT8},
    {"complex64", "c8", ZBLOB_FLOAT32},
    {"complex128", "c16", ZBLOB_FLOAT64},
};

static void
set_pixel_type(struct zblob_image *image, unsigned type, char order)
{
    image->grid.sample_type = (enum zblob_sample_type)type;
    image->grid.big_endian = order == '>' && sample_types[type].size > 1;
    image->grid.components = image->is_complex ? 2 : 1;
}

bool
geometry_parse_dtype(const char *name, struct zblob_image *image)
{
    bool has_order = *name == '<' || *name == '>' || *name == '|' || *name == '=';
    const char *code = name + has_order;
    image->is_bool = image->is_complex = false;
    for (unsigned type = ZBLOB_UINT8; type <= ZBLOB_FLOAT64; type++) {
        if (strcmp(code, sample_types[type].code) == 0 || (!has_order && strcmp(name, sample_types[type].name) == 0)) {
            set_pixel_type(image, type, *name);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof composed_types / sizeof *composed_types; i++) {
        if (strcmp(code, composed_types[i].code) == 0 || (!has_order && strcmp(name, composed_types[i].name) == 0)) {
            image->is_bool = composed_types[i].sample_type == ZBLOB_UINT8;
            image->is_complex = !image->is_bool;
            set_pixel_type(image, composed_types[i].sample_type, *name);
            return true;
        }
    }
    return false;
}

bool
zblob_grid_size(const struct zblob_grid *grid, uint64_t *size)
{
    *size = zblob_sample_size(grid->sample_type);
    if (*size == 0 || grid->dimension < 1 || grid->dimension > ZBLOB_DIMENSION_MAX || grid->components < 1)
        return false;
    bool fits = multiply_checked(size, grid->components);
    for (uint32_t axis = 0; axis < grid->dimension; axis++)
        fits = fits && multiply_checked(size, grid->size[axis]);
    return fits && *size > 0;
}

bool
geometry_fits(const struct zblob_image *image, uint64_t value_size)
{
    uint64_t size;
    return zblob_grid_size(&image->grid, &size) && image->value_offset <= value_size &&
           size <= value_size - image->value_offset;
}

size_t
geometry_section_size(const struct zblob_image *image)
{
    size_t dimension = image->grid.dimension;
    size_t space = image->has_space ? 2 * dimension + dimension * dimension : 0;
    return AT_SIZE + 8 * (dimension + space);
}

static unsigned char *
write_doubles(unsigned char *dst, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_le_double(dst + 8 * i, values[i]);
    return dst + 8 * count;
}

static const unsigned char *
read_doubles(const unsigned char *src, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = load_le_double(src + 8 * i);
    return src + 8 * count;
}

void
geometry_write(const struct zblob_image *image, unsigned char *dst)
{
    const struct zblob_grid *grid = &image->grid;
    dst[AT_SOURCE] = (unsigned char)image->source;
    dst[AT_SAMPLE_TYPE] = (unsigned char)grid->sample_type;
    dst[AT_DIMENSION] = (unsigned char)grid->dimension;
    dst[AT_FLAGS] = (unsigned char)((grid->big_endian ? FLAG_BIG_ENDIAN : 0) | (image->is_complex ? FLAG_COMPLEX : 0) |
                                    (image->is_bool ? FLAG_BOOL : 0) | (image->is_fortran ? FLAG_FORTRAN : 0) |
                                    (image->has_space ? FLAG_SPACE : 0) | (image->is_permuted ? FLAG_PERMUTED : 0));
    store_le32(dst + AT_COMPONENTS, grid->components);
    store_le64(dst + AT_VALUE_OFFSET, image->value_offset);
    unsigned char *p = dst + AT_SIZE;
    for (uint32_t axis = 0; axis < grid->dimension; axis++, p += 8)
        store_le64(p, grid->size[axis]);
    if (image->has_space) {
        p = write_doubles(p, image->spacing, grid->dimension);
        p = write_doubles(p, image->origin, grid->dimension);
        write_doubles(p, image->direction, grid->dimension * grid->dimension);
    }
}

bool
geometry_read(struct zblob_image *image, const unsigned char *src, size_t src_size)
{
    *image = (struct zblob_image){0};
    if (src_size < AT_SIZE || src[AT_SOURCE] > ZBLOB_SOURCE_GUESS || !is_sample_type(src[AT_SAMPLE_TYPE]) ||
        src[AT_DIMENSION] < 1 || src[AT_DIMENSION] > ZBLOB_DIMENSION_MAX || src[AT_FLAGS] > FLAGS_KNOWN)
        return false;
    struct zblob_grid *grid = &image->grid;
    unsigned flags = src[AT_FLAGS];
    image->source = (enum zblob_image_source)src[AT_SOURCE];
    grid->sample_type = (enum zblob_sample_type)src[AT_SAMPLE_TYPE];
    grid->dimension = src[AT_DIMENSION];
    grid->components = load_le32(src + AT_COMPONENTS);
    grid->big_endian = flags & FLAG_BIG_ENDIAN;
    image->is_complex = flags & FLAG_COMPLEX;
    image->is_bool = flags & FLAG_BOOL;
    image->is_fortran = flags & FLAG_FORTRAN;
    image->has_space = flags & FLAG_SPACE;
    image->is_permuted = flags & FLAG_PERMUTED;
    image->value_offset = load_le64(src + AT_VALUE_OFFSET);
    if (src_size != geometry_section_size(image))
        return false;
    const unsigned char *p = src + AT_SIZE;
    for (uint32_t axis = 0; axis < grid->dimension; axis++, p += 8)
        grid->size[axis] = load_le64(p);
    if (image->has_space) {
        p = read_doubles(p, image->spacing, grid->dimension);
        p = read_doubles(p, image->origin, grid->dimension);
        read_doubles(p, image->direction, grid->dimension * grid->dimension);
    }
    return true;
}
