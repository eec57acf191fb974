/*
 * nrrd.c: recognises NRRD files whose samples follow the header, in encoding raw. Spacing, origin and direction are in
 * SimpleITK's coordinates: x to the left, y to the back.
 */
#include "formats.h"

#include "reader.h"
#include "text.h"

#include <math.h>

#define FIELDS_MAX 4096

/* What a header says. */
struct nrrd {
    struct zblob_image image; /* size, type and byte order; every axis is one of pixels */
    const char *compression;  /* the format's name with it; NULL without */
    bool is_raw, is_attached, has_directions, has_spacings, has_vectors;
    uint8_t vector_axis;                  /* an axis after the first one that is none of space or time; 0: none */
    bool is_node[ZBLOB_DIMENSION_MAX];    /* axes whose first sample lies at their minimum, not half a step after it */
    bool is_outside[ZBLOB_DIMENSION_MAX]; /* axes that are none of the space */
    double directions[ZBLOB_DIMENSION_MAX][ZBLOB_DIMENSION_MAX], origin[ZBLOB_DIMENSION_MAX];
    double minima[ZBLOB_DIMENSION_MAX], maxima[ZBLOB_DIMENSION_MAX]; /* of each axis; NAN where there is none */
    uint32_t minimum_count, maximum_count;
    double flip[2]; /* of x and y */
    uint64_t line_skip;
    double byte_skip; /* -1: the samples are the file's end */
};

/* ---- Fields ---------------------------------------------------------------------------------- */

static enum zblob_sample_type
type_of(const struct text *name)
{
    static const struct type_name types[] = {
        {"signed char", ZBLOB_INT8},
        {"int8", ZBLOB_INT8},
        {"int8_t", ZBLOB_INT8},
        {"uchar", ZBLOB_UINT8},
        {"unsigned char", ZBLOB_UINT8},
        {"uint8", ZBLOB_UINT8},
        {"uint8_t", ZBLOB_UINT8},
        {"short", ZBLOB_INT16},
        {"short int", ZBLOB_INT16},
        {"signed short", ZBLOB_INT16},
        {"signed short int", ZBLOB_INT16},
        {"int16", ZBLOB_INT16},
        {"int16_t", ZBLOB_INT16},
        {"ushort", ZBLOB_UINT16},
        {"unsigned short", ZBLOB_UINT16},
        {"unsigned short int", ZBLOB_UINT16},
        {"uint16", ZBLOB_UINT16},
        {"uint16_t", ZBLOB_UINT16},
        {"int", ZBLOB_INT32},
        {"signed int", ZBLOB_INT32},
        {"int32", ZBLOB_INT32},
        {"int32_t", ZBLOB_INT32},
        {"uint", ZBLOB_UINT32},
        {"unsigned int", ZBLOB_UINT32},
        {"uint32", ZBLOB_UINT32},
        {"uint32_t", ZBLOB_UINT32},
        {"longlong", ZBLOB_INT64},
        {"long long", ZBLOB_INT64},
        {"long long int", ZBLOB_INT64},
        {"signed long long", ZBLOB_INT64},
        {"signed long long int", ZBLOB_INT64},
        {"int64", ZBLOB_INT64},
        {"int64_t", ZBLOB_INT64},
        {"ulonglong", ZBLOB_UINT64},
        {"unsigned long long", ZBLOB_UINT64},
        {"unsigned long long int", ZBLOB_UINT64},
        {"uint64", ZBLOB_UINT64},
        {"uint64_t", ZBLOB_UINT64},
        {"float", ZBLOB_FLOAT32},
        {"double", ZBLOB_FLOAT64},
    };
    return text_sample_type(name, types, sizeof types / sizeof *types);
}

