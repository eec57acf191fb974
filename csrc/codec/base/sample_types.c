/* sample_types.c: the table of sample types, pixel types by name, and the size of a grid of samples. */
#include "sample_types.h"

#include "bytes.h"

static const struct sample_type sample_types[] = {
    /* name, code, complex name and code; size, signed, float, mantissa */
    [0] = {"unknown", "", NULL, NULL, 0, false, false, 0},
    [ZBLOB_UINT8] = {"uint8", "u1", NULL, NULL, 1, false, false, 0},
    [ZBLOB_INT8] = {"int8", "i1", NULL, NULL, 1, true, false, 0},
    [ZBLOB_UINT16] = {"uint16", "u2", NULL, NULL, 2, false, false, 0},
    [ZBLOB_INT16] = {"int16", "i2", NULL, NULL, 2, true, false, 0},
    [ZBLOB_UINT32] = {"uint32", "u4", NULL, NULL, 4, false, false, 0},
    [ZBLOB_INT32] = {"int32", "i4", NULL, NULL, 4, true, false, 0},
    [ZBLOB_UINT64] = {"uint64", "u8", NULL, NULL, 8, false, false, 0},
    [ZBLOB_INT64] = {"int64", "i8", NULL, NULL, 8, true, false, 0},
    [ZBLOB_FLOAT16] = {"float16", "f2", NULL, NULL, 2, true, true, 10},
    [ZBLOB_FLOAT32] = {"float32", "f4", "complex64", "c8", 4, true, true, 23},
    [ZBLOB_FLOAT64] = {"float64", "f8", "complex128", "c16", 8, true, true, 52},
};

enum { TYPES_END = sizeof sample_types / sizeof *sample_types };

/* A bool is a uint8 that only holds 0 and 1. */
#define BOOL_NAME "bool"
#define BOOL_CODE "b1"

const struct sample_type *
sample_type_of(enum zblob_sample_type type)
{
    unsigned number = (unsigned)type;
    return &sample_types[number < TYPES_END ? number : 0];
}

size_t
zblob_sample_size(enum zblob_sample_type type)
{
    return sample_type_of(type)->size;
}

/* ---- Pixel types ----------------------------------------------------------------------------- */

bool
pixel_type_is_known(const struct zblob_image *image)
{
    const struct sample_type *type = sample_type_of(image->grid.sample_type);
    return image->is_complex ? type->complex_name != NULL : type->size > 0;
}

const char *
pixel_type_name(const struct zblob_image *image)
{
    const struct sample_type *type = sample_type_of(image->grid.sample_type);
    if (image->is_complex)
        return type->complex_name ? type->complex_name : "complex"; /* which no frame says */
    return image->is_bool ? BOOL_NAME : type->name;
}

/* A name as a user gave it: "int16", or a code with or without a byte order before it. */
struct given_name {
    const char *text;
    const char *code; /* the text without the byte order */
    char order;       /* '<', '>', '|', '='; 0: none */
};

static bool
is_called(const struct given_name *given, const char *name, const char *code)
{
    return code && (strcmp(given->code, code) == 0 || (!given->order && strcmp(given->text, name) == 0));
}

static bool
set_pixel_type(struct zblob_image *image, const struct given_name *given, unsigned type, bool is_complex, bool is_bool)
{
    image->grid.sample_type = (enum zblob_sample_type)type;
    image->grid.big_endian = given->order == '>' && sample_types[type].size > 1;
    image->grid.components = is_complex ? 2 : 1;
    image->is_complex = is_complex;
    image->is_bool = is_bool;
    return true;
}

bool
pixel_type_parse(const char *name, struct zblob_image *image)
{
    bool has_order = *name == '<' || *name == '>' || *name == '|' || *name == '=';
    struct given_name given = {.text = name, .code = has_order ? name + 1 : name, .order = has_order ? *name : '\0'};
    if (is_called(&given, BOOL_NAME, BOOL_CODE))
        return set_pixel_type(image, &given, ZBLOB_UINT8, false, true);
    for (unsigned number = 1; number < TYPES_END; number++) {
        const struct sample_type *type = &sample_types[number];
        if (is_called(&given, type->name, type->code))
            return set_pixel_type(image, &given, number, false, false);
        if (is_called(&given, type->complex_name, type->complex_code))
            return set_pixel_type(image, &given, number, true, false);
    }
    return false;
}

