/*
 * fits.c: recognises the images of FITS files: the primary one and IMAGE extensions. BSCALE and BZERO, by which the
 * stored samples stand for other numbers, are slope and intercept.
 */
#include "formats.h"

#include "../base/bytes.h"
#include "reader.h"
#include "text.h"

enum {
    CARD_SIZE = 80,
    NAME_SIZE = 8,
    BLOCK_SIZE = 2880,
    CARDS_MAX = 1 << 16, /* of all headers of a file */
};

/* A slope is not 0. With this one, too, all samples stand for BZERO. */
#define NEXT_TO_0 4.9406564584124654e-324

/* What a header says about the samples that follow it. */
struct fits_header {
    uint64_t axis_count, extra_count, group_count;
    uint64_t axes[ZBLOB_DIMENSION_MAX];
    int bits; /* negative: floats */
    double scale, zero;
    bool is_image, is_sound;
};

/* `name` is padded to its full size. */
static bool
is_card(const unsigned char *card, const char *name)
{
    return memcmp(card, name, NAME_SIZE) == 0;
}

static void
read_card(struct fits_header *header, const unsigned char *card)
{
    struct text text = text_of(card + NAME_SIZE + 2, CARD_SIZE - NAME_SIZE - 2);
    uint64_t number, axis;
    double bits, real;
    if (is_card(card, "XTENSION"))
        header->is_image = memcmp(card + NAME_SIZE, "= 'IMAGE   '", 12) == 0;
    if (is_card(card, "BITPIX  ") && text_real(&text, &bits) && bits >= -64 && bits <= 64)
        header->bits = (int)bits;
    else if (is_card(card, "NAXIS   "))
        header->is_sound = text_unsigned(&text, &header->axis_count) && header->axis_count <= ZBLOB_DIMENSION_MAX;
    else if (is_card(card, "PCOUNT  "))
        header->is_sound = header->is_sound && text_unsigned(&text, &header->extra_count);
    else if (is_card(card, "GCOUNT  "))
        header->is_sound = header->is_sound && text_unsigned(&text, &header->group_count);
    else if (is_card(card, "BSCALE  ") && text_real(&text, &real))
        header->scale = real;
    else if (is_card(card, "BZERO   ") && text_real(&text, &real))
        header->zero = real;
    else if (memcmp(card, "NAXIS", 5) == 0 && text_unsigned(&text, &number)) {
        text = text_of(card + 5, 3);
        if (text_unsigned(&text, &axis) && axis >= 1 && axis <= ZBLOB_DIMENSION_MAX)
            header->axes[axis - 1] = number;
    }
}

/* Read the header at `at`, and step over it to its samples. */
static bool
read_header(const struct byte_reader *r, uint64_t *at, struct fits_header *header, uint32_t *cards)
{
    *header = (struct fits_header){.group_count = 1, .scale = 1, .is_image = *at == 0};
    uint64_t card = *at;
    for (; reader_has(r, card, CARD_SIZE) && ++*cards < CARDS_MAX; card += CARD_SIZE) {
        if (is_card(r->src + card, "END     ")) {
            *at = (card + CARD_SIZE + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
            return header->is_sound;
        }
        read_card(header, r->src + card);
    }
    return false;
}

static enum zblob_sample_type
type_of(int bits)
{
    switch (bits) {
    case 8: return ZBLOB_UINT8;
    case 16: return ZBLOB_INT16;
    case 32: return ZBLOB_INT32;
    case 64: return ZBLOB_INT64;
    case -32: return ZBLOB_FLOAT32;
    case -64: return ZBLOB_FLOAT64;
    default: return (enum zblob_sample_type)0;
    }
}

/* Bytes of the samples and of what follows them, in whole blocks; false if that is more than any file has. */
static bool
data_size(const struct fits_header *header, uint64_t *size)
{
    uint64_t count = header->axis_count > 0;
    for (uint64_t axis = 0; axis < header->axis_count; axis++) {
        if (!multiply_checked(&count, header->axes[axis]))
            return false;
    }
    *size = zblob_sample_size(type_of(header->bits));
    if (count > UINT64_MAX / 16 || header->extra_count > UINT64_MAX / 16)
        return false;
    if (!multiply_checked(size, count + header->extra_count) || !multiply_checked(size, header->group_count) ||
        *size > UINT64_MAX / 2)
        return false;
    *size = (*size + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
    return true;
}

static bool
set_image(const struct fits_header *header, uint64_t at, size_t src_size, struct zblob_image *image)
{
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_FITS, .value_offset = at};
    image->grid.sample_type = type_of(header->bits);
    image->grid.big_endian = true;
    image->grid.components = 1;
    image->grid.dimension = (uint32_t)header->axis_count;
    memcpy(image->grid.size, header->axes, sizeof header->axes);
    image_set_scale(image, header->scale != 0 ? header->scale : NEXT_TO_0, header->zero);
    return header->is_image && header->extra_count == 0 && header->group_count == 1 && image_settle(image, src_size);
}

size_t
sniff_fits(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    const struct byte_reader r = {src, src_size, true};
    struct fits_header header;
    uint64_t at = 0, size;
    uint32_t cards = 0;
    size_t count = 0;
    if (!reader_sees(&r, 0, "SIMPLE  =", 9))
        return 0;
    while (count < capacity && read_header(&r, &at, &header, &cards) && data_size(&header, &size)) {
        count += set_image(&header, at, src_size, &images[count]);
        if (size > src_size - (at < src_size ? at : src_size))
            break;
        at += size;
    }
    return count;
}
