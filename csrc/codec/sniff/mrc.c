/* mrc.c: recognises MRC and CCP4 maps (MRC2014), in both byte orders. */
#include "formats.h"

#include "reader.h"

enum mrc_offset {
    AT_SIZE = 0,
    AT_MODE = 12,
    AT_SAMPLING = 28,
    AT_CELL = 40,
    AT_EXTENDED = 92, /* size of what lies between header and samples */
    AT_ORIGIN = 196,
    AT_MAP = 208,
    AT_STAMP = 212,
    HEADER_SIZE = 1024,
};

static bool
read_mode(const struct byte_reader *r, struct zblob_image *image)
{
    struct zblob_grid *grid = &image->grid;
    grid->components = 1;
    switch (read_unsigned(r, AT_MODE, 4)) {
    case 0: grid->sample_type = ZBLOB_INT8; return true;
    case 1: grid->sample_type = ZBLOB_INT16; return true;
    case 2: grid->sample_type = ZBLOB_FLOAT32; return true;
    case 4:
        grid->sample_type = ZBLOB_FLOAT32;
        grid->components = 2;
        image->is_complex = true;
        return true;
    case 6: grid->sample_type = ZBLOB_UINT16; return true;
    case 12: grid->sample_type = ZBLOB_FLOAT16; return true;
    default: return false;
    }
}

size_t
sniff_mrc(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    struct byte_reader r = {src, src_size, false};
    (void)capacity;
    if (!reader_sees(&r, AT_MAP, "MAP", 3) || src_size < HEADER_SIZE)
        return 0;
    r.big_endian = src[AT_STAMP] == 0x11;
    *images = (struct zblob_image){.source = ZBLOB_SOURCE_MRC};
    images->grid.big_endian = r.big_endian;
    images->grid.dimension = 3;
    for (uint32_t axis = 0; axis < 3; axis++)
        images->grid.size[axis] = read_unsigned(&r, AT_SIZE + 4 * axis, 4);
    images->value_offset = HEADER_SIZE + read_unsigned(&r, AT_EXTENDED, 4);
    if (!read_mode(&r, images))
        return 0;
    image_start_space(images);
    for (uint32_t axis = 0; axis < 3; axis++) {
        double cell = read_real(&r, AT_CELL + 4 * axis, 4);
        int64_t sampling = read_signed(&r, AT_SAMPLING + 4 * axis, 4);
        if (cell > 0 && sampling > 0)
            images->spacing[axis] = cell / (double)sampling;
        images->origin[axis] = read_real(&r, AT_ORIGIN + 4 * axis, 4);
    }
    return image_settle(images, src_size) ? 1 : 0;
}
