/*
 * tiff.c: recognises uncompressed TIFF and BigTIFF images whose strips or tiles lie one after another in the file. Pages
 * of one kind that lie so, too, are the slices of one image. Tiles that are narrower than the picture, or reach over its
 * end, have a grid that is not the picture's: it counts as a guess. Grey ones are slices. Those of colours are one high
 * column, because as slices they would be predicted from the tile before. Tiles of volumes, which have a depth, are not put
 * together.
 */
#include "formats.h"

#include "../base/bytes.h"
#include "reader.h"

/* Directory entries, offsets of strips and descriptions of samples that are looked at, of all pages together: not more than
 * a file has bytes, each of which describes one thing. Otherwise a directory that names itself as the next one costs the
 * same in the smallest file. */
#define LOOKS_MAX (1U << 22)

enum tiff_tag {
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_BITS = 258,
    TAG_COMPRESSION = 259,
    TAG_STRIP_OFFSETS = 273,
    TAG_SAMPLES_PER_PIXEL = 277,
    TAG_ROWS_PER_STRIP = 278,
    TAG_PLANAR = 284,
    TAG_TILE_WIDTH = 322,
    TAG_TILE_HEIGHT = 323,
    TAG_TILE_OFFSETS = 324,
    TAG_SAMPLE_FORMAT = 339,
    TAG_DEPTH = 32997, /* these two are SGI's */
    TAG_TILE_DEPTH = 32998,
};

enum {
    UNCOMPRESSED = 1,
    PLANES = 2,
    FORMAT_UNSIGNED = 1,
    FORMAT_SIGNED,
    FORMAT_FLOAT,
    FORMAT_UNKNOWN,
    FORMAT_COMPLEX = 6
};

/* The most bytes that may lie between two pages that are slices of one image. They may not be more than half of a page. */
#define GAP_MAX UINT16_MAX

/* A row of tiles is coded as a whole. Larger ones are not put together. */
#define BAND_MAX ((uint64_t)4 << 20)

struct tiff {
    struct byte_reader r;
    bool is_big; /* BigTIFF */
    uint32_t looks;
};

/* The values of one directory entry, wherever they lie. */
struct values {
    uint64_t at, count;
    unsigned width; /* of each, in bytes; 0: there are none that are integers */
};

struct page {
    uint64_t width, height, compression, samples, rows_per_strip, planar, tile_width, tile_height;
    uint64_t depth, tile_depth; /* 1, but of volumes */
    struct values bits, formats, offsets;
};

/* May `count` more things be looked at? */
static bool
may_look(struct tiff *tiff, uint64_t count)
{
    uint64_t most = tiff->r.size < LOOKS_MAX ? tiff->r.size : LOOKS_MAX;
    if (count > most - tiff->looks)
        return false;
    tiff->looks += (uint32_t)count;
    return true;
}

static uint64_t
value_at(const struct tiff *tiff, const struct values *values, uint64_t index)
{
    return read_unsigned(&tiff->r, values->at + index * values->width, values->width);
}

static struct values
read_entry(const struct tiff *tiff, uint64_t at)
{
    static const unsigned widths[] = {[1] = 1, [3] = 2, [4] = 4, [13] = 4, [16] = 8, [18] = 8};
    uint64_t type = read_unsigned(&tiff->r, at + 2, 2);
    unsigned field = tiff->is_big ? 8 : 4;
    struct values values = {at + 4 + field, read_unsigned(&tiff->r, at + 4, field), 0};
    if (type < sizeof widths / sizeof *widths)
        values.width = widths[type];
    if (values.width && values.count > field / values.width)
        values.at = read_unsigned(&tiff->r, values.at, field);
    if (values.width && (values.at > tiff->r.size || values.count > (tiff->r.size - values.at) / values.width))
        values.width = 0;
    return values;
}

