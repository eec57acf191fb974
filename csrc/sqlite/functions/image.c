/* image.c: see image.h. */
#include "image.h"

#include "../dictionaries.h"
#include "../interrupt.h"

#include <math.h>
#include <string.h>

/* Is it an image, whose samples lie in the value as its grid says, perhaps with gaps between slices? */
static bool
has_samples(const struct zblob_image *image)
{
    bool has_gaps = zblob_image_has_pieces(image) && image->tile_width == 0;
    return image->source != ZBLOB_SOURCE_GUESS && (zblob_image_is_plain(image) || has_gaps);
}

const struct zblob_image *
image_with_gaps(const struct zblob_image *image)
{
    return zblob_image_is_plain(image) ? NULL : image;
}

bool
image_of_frame(const struct zblob_frame *frame, struct zblob_image *image)
{
    struct zblob_image each;
    uint64_t size, most = 0;
    for (uint32_t i = 0; i < frame->image_count; i++) {
        zblob_frame_image(frame, i, &each);
        if (!has_samples(&each) || !zblob_grid_size(&each.grid, &size) || size <= most)
            continue;
        *image = each;
        most = size;
    }
    return most > 0;
}

bool
image_of_plain(const unsigned char *src, size_t src_size, struct zblob_image *image)
{
    return zblob_sniff(src, src_size, image, 1) > 0 && has_samples(image);
}

/* ---- An image that is opened ----------------------------------------------------------------- */

/* Of a value that says nothing of its images before all of it is there: a plain one; and the headers of small and of stored
 * frames leave images out. */
static bool
open_plain(const unsigned char *src, size_t src_size, struct opened_image *opened)
{
    opened->is_there = image_of_plain(src, src_size, &opened->image);
    opened->source = (struct zblob_source){.bytes = src, .size = src_size};
    return true;
}

static bool
open_marked(const struct value *value, struct opened_image *opened, struct zblob_error *error)
{
    struct value frame = *value, original;
    struct zblob_frame header;
    if (!value_find_frame(&frame, &header, error))
        return false;
    if (header.image_count > 0) {
        opened->is_there = image_of_frame(&header, &opened->image);
        opened->source = (struct zblob_source){.bytes = value->bytes, .size = value->size};
        return true;
    }
    if (!value_unpack(opened->db, opened->connection, value, &original, error))
        return false;
    opened->unpacked = (unsigned char *)original.bytes;
    return open_plain(original.bytes, original.size, opened);
}

static bool
open_reader(struct opened_image *opened, struct zblob_error *error)
{
    if (zblob_reader_open(&opened->reader, &opened->source, error) != ZBLOB_OK)
        return false;
    const struct zblob_frame *frame = zblob_reader_frame(opened->reader);
    if (!frame || !frame->dictionary_id)
        return true;
    struct zblob_frame named = *frame;
    if (!dictionaries_complete(opened->db, opened->connection, &named, error))
        return false;
    zblob_reader_set_dictionary(opened->reader, named.dictionary);
    return true;
}

bool
image_open(sqlite3 *db, struct zblob_connection *connection, const struct value *value, struct opened_image *opened,
           struct zblob_error *error)
{
    uint64_t size;
    *opened = (struct opened_image){.db = db, .connection = connection};
    bool good =
        value_is_marked(value) ? open_marked(value, opened, error) : open_plain(value->bytes, value->size, opened);
    if (!good || !opened->is_there)
        return good;
    zblob_grid_size(&opened->image.grid, &size);
    opened->sample_count = size / zblob_sample_size(opened->image.grid.sample_type);
    return open_reader(opened, error);
}

void
image_close(struct opened_image *opened)
{
    zblob_reader_close(opened->reader);
    sqlite3_free(opened->unpacked);
}

bool
image_gather(const struct opened_image *opened, uint64_t first, uint64_t count, void *dst, struct zblob_error *error)
{
    struct zblob_interrupt interrupt = interrupt_of(opened->db);
    uint64_t width = zblob_sample_size(opened->image.grid.sample_type);
    struct zblob_runs runs = {.offset = opened->image.value_offset + first * width,
                              .run = count * width,
                              .pitch = count * width,
                              .count = 1,
                              .image = image_with_gaps(&opened->image)};
    unsigned threads = opened->connection->options.threads;
    if (zblob_reader_gather(opened->reader, &runs, threads, dst, &interrupt, error) != ZBLOB_OK)
        return false;
    zblob_image_extend(&opened->image, dst, (size_t)(count * width));
    return true;
}

/* ---- Samples --------------------------------------------------------------------------------- */

static uint64_t
bits_of(const struct zblob_grid *grid, const unsigned char *src)
{
    uint32_t width = zblob_sample_size(grid->sample_type);
    uint64_t bits = 0;
    for (uint32_t i = 0; i < width; i++)
        bits = bits << 8 | src[grid->big_endian ? i : width - 1 - i];
    return bits;
}

/* IEEE's numbers of 16 bits, which C does not have. */
static double
half(uint64_t bits)
{
    enum { FRACTION = 10, BIAS = 15, SUBNORMAL = 0, NOT_FINITE = 31 };
    int exponent = (int)(bits >> FRACTION & 31);
    double number = (double)((bits & 1023) | (exponent == SUBNORMAL ? 0 : 1024));
    if (exponent == NOT_FINITE)
        number = (bits & 1023) ? NAN : INFINITY;
    for (int i = exponent == SUBNORMAL ? 1 : exponent; i < BIAS + FRACTION; i++)
        number /= 2;
    for (int i = BIAS + FRACTION; i < exponent; i++)
        number *= 2;
    return bits >> 15 ? -number : number;
}

double
image_sample(const struct zblob_grid *grid, const unsigned char *src)
{
    uint64_t bits = bits_of(grid, src);
    uint32_t low = (uint32_t)bits;
    float narrow;
    double wide;
    switch (grid->sample_type) {
    case ZBLOB_FLOAT16: return half(bits);
    case ZBLOB_FLOAT32: memcpy(&narrow, &low, sizeof narrow); return (double)narrow;
    case ZBLOB_FLOAT64: memcpy(&wide, &bits, sizeof wide); return wide;
    case ZBLOB_UINT64: return (double)bits;
    default: return (double)image_label(grid, src);
    }
}

sqlite3_int64
image_label(const struct zblob_grid *grid, const unsigned char *src)
{
    uint64_t bits = bits_of(grid, src);
    switch (grid->sample_type) {
    case ZBLOB_INT8: return (int8_t)bits;
    case ZBLOB_INT16: return (int16_t)bits;
    case ZBLOB_INT32: return (int32_t)bits;
    default: return (sqlite3_int64)bits;
    }
}
