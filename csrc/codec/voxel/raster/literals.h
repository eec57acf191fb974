/*
 * literals.h: pixels that equal none of the candidates, sample by sample. Section 13 of docs/voxel-format.md.
 *
 * There are two ways to say a sample. By its *difference* from a prediction, as suits intensities: is there one, its sign,
 * the length of its magnitude, and the bits below the leading one. By its *value*, from the highest bit down, as suits
 * palettes and few levels: only for samples of 8 bits.
 */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_LITERALS_H
#define ZBLOB_CODEC_VOXEL_RASTER_LITERALS_H

#include "memory.h"
#include "odds.h"

enum { RASTER_SAMPLES_MAX = 4 /* in a pixel */ };

/* Pixels around the one that is coded. */
struct raster_site {
    uint32_t w, n, nw, ne, ww, nn, nne;
};

struct raster_bias {
    int32_t sum, count;
};

struct raster_literals {
    size_t components;
    int sample_bits; /* 8 or 16 */
    bool by_value;
    struct odds *odds[ODDS_MIXED]; /* tables by component, context and node */
    int32_t (*weights)[ODDS_MIXED];
    struct raster_bias *biases;
    uint8_t *error_rows;     /* two rows, a pixel's components side by side; 0: no literal */
    uint8_t *errors[2];      /* the row, and the one above */
    struct memory same[256]; /* the latest pixel of which the first sample had this value */
    struct odds same_odds[MEMORY_CONFIDENT + 1];
    struct odds_tables tables;
};

/* False: no memory. To be closed in any case; `literals` is all zeros at first but for the three above. */
bool raster_literals_open(struct raster_literals *literals, size_t width);
void raster_literals_close(struct raster_literals *literals);
size_t raster_literals_memory(size_t components, size_t width);

/* Before each row. */
void raster_literals_next_row(struct raster_literals *literals, size_t width);

/* The pixel of column x: an encoder's comes back. */
uint32_t raster_literal(struct raster_literals *literals, struct odds_coder *coder, const struct raster_site *site,
                        size_t x, uint32_t pixel);

#endif
