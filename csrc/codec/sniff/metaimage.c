/* metaimage.c: recognises MetaImage files whose samples follow the header (".mha"), uncompressed. */
#include "formats.h"

#include "reader.h"
#include "text.h"

#include <math.h>

#define FIELDS_MAX 4096

/* What a header says. */
struct metaimage {
    struct zblob_image image;
    double transform[ZBLOB_DIMENSION_MAX * ZBLOB_DIMENSION_MAX]; /* row by row the direction of each axis */
    uint32_t transform_count;
    bool has_spacing, is_binary, is_compressed, is_attached;
    double header_size; /* if positive: where in the file the samples begin; -1: they are the file's end */
    bool is_long;       /* of 32 bits, as ITK reads them, or of 64, as others write them */
};

static enum zblob_sample_type
type_of(const struct text *name)
{
    static const char array[] = "_ARRAY"; /* with several channels, which say how many there are themselves */
    struct text scalar = *name, end = *name;
    if (name->size > sizeof array - 1) {
        end.at += name->size - (sizeof array - 1);
        end.size = sizeof array - 1;
        scalar.size -= text_is(&end, array) ? end.size : 0;
    }
    static const struct type_name types[] = {
        {"MET_CHAR", ZBLOB_INT8},       {"MET_UCHAR", ZBLOB_UINT8},       {"MET_SHORT", ZBLOB_INT16},
        {"MET_USHORT", ZBLOB_UINT16},   {"MET_INT", ZBLOB_INT32},         {"MET_UINT", ZBLOB_UINT32},
        {"MET_LONG_LONG", ZBLOB_INT64}, {"MET_ULONG_LONG", ZBLOB_UINT64}, {"MET_FLOAT", ZBLOB_FLOAT32},
        {"MET_DOUBLE", ZBLOB_FLOAT64},  {"MET_LONG", ZBLOB_INT32},        {"MET_ULONG", ZBLOB_UINT32},
    };
    return text_sample_type(&scalar, types, sizeof types / sizeof *types);
}

static bool
is_one_of(const struct text *name, const char *first, const char *second, const char *third)
{
    return text_is(name, first) || text_is(name, second) || text_is(name, third);
}

static void
read_field(const struct text *name, struct text value, struct metaimage *meta)
{
    struct zblob_image *image = &meta->image;
    uint64_t number;
    if (text_is(name, "NDims"))
        image->grid.dimension = text_unsigned(&value, &number) && number <= ZBLOB_DIMENSION_MAX ? (uint32_t)number : 0;
    else if (text_is(name, "DimSize"))
        text_extents(&value, image->grid.size, ZBLOB_DIMENSION_MAX);
    else if (text_is(name, "ElementType")) {
        image->grid.sample_type = type_of(&value);
        meta->is_long = text_is(&value, "MET_LONG") || text_is(&value, "MET_ULONG");
    } else if (text_is(name, "ElementNumberOfChannels") && text_unsigned(&value, &number))
        image->grid.components = number < UINT16_MAX ? (uint32_t)number : 0;
    else if (is_one_of(name, "BinaryDataByteOrderMSB", "ElementByteOrderMSB", "ElementByteOrderMsb"))
        image->grid.big_endian = is_one_of(&value, "True", "T", "1");
    else if (text_is(name, "BinaryData"))
        meta->is_binary = is_one_of(&value, "True", "T", "1");
    else if (text_is(name, "CompressedData"))
        meta->is_compressed = is_one_of(&value, "True", "T", "1");
    else if (text_is(name, "HeaderSize"))
        text_real(&value, &meta->header_size);
    else if (is_one_of(name, "Offset", "Position", "Origin"))
        text_reals(&value, image->origin, ZBLOB_DIMENSION_MAX);
    else if (text_is(name, "ElementSpacing") || (text_is(name, "ElementSize") && !meta->has_spacing))
        meta->has_spacing = text_reals(&value, image->spacing, ZBLOB_DIMENSION_MAX) > 0;
    else if (is_one_of(name, "TransformMatrix", "Rotation", "Orientation"))
        meta->transform_count = text_reals(&value, meta->transform, ZBLOB_DIMENSION_MAX * ZBLOB_DIMENSION_MAX);
    else if (text_is(name, "ElementDataFile"))
        meta->is_attached = text_is(&value, "LOCAL");
}

