/*
 * internal.h: what the stages of the voxel codec share: limits, the model, the geometry of a
 * block of planes, and the table of kernels that exist once for each CPU target.
 *
 * It knows nothing of frames, checksums, threads or SQLite. The format is docs/voxel-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_INTERNAL_H
#define ZBLOB_CODEC_VOXEL_INTERNAL_H

#include "codec.h"

enum {
    VOXEL_PRESET_FAST = 0,
    VOXEL_PRESET_NORMAL = 1,
    VOXEL_PRESET_RICH = 2,
    VOXEL_PRESET_COUNT = 3,

    VOXEL_LANES = 32,    /* samples in one step of the entropy coder */
    VOXEL_STATES = 64,   /* rANS states: two banks, that steps take in turns */
    VOXEL_SEGMENT = 512, /* samples of a half-row that one kernel call handles */
    VOXEL_PAD = 4,       /* elements left and right of a half-row that repeat its edges: taps reach no farther */
    VOXEL_TAPS_MAX = 24,
    VOXEL_CLASSES = 32,
    VOXEL_ERRORS_MAX = 12,
    VOXEL_FEATURES_MAX = VOXEL_ERRORS_MAX + 3,
    VOXEL_BINS_MAX = 32,
    VOXEL_STEPS_MAX = 128,  /* energies count in so many steps, the last is open */
    VOXEL_COARSE_SHIFT = 3, /* the upper half of the steps are so many powers of two as wide */
    VOXEL_ENERGY_SHIFT_MAX = 10,
    VOXEL_FLOOR_LEVELS = 4,
    VOXEL_FLOOR_OFFSET = 8192, /* keeps distances below the floor positive */
    VOXEL_NOT_TURNED = 1 << 11,
    VOXEL_TABLES_MAX = VOXEL_BINS_MAX * 2 + VOXEL_BINS_MAX / 2 * VOXEL_FLOOR_LEVELS,
    VOXEL_KINDS_MAX = 5, /* 0: no reference plane; 1 + min(component, 3) otherwise */
    VOXEL_KIND_LAST = VOXEL_KINDS_MAX - 1,
    VOXEL_CHANNELS_MAX = 4,
    VOXEL_LEVEL_TRIAL = 0, /* of voxel_train: the normal preset, trained for a comparison */

    VOXEL_TOKENS = 225, /* 0..223, and the escape */
    VOXEL_ESCAPE = 224,
    VOXEL_TABLE_BITS = 11,
    VOXEL_TABLE_SIZE = 1 << VOXEL_TABLE_BITS,

    VOXEL_WEIGHT_BITS = 12,
    VOXEL_WEIGHT_LIMIT = 16000,     /* of one weight */
    VOXEL_WEIGHT_SUM_LIMIT = 60000, /* of their absolute sum: the accumulator stays in 32 bits */
    VOXEL_ERROR_CAP = 1023,         /* stored errors are (min(|r| >> shift, cap) << 4) */
    VOXEL_DIRECTION_CAP = 3069,
    VOXEL_SHIFT_MAX = 6,
    VOXEL_ROW_MIN = 24,           /* pixels: below it padding would outweigh the samples by far */
    VOXEL_ROW_SIZE_MAX = 8 << 20, /* bytes */
    VOXEL_MARGIN = 8,             /* margins are counted in steps of this many pairs of samples */
};

/* A neighbour: source 0 is this plane, 1 the reference plane, 2 the one before it. */
struct voxel_site {
    int8_t source, dy, dx;
};

/* The neighbourhood of one kind of plane and parity. Format constants (layouts.h). */
struct voxel_layout {
    uint8_t tap_count;
    uint8_t error_count;
    bool has_reference;
    bool has_pairs;         /* false: one class, no activity */
    uint8_t pairs[3][3][2]; /* three differences of taps for each of three directions */
    struct voxel_site taps[VOXEL_TAPS_MAX];
    struct voxel_site errors[VOXEL_ERRORS_MAX];
};

int voxel_preset_bins(int preset);
int voxel_preset_steps(int preset);
int voxel_preset_split(int preset); /* this many low bins are doubled by the prediction's fraction */

