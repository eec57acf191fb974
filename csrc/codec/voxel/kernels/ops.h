/*
 * ops.h: the inner loops of the intensity path, of which there is one set for each CPU target: the table of them,
 * and what they work on. dispatch.h has the set that runs here.
 */
#ifndef ZBLOB_CODEC_VOXEL_KERNELS_OPS_H
#define ZBLOB_CODEC_VOXEL_KERNELS_OPS_H

#include "../neighbours.h"
#include "../tables.h"

#include <string.h>

enum {
    VOXEL_STATES = 64,      /* of rANS: two banks of VOXEL_LANES, which steps take in turns */
    VOXEL_SEGMENT = 512,    /* samples of a half-row that one call handles at most */
    VOXEL_ERROR_CAP = 1023, /* stored errors are (min(|r| >> shift, cap) << 4) */
    VOXEL_DIRECTION_CAP = 3069,
    VOXEL_FLOOR_OFFSET = 8192,  /* keeps distances below the floor positive */
    VOXEL_NOT_TURNED = 1 << 11, /* a fraction at which residuals keep their sign */
    VOXEL_PLATEAU_GROUPS = 48,  /* of tokens, where cells are compared */
    VOXEL_PLATEAU_WEIGHT = 16,  /* of most samples there */
    VOXEL_QUICK_LOG_BITS = 12,  /* of the fraction of a quick logarithm */
    VOXEL_QUICK_LOG = 1 << VOXEL_QUICK_LOG_BITS,
};

/* Loops run over so many elements. Those after the half-row's end are calculated with, and the results never used. */
static inline size_t
voxel_whole_vectors(size_t count)
{
    return (count + VOXEL_LANES - 1) / VOXEL_LANES * VOXEL_LANES;
}

/* Working arrays for one segment of a half-row. */
struct voxel_segment {
    bool keep_all; /* also class_of, direction and energy: for training (energy also where there are plateaus) */
    _Alignas(64) int16_t prediction[VOXEL_SEGMENT];
    _Alignas(64) uint16_t fraction[VOXEL_SEGMENT]; /* Q12 fraction of the prediction plus a half */
    _Alignas(64) uint16_t direction[3][VOXEL_SEGMENT];
    _Alignas(64) uint16_t class_of[VOXEL_SEGMENT];
    _Alignas(64) uint16_t energy[VOXEL_SEGMENT];
    _Alignas(64) uint16_t table[VOXEL_SEGMENT];
    _Alignas(64) uint16_t code[VOXEL_SEGMENT]; /* zigzag of the residual */
    /* with plateaus: */
    _Alignas(64) uint16_t cell[VOXEL_SEGMENT];
    _Alignas(64) uint16_t candidate[VOXEL_CANDIDATES][VOXEL_SEGMENT];    /* codes of three neighbours' values */
    _Alignas(64) uint16_t is_candidate[VOXEL_CANDIDATES][VOXEL_SEGMENT]; /* 0: a repeated one, or the cell has none */
};

typedef uint16_t unaligned16 __attribute__((aligned(1), may_alias)); /* at any address */

struct voxel_encoder {
    uint32_t states[VOXEL_STATES];
    const struct voxel_encode_entry *entries; /* [table][256] */
    const struct voxel_few_entry *few;        /* in their place, where there are few states */
    unaligned16 *words;                       /* the next one goes to words[0], upwards */
    unsigned char *raw;                       /* whole bytes of raw bits, written downwards */
    uint64_t raw_pending;                     /* bits that precede them, raw_pending_count of them (0..7) */
    unsigned raw_pending_count;
};

struct voxel_decoder {
    uint32_t states[VOXEL_STATES];
    const uint32_t *entries;  /* [table][VOXEL_TABLE_SIZE] */
    const unaligned16 *words; /* the next group ends here; readable well beyond both ends */
    const unsigned char *raw;
    uint64_t raw_at; /* in bits from raw; readable well past the last one */
};

/* Of two cells' groups taken together: samples, these times their quick logarithms, and tokens that are in use at most. */
struct voxel_pair_sums {
    uint64_t total, logs, used;
};

/* log2 to within 0.002, from a float's exponent and a cubic in its fraction; 0 has some value. All in integers, so that
 * every target gets the same. Compilers vectorise it. */
static inline uint32_t
voxel_quick_log(uint32_t n)
{
    enum { BITS = VOXEL_QUICK_LOG_BITS, ONE = VOXEL_QUICK_LOG };
    float f = (float)(int32_t)n;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    int32_t x = (int32_t)(bits >> (23 - BITS)) & (ONE - 1);
    int32_t curve = (x * (ONE - x) >> BITS) * (1730 - (637 * x >> BITS)) >> BITS;
    return (uint32_t)((int32_t)(bits >> (23 - BITS)) - (127 << BITS) + curve);
}

struct voxel_kernels {
    /* prediction, fraction, table (and class_of, direction, energy) of a segment; `at` is the segment's first sample in
     * the half-row. Called through voxel_model_segment. */
    void (*model)(const struct voxel_model *model, const struct voxel_kind *kind, const struct voxel_layout *layout,
                  const struct voxel_row *row, int parity, size_t at, size_t count, struct voxel_segment *segment);
    /* the row's own errors, and what the entropy coder needs of each sample: table << 8 | token, and the code; both
     * arrays take whole vectors */
    void (*residual)(const struct voxel_row *row, int shift, size_t at, size_t count,
                     const struct voxel_segment *segment, uint16_t *symbols, uint16_t *codes);
    /* values and errors of the row from code[] and the prediction */
    void (*reconstruct)(const struct voxel_row *row, int shift, size_t at, size_t count, struct voxel_segment *segment);
    /* with plateaus: after `model`; after `residual`; and between `rans_decode` and `reconstruct` */
    void (*find_plateaus)(const struct voxel_row *row, const struct voxel_plateaus *plateaus, int parity, size_t at,
                          size_t count, struct voxel_segment *segment);
    void (*encode_plateaus)(const struct voxel_segment *segment, size_t count, uint16_t *symbols, uint16_t *codes);
    void (*decode_plateaus)(size_t count, struct voxel_segment *segment);
    /* for training: two cells of plateaus, by groups of tokens, which have so many tokens */
    void (*sum_pair)(const uint32_t *x, const uint32_t *y, const uint32_t *width, struct voxel_pair_sums *sums);
    /* part of a half-row, from a multiple of VOXEL_STATES on; encoding goes backwards through a chunk */
    void (*rans_encode)(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count);
    void (*rans_decode)(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count);
    /* samples of one or two bytes in the machine's order, side by side <-> the halves of their row */
    void (*split_samples)(const unsigned char *src, enum zblob_sample_type type, int16_t *even, int16_t *odd,
                          size_t count);
    void (*join_samples)(const int16_t *even, const int16_t *odd, enum zblob_sample_type type, unsigned char *dst,
                         size_t count);
    /* for training, over the rows with these indices, in their order: sums[i][j] += row[i] * row[j] * weight for
     * j <= i < order (more j, unused) */
    void (*accumulate)(float (*sums)[VOXEL_TAPS_MAX], const float (*rows)[VOXEL_TAPS_MAX], const float *weights,
                       const uint32_t *indices, size_t count, int order);
};

static inline void
voxel_model_segment(const struct voxel_kernels *kernels, const struct voxel_model *model,
                    const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity, size_t at,
                    size_t count, struct voxel_segment *segment)
{
    kernels->model(model->channel_count ? &cursor->ranged : model, cursor->kind, cursor->layout[parity], row, parity,
                   at, count, segment);
}

#endif
