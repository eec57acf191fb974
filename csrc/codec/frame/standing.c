/* standing.c: see standing.h. */
#include "standing.h"

#include "../base/latin1.h"
#include "pieces.h"

#include <string.h>

/* Bytes of a row without its padding. */
static uint64_t
row_size(const struct zblob_image *image)
{
    return image->grid.size[0] * image->grid.components * zblob_sample_size(image->grid.sample_type);
}

void
standing_take(const struct zblob_image *image, const unsigned char *src, unsigned char *dst)
{
    uint64_t size, row = row_size(image);
    if (image->text_size) {
        latin1_narrow(src, (size_t)image->text_size, dst);
        return;
    }
    zblob_grid_size(&image->grid, &size);
    if (zblob_image_has_pieces(image)) {
        pieces_split(image, 0, (size_t)size, src, dst, NULL);
        return;
    }
    for (uint64_t at = 0; at < size; at += row, src += row + image->row_padding)
        memcpy(dst + at, src, (size_t)row);
}

uint64_t
standing_start(const struct zblob_image *image, uint64_t offset)
{
    return offset + offset / row_size(image) * image->row_padding;
}

/* The padding after a row belongs to the row's last sample. */
size_t
standing_size(const struct zblob_image *image, uint64_t offset, const unsigned char *samples, size_t size)
{
    if (image->text_size)
        return latin1_text_size(samples, size);
    if (zblob_image_has_pieces(image))
        return (size_t)(pieces_place(image, offset + size) - pieces_place(image, offset));
    return (size_t)(standing_start(image, offset + size) - standing_start(image, offset));
}

bool
standing_put(const struct zblob_image *image, uint64_t offset, const unsigned char *samples, size_t size,
             unsigned char *dst, size_t dst_size)
{
    uint64_t row = row_size(image);
    if (image->text_size)
        return latin1_widen(samples, size, dst, dst_size);
    if (standing_size(image, offset, samples, size) != dst_size)
        return false;
    while (size > 0) {
        uint64_t rest = row - offset % row;
        size_t piece = size < rest ? size : (size_t)rest;
        memcpy(dst, samples, piece);
        dst += piece;
        samples += piece;
        offset += piece;
        size -= piece;
        if (piece == rest) {
            memset(dst, 0, image->row_padding);
            dst += image->row_padding;
        }
    }
    return true;
}