/* "left-posterior-superior" is the space in which geometries are given here; two others are its mirror images. */
static void
read_space_name(const struct text *name, struct nrrd *nrrd)
{
    bool is_ras = text_is(name, "right-anterior-superior") || text_is(name, "RAS");
    bool is_las = text_is(name, "left-anterior-superior") || text_is(name, "LAS");
    nrrd->flip[0] = is_ras ? -1 : 1;
    nrrd->flip[1] = is_ras || is_las ? -1 : 1;
}

/* "(0.5,0,0) (0,0.5,0) none" */
static void
read_directions(struct text line, struct nrrd *nrrd)
{
    nrrd->has_directions = true;
    for (uint32_t axis = 0; axis < ZBLOB_DIMENSION_MAX; axis++) {
        struct text rest = line, vector, word;
        if (text_word(&rest, &word) && text_is(&word, "none")) {
            nrrd->is_outside[axis] = true;
            line = rest;
        } else if (text_name(&line, ")", &vector))
            text_reals(&vector, nrrd->directions[axis], ZBLOB_DIMENSION_MAX);
        else
            return;
    }
}

/* A number for each axis, or "nan" for one that has none. */
static uint32_t
read_axes(struct text line, double *numbers)
{
    uint32_t count = 0;
    while (count < ZBLOB_DIMENSION_MAX) {
        struct text rest = line, word;
        if (text_word(&rest, &word) && text_is(&word, "nan")) {
            numbers[count] = (double)NAN;
            line = rest;
        } else if (!text_real(&line, &numbers[count]))
            break;
        count++;
    }
    return count;
}

static void
read_centerings(struct text line, struct nrrd *nrrd)
{
    struct text word;
    for (uint32_t axis = 0; axis < ZBLOB_DIMENSION_MAX && text_word(&line, &word); axis++)
        nrrd->is_node[axis] = text_is(&word, "node");
}

static bool
is_domain(const struct text *kind)
{
    static const char *const domains[] = {"domain", "space", "time", "none", "???"};
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        if (text_is(kind, domains[i]))
            return true;
    }
    return false;
}

/* Are the samples along an axis those of one pixel? They are, unless the axis is one of space or time. */
static void
read_kinds(struct text kinds, struct nrrd *nrrd)
{
    struct text word;
    for (uint8_t axis = 0; axis < ZBLOB_DIMENSION_MAX && text_word(&kinds, &word); axis++) {
        if (is_domain(&word))
            continue;
        if (axis == 0) {
            nrrd->has_vectors = true;
            nrrd->image.is_complex = text_is(&word, "complex");
        } else
            nrrd->vector_axis = axis;
    }
}

static void
read_encoding(const struct text *value, struct nrrd *nrrd)
{
    nrrd->is_raw = text_is(value, "raw");
    nrrd->compression = text_is(value, "gzip") || text_is(value, "gz")     ? "NRRD (gzip)"
                        : text_is(value, "bzip2") || text_is(value, "bz2") ? "NRRD (bzip2)"
                                                                           : NULL;
}

static void
read_field(const struct text *name, struct text value, struct nrrd *nrrd)
{
    struct zblob_image *image = &nrrd->image;
    uint64_t number;
    if (text_is(name, "type"))
        image->grid.sample_type = type_of(&value);
    else if (text_is(name, "dimension"))
        image->grid.dimension = text_unsigned(&value, &number) && number <= ZBLOB_DIMENSION_MAX ? (uint32_t)number : 0;
    else if (text_is(name, "sizes"))
        text_extents(&value, image->grid.size, ZBLOB_DIMENSION_MAX);
    else if (text_is(name, "endian"))
        image->grid.big_endian = text_is(&value, "big");
    else if (text_is(name, "encoding"))
        read_encoding(&value, nrrd);
    else if (text_is(name, "data file") || text_is(name, "datafile"))
        nrrd->is_attached = false;
    else if (text_is(name, "line skip") || text_is(name, "lineskip"))
        text_unsigned(&value, &nrrd->line_skip);
    else if (text_is(name, "byte skip") || text_is(name, "byteskip"))
        text_real(&value, &nrrd->byte_skip);
    else if (text_is(name, "spacings"))
        nrrd->has_spacings = read_axes(value, image->spacing) > 0;
    else if (text_is(name, "axis mins") || text_is(name, "axismins"))
        nrrd->minimum_count = read_axes(value, nrrd->minima);
    else if (text_is(name, "axis maxs") || text_is(name, "axismaxs"))
        nrrd->maximum_count = read_axes(value, nrrd->maxima);
    else if (text_is(name, "centerings") || text_is(name, "centers"))
        read_centerings(value, nrrd);
    else if (text_is(name, "space"))
        read_space_name(&value, nrrd);
    else if (text_is(name, "space directions"))
        read_directions(value, nrrd);
    else if (text_is(name, "space origin"))
        text_reals(&value, nrrd->origin, ZBLOB_DIMENSION_MAX);
    else if (text_is(name, "kinds"))
        read_kinds(value, nrrd);
}