static void
take_entry(const struct tiff *tiff, uint64_t at, struct page *page)
{
    struct values values = read_entry(tiff, at);
    uint64_t first = value_at(tiff, &values, 0);
    if (values.width == 0 || values.count == 0)
        return;
    switch (read_unsigned(&tiff->r, at, 2)) {
    case TAG_WIDTH: page->width = first; break;
    case TAG_HEIGHT: page->height = first; break;
    case TAG_BITS: page->bits = values; break;
    case TAG_COMPRESSION: page->compression = first; break;
    case TAG_STRIP_OFFSETS:
    case TAG_TILE_OFFSETS: page->offsets = values; break;
    case TAG_SAMPLES_PER_PIXEL: page->samples = first; break;
    case TAG_ROWS_PER_STRIP: page->rows_per_strip = first; break;
    case TAG_PLANAR: page->planar = first; break;
    case TAG_TILE_WIDTH: page->tile_width = first; break;
    case TAG_TILE_HEIGHT: page->tile_height = first; break;
    case TAG_SAMPLE_FORMAT: page->formats = values; break;
    case TAG_DEPTH: page->depth = first; break;
    case TAG_TILE_DEPTH: page->tile_depth = first; break;
    default: break;
    }
}

/* Read the directory at *at, and set *at to the next one, 0 after the last. */
static bool
read_page(struct tiff *tiff, uint64_t *at, struct page *page)
{
    unsigned count_size = tiff->is_big ? 8 : 2, entry_size = tiff->is_big ? 20 : 12, field = tiff->is_big ? 8 : 4;
    uint64_t count = read_unsigned(&tiff->r, *at, count_size), entry = *at + count_size;
    *page = (struct page){.compression = UNCOMPRESSED,
                          .samples = 1,
                          .planar = 1,
                          .rows_per_strip = UINT64_MAX,
                          .depth = 1,
                          .tile_depth = 1};
    if (count == 0 || count > 4096 || !reader_has(&tiff->r, entry, count * entry_size) || !may_look(tiff, count))
        return false;
    for (; count > 0; count--, entry += entry_size)
        take_entry(tiff, entry, page);
    *at = read_unsigned(&tiff->r, entry, field);
    return true;
}

/* ---- Pixels ---------------------------------------------------------------------------------- */

/* All samples of a pixel have the same type, or there is no grid. */
static bool
read_type(struct tiff *tiff, const struct page *page, struct zblob_image *image)
{
    static const enum zblob_sample_type types[][4] = {
        [FORMAT_UNSIGNED] = {ZBLOB_UINT8, ZBLOB_UINT16, ZBLOB_UINT32, ZBLOB_UINT64},
        [FORMAT_SIGNED] = {ZBLOB_INT8, ZBLOB_INT16, ZBLOB_INT32, ZBLOB_INT64},
        [FORMAT_FLOAT] = {0, ZBLOB_FLOAT16, ZBLOB_FLOAT32, ZBLOB_FLOAT64},
    };
    uint64_t bits = value_at(tiff, &page->bits, 0), format = FORMAT_UNSIGNED;
    if (page->formats.count)
        format = value_at(tiff, &page->formats, 0);
    uint64_t described = page->bits.count > page->formats.count ? page->bits.count : page->formats.count;
    described = described < page->samples ? described : page->samples;
    if (!may_look(tiff, described))
        return false;
    for (uint64_t i = 1; i < described; i++) {
        if ((i < page->bits.count && value_at(tiff, &page->bits, i) != bits) ||
            (i < page->formats.count && value_at(tiff, &page->formats, i) != format))
            return false;
    }
    format = format == FORMAT_UNKNOWN ? FORMAT_UNSIGNED : format;
    image->is_complex = format == FORMAT_COMPLEX;
    if (image->is_complex) {
        format = FORMAT_FLOAT;
        bits /= 2;
        if (bits == 16) /* a pair of halves is no pixel type */
            return false;
    }
    if (format < FORMAT_UNSIGNED || format > FORMAT_FLOAT || (bits != 8 && bits != 16 && bits != 32 && bits != 64))
        return false;
    image->grid.sample_type = types[format][bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3];
    return true;
}

/* How many planes hold the samples of a pixel. */
static uint64_t
planes_of(const struct page *page)
{
    return page->planar == PLANES ? page->samples : 1;
}

static uint64_t
parts_of(uint64_t extent, uint64_t part)
{
    return extent / part + (extent % part > 0);
}