/* Parameters of one kind of plane, for one parity. */
struct voxel_predictor {
    uint16_t activity[3];                           /* thresholds of the activity classes */
    int16_t weights[VOXEL_TAPS_MAX][VOXEL_CLASSES]; /* Q12; each class sums to 4096 */
    uint16_t context_weights[VOXEL_FEATURES_MAX];   /* Q16: errors, then three directions */
};

struct voxel_kind {
    bool single_class;
    struct voxel_predictor parity[2];
};

/* How samples become the integers that are predicted, and back. */
struct voxel_mapping {
    uint32_t rank_count; /* values in the rank map; 0: none */
    uint16_t *value_of;  /* rank -> value, ascending; where decoding, 65536, the first again behind the last */
    uint16_t *rank_of;   /* value -> rank, 65536 of them (only where encoding) */
};

/* What a plane holds where components are not coded as they are: one of them, less another one, plus an offset that
 * gives all planes the same modal value. */
struct voxel_channel {
    uint8_t component;
    uint8_t minus; /* 1 + the plane (an earlier one) whose component is subtracted; 0: none */
    uint16_t offset;
    bool use_floor; /* the model's, for this plane alone; so are the next two */
    int16_t low, high;
};

/* The image after normalisation (layout.c): rows of `width` pixels, `height` of them in a
 * slice, `slices`, each pixel with `components` interleaved samples. */
struct voxel_shape {
    uint64_t width, height, slices, components;
};

struct voxel_wide; /* voxel/wide/cells.h */

struct voxel_model {
    struct zblob_grid grid; /* of what is coded: uint16 where the image's samples are wide */
    struct voxel_shape shape;
    struct voxel_wide *wide; /* samples of 32 or 64 bits, or floats; NULL: 8 or 16 bits */
    struct voxel_mapping mapping;
    bool is_folded;     /* `shape` was made of an image of one row; the pixels that fill no slice are not coded */
    bool is_transposed; /* rows of `shape` are columns of the image; only with whole-slice chunks */
    bool is_label;      /* coded by voxel/label/codec.c; nothing below matters then */
    uint8_t preset;
    uint8_t shift;          /* scale of stored errors */
    bool use_reference;     /* false: every plane is predicted from itself alone */
    bool is_apart;          /* components do not refer to each other */
    bool use_margins;       /* the modal value at both ends of a row is not coded */
    bool use_floor;         /* values are cut off at `low`: contexts tell how near that is */
    int16_t low, high;      /* predictions are clamped to this range */
    int16_t modal;          /* the most frequent value: of rows out of the image, and of flat rows */
    uint32_t channel_count; /* as many as components; 0: planes hold the components as they are */
    struct voxel_channel channels[VOXEL_CHANNELS_MAX];
    uint32_t chunk_slices; /* slices in a chunk; 0: chunks are bands of chunk_rows rows */
    uint32_t chunk_rows;
    uint32_t distance; /* to the slice of reference: 1, or the slices of a volume in a series of them */
    uint32_t kind_count;
    uint8_t energy_shift;               /* energies >> this are steps of the lower half */
    uint8_t thresholds[VOXEL_BINS_MAX]; /* steps, from 1 on; they do not decrease */
    uint16_t bin_of[VOXEL_STEPS_MAX];   /* step -> bin, which follows from the thresholds */
    struct voxel_kind *kinds;           /* kind_count of them */
};

const struct voxel_layout *voxel_layout(const struct voxel_model *model, uint32_t kind, int parity);

static inline int
voxel_table_count(const struct voxel_model *model)
{
    int bins = voxel_preset_bins(model->preset);
    int count = bins + voxel_preset_split(model->preset);
    return model->use_floor ? count + bins / 2 * VOXEL_FLOOR_LEVELS : count;
}

/* ---- Blocks of planes ------------------------------------------------------------------------ */

/* A box of the image: whole rows, some of the rows of some slices. */
struct voxel_box {
    uint64_t slice, slices, row, rows;
};

/* Even and odd halves of rows, padded, for the slices of a ring: a slice, the one at the distance of the
 * reference, and the one twice as far. */
struct voxel_planes {
    size_t width, height, components;
    size_t distance, ring; /* to the reference slice, and slices that are kept: 2 * distance + 1 at most */
    size_t half[2];        /* samples in the even and the odd half of a row */
    size_t half_stride;    /* elements from one half-row to the next, of the same plane */
    size_t plane_stride;   /* what whole vectors write behind a plane's last row hits nothing */
    int16_t *values;
    uint16_t *errors;
};

