/* rows.c: see rows.h. */
#include "rows.h"

#include "../../base/sample_types.h"

/* Samples become unsigned numbers in their order. */
static uint32_t
flip_of(const struct raster_box *box, const struct sample_type *type)
{
    uint32_t flip = 0;
    for (size_t c = 0; type->is_signed && c < box->components; c++)
        flip |= 0x80u << (8 * c);
    return type->size == 2 ? flip << 8 : flip;
}

/* The rank of a value that is among them. */
static uint32_t
rank_of(const struct raster_box *box, uint32_t value)
{
    uint32_t low = 0, high = box->value_count;
    while (low + 1 < high) {
        uint32_t middle = (low + high) / 2;
        if (box->values[middle] <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void
raster_load_row(const struct raster_box *box, const unsigned char *src, uint32_t *pixels)
{
    const struct sample_type *type = sample_type_of(box->sample_type);
    size_t size = box->components * type->size;
    bool swap = box->big_endian && type->size == 2;
    uint32_t flip = flip_of(box, type);
    if (size == 1 && box->values == NULL) {
        for (size_t x = 0; x < box->width; x++)
            pixels[x] = src[x] ^ flip;
        return;
    }
    if (size == 2 && type->size == 2 && box->values == NULL) {
        const unsigned char *low = src + swap, *high = src + !swap;
        for (size_t x = 0; x < box->width; x++)
            pixels[x] = ((uint32_t)low[2 * x] | (uint32_t)high[2 * x] << 8) ^ flip;
        return;
    }
    for (size_t x = 0; x < box->width; x++, src += size) {
        uint32_t pixel = 0;
        for (size_t i = 0; i < size; i++)
            pixel |= (uint32_t)src[swap ? size - 1 - i : i] << (8 * i);
        pixels[x] = box->values ? rank_of(box, pixel ^ flip) : pixel ^ flip;
    }
}

void
raster_store_row(const struct raster_box *box, const uint32_t *pixels, unsigned char *dst)
{
    const struct sample_type *type = sample_type_of(box->sample_type);
    size_t size = box->components * type->size;
    bool swap = box->big_endian && type->size == 2;
    uint32_t flip = flip_of(box, type);
    for (size_t x = 0; x < box->width; x++, dst += size) {
        uint32_t pixel = (box->values ? box->values[pixels[x]] : pixels[x]) ^ flip;
        for (size_t i = 0; i < size; i++)
            dst[swap ? size - 1 - i : i] = (unsigned char)(pixel >> (8 * i));
    }
}
