/*
 * dicom.c: recognises DICOM files whose pixels are not compressed: explicit and implicit VR, one frame or many, colours by
 * pixel or by plane. The image has three axes, as in SimpleITK: columns, rows, frames; colours by plane are an axis
 * before the frames, in the image as in space. Spacing, origin and direction come from the file or, in enhanced files, from
 * the functional groups of the first two frames.
 */
#include "dicom.h"

#include "../base/sample_types.h"
#include "formats.h"
#include "text.h"

#include <float.h>
#include <math.h>

enum dicom_tag {
    TAG_TRANSFER_SYNTAX = 0x00020010,
    TAG_CLASS = 0x00080016,
    TAG_SLICE_SPACING = 0x00180088,
    TAG_IMAGER_SPACING = 0x00181164,
    TAG_NOMINAL_SPACING = 0x00182010,
    TAG_POSITION = 0x00200032,
    TAG_ORIENTATION = 0x00200037,
    TAG_PLANE_POSITIONS = 0x00209113,
    TAG_PLANE_ORIENTATIONS = 0x00209116,
    TAG_SAMPLES = 0x00280002,
    TAG_PLANAR = 0x00280006,
    TAG_FRAMES = 0x00280008,
    TAG_ROWS = 0x00280010,
    TAG_COLUMNS = 0x00280011,
    TAG_PIXEL_SPACING = 0x00280030,
    TAG_BITS_ALLOCATED = 0x00280100,
    TAG_BITS_STORED = 0x00280101,
    TAG_SIGNED = 0x00280103,
    TAG_INTERCEPT = 0x00281052,
    TAG_SLOPE = 0x00281053,
    TAG_PIXEL_MEASURES = 0x00289110,
    TAG_PIXEL_VALUES = 0x00289145,
    TAG_PLANE_SPACING = 0x30020011,
    TAG_GRID_FRAME_OFFSETS = 0x3004000C,
    TAG_SHARED_GROUPS = 0x52009229,
    TAG_FRAME_GROUPS = 0x52009230,
    TAG_FLOAT_PIXELS = 0x7FE00008,
    TAG_DOUBLE_PIXELS = 0x7FE00009,
    TAG_PIXELS = 0x7FE00010,
};

/* ---- Transfer syntaxes ----------------------------------------------------------------------- */

struct syntax {
    const char *uid;
    bool is_implicit, big_endian;
    const char *compression;
};

static const struct syntax syntaxes[] = {
    {"1.2.840.10008.1.2", true, false, NULL},
    {"1.2.840.10008.1.2.1", false, false, NULL},
    {"1.2.840.10008.1.2.2", false, true, NULL},
    {"1.2.840.10008.1.2.1.99", false, false, "DICOM (deflated)"},
    {"1.2.840.10008.1.2.5", false, false, "DICOM (RLE)"},
    {"1.2.840.10008.1.2.4.50", false, false, "DICOM (JPEG)"},
    {"1.2.840.10008.1.2.4.51", false, false, "DICOM (JPEG)"},
    {"1.2.840.10008.1.2.4.57", false, false, "DICOM (lossless JPEG)"},
    {"1.2.840.10008.1.2.4.70", false, false, "DICOM (lossless JPEG)"},
    {"1.2.840.10008.1.2.4.80", false, false, "DICOM (JPEG-LS)"},
    {"1.2.840.10008.1.2.4.81", false, false, "DICOM (JPEG-LS)"},
    {"1.2.840.10008.1.2.4.90", false, false, "DICOM (JPEG 2000)"},
    {"1.2.840.10008.1.2.4.91", false, false, "DICOM (JPEG 2000)"},
    {"1.2.840.10008.1.2.4.92", false, false, "DICOM (JPEG 2000)"},
    {"1.2.840.10008.1.2.4.93", false, false, "DICOM (JPEG 2000)"},
    {"1.2.840.10008.1.2.4.100", false, false, "DICOM (MPEG-2)"},
    {"1.2.840.10008.1.2.4.101", false, false, "DICOM (MPEG-2)"},
    {"1.2.840.10008.1.2.4.102", false, false, "DICOM (H.264)"},
    {"1.2.840.10008.1.2.4.103", false, false, "DICOM (H.264)"},
    {"1.2.840.10008.1.2.4.107", false, false, "DICOM (H.265)"},
    {"1.2.840.10008.1.2.4.108", false, false, "DICOM (H.265)"},
    {"1.2.840.10008.1.2.4.110", false, false, "DICOM (JPEG XL)"},
    {"1.2.840.10008.1.2.4.111", false, false, "DICOM (JPEG XL)"},
    {"1.2.840.10008.1.2.4.112", false, false, "DICOM (JPEG XL)"},
    {"1.2.840.10008.1.2.4.201", false, false, "DICOM (HTJ2K)"},
    {"1.2.840.10008.1.2.4.202", false, false, "DICOM (HTJ2K)"},
    {"1.2.840.10008.1.2.4.203", false, false, "DICOM (HTJ2K)"},
};