/* A chunk's working memory comes in one piece: the C library then keeps it for the next chunk
 * instead of returning its pages to the system. */
struct voxel_arena {
    unsigned char *memory, *at, *end;
};
bool voxel_arena_open(struct voxel_arena *arena, size_t size);
void *voxel_arena_take(struct voxel_arena *arena, size_t size); /* 64-byte aligned */
void voxel_arena_close(struct voxel_arena *arena);

/* Bytes that a box's planes need, and the planes in that memory. */
size_t voxel_planes_size(const struct voxel_shape *shape, struct voxel_box box, uint32_t distance);
void voxel_planes_open(struct voxel_planes *planes, const struct voxel_shape *shape, struct voxel_box box,
                       uint32_t distance, int16_t modal, void *memory);

/* Element 0 of the half-row: of the values, or of the errors with the same arithmetic. */
static inline size_t
voxel_half_row(const struct voxel_planes *planes, size_t ring, size_t component, size_t row, int parity)
{
    size_t plane = ring * planes->components + component;
    return VOXEL_LANES + plane * planes->plane_stride + (row * 2 + (size_t)parity) * planes->half_stride;
}

/* Where a half-row's neighbours are found: so many elements from element 0 of the row's even half. */
struct voxel_row {
    const int16_t *even_values;
    const uint16_t *even_errors;
    const ptrdiff_t *taps, *errors; /* the cursor's, or at the edges: */
    ptrdiff_t edge_taps[VOXEL_TAPS_MAX], edge_errors[VOXEL_ERRORS_MAX];
    int16_t *values; /* of the half-row itself */
    uint16_t *own_errors;
    size_t count;
};

static inline const int16_t *
voxel_tap(const struct voxel_row *row, int tap)
{
    return row->even_values + row->taps[tap];
}

static inline const uint16_t *
voxel_error(const struct voxel_row *row, int error)
{
    return row->even_errors + row->errors[error];
}

/* The rows of one plane in coding order, and what they refer to. */
struct voxel_plane_cursor {
    const struct voxel_layout *layout[2];
    const struct voxel_kind *kind;
    size_t ring[3], component[3]; /* of source 0, 1, 2 */
    bool has_reference;
    struct voxel_model ranged; /* with channels: the model with the plane's own range */
    /* in rows with all their neighbours: from element 0 of the even half to each site */
    ptrdiff_t taps[2][VOXEL_TAPS_MAX], errors[2][VOXEL_ERRORS_MAX];
};

void voxel_cursor_open(struct voxel_plane_cursor *cursor, const struct voxel_model *model,
                       const struct voxel_planes *planes, size_t slice_in_box, size_t component);
void voxel_row_open(struct voxel_row *row, const struct voxel_planes *planes, const struct voxel_plane_cursor *cursor,
                    size_t y, int parity);
void voxel_pad_values(const struct voxel_planes *planes, size_t ring, size_t component, size_t row, int parity);
void voxel_pad_errors(const struct voxel_planes *planes, size_t ring, size_t component, size_t row, int parity);

/* ---- Samples --------------------------------------------------------------------------------- */

bool voxel_is_wide(enum zblob_sample_type type);
bool voxel_shape_of(struct voxel_shape *shape, const struct zblob_grid *grid);

/* Samples <-> the integers that are coded, `count` of them `step` samples apart. */
void voxel_load(const struct voxel_model *model, const unsigned char *src, size_t step, int16_t *dst, size_t count);
void voxel_store(const struct voxel_model *model, const int16_t *src, unsigned char *dst, size_t step, size_t count);
/* One row of pixels into the planes (slow where the image is transposed), and whole slices of a box. */
void voxel_load_row(const struct voxel_model *model, const unsigned char *samples, uint64_t slice, uint64_t row,
                    const struct voxel_planes *planes, size_t ring, size_t y, int16_t *scratch);
void voxel_load_slice(const struct voxel_model *model, const unsigned char *samples, struct voxel_box box, size_t z,
                      const struct voxel_planes *planes, int16_t *scratch);
void voxel_store_slice(const struct voxel_model *model, unsigned char *dst, struct voxel_box box, size_t z,
                       const struct voxel_planes *planes, int16_t *scratch);
