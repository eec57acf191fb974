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
    AT_SIZE = 16, /* then spacing, origin and direction, the text's size, and a reading, each only if flagged */
};

enum image_flag {
    FLAG_BIG_ENDIAN = 1,
    FLAG_COMPLEX = 2,
    FLAG_BOOL = 4,
    FLAG_FORTRAN = 8,
    FLAG_SPACE = 16,
    FLAG_PERMUTED = 32,
    FLAG_TEXT = 64,
    FLAG_READING = 128,
};

/* A reading: what the file says of its samples beyond their type and place. */
enum reading_offset {
    AT_BITS = 0,
    AT_VECTOR_AXIS = 1,
    AT_READING_FLAGS = 2,
    AT_ZERO = 3,
    AT_ROW_PADDING = 4,
    AT_SLOPE = 8,
    READING_SIZE = 8,
    SCALE_SIZE = 16,
    PIECES_SIZE = 16, /* width and height of tiles, the first gap and the others; after the scale */
};

_Static_assert(IMAGE_READING_MAX == READING_SIZE + SCALE_SIZE + PIECES_SIZE, "of all parts of a reading");

enum reading_flag {
    READING_SCALE = 1, /* slope and intercept follow */
    READING_MIRRORED = 2,
    READING_PIECES = 4, /* how the samples stand in the value follows */
    READING_FLAGS_KNOWN = 7,
};

unsigned
image_flags(const struct zblob_image *image)
{
    return (image->grid.big_endian ? FLAG_BIG_ENDIAN : 0) | (image->is_complex ? FLAG_COMPLEX : 0) |
           (image->is_bool ? FLAG_BOOL : 0) | (image->is_fortran ? FLAG_FORTRAN : 0) |
           (image->is_permuted ? FLAG_PERMUTED : 0);
}

bool
image_flags_set(struct zblob_image *image, unsigned flags)
{
    image->grid.big_endian = flags & FLAG_BIG_ENDIAN;
    image->is_complex = flags & FLAG_COMPLEX;
    image->is_bool = flags & FLAG_BOOL;
    image->is_fortran = flags & FLAG_FORTRAN;
    image->is_permuted = flags & FLAG_PERMUTED;
    return image_flags(image) == flags;
}

bool
image_flags_suit(const struct zblob_image *image)
{
    if (image->is_complex && (image->grid.components % 2 || !pixel_type_is_known(image)))
        return false;
    return !image->is_bool || (image->grid.sample_type == ZBLOB_UINT8 && !image->is_complex);
}

static bool
has_reading(const struct zblob_image *image)
{
    return image->bits || image->vector_axis || image->row_padding || image->has_scale || zblob_image_has_pieces(image);
}

static bool
is_finite(double value)
{
    return value - value == 0;
}

/* Tiles have both sizes, and gaps are only where there are slices to stand between. */
static bool
pieces_suit(const struct zblob_image *image)
{
    const struct zblob_grid *grid = &image->grid;
    uint64_t slices = grid_slices(grid);
    return (image->tile_width > 0) == (image->tile_height > 0) && (image->first_gap == 0 || slices > 1) &&
           (image->gap == 0 || slices > 2) &&
           (!zblob_image_has_pieces(image) || (image->text_size == 0 && image->row_padding == 0));
}

static bool
reading_suits(const struct zblob_image *image)
{
    const struct sample_type *type = sample_type_of(image->grid.sample_type);
    bool is_integer = !type->is_float && !image->is_bool;
    return (image->bits == 0 || (is_integer && image->bits < 8 * type->size)) &&
           (image->vector_axis == 0 || (image->vector_axis < image->grid.dimension && image->grid.components == 1)) &&
           (!image->is_mirrored || image->vector_axis > 0) && (image->row_padding == 0 || image->text_size == 0) &&
           pieces_suit(image) &&
           (!image->has_scale ||
            (is_finite(image->slope) && is_finite(image->intercept) && image->slope != 0 && !image->is_bool));
}

static size_t
size_of_reading(unsigned flags)
{
    return READING_SIZE + (flags & READING_SCALE ? SCALE_SIZE : 0) + (flags & READING_PIECES ? PIECES_SIZE : 0);
}

static unsigned
reading_flags(const struct zblob_image *image)
{
    return (image->has_scale ? READING_SCALE : 0) | (image->is_mirrored ? READING_MIRRORED : 0) |
           (zblob_image_has_pieces(image) ? READING_PIECES : 0);
}

size_t
image_reading_size(const struct zblob_image *image)
{
    return has_reading(image) ? size_of_reading(reading_flags(image)) : 0;
}

size_t
image_reading_size_at(const unsigned char *src, size_t available)
{
    return available >= READING_SIZE ? size_of_reading(src[AT_READING_FLAGS]) : 0;
}

