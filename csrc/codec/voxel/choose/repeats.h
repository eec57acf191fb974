/* repeats.h: do whole rows of an image occur more than once, or long stretches of samples? */
#ifndef ZBLOB_CODEC_VOXEL_CHOOSE_REPEATS_H
#define ZBLOB_CODEC_VOXEL_CHOOSE_REPEATS_H

#include "../../../zblob.h"

enum { REPEATS_TABLE_BITS = 13 };

/* What was seen so far, at first all 0. */
struct repeats {
    uint32_t met[1 << REPEATS_TABLE_BITS]; /* of each row, half of its hash, at the place that the rest names */
    uint32_t varied, repeated;
    uint32_t far; /* of some blocks of samples: those of which something occurs again, wherever that is */
};

/* Look at rows of one image or of several images: at most about so many of each. The samples are whole rows of the grid.
 * Rows that look flat do not count. */
void repeats_look(struct repeats *seen, const struct zblob_grid *grid, const unsigned char *samples, size_t size,
                  size_t rows_max);

/* Were so many rows repeats of others that a byte matcher may gain from it? */
bool repeats_are_many(const struct repeats *seen);

#endif
