/*
 * bmp.c: recognises uncompressed Windows bitmaps of 8, 24 and 32 bits. Their rows lie as in the file: mostly the lowest
 * first. Rows are padded to whole words. Where the padding is not all zeros, each row is a slice, and the padding what stands
 * between slices.
 */
#include "formats.h"

#include "reader.h"

enum bmp_offset {
    AT_SAMPLES = 10,
    AT_HEADER_SIZE = 14,
    AT_WIDTH = 18,
    AT_HEIGHT = 22,
    AT_PLANES = 26,
    AT_BITS = 28,
    AT_COMPRESSION = 30,
    HEADER_SIZE_MIN = 40,
    HEADER_SIZE_MAX = 124,
    UNCOMPRESSED = 0,
    BIT_FIELDS = 3,
};

/* Are all bytes zeros with which rows of `row` bytes end? */
static bool
is_padded_with_zeros(const struct byte_reader *r, const struct zblob_image *image, uint64_t row)
{
    static const char zeros[4] = {0};
    uint64_t end = image->value_offset + row - image->row_padding;
    bool are_zeros = true;
    for (uint64_t y = 0; are_zeros && y < image->grid.size[1]; y++, end += row)
        are_zeros = reader_sees(r, end, zeros, image->row_padding);
    return are_zeros;
}

static void
make_slices_of_rows(struct zblob_image *image)
{
    struct zblob_grid *grid = &image->grid;
    uint64_t rows = grid->size[1];
    if (rows > 1) {
        grid->dimension = 3;
        grid->size[1] = 1;
        grid->size[2] = rows;
        image->first_gap = image->row_padding;
        image->gap = rows > 2 ? image->row_padding : 0;
    }
    image->row_padding = 0;
}

size_t
sniff_bmp(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct byte_reader r = {src, src_size, false};
    uint64_t header = read_unsigned(&r, AT_HEADER_SIZE, 4), bits = read_unsigned(&r, AT_BITS, 2);
    uint64_t compression = read_unsigned(&r, AT_COMPRESSION, 4);
    int64_t width = read_signed(&r, AT_WIDTH, 4), height = read_signed(&r, AT_HEIGHT, 4);
    (void)capacity;
    if (!reader_sees(&r, 0, "BM", 2) || header < HEADER_SIZE_MIN || header > HEADER_SIZE_MAX ||
        read_unsigned(&r, AT_PLANES, 2) != 1 || (bits != 8 && bits != 24 && bits != 32) || width < 1 ||
        !(compression == UNCOMPRESSED || (compression == BIT_FIELDS && bits == 32)))
        return 0;
    uint64_t pixel = bits / 8, row = ((uint64_t)width * pixel + 3) / 4 * 4;
    *images = (struct zblob_image){.source = ZBLOB_SOURCE_BMP, .value_offset = read_unsigned(&r, AT_SAMPLES, 4)};
    images->grid.sample_type = ZBLOB_UINT8;
    images->grid.components = (uint32_t)pixel;
    images->grid.dimension = 2;
    images->grid.size[0] = (uint64_t)width;
    images->grid.size[1] = (uint64_t)(height < 0 ? -height : height);
    images->row_padding = (uint32_t)(row - (uint64_t)width * pixel);
    if (images->row_padding && !is_padded_with_zeros(&r, images, row))
        make_slices_of_rows(images);
    return images->value_offset >= AT_HEADER_SIZE + header && image_settle(images, src_size) ? 1 : 0;
}