size_t voxel_scratch_size(const struct voxel_shape *shape); /* elements that these three need */

/* Rows of planes that hold the channels' components, as loaded -> what the channels are; and a plane's row back into
 * its component, where the earlier planes' rows are components already, `stride` elements apart. */
void voxel_split_channels(const struct voxel_model *model, const struct voxel_planes *planes, size_t ring, size_t y,
                          size_t rows);
void voxel_join_channel(const struct voxel_model *model, size_t plane, int16_t *rows, size_t stride, size_t count);

/* ---- Kernels, once for each target ------------------------------------------------------------ */

/* Working arrays for one segment of a half-row. */
struct voxel_segment {
    bool keep_all; /* also class_of, direction and energy: for training */
    _Alignas(64) int16_t prediction[VOXEL_SEGMENT];
    _Alignas(64) uint16_t fraction[VOXEL_SEGMENT]; /* Q12 fraction of the prediction plus a half */
    _Alignas(64) uint16_t direction[3][VOXEL_SEGMENT];
    _Alignas(64) uint16_t class_of[VOXEL_SEGMENT];
    _Alignas(64) uint16_t energy[VOXEL_SEGMENT];
    _Alignas(64) uint16_t table[VOXEL_SEGMENT];
    _Alignas(64) uint16_t code[VOXEL_SEGMENT]; /* zigzag of the residual */
};

struct voxel_encode_entry {
    uint32_t packed;     /* start | frequency << 12 | is_escape << 31 */
    uint32_t reciprocal; /* floor(2^32 / frequency), 2^32 - 1 for 1 */
};

typedef uint16_t unaligned16 __attribute__((aligned(1), may_alias)); /* of whatever address */

struct voxel_encoder {
    uint32_t states[VOXEL_STATES];
    const struct voxel_encode_entry *entries; /* [table][256] */
    unaligned16 *words;                       /* the next one goes to words[0], upwards */
    unsigned char *raw;                       /* whole bytes of raw bits, written downwards */
    uint64_t raw_pending;                     /* bits that precede them, raw_pending_count of them (0..7) */
    unsigned raw_pending_count;
};

struct voxel_decoder {
    uint32_t states[VOXEL_STATES];
    const uint32_t *entries;  /* [table][2048]: frequency << 20 | (slot - start) << 8 | token */
    const unaligned16 *words; /* the next group ends here; readable well beyond both ends */
    const unsigned char *raw;
    uint64_t raw_at; /* in bits from raw; readable well past the last one */
};

struct label;

struct voxel_ops {
    /* prediction, fraction, energy, table (and class_of, direction) of a segment; 
     * `at` is the segment's first sample of the half-row */
    void (*model)(const struct voxel_model *model, const struct voxel_kind *kind, const struct voxel_layout *layout,
                  const struct voxel_row *row, int parity, size_t at, size_t count, struct voxel_segment *segment);
    /* the row's own errors, and what the entropy coder needs of each sample: table << 8 | token, and the
     * code; both arrays take a count rounded up to whole vectors */
    void (*residual)(const struct voxel_row *row, int shift, size_t at, size_t count,
                     const struct voxel_segment *segment, uint16_t *symbols, uint16_t *codes);
    /* values and errors of the row from code[] and the prediction */
    void (*reconstruct)(const struct voxel_row *row, int shift, size_t at, size_t count, struct voxel_segment *segment);
    /* the rows of a label map that are at work (voxel/kernels/label_rows_template.h): [decode][0: labels of 8 bits, 1: of 16] */
    void (*label_rows[2][2])(struct label *label);
    /* for training, over the rows with these indices, in their order: sums[i][j] += row[i] * row[j] * weight for
     * j <= i < order (more j, unused) */
    void (*accumulate)(float (*sums)[VOXEL_TAPS_MAX], const float (*rows)[VOXEL_TAPS_MAX], const float *weights,
                       const uint32_t *indices, size_t count, int order);
    /* part of a half-row, from a multiple of 64 on; encoding goes backwards through a chunk */
    void (*rans_encode)(struct voxel_encoder *encoder, const uint16_t *symbols, const uint16_t *codes, size_t count);
    void (*rans_decode)(struct voxel_decoder *decoder, const uint16_t *tables, uint16_t *codes, size_t count);
    /* samples of one or two bytes in the machine's order, side by side <-> the halves of their row */
    void (*split_samples)(const unsigned char *src, enum zblob_sample_type type, int16_t *even, int16_t *odd,
                          size_t count);
    void (*join_samples)(const int16_t *even, const int16_t *odd, enum zblob_sample_type type, unsigned char *dst,
                         size_t count);
};