/* The lines up to the empty one; `file` is left at the samples. */
static bool
read_header(struct text *file, struct nrrd *nrrd)
{
    struct text line, name;
    *nrrd = (struct nrrd){.is_attached = true, .flip = {1, 1}};
    for (uint32_t i = 0; i < FIELDS_MAX && text_line(file, &line); i++) {
        if (line.size == 0)
            return true;
        if (*line.at != '#' && text_name(&line, ": ", &name))
            read_field(&name, line, nrrd);
    }
    return false;
}

const char *
nrrd_compression(const unsigned char *src, size_t src_size)
{
    struct text file = text_of(src, src_size);
    struct nrrd nrrd;
    return read_header(&file, &nrrd) && nrrd.is_attached ? nrrd.compression : NULL;
}

/* ---- Geometry -------------------------------------------------------------------------------- */

/* The first axis becomes the components of a pixel. */
static void
take_components(struct nrrd *nrrd)
{
    struct zblob_grid *grid = &nrrd->image.grid;
    grid->components = (uint32_t)(grid->size[0] < UINT16_MAX ? grid->size[0] : 0);
    grid->dimension--;
    memmove(grid->size, grid->size + 1, sizeof *grid->size * grid->dimension);
    memmove(nrrd->image.spacing, nrrd->image.spacing + 1, sizeof *nrrd->image.spacing * grid->dimension);
    memmove(nrrd->minima, nrrd->minima + 1, sizeof *nrrd->minima * grid->dimension);
    memmove(nrrd->maxima, nrrd->maxima + 1, sizeof *nrrd->maxima * grid->dimension);
    memmove(nrrd->is_node, nrrd->is_node + 1, sizeof *nrrd->is_node * grid->dimension);
    nrrd->minimum_count -= nrrd->minimum_count > 0;
    nrrd->maximum_count -= nrrd->maximum_count > 0;
    memmove(nrrd->is_outside, nrrd->is_outside + 1, sizeof *nrrd->is_outside * grid->dimension);
    memmove(nrrd->directions, nrrd->directions + 1, sizeof *nrrd->directions * grid->dimension);
}

/* From one sample to the next, as spacings or else minima and maxima say it; NAN: they do not. */
static double
step_of(const struct nrrd *nrrd, const double *spacings, uint32_t axis)
{
    if (nrrd->has_spacings && isfinite(spacings[axis]))
        return spacings[axis];
    uint64_t steps = nrrd->image.grid.size[axis] - (nrrd->is_node[axis] ? 1 : 0);
    return axis < nrrd->maximum_count ? (nrrd->maxima[axis] - nrrd->minima[axis]) / (double)steps : (double)NAN;
}