/* An identifier ends at its size, or at a NUL or a blank that makes its size even. */
static struct text
read_identifier(const struct byte_reader *r, const struct dicom_element *element)
{
    struct text uid = {(const char *)r->src + element->at, element->size};
    while (uid.size > 0 && (uid.at[uid.size - 1] == '\0' || uid.at[uid.size - 1] == ' '))
        uid.size--;
    return uid;
}

static bool
is_identifier(const struct text *uid, const char *expected)
{
    return strlen(expected) == uid->size && memcmp(expected, uid->at, uid->size) == 0;
}

static const struct syntax *
find_syntax(const struct byte_reader *r, const struct dicom_element *element)
{
    struct text uid = read_identifier(r, element);
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++) {
        if (is_identifier(&uid, syntaxes[i].uid))
            return &syntaxes[i];
    }
    return NULL;
}

/* Walk through the file meta information: NULL if this is no DICOM file, or one of an unknown transfer syntax. */
static const struct syntax *
read_meta(struct dicom_walk *walk, const unsigned char *src, size_t src_size)
{
    const struct syntax *syntax = NULL;
    struct dicom_element element;
    if (!dicom_start(walk, src, src_size))
        return NULL;
    while (read_unsigned(&walk->reader, walk->at, 2) == 2 && dicom_next(walk, &element)) {
        if (element.tag == TAG_TRANSFER_SYNTAX)
            syntax = find_syntax(&walk->reader, &element);
    }
    return syntax;
}

const char *
dicom_compression(const unsigned char *src, size_t src_size)
{
    struct dicom_walk walk;
    const struct syntax *syntax = read_meta(&walk, src, src_size);
    return syntax ? syntax->compression : NULL;
}

/* ---- Elements -------------------------------------------------------------------------------- */

static bool
is_wanted(uint32_t tag)
{
    return tag == TAG_SHARED_GROUPS || tag == TAG_FRAME_GROUPS || tag == TAG_PIXEL_MEASURES ||
           tag == TAG_PLANE_POSITIONS || tag == TAG_PLANE_ORIENTATIONS || tag == TAG_PIXEL_VALUES;
}

/* Numbers as text, with backslashes between them: up to `most`. Returns how many there are. */
static uint32_t
read_numbers(const struct byte_reader *r, const struct dicom_element *element, double *numbers, uint32_t most)
{
    char copy[256];
    uint32_t size = element->size < sizeof copy ? element->size : (uint32_t)sizeof copy;
    memcpy(copy, r->src + element->at, size);
    for (uint32_t i = 0; i < size; i++)
        copy[i] = copy[i] == '\\' || copy[i] == '\0' ? ' ' : copy[i];
    struct text text = {copy, size};
    return text_reals(&text, numbers, most);
}