/* ---- Grids ----------------------------------------------------------------------------------- */

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

uint64_t
grid_slices(const struct zblob_grid *grid)
{
    return grid->dimension > 2 ? grid->size[grid->dimension - 1] : 1;
}

uint64_t
image_gaps_before(const struct zblob_image *image, uint64_t slice)
{
    return slice ? image->first_gap + (slice - 1) * image->gap : 0;
}

/* Of `size` bytes of samples, with the padding of all rows. */
static bool
padded_size(const struct zblob_image *image, uint64_t size, uint64_t *padded)
{
    uint64_t padding = image->row_padding;
    bool fits = true;
    for (uint32_t axis = 1; axis < image->grid.dimension; axis++)
        fits = fits && multiply_checked(&padding, image->grid.size[axis]);
    *padded = size + padding;
    return fits && *padded >= size;
}

/* With what of tiles lies outside of the image, and what stands between its slices. */
static bool
size_of_pieces(const struct zblob_image *image, uint64_t *size)
{
    const struct zblob_grid *grid = &image->grid;
    uint64_t across = 1, down = 1, slices = grid_slices(grid);
    if (image->tile_width) {
        uint64_t height = grid->dimension > 1 ? grid->size[1] : 1;
        across = grid->size[0] / image->tile_width + (grid->size[0] % image->tile_width > 0);
        down = height / image->tile_height + (height % image->tile_height > 0);
        *size = (uint64_t)zblob_sample_size(grid->sample_type) * image->tile_width;
        if (!multiply_checked(size, grid->components) || !multiply_checked(size, across) ||
            !multiply_checked(size, down) || !multiply_checked(size, image->tile_height))
            return false;
        for (uint32_t axis = 2; axis < grid->dimension; axis++)
            if (!multiply_checked(size, grid->size[axis]))
                return false;
    }
    uint64_t gaps = slices > 2 ? slices - 2 : 0;
    if (!multiply_checked(&gaps, image->gap))
        return false;
    gaps += image->first_gap;
    *size += gaps;
    return gaps >= image->first_gap && *size >= gaps;
}

bool
zblob_image_span(const struct zblob_image *image, uint64_t *span)
{
    uint64_t size;
    if (!zblob_grid_size(&image->grid, &size))
        return false;
    *span = image->text_size ? image->text_size : size;
    if (image->row_padding)
        return image->text_size == 0 && padded_size(image, size, span);
    if (zblob_image_has_pieces(image))
        return image->text_size == 0 && size_of_pieces(image, span);
    return image->text_size == 0 || (*span > size && *span - size <= size);
}

bool
zblob_image_has_pieces(const struct zblob_image *image)
{
    return image->tile_width || image->first_gap || image->gap;
}

bool
zblob_image_is_plain(const struct zblob_image *image)
{
    return image->text_size == 0 && image->row_padding == 0 && !zblob_image_has_pieces(image);
}

static uint64_t
extended(uint64_t sample, unsigned bits, bool is_signed)
{
    uint64_t sign = is_signed ? UINT64_C(1) << (bits - 1) : 0;
    return ((sample & ((UINT64_C(1) << bits) - 1)) ^ sign) - sign;
}

void
zblob_image_extend(const struct zblob_image *image, void *samples, size_t size)
{
    const struct sample_type *type = sample_type_of(image->grid.sample_type);
    unsigned char *at = samples;
    unsigned width = type->size;
    for (size_t left = size; image->bits > 0 && left >= width; left -= width, at += width) {
        uint64_t sample = 0;
        for (unsigned i = 0; i < width; i++)
            sample = sample << 8 | at[image->grid.big_endian ? i : width - 1 - i];
        sample = extended(sample, image->bits, type->is_signed);
        for (unsigned i = 0; i < width; i++)
            at[image->grid.big_endian ? width - 1 - i : i] = (unsigned char)(sample >> 8 * i);
    }
}