enum voxel_target {
    VOXEL_TARGET_AUTO = -1,
    VOXEL_TARGET_SCALAR = 0,
    VOXEL_TARGET_PORTABLE = 1,
    VOXEL_TARGET_AVX2 = 2,
    VOXEL_TARGET_AVX512 = 3,
    VOXEL_TARGET_COUNT = 4,
};

/* The kernels of the best target that this CPU has, or of the forced one. */
const struct voxel_ops *voxel_ops(void);

/* NULL where the build has no such target. */
const struct voxel_ops *voxel_ops_scalar(void);
const struct voxel_ops *voxel_ops_portable(void);
const struct voxel_ops *voxel_ops_avx2(void);
const struct voxel_ops *voxel_ops_avx512(void);

static inline void
voxel_model_segment(const struct voxel_ops *ops, const struct voxel_model *model,
                    const struct voxel_plane_cursor *cursor, const struct voxel_row *row, int parity, size_t at,
                    size_t count, struct voxel_segment *segment)
{
    ops->model(model->channel_count ? &cursor->ranged : model, cursor->kind, cursor->layout[parity], row, parity, at,
               count, segment);
}

/* ---- Frequency tables, bits, models, chunks ---------------------------------------------------- */

struct voxel_bit_writer {
    unsigned char *at, *end;
    uint64_t bits;
    int count;
    bool overflow;
};
struct voxel_bit_reader {
    const unsigned char *at, *end;
    uint64_t bits;
    int count;
    bool overflow;
};
void voxel_put_bits(struct voxel_bit_writer *writer, uint32_t value, int count);
void voxel_put_golomb(struct voxel_bit_writer *writer, uint32_t value, int order);
void voxel_flush_bits(struct voxel_bit_writer *writer);
uint32_t voxel_get_bits(struct voxel_bit_reader *reader, int count);
uint32_t voxel_get_golomb(struct voxel_bit_reader *reader, int order);

/* Counts -> frequencies that sum to 2048; rare tokens go to the escape. */
void voxel_normalise(const uint32_t counts[VOXEL_TOKENS], uint16_t frequencies[VOXEL_TOKENS]);
void voxel_write_table(struct voxel_bit_writer *writer, const uint16_t frequencies[VOXEL_TOKENS]);
bool voxel_read_table(struct voxel_bit_reader *reader, uint16_t frequencies[VOXEL_TOKENS]);
void voxel_encode_table(const uint16_t frequencies[VOXEL_TOKENS], struct voxel_encode_entry entries[256]);
void voxel_decode_table(const uint16_t frequencies[VOXEL_TOKENS], uint32_t entries[VOXEL_TABLE_SIZE]);

/* Fill bin_of from the thresholds. */
void voxel_index_bins(struct voxel_model *model);
struct voxel_model *voxel_model_new(const struct zblob_grid *grid);
/* Where the samples are wide, intensities are the numbers of their cells: from here on. False: no memory. */
bool voxel_model_widen(struct voxel_model *model);
bool voxel_predictor_valid(const struct voxel_model *model, const struct voxel_kind *kind, bool has_reference);
void voxel_choose_chunks(struct voxel_model *model, int level);
/* Chunks of whole volumes, each `distance` slices, that refer to the volume before. */
void voxel_choose_series(struct voxel_model *model, uint32_t distance);
void voxel_transpose(struct voxel_model *model);
/* An image of one row becomes slices of height x width (fold.c). False: it is none, or they do not fit. */
bool voxel_fold(struct voxel_model *model, uint64_t width, uint64_t height);
/* The same, chosen by the samples. A signal has no rows of its own: its slices are to be transposed, and apart. */
bool voxel_choose_fold(struct voxel_model *model, const unsigned char *samples, bool *is_signal);
struct voxel_box voxel_chunk_box(const struct voxel_model *model, size_t index);
const unsigned char *voxel_row_address(const struct voxel_model *model, const unsigned char *samples, uint64_t slice,
                                       uint64_t row);