#define STORAGE "1.2.840.10008.5.1.4.1.1."

/* Where objects of other classes than these say the spacing in the plane, and nothing else counts, is PixelSpacing. */
static void
take_class(const struct byte_reader *r, const struct dicom_element *element, struct dicom *dicom)
{
    static const struct {
        const char *uid;
        enum dicom_spacing spacing;
    } classes[] = {
        {STORAGE "1", DICOM_IMAGER_SPACING},     {STORAGE "1.1", DICOM_IMAGER_SPACING},
        {STORAGE "1.1.1", DICOM_IMAGER_SPACING}, {STORAGE "1.2", DICOM_IMAGER_SPACING},
        {STORAGE "1.2.1", DICOM_IMAGER_SPACING}, {STORAGE "1.3", DICOM_IMAGER_SPACING},
        {STORAGE "1.3.1", DICOM_IMAGER_SPACING}, {STORAGE "12.1", DICOM_IMAGER_SPACING},
        {STORAGE "12.2", DICOM_IMAGER_SPACING},  {STORAGE "7", DICOM_NOMINAL_SPACING},
        {STORAGE "481.1", DICOM_PLANE_SPACING},
    };
    struct text uid = read_identifier(r, element);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (is_identifier(&uid, classes[i].uid))
            dicom->spacing = classes[i].spacing;
    }
}

/* Only what stands first counts: that of the file, or of its first frame. */
static void
take_numbers(const struct byte_reader *r, const struct dicom_element *element, double *numbers, uint32_t count,
             uint32_t *found)
{
    if (*found < count)
        *found = read_numbers(r, element, numbers, count);
}

static void
take_spacing(const struct byte_reader *r, const struct dicom_element *element, struct dicom *dicom,
             enum dicom_spacing which)
{
    take_numbers(r, element, dicom->spacings[which], 2, &dicom->spacing_counts[which]);
}

bool
dicom_is_frames(uint32_t tag)
{
    return tag == TAG_FRAMES;
}

bool
dicom_is_pixels(uint32_t tag)
{
    return tag == TAG_PIXELS || tag == TAG_FLOAT_PIXELS || tag == TAG_DOUBLE_PIXELS;
}

bool
dicom_is_space(uint32_t tag)
{
    switch (tag) {
    case TAG_SLICE_SPACING:
    case TAG_IMAGER_SPACING:
    case TAG_NOMINAL_SPACING:
    case TAG_PLANE_SPACING:
    case TAG_POSITION:
    case TAG_ORIENTATION:
    case TAG_PIXEL_SPACING:
    case TAG_GRID_FRAME_OFFSETS:
    case TAG_SHARED_GROUPS:
    case TAG_FRAME_GROUPS: return true;
    default: return false;
    }
}

bool
dicom_is_scale(uint32_t tag)
{
    return tag == TAG_SLOPE || tag == TAG_INTERCEPT;
}

void
dicom_take_number(uint32_t tag, uint64_t number, struct dicom *dicom)
{
    switch (tag) {
    case TAG_SAMPLES: dicom->samples = number; break;
    case TAG_PLANAR: dicom->planar = number; break;
    case TAG_ROWS: dicom->rows = number; break;
    case TAG_COLUMNS: dicom->columns = number; break;
    case TAG_BITS_ALLOCATED: dicom->bits = number; break;
    case TAG_BITS_STORED: dicom->bits_stored = number; break;
    case TAG_SIGNED: dicom->is_signed = number; break;
    case TAG_FRAMES: dicom->frames = number; break;
    default: break;
    }
}

static void
take_frames(const struct byte_reader *r, const struct dicom_element *element, struct dicom *dicom)
{
    double frames;
    dicom->frames = UINT64_MAX; /* unless it is a number: then there is no grid */
    if (read_numbers(r, element, &frames, 1) == 1 && frames >= 0 && frames <= INT32_MAX)
        dicom->frames = (uint64_t)frames;
}