size_t
image_section_size(const struct zblob_image *image)
{
    size_t dimension = image->grid.dimension;
    size_t space = image->has_space ? 2 * dimension + dimension * dimension : 0;
    return AT_SIZE + 8 * (dimension + space + (image->text_size ? 1 : 0)) + image_reading_size(image);
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
image_reading_write(const struct zblob_image *image, unsigned char *dst)
{
    dst[AT_BITS] = image->bits;
    dst[AT_VECTOR_AXIS] = image->vector_axis;
    dst[AT_READING_FLAGS] = (unsigned char)reading_flags(image);
    dst[AT_ZERO] = 0;
    store_le32(dst + AT_ROW_PADDING, image->row_padding);
    if (image->has_scale) {
        store_le_double(dst + AT_SLOPE, image->slope);
        store_le_double(dst + AT_SLOPE + 8, image->intercept);
    }
    if (zblob_image_has_pieces(image)) {
        unsigned char *p = dst + image_reading_size(image) - PIECES_SIZE;
        store_le32(p, image->tile_width);
        store_le32(p + 4, image->tile_height);
        store_le32(p + 8, image->first_gap);
        store_le32(p + 12, image->gap);
    }
}

/* A reading of `size` bytes says something. */
bool
image_reading_read(struct zblob_image *image, const unsigned char *src, size_t size)
{
    if (size < READING_SIZE || src[AT_READING_FLAGS] > READING_FLAGS_KNOWN || src[AT_ZERO] != 0)
        return false;
    image->bits = src[AT_BITS];
    image->vector_axis = src[AT_VECTOR_AXIS];
    image->has_scale = src[AT_READING_FLAGS] & READING_SCALE;
    image->is_mirrored = src[AT_READING_FLAGS] & READING_MIRRORED;
    image->row_padding = load_le32(src + AT_ROW_PADDING);
    bool has_pieces = src[AT_READING_FLAGS] & READING_PIECES;
    if (size != size_of_reading(src[AT_READING_FLAGS]))
        return false;
    if (image->has_scale) {
        image->slope = load_le_double(src + AT_SLOPE);
        image->intercept = load_le_double(src + AT_SLOPE + 8);
    }
    if (has_pieces) {
        const unsigned char *p = src + size - PIECES_SIZE;
        image->tile_width = load_le32(p);
        image->tile_height = load_le32(p + 4);
        image->first_gap = load_le32(p + 8);
        image->gap = load_le32(p + 12);
    }
    return has_pieces == zblob_image_has_pieces(image) && has_reading(image) && reading_suits(image);
}

void
image_section_write(const struct zblob_image *image, unsigned char *dst)
{
    const struct zblob_grid *grid = &image->grid;
    dst[AT_SOURCE] = (unsigned char)image->source;
    dst[AT_SAMPLE_TYPE] = (unsigned char)grid->sample_type;
    dst[AT_DIMENSION] = (unsigned char)grid->dimension;
    dst[AT_FLAGS] = (unsigned char)(image_flags(image) | (image->has_space ? FLAG_SPACE : 0) |
                                    (image->text_size ? FLAG_TEXT : 0) | (has_reading(image) ? FLAG_READING : 0));
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
    if (image->text_size) {
        store_le64(p, image->text_size);
        p += 8;
    }
    if (has_reading(image))
        image_reading_write(image, p);
}

enum zblob_image_source
image_source(unsigned number)
{
    return number < ZBLOB_SOURCE_OTHER ? (enum zblob_image_source)number : ZBLOB_SOURCE_OTHER;
}

bool
image_section_read(struct zblob_image *image, const unsigned char *src, size_t src_size)
{
    *image = (struct zblob_image){0};
    if (src_size < AT_SIZE || src[AT_SOURCE] >= IMAGE_SOURCES ||
        zblob_sample_size((enum zblob_sample_type)src[AT_SAMPLE_TYPE]) == 0 || src[AT_DIMENSION] < 1 ||
        src[AT_DIMENSION] > ZBLOB_DIMENSION_MAX)
        return false;
    struct zblob_grid *grid = &image->grid;
    unsigned flags = src[AT_FLAGS];
    image->source = image_source(src[AT_SOURCE]);
    grid->sample_type = (enum zblob_sample_type)src[AT_SAMPLE_TYPE];
    grid->dimension = src[AT_DIMENSION];
    grid->components = load_le32(src + AT_COMPONENTS);
    image_flags_set(image, flags & ~(unsigned)(FLAG_SPACE | FLAG_TEXT | FLAG_READING));
    image->has_space = flags & FLAG_SPACE;
    image->value_offset = load_le64(src + AT_VALUE_OFFSET);
    image->text_size = flags & FLAG_TEXT; /* until its place is known */
    size_t known = image_section_size(image);
    bool reads = flags & FLAG_READING;
    if (src_size < known || (src_size != known && !reads) || !image_flags_suit(image))
        return false;
    const unsigned char *p = src + AT_SIZE;
    for (uint32_t axis = 0; axis < grid->dimension; axis++, p += 8)
        grid->size[axis] = load_le64(p);
    if (image->has_space) {
        p = read_doubles(p, image->spacing, grid->dimension);
        p = read_doubles(p, image->origin, grid->dimension);
        p = read_doubles(p, image->direction, grid->dimension * grid->dimension);
    }
    if (flags & FLAG_TEXT) {
        image->text_size = load_le64(p);
        p += 8;
        if (image->text_size == 0)
            return false;
    }
    return !reads || image_reading_read(image, p, src_size - known);
}