/* Fit every parameter of an intensity model to the samples (voxel/choose/train.c). *gain = false: hopeless. */
enum zblob_result voxel_train(struct voxel_model *model, const unsigned char *samples, int level, bool *gain);
/* Choose energy_shift and thresholds for so many samples of each energy (voxel/choose/bins.c). */
void voxel_choose_bins(struct voxel_model *model, const uint32_t *histogram, uint32_t highest);
/* Choose what planes hold (channels.c), for an intensity model that is complete but for its training. */
enum zblob_result voxel_choose_channels(struct voxel_model *model, const unsigned char *samples, int level);
/* About the bits, in units of 1/256, of a plane of a few pieces of the image (voxel/choose/channel_cost.c): only the channels
 * up to it matter, and of them only what they hold. NULL: no memory; free it. */
struct voxel_channel_look;
struct voxel_channel_look *voxel_look_at_channels(const struct voxel_model *model, const unsigned char *samples);
uint64_t voxel_channel_cost(struct voxel_channel_look *look, const struct voxel_channel *channels, size_t plane);
/* Choose the mapping, the range and the modal value; is_label where few values fill flat areas. Is the
 * image clearly smoother along its rows than across them? */
enum zblob_result voxel_survey(struct voxel_model *model, const unsigned char *samples, bool *smoother_along,
                               bool *gain);

/* dst: as for voxel_encode_chunk. */
enum zblob_result voxel_encode_planes(const struct voxel_model *model, struct voxel_box box,
                                      const unsigned char *samples, unsigned char *dst, size_t dst_capacity,
                                      size_t *dst_size);
enum zblob_result voxel_decode_planes(const struct voxel_model *model, struct voxel_box box, const unsigned char *src,
                                      size_t src_size, unsigned char *dst);
enum zblob_result voxel_encode_label(const struct voxel_model *model, struct voxel_box box,
                                     const unsigned char *samples, unsigned char *dst, size_t dst_capacity,
                                     size_t *dst_size);
enum zblob_result voxel_decode_label(const struct voxel_model *model, struct voxel_box box, const unsigned char *src,
                                     size_t src_size, unsigned char *dst);

/* Wide samples (voxel/wide/codec.c): choose the cells, and give the numbers of all, which take the samples' place. */
struct voxel_wide *voxel_wide_new(const struct zblob_grid *grid);
void voxel_wide_free(struct voxel_wide *wide);
size_t voxel_wide_sample_size(const struct voxel_wide *wide);
enum zblob_result voxel_wide_prepare(struct voxel_model *model, const unsigned char *samples,
                                     const unsigned char **cells, bool *gain);
void voxel_wide_write(struct voxel_bit_writer *writer, const struct voxel_wide *wide);
bool voxel_wide_read(struct voxel_bit_reader *reader, struct voxel_wide *wide);
enum zblob_result voxel_encode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                                    unsigned char *dst, size_t dst_capacity, size_t *dst_size);
enum zblob_result voxel_decode_wide(const struct voxel_model *model, struct voxel_box box, const unsigned char *src,
                                    size_t src_size, unsigned char *dst);

/* log2 in units of 1/256, rounded down. */
static inline uint64_t
voxel_log2(uint32_t value)
{
    int whole = 31 - __builtin_clz(value);
    uint64_t log = (uint64_t)whole, x = (uint64_t)value << (31 - whole); /* 1 to 2, with 31 bits behind the point */
    for (int i = 0; i < 8; i++) {
        x = x * x >> 31;
        log = log << 1 | x >> 32;
        x >>= x >> 32;
    }
    return log;
}

/* Bits, in units of 1/256, that the best code for these counts needs. */
static inline uint64_t
voxel_entropy(const uint32_t *counts, size_t count)
{
    uint64_t total = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        if (counts[i]) {
            total += counts[i];
            sum += counts[i] * voxel_log2(counts[i]);
        }
    return total ? total * voxel_log2((uint32_t)total) - sum : 0;
}

static inline uint32_t
voxel_get32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline void
voxel_put32(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
    p[2] = (unsigned char)(v >> 16);
    p[3] = (unsigned char)(v >> 24);
}

#endif