static void
take_position(const struct byte_reader *r, const struct dicom_element *element, struct dicom *dicom)
{
    if (dicom->position_count < 2 && read_numbers(r, element, dicom->positions[dicom->position_count], 3) == 3)
        dicom->position_count++;
}

void
dicom_take(const struct byte_reader *r, const struct dicom_element *element, struct dicom *dicom)
{
    switch (element->tag) {
    case TAG_FRAMES: take_frames(r, element, dicom); break;
    case TAG_POSITION: take_position(r, element, dicom); break;
    case TAG_SLICE_SPACING: read_numbers(r, element, &dicom->slice_spacing, 1); break;
    case TAG_CLASS: take_class(r, element, dicom); break;
    case TAG_PIXEL_SPACING: take_spacing(r, element, dicom, DICOM_PIXEL_SPACING); break;
    case TAG_IMAGER_SPACING: take_spacing(r, element, dicom, DICOM_IMAGER_SPACING); break;
    case TAG_NOMINAL_SPACING: take_spacing(r, element, dicom, DICOM_NOMINAL_SPACING); break;
    case TAG_PLANE_SPACING: take_spacing(r, element, dicom, DICOM_PLANE_SPACING); break;
    case TAG_SLOPE: take_numbers(r, element, &dicom->slope, 1, &dicom->slope_count); break;
    case TAG_INTERCEPT: take_numbers(r, element, &dicom->intercept, 1, &dicom->intercept_count); break;
    case TAG_ORIENTATION: take_numbers(r, element, dicom->orientation, 6, &dicom->orientation_count); break;
    case TAG_GRID_FRAME_OFFSETS: take_numbers(r, element, dicom->frame_offsets, 2, &dicom->frame_offset_count); break;
    default: dicom_take_number(element->tag, read_unsigned(r, element->at, 2), dicom); break;
    }
}

/* ---- The image ------------------------------------------------------------------------------- */

static bool
set_type(const struct dicom *dicom, const struct dicom_element *pixels, struct zblob_grid *grid)
{
    if (pixels->tag == TAG_FLOAT_PIXELS)
        grid->sample_type = ZBLOB_FLOAT32;
    else if (pixels->tag == TAG_DOUBLE_PIXELS)
        grid->sample_type = ZBLOB_FLOAT64;
    else if (dicom->bits == 8)
        grid->sample_type = dicom->is_signed ? ZBLOB_INT8 : ZBLOB_UINT8;
    else if (dicom->bits == 16)
        grid->sample_type = dicom->is_signed ? ZBLOB_INT16 : ZBLOB_UINT16;
    else if (dicom->bits == 32)
        grid->sample_type = dicom->is_signed ? ZBLOB_INT32 : ZBLOB_UINT32;
    else
        return false;
    return true;
}

/* Bytes in words of a big-endian file lie in pairs the other way round: they are no image. */
static bool
set_grid(const struct byte_reader *r, const struct dicom *dicom, const struct dicom_element *pixels,
         struct zblob_grid *grid)
{
    uint64_t size, samples = dicom->samples ? dicom->samples : 1;
    bool has_planes = samples > 1 && dicom->planar == 1;
    if (!set_type(dicom, pixels, grid))
        return false;
    grid->big_endian = r->big_endian;
    grid->components = has_planes ? 1 : (uint32_t)samples;
    grid->dimension = has_planes ? 4 : 3;
    grid->size[0] = dicom->columns;
    grid->size[1] = dicom->rows;
    grid->size[2] = samples;
    grid->size[has_planes ? 3 : 2] = dicom->frames ? dicom->frames : 1;
    bool is_swapped = grid->big_endian && zblob_sample_size(grid->sample_type) == 1 && memcmp(pixels->vr, "OW", 2) == 0;
    /* more bytes may follow: one so that the size is even, and some files have a few */
    return !is_swapped && zblob_grid_size(grid, &size) && size <= pixels->size;
}

