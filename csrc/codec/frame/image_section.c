/* image_section.c: writes and reads the description of one image in a frame's header. */
#include "image_section.h"

#include "../base/bytes.h"
#include "../base/sample_types.h"

enum image_offset {
    AT_SOURCE = 0,
    AT_SAMPLE_TYPE = 1,
    AT_DIMENSION = 2,
    AT_FLAGS = 3,
    AT_COMPONENTS = 4,
    AT_VALUE_OFFSET = 8,
    AT_SIZE = 16, /* then spacing, origin and direction, if flagged, and the text's size, if flagged */
};

enum image_flag {
    FLAG_BIG_ENDIAN = 1,
    FLAG_COMPLEX = 2,
    FLAG_BOOL = 4,
    FLAG_FORTRAN = 8,
    FLAG_SPACE = 16,
    FLAG_PERMUTED = 32,
    FLAG_TEXT = 64,
    FLAGS_KNOWN = 127,
};

bool
image_flags_suit(const struct zblob_image *image)
{
    if (image->is_complex && (image->grid.components % 2 || !pixel_type_is_known(image)))
        return false;
    return !image->is_bool || (image->grid.sample_type == ZBLOB_UINT8 && !image->is_complex);
}

size_t
image_section_size(const struct zblob_image *image)
{
    size_t dimension = image->grid.dimension;
    size_t space = image->has_space ? 2 * dimension + dimension * dimension : 0;
    return AT_SIZE + 8 * (dimension + space + (image->text_size ? 1 : 0));
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
image_section_write(const struct zblob_image *image, unsigned char *dst)
{
    const struct zblob_grid *grid = &image->grid;
    dst[AT_SOURCE] = (unsigned char)image->source;
    dst[AT_SAMPLE_TYPE] = (unsigned char)grid->sample_type;
    dst[AT_DIMENSION] = (unsigned char)grid->dimension;
    dst[AT_FLAGS] = (unsigned char)((grid->big_endian ? FLAG_BIG_ENDIAN : 0) | (image->is_complex ? FLAG_COMPLEX : 0) |
                                    (image->is_bool ? FLAG_BOOL : 0) | (image->is_fortran ? FLAG_FORTRAN : 0) |
                                    (image->has_space ? FLAG_SPACE : 0) | (image->is_permuted ? FLAG_PERMUTED : 0) |
                                    (image->text_size ? FLAG_TEXT : 0));
    store_le32(dst + AT_COMPONENTS, grid->components);
    store_le64(dst + AT_VALUE_OFFSET, image->value_offset);
    unsigned char *p = dst + AT_SIZE;
    for (uint32_t axis = 0; axis < grid->dimension; axis++, p += 8)
        store_le64(p, grid->size[axis]);
    if (image->has_space) {
        p = write_doubles(p, image->spacing, grid->dimension);
        p = write_doubles(p, image->origin, grid->dimension);
        p = write_doubles(p, image->direction, grid->dimension * grid->dimension);
    }
    if (image->text_size)
        store_le64(p, image->text_size);
}

bool
image_section_read(struct zblob_image *image, const unsigned char *src, size_t src_size)
{
    *image = (struct zblob_image){0};
    if (src_size < AT_SIZE || src[AT_SOURCE] >= ZBLOB_SOURCE_END ||
        zblob_sample_size((enum zblob_sample_type)src[AT_SAMPLE_TYPE]) == 0 || src[AT_DIMENSION] < 1 ||
        src[AT_DIMENSION] > ZBLOB_DIMENSION_MAX || src[AT_FLAGS] > FLAGS_KNOWN)
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
    image->text_size = flags & FLAG_TEXT; /* until its place is known */
    if (src_size != image_section_size(image) || !image_flags_suit(image))
        return false;
    const unsigned char *p = src + AT_SIZE;
    for (uint32_t axis = 0; axis < grid->dimension; axis++, p += 8)
        grid->size[axis] = load_le64(p);
    if (image->has_space) {
        p = read_doubles(p, image->spacing, grid->dimension);
        p = read_doubles(p, image->origin, grid->dimension);
        p = read_doubles(p, image->direction, grid->dimension * grid->dimension);
    }
    if (flags & FLAG_TEXT)
        image->text_size = load_le64(p);
    return !(flags & FLAG_TEXT) || image->text_size > 0;
}
