/* box.h: what is coded in raster order, and how. */
#ifndef ZBLOB_CODEC_VOXEL_RASTER_BOX_H
#define ZBLOB_CODEC_VOXEL_RASTER_BOX_H

#include "../../../zblob.h"

/* How pixels are coded; in the model. */
enum raster_way {
    RASTER_BY_DIFFERENCE, /* candidates, and literals by their difference from a guess */
    RASTER_BY_VALUE,      /* candidates, and literals by value: only with samples of 8 bits */
    RASTER_PREDICTED,     /* predicted.h: only with one component */
};

enum { RASTER_WEIGHTS = 9, RASTER_WEIGHT_BITS = 10, RASTER_WEIGHT_MOST = 511 /* in units of 1 / 128 */ };
/* A sample of a row takes 28 bytes of memory while it is predicted, whatever its own size. */
enum { PREDICTED_WIDTH_MAX = 1 << 20 };

/* Whole rows of pixels without gaps between them. */
struct raster_box {
    size_t components, width, rows;
    enum zblob_sample_type sample_type; /* of 8 bits, or of 16 with one component */
    bool big_endian;
    enum raster_way way;
    /* where they are predicted: the range, as unsigned numbers in their order or ranks; values by rank, or NULL */
    int32_t low, high;
    const uint16_t *values;
    uint32_t value_count;
    const int16_t *weights; /* RASTER_WEIGHTS of them */
};

#endif