/* Along the normal; negative where frames follow each other the other way. */
static double
distance_of_frames(const struct dicom *dicom, const double *normal)
{
    double distance = 0;
    if (dicom->position_count == 2) {
        for (uint32_t i = 0; i < 3; i++)
            distance += normal[i] * (dicom->positions[1][i] - dicom->positions[0][i]);
    } else if (dicom->frame_offset_count == 2)
        distance = dicom->frame_offsets[1] - dicom->frame_offsets[0];
    if (distance != 0)
        return distance;
    return dicom->slice_spacing != 0 ? dicom->slice_spacing : 1; /* a slice's thickness is another thing */
}

/* Written with few digits, cosines are not exactly of length 1. */
static void
normalize(double *cosines)
{
    double length = square_root(cosines[0] * cosines[0] + cosines[1] * cosines[1] + cosines[2] * cosines[2]);
    for (uint32_t i = 0; i < 3 && length > 0; i++)
        cosines[i] = cosines[i] / length + 0.0; /* no negative zeros */
}

static void
set_cross(double *normal, const double *a, const double *b)
{
    for (uint32_t i = 0; i < 3; i++)
        normal[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3] + 0.0;
}

/* Those of a row, of a column and of their normal. As for GDCM and ITK, an orientation whose axes are far from a right angle, or
 * have no length, counts as none, and a row that is not exactly at a right angle to the column is turned. */
static void
set_orientation(const struct dicom *dicom, double row[3], double column[3], double normal[3])
{
    static const double skew_max = 1e-3;
    memcpy(row, dicom->orientation, 3 * sizeof *row);
    memcpy(column, dicom->orientation + 3, 3 * sizeof *column);
    normalize(row);
    normalize(column);
    set_cross(normal, row, column);
    double skew = fabs(row[0] * column[0] + row[1] * column[1] + row[2] * column[2]);
    bool has_area = normal[0] != 0 || normal[1] != 0 || normal[2] != 0;
    if (dicom->orientation_count == 6 && skew < skew_max && has_area) {
        normalize(normal);
        set_cross(row, column, normal);
        return;
    }
    for (uint32_t i = 0; i < 3; i++) {
        row[i] = i == 0;
        column[i] = i == 1;
        normal[i] = i == 2;
    }
}

/* The direction of an axis: of three numbers, or of four where colours by plane are an axis of their own. */
static void
set_axis(struct zblob_image *image, uint32_t axis, const double *cosines)
{
    const double spread[4] = {cosines[0], cosines[1], 0, cosines[2]};
    bool has_planes = image->grid.dimension == 4;
    image_set_axis(image, axis, has_planes ? spread : cosines, has_planes ? 4 : 3);
}

/* X-rays have that of the detector, scanned paper and secondary captures that of pixels if they have both. Without its own a
 * file of any class has that of pixels; SimpleITK gives some of these none. */
static const double *
spacing_of(const struct dicom *dicom)
{
    enum dicom_spacing which = dicom->spacing;
    bool has_pixel_spacing = dicom->spacing_counts[DICOM_PIXEL_SPACING] == 2;
    if (has_pixel_spacing && (which == DICOM_NOMINAL_SPACING || dicom->spacing_counts[which] != 2))
        which = DICOM_PIXEL_SPACING;
    const double *spacing = dicom->spacings[which];
    return dicom->spacing_counts[which] == 2 ? spacing : NULL;
}

/* A negative spacing turns the axis, and one of 0 counts as 1. */
static void
set_steps(struct zblob_image *image, uint32_t axis, double *cosines, double spacing)
{
    for (uint32_t i = 0; i < 3 && spacing < 0; i++)
        cosines[i] = -cosines[i] + 0.0;
    image->spacing[axis] = spacing != 0 ? fabs(spacing) : 1;
    set_axis(image, axis, cosines);
}