/* Bytes from one strip or tile to the next, and how many there are; false if the page's numbers make no sense. */
static bool
measure_pieces(const struct page *page, const struct zblob_image *image, uint64_t *piece, uint64_t *count)
{
    bool has_tiles = page->tile_width > 0;
    uint64_t rows = has_tiles                             ? page->tile_height
                    : page->rows_per_strip < page->height ? page->rows_per_strip
                                                          : page->height;
    uint64_t width = has_tiles ? page->tile_width : page->width, planes = planes_of(page);
    *piece = zblob_sample_size(image->grid.sample_type) * (image->is_complex ? 2 : 1) * (page->samples / planes);
    if (rows == 0 || width == 0 || page->tile_depth == 0 || !multiply_checked(piece, width) ||
        !multiply_checked(piece, rows) || !multiply_checked(piece, page->tile_depth))
        return false;
    *count = planes;
    return multiply_checked(count, has_tiles ? parts_of(page->width, width) : 1) &&
           multiply_checked(count, parts_of(page->height, rows)) &&
           multiply_checked(count, parts_of(page->depth, page->tile_depth));
}

/* The last strip of each plane may be shorter than the others, so that the next plane begins earlier. */
static bool
lie_in_order(struct tiff *tiff, const struct page *page, uint64_t piece, uint64_t count)
{
    uint64_t start = value_at(tiff, &page->offsets, 0), in_plane = count / planes_of(page), plane = in_plane * piece;
    if (count == 0 || page->offsets.count != count || piece > tiff->r.size || !may_look(tiff, count))
        return false;
    if (page->tile_width == 0 && page->rows_per_strip < page->height)
        plane = piece / page->rows_per_strip * page->height;
    for (uint64_t i = 1; i < count; i++) {
        if (value_at(tiff, &page->offsets, i) != start + i / in_plane * plane + i % in_plane * piece)
            return false;
    }
    return true;
}

static bool
is_volume(const struct page *page)
{
    return page->depth != 1 || page->tile_depth != 1;
}

/* Do the pixels of tiles that are not put together lie in the file as they would without them? */
static bool
lie_as_pixels(const struct page *page)
{
    bool is_full = page->tile_width == page->width && page->height % page->tile_height == 0;
    if (!is_volume(page))
        return is_full;
    return is_full && page->tile_height == page->height && page->depth % page->tile_depth == 0 && planes_of(page) == 1;
}

/* Are the tiles to be put together? Those of one column lie in the file as the rows of the image do. */
static bool
has_mosaic(const struct page *page, const struct zblob_grid *grid)
{
    uint64_t band = grid->components * zblob_sample_size(grid->sample_type);
    if (page->tile_width == 0 || is_volume(page) || lie_as_pixels(page))
        return false;
    uint64_t across = parts_of(page->width, page->tile_width);
    return page->tile_width <= UINT32_MAX && page->tile_height <= UINT32_MAX && multiply_checked(&band, across) &&
           multiply_checked(&band, page->tile_width) && multiply_checked(&band, page->tile_height) && band <= BAND_MAX;
}

static bool
set_image(struct tiff *tiff, const struct page *page, struct zblob_image *image)
{
    struct zblob_grid *grid = &image->grid;
    uint64_t piece, count;
    bool has_planes = planes_of(page) > 1;
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_TIFF};
    if (page->compression != UNCOMPRESSED || page->samples < 1 || page->samples > UINT16_MAX || page->width < 1 ||
        page->height < 1 || (is_volume(page) && page->tile_width == 0) || !read_type(tiff, page, image) ||
        !measure_pieces(page, image, &piece, &count) || !lie_in_order(tiff, page, piece, count))
        return false;
    grid->big_endian = tiff->r.big_endian;
    grid->components = (uint32_t)(has_planes ? 1 : page->samples) * (image->is_complex ? 2 : 1);
    bool is_mosaic = has_mosaic(page, grid), has_tiles = page->tile_width > 0 && !is_mosaic;
    if (has_tiles && !lie_as_pixels(page))
        image->source = ZBLOB_SOURCE_GUESS;
    if (is_mosaic) {
        image->tile_width = (uint32_t)page->tile_width;
        image->tile_height = (uint32_t)page->tile_height;
    }
    bool is_guess = image->source == ZBLOB_SOURCE_GUESS;
    bool has_slices = is_guess ? page->samples == 1 : is_volume(page);
    grid->size[0] = has_tiles ? page->tile_width : page->width;
    grid->size[1] = has_slices  ? page->tile_height
                    : has_tiles ? page->tile_height * page->tile_depth * (count / (has_planes ? page->samples : 1))
                                : page->height;
    grid->dimension = 2;
    if (has_planes && !has_slices)
        image->vector_axis = image->is_complex ? 0 : 2;
    if (has_slices || has_planes)
        grid->size[grid->dimension++] = has_slices ? page->tile_depth * count : page->samples;
    image->value_offset = value_at(tiff, &page->offsets, 0);
    return image_settle(image, tiff->r.size);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static bool