/* "Name = value" or "Name: value". */
static bool
take_name(struct text *line, struct text *name)
{
    for (size_t i = 0; i < line->size; i++) {
        if (line->at[i] == '=' || line->at[i] == ':')
            return text_name(line, line->at[i] == '=' ? "=" : ":", name);
    }
    return false;
}

/* The lines up to "ElementDataFile", which is the last one; `file` is left at the samples. */
static bool
read_header(struct text *file, struct metaimage *meta)
{
    struct text line, name;
    *meta = (struct metaimage){.is_binary = true};
    meta->image.grid.components = 1;
    for (uint32_t i = 0; i < FIELDS_MAX && text_line(file, &line); i++) {
        if (line.size == 0)
            continue;
        if (!take_name(&line, &name))
            return false;
        read_field(&name, line, meta);
        if (text_is(&name, "ElementDataFile"))
            return meta->is_attached && meta->is_binary && !meta->is_compressed;
    }
    return false;
}

const char *
metaimage_compression(const unsigned char *src, size_t src_size)
{
    struct text file = text_of(src, src_size);
    struct metaimage meta;
    read_header(&file, &meta);
    return meta.is_compressed && meta.is_attached ? "MetaImage (zlib)" : NULL;
}

static void
set_space(struct metaimage *meta)
{
    struct zblob_image *image = &meta->image, given = *image;
    uint32_t dimension = image->grid.dimension;
    image_start_space(image);
    memcpy(image->origin, given.origin, sizeof image->origin);
    for (uint32_t axis = 0; axis < dimension; axis++) {
        double spacing = meta->has_spacing ? given.spacing[axis] : 1;
        if (meta->transform_count == dimension * dimension)
            image_set_axis(image, axis, meta->transform + axis * dimension, dimension);
        image->spacing[axis] = fabs(spacing);
        for (uint32_t i = 0; i < dimension && spacing < 0; i++) /* it runs the other way */
            image->direction[i * dimension + axis] = -image->direction[i * dimension + axis] + 0.0;
        image->has_space = image->has_space && spacing != 0;
    }
}

/* Longs of 64 bits are those that fill the file. */
static void
settle_long(struct metaimage *meta, uint64_t there)
{
    struct zblob_grid *grid = &meta->image.grid;
    uint64_t size;
    if (meta->is_long && zblob_grid_size(grid, &size) && size <= there / 2 && 2 * size == there)
        grid->sample_type = grid->sample_type == ZBLOB_INT32 ? ZBLOB_INT64 : ZBLOB_UINT64;
}

size_t
sniff_metaimage(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct text file = text_of(src, src_size);
    struct metaimage meta;
    uint64_t size;
    bool is_meta = src_size > 16 && (memcmp(src, "ObjectType", 10) == 0 || memcmp(src, "NDims", 5) == 0 ||
                                     memcmp(src, "Comment", 7) == 0);
    (void)capacity;
    if (!is_meta || !read_header(&file, &meta))
        return 0;
    struct zblob_image *image = &meta.image;
    image->source = ZBLOB_SOURCE_METAIMAGE;
    settle_long(&meta, file.size);
    set_space(&meta);
    if (!zblob_grid_size(&image->grid, &size) || size > file.size ||
        !(meta.header_size >= -1 && meta.header_size <= (double)src_size))
        return 0;
    uint64_t begin = (uint64_t)(file.at - (const char *)src);
    if (meta.header_size < 0)
        begin += file.size - size;
    else if (meta.header_size > 0)
        begin = (uint64_t)meta.header_size;
    image->value_offset = begin;
    *images = *image;
    return image_settle(images, src_size) ? 1 : 0;
}