static void
set_space(const struct dicom *dicom, struct zblob_image *image)
{
    static const double unknown[2] = {1, 1};
    double row[3], column[3], normal[3];
    const double *spacing = spacing_of(dicom);
    uint32_t frames = image->grid.dimension - 1;
    image_start_space(image);
    set_orientation(dicom, row, column, normal);
    spacing = spacing ? spacing : unknown;
    double distance = distance_of_frames(dicom, normal);
    set_steps(image, 0, row, spacing[1]);
    set_steps(image, 1, column, spacing[0]);
    set_steps(image, frames, normal, distance);
    if (dicom->position_count > 0) {
        memcpy(image->origin, dicom->positions[0], 2 * sizeof *image->origin);
        image->origin[frames] = dicom->positions[0][2];
    }
}

/* Numbers that no double holds are the largest ones, as for GDCM. */
static double
within_doubles(double number)
{
    return number > DBL_MAX ? DBL_MAX : number < -DBL_MAX ? -DBL_MAX : number;
}

/* What samples of integers stand for. A slope of 0 counts as 1, as for GDCM. */
static void
set_reading(const struct dicom *dicom, struct zblob_image *image)
{
    double slope = dicom->slope_count && dicom->slope != 0 ? dicom->slope : 1;
    if (image->grid.dimension == 4)
        image->vector_axis = 2;
    if (sample_type_of(image->grid.sample_type)->is_float)
        return;
    if (dicom->bits_stored > 0 && dicom->bits_stored < dicom->bits)
        image->bits = (uint8_t)dicom->bits_stored;
    if (dicom->samples <= 1)
        image_set_scale(image, within_doubles(slope), dicom->intercept_count ? within_doubles(dicom->intercept) : 0);
}

/* Masks of one bit per pixel, as segmentations have them: bytes of eight pixels in a row are the samples of a guess. */
static bool
guess_bits(const struct byte_reader *r, const struct dicom *dicom, const struct dicom_element *pixels,
           struct zblob_image *image)
{
    struct dicom in_bytes = *dicom;
    if (dicom->bits != 1 || dicom->columns % 8 != 0 || r->big_endian)
        return false;
    in_bytes.bits = 8;
    in_bytes.columns /= 8;
    image->source = ZBLOB_SOURCE_GUESS;
    return set_grid(r, &in_bytes, pixels, &image->grid) && image_settle(image, r->size);
}

bool
dicom_image(const struct byte_reader *r, struct dicom *dicom, const struct dicom_element *pixels,
            struct zblob_image *image)
{
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_DICOM, .value_offset = pixels->at};
    if (pixels->size == DICOM_UNDEFINED)
        return false;
    if (!set_grid(r, dicom, pixels, &image->grid))
        return guess_bits(r, dicom, pixels, image);
    set_space(dicom, image);
    set_reading(dicom, image);
    return image_settle(image, r->size);
}

/* The image of the data set in which the walk is. */
static size_t
find_pixels(struct dicom_walk *walk, struct zblob_image *image)
{
    struct dicom_element element;
    struct dicom dicom = {0};
    walk->is_wanted = is_wanted;
    while (dicom_next(walk, &element)) {
        if (dicom_is_pixels(element.tag) && walk->depth == 0)
            return dicom_image(&walk->reader, &dicom, &element, image) ? 1 : 0;
        if (element.is_wanted)
            dicom_take(&walk->reader, &element, &dicom);
    }
    return 0;
}

size_t
sniff_dicom(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct dicom_walk walk;
    const struct syntax *syntax = read_meta(&walk, src, src_size);
    (void)capacity;
    if (!syntax || syntax->compression)
        return 0;
    dicom_set_coding(&walk, syntax->is_implicit, syntax->big_endian);
    return find_pixels(&walk, images);
}

size_t
sniff_bare_dicom(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct dicom_walk walk;
    (void)capacity;
    return dicom_start_bare(&walk, src, src_size) ? find_pixels(&walk, images) : 0;
}