/* Minima are an origin if each axis has one, and a step. Steps that only maxima tell are no spacing for ITK, nor here. */
static void
take_minima(struct nrrd *nrrd, const double *spacings)
{
    double origin[ZBLOB_DIMENSION_MAX];
    uint32_t dimension = nrrd->image.grid.dimension;
    if (nrrd->minimum_count < dimension)
        return;
    for (uint32_t axis = 0; axis < dimension; axis++) {
        double step = step_of(nrrd, spacings, axis);
        origin[axis] = nrrd->minima[axis] + (nrrd->is_node[axis] ? 0 : step / 2);
        if (!isfinite(origin[axis]) || isnan(step))
            return;
    }
    memcpy(nrrd->image.origin, origin, sizeof *origin * dimension);
}

/* Vectors along an axis between others have none of the space's coordinates: these go to the other axes. */
static void
leave_out(double *coordinates, uint32_t axis)
{
    if (axis == 0)
        return;
    memmove(coordinates + axis + 1, coordinates + axis, (ZBLOB_DIMENSION_MAX - 1 - axis) * sizeof *coordinates);
    coordinates[axis] = 0;
}

static void
set_space(struct nrrd *nrrd)
{
    struct zblob_image *image = &nrrd->image;
    uint32_t dimension = image->grid.dimension;
    double spacing[ZBLOB_DIMENSION_MAX];
    memcpy(spacing, image->spacing, sizeof spacing);
    image_start_space(image);
    for (uint32_t axis = 0; axis < dimension && nrrd->has_spacings; axis++)
        image->spacing[axis] = spacing[axis] - spacing[axis] == 0 && spacing[axis] > 0 ? spacing[axis] : 1;
    if (!nrrd->has_directions) {
        take_minima(nrrd, spacing);
        return;
    }
    for (uint32_t axis = 0; axis < dimension; axis++) {
        for (uint32_t row = 0; row < 2; row++)
            nrrd->directions[axis][row] = nrrd->flip[row] * nrrd->directions[axis][row] + 0.0; /* no negative zeros */
        leave_out(nrrd->directions[axis], image->vector_axis);
        if (!nrrd->is_outside[axis])
            image_set_step(image, axis, nrrd->directions[axis], dimension);
    }
    for (uint32_t row = 0; row < 2; row++)
        nrrd->origin[row] = nrrd->flip[row] * nrrd->origin[row] + 0.0;
    leave_out(nrrd->origin, image->vector_axis);
    memcpy(image->origin, nrrd->origin, dimension * sizeof *image->origin);
}

size_t
sniff_nrrd(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct text file = text_of(src, src_size), line;
    struct nrrd nrrd;
    uint64_t size;
    (void)capacity;
    if (src_size < 8 || memcmp(src, "NRRD000", 7) != 0 || !read_header(&file, &nrrd) || !nrrd.is_raw ||
        !nrrd.is_attached || nrrd.image.grid.dimension == 0)
        return 0;
    struct zblob_image *image = &nrrd.image;
    image->source = ZBLOB_SOURCE_NRRD;
    image->grid.components = 1;
    if (image->grid.dimension > 1 && (nrrd.has_vectors || nrrd.is_outside[0]))
        take_components(&nrrd);
    else if (nrrd.vector_axis < image->grid.dimension)
        image->vector_axis = nrrd.vector_axis;
    image->is_complex = image->is_complex && image->grid.components == 2 &&
                        (image->grid.sample_type == ZBLOB_FLOAT32 || image->grid.sample_type == ZBLOB_FLOAT64);
    set_space(&nrrd);
    while (nrrd.line_skip > 0 && text_line(&file, &line))
        nrrd.line_skip--;
    if (!zblob_grid_size(&image->grid, &size) || size > file.size || nrrd.line_skip > 0 ||
        !(nrrd.byte_skip >= -1 && nrrd.byte_skip <= (double)file.size))
        return 0;
    uint64_t skip = nrrd.byte_skip < 0 ? file.size - size : (uint64_t)nrrd.byte_skip;
    image->value_offset = (uint64_t)(file.at - (const char *)src) + skip;
    *images = *image;
    return image_settle(images, src_size) ? 1 : 0;
}
