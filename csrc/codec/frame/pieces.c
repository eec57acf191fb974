/* pieces.c: see pieces.h. */
#include "pieces.h"

#include "../base/sample_types.h"

#include <string.h>

/* Sizes of an image in pieces, in bytes of samples and in numbers. Without tiles, each row is a tile. */
struct layout {
    uint64_t row, tile_row;        /* bytes */
    uint64_t height, tile_height;  /* rows of a plane, of a tile */
    uint64_t across, down;         /* tiles along both axes of a plane */
    uint64_t slice_planes, slices; /* between slices may be gaps */
    const struct zblob_image *image;
};

static struct layout
layout_of(const struct zblob_image *image)
{
    const struct zblob_grid *grid = &image->grid;
    uint64_t pixel = grid->components * zblob_sample_size(grid->sample_type);
    struct layout l = {.image = image, .slice_planes = 1, .slices = grid_slices(grid)};
    uint64_t tile_width = image->tile_width ? image->tile_width : grid->size[0];
    l.row = grid->size[0] * pixel;
    l.tile_row = tile_width * pixel;
    l.height = grid->dimension > 1 ? grid->size[1] : 1;
    l.tile_height = image->tile_height ? image->tile_height : 1;
    l.across = (grid->size[0] + tile_width - 1) / tile_width;
    l.down = (l.height + l.tile_height - 1) / l.tile_height;
    for (uint32_t axis = 2; axis + 1 < grid->dimension; axis++)
        l.slice_planes *= grid->size[axis];
    return l;
}

/* Bytes of a row of tiles in the value. */
static uint64_t
band_size(const struct layout *l)
{
    return l->across * l->tile_row * l->tile_height;
}

/* Bytes that follow row `band` of tiles, counted through all planes. */
static uint64_t
gap_after(const struct layout *l, uint64_t band)
{
    uint64_t bands = l->slice_planes * l->down, slice = (band + 1) / bands;
    if ((band + 1) % bands > 0 || slice == l->slices)
        return 0;
    return slice == 1 ? l->image->first_gap : l->image->gap;
}

/* The row of tiles that begins at this row, counted through all planes; or, at the end, one more than there are. */
static uint64_t
band_at(const struct layout *l, uint64_t row)
{
    return row / l->height * l->down + row % l->height / l->tile_height;
}

bool
pieces_may_part(const struct zblob_image *image, uint64_t offset)
{
    struct layout l = layout_of(image);
    return offset % l.row == 0 && offset / l.row % l.height % l.tile_height == 0;
}

uint64_t
pieces_place(const struct zblob_image *image, uint64_t offset)
{
    struct layout l = layout_of(image);
    uint64_t band = band_at(&l, offset / l.row), gaps = band / (l.slice_planes * l.down);
    gaps -= gaps == l.slices;
    return band * band_size(&l) + image_gaps_before(image, gaps);
}

/* Where pieces come from or go to; `samples` and `rest` may be NULL. */
struct places {
    unsigned char *value, *samples, *rest;
    bool is_joined; /* into the value */
};

static void
move_piece(struct places *at, unsigned char **other, uint64_t offset, size_t size)
{
    if (*other && at->is_joined)
        memcpy(at->value, *other + offset, size);
    else if (*other)
        memcpy(*other + offset, at->value, size);
    at->value += size;
}

static void
move_rest(struct places *at, uint64_t size)
{
    move_piece(at, &at->rest, 0, (size_t)size);
    if (at->rest)
        at->rest += size;
}

/* One tile, whose first sample is byte `offset` of those that are moved. */
static void
move_tile(struct places *at, const struct layout *l, uint64_t offset, uint64_t wide, uint64_t rows)
{
    for (uint64_t row = 0; row < rows; row++) {
        move_piece(at, &at->samples, offset + row * l->row, (size_t)wide);
        move_rest(at, l->tile_row - wide);
    }
    move_rest(at, (l->tile_height - rows) * l->tile_row);
}

static void
move_chunk(struct places *at, const struct zblob_image *image, uint64_t offset, size_t size)
{
    struct layout l = layout_of(image);
    uint64_t row = offset / l.row, first = row, end = (offset + size) / l.row;
    while (row < end) {
        uint64_t left = l.height - row % l.height, rows = left < l.tile_height ? left : l.tile_height;
        for (uint64_t tile = 0; tile < l.across; tile++) {
            uint64_t along = tile * l.tile_row, wide = l.row - along;
            move_tile(at, &l, (row - first) * l.row + along, wide < l.tile_row ? wide : l.tile_row, rows);
        }
        move_rest(at, gap_after(&l, band_at(&l, row)));
        row += rows;
    }
}

void
pieces_split(const struct zblob_image *image, uint64_t offset, size_t size, const unsigned char *value,
             unsigned char *samples, unsigned char *rest)
{
    struct places at = {(unsigned char *)value, samples, rest, false};
    move_chunk(&at, image, offset, size);
}

void
pieces_join(const struct zblob_image *image, uint64_t offset, size_t size, const unsigned char *samples,
            const unsigned char *rest, unsigned char *value)
{
    struct places at = {value, (unsigned char *)samples, (unsigned char *)rest, true};
    move_chunk(&at, image, offset, size);
}