is_same_grid(const struct zblob_grid *a, const struct zblob_grid *b)
{
    bool is_same = a->sample_type == b->sample_type && a->components == b->components && a->dimension == b->dimension;
    for (uint32_t axis = 0; is_same && axis < a->dimension; axis++)
        is_same = a->size[axis] == b->size[axis];
    return is_same;
}

/* Is this page the next slice of the image, of which `first` is the first page and `end` the end? Then it is added. Other
 * bytes may lie between slices, mostly the pages' directories, if they are as many after all slices but the first. */
static bool
add_slice(struct zblob_image *image, const struct zblob_image *first, const struct zblob_image *page, uint64_t end)
{
    uint64_t size, gap = page->value_offset - end;
    uint32_t dimension = first->grid.dimension;
    uint64_t slices = image->grid.dimension > dimension ? image->grid.size[dimension] : 1;
    if (!zblob_image_span(first, &size) || gap > GAP_MAX || gap > size / 2 || (slices > 2 && gap != image->gap) ||
        page->is_complex != first->is_complex || page->source != first->source ||
        page->tile_width != first->tile_width || page->tile_height != first->tile_height ||
        !is_same_grid(&page->grid, &first->grid))
        return false;
    if (slices == 1) {
        image->grid.size[image->grid.dimension++] = 1;
        image->first_gap = (uint32_t)gap;
    } else if (slices == 2) {
        image->gap = (uint32_t)gap;
    }
    image->grid.size[dimension]++;
    return true;
}

static bool
read_start(struct tiff *tiff, uint64_t *at)
{
    const struct byte_reader *r = &tiff->r;
    if (!reader_sees(r, 0, "II", 2) && !reader_sees(r, 0, "MM", 2))
        return false;
    tiff->r.big_endian = r->src[0] == 'M';
    tiff->is_big = read_unsigned(r, 2, 2) == 43;
    *at = tiff->is_big ? read_unsigned(r, 8, 8) : read_unsigned(r, 4, 4);
    return tiff->is_big ? read_unsigned(r, 4, 2) == 8 : read_unsigned(r, 2, 2) == 42;
}

size_t
sniff_tiff(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct tiff tiff = {.r = {src, src_size, false}};
    struct zblob_image first = {0}, image;
    struct page page;
    uint64_t at, end = 0, size;
    size_t count = 0;
    if (!read_start(&tiff, &at))
        return 0;
    while (at > 0 && read_page(&tiff, &at, &page)) {
        if (!set_image(&tiff, &page, &image) || image.value_offset < end)
            continue;
        if (count > 0 && add_slice(&images[count - 1], &first, &image, end)) {
            ;
        } else if (count == capacity) {
            break;
        } else {
            first = image;
            images[count++] = image;
        }
        zblob_image_span(&image, &size);
        end = image.value_offset + size;
    }
    return count;
}

const char *
tiff_compression(const unsigned char *src, size_t src_size)
{
    struct tiff tiff = {.r = {src, src_size, false}};
    struct page page;
    uint64_t at;
    if (!read_start(&tiff, &at) || !read_page(&tiff, &at, &page) || page.offsets.count == 0)
        return NULL;
    switch (page.compression) { /* by the TIFF 6.0 specification, and as libtiff has them registered */
    case 5: return "TIFF (LZW)";
    case 7: return "TIFF (JPEG)";
    case 8:
    case 32946: return "TIFF (Deflate)";
    case 33003:
    case 33005:
    case 34712: return "TIFF (JPEG 2000)";
    case 34925: return "TIFF (LZMA)";
    case 50000: return "TIFF (zstd)";
    case 50001: return "TIFF (WebP)";
    default: return NULL;
    }
}
