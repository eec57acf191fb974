/*
 * voxel_label.h: what the parts of the label coder share: the adaptive coder of four-valued symbols, the
 * list of distances, and the way between pixels and labels. It knows nothing of the intensity path.
 * The format is docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_H
#define ZBLOB_CODEC_VOXEL_LABEL_H

#include "voxel_internal.h"

enum {
    LABEL_BLOCK = 64,
    LABEL_SITES = 10,
    LABEL_CONTEXTS = 1024,      /* of one phase: ten bits */
    LABEL_LITERAL_CONTEXTS = 5, /* three ranks each */
    LABEL_LITERALS = 4 * LABEL_CONTEXTS,
    LABEL_ENTRIES = LABEL_LITERALS + LABEL_LITERAL_CONTEXTS,
    LABEL_SYMBOLS = 4,
    LABEL_SCALE_BITS = 15, /* of probabilities */
    LABEL_SCALE = 1 << LABEL_SCALE_BITS,
    LABEL_LANES = 4,       /* rANS states that take turns */
    LABEL_STATE_BITS = 31, /* states are not below this power of two */
    LABEL_RATES = 8,
    LABEL_COUNTS = 96,
    LABEL_RECENT = 16,
    LABEL_BATCH = 96, /* symbols after which probabilities are brought up to date */
    LABEL_BATCH_MAX = LABEL_BATCH + LABEL_BLOCK / 2,
    LABEL_PIXEL_MAX = 64, /* bytes of a pixel */
    LABEL_FRONT = 4,      /* rows of as many slices that are coded together */
    LABEL_SIDE = 2,       /* labels left and right of a row that repeat its ends */
};
#define LABEL_ENDS UINT64_C(0x7FFF7FFF7FFF)
#define LABEL_TOPS UINT64_C(0x800080008000)

/* ---- Four-valued symbols (voxel_label_coder.c, voxel_label_rows.inc) -------------------------------- */

/* Four numbers of 16 bits: the upper ends of the first three symbols' shares of LABEL_SCALE, from the lowest
 * bits up, and how often the context was used. */
typedef uint64_t label_odds;

struct label_coder {
    label_odds odds[LABEL_ENTRIES];
    uint64_t states[LABEL_LANES];
    const unsigned char *words, *words_end; /* decoder: not yet read */
    uint32_t *log;                          /* encoder: share and lane of each symbol, to be coded backwards */
    size_t log_count, log_capacity;
    bool failed; /* decoder: damage; encoder: no memory */
};

void label_coder_open(struct label_coder *coder);
void label_coder_close(struct label_coder *coder);
/* Decoder: states and words, all of [src, src + src_size). */
void label_coder_read(struct label_coder *coder, const unsigned char *src, size_t src_size);
/* Encoder: states and words at dst; returns their size, SIZE_MAX where they do not fit. */
size_t label_coder_write(const struct label_coder *coder, unsigned char *dst, size_t dst_capacity);
/* Encoder: room in the log for that many more symbols. */
bool label_coder_reserve(struct label_coder *coder, size_t count);
uint64_t label_coder_word(struct label_coder *coder);

/* What to add to odds once a symbol was seen, and which of their bits fade, by rate; the rate by count. */
extern const uint64_t label_gain[LABEL_SYMBOLS][LABEL_RATES];
extern const uint64_t label_fade[LABEL_RATES];
extern const uint8_t label_rate[LABEL_COUNTS];

static inline __attribute__((always_inline)) void
label_adapt(label_odds *odds, unsigned symbol)
{
    label_odds last = *odds;
    unsigned rate = label_rate[last >> 48];
    label_odds next = last + label_gain[symbol][rate] - (last >> rate & label_fade[rate]);
    if (next != last) /* else a long run of one symbol need not wait for the store */
        *odds = next;
}

/* The ends by which symbols are coded: no share is empty. */
static inline uint64_t
label_ends(label_odds odds)
{
    return (odds & LABEL_ENDS) - (odds >> 9 & UINT64_C(0x003F003F003F)) + UINT64_C(0x003000200010);
}

static inline uint32_t
label_note(uint32_t start, uint32_t share, size_t lane)
{
    return start | (share - 1) << LABEL_SCALE_BITS | (uint32_t)lane << (2 * LABEL_SCALE_BITS);
}

static inline __attribute__((always_inline)) uint32_t
label_note_symbol(label_odds odds, unsigned symbol, size_t lane)
{
    uint64_t ends = label_ends(odds);
    uint32_t start = (uint32_t)(ends << 16 >> 16 * symbol & 0xFFFF);
    uint32_t end = (uint32_t)((ends | (uint64_t)LABEL_SCALE << 48) >> 16 * symbol & 0xFFFF);
    return label_note(start, end - start, lane);
}

/* The symbol whose share the state's low bits fall in. */
static inline __attribute__((always_inline)) unsigned
label_take(struct label_coder *coder, uint64_t *state, label_odds odds)
{
    uint64_t x = *state, ends = label_ends(odds);
    uint64_t slot = x & (LABEL_SCALE - 1);
    uint64_t behind = (((slot * UINT64_C(0x000100010001) | LABEL_TOPS) - ends) & LABEL_TOPS) >> 15;
    unsigned symbol = (unsigned)(behind * UINT64_C(0x000100010001) >> 32 & 3);
    uint64_t start = ends << 16 >> 16 * symbol & 0xFFFF;
    uint64_t end = (ends | (uint64_t)LABEL_SCALE << 48) >> 16 * symbol & 0xFFFF;
    x = (end - start) * (x >> LABEL_SCALE_BITS) + slot - start;
    if (__builtin_expect(x < UINT64_C(1) << LABEL_STATE_BITS, 0))
        x = x << 32 | label_coder_word(coder);
    *state = x;
    return symbol;
}

/* ---- Distances between exceptions ------------------------------------------------------------------ */

struct label_gaps {
    uint32_t *list; /* encoder */
    size_t count, capacity;
    uint64_t left; /* flat samples before the next exception; encoder: since the last one */
    struct voxel_bit_reader reader;
    int order; /* of the Golomb code */
};

bool label_gaps_add(struct label_gaps *gaps);  /* encoder: an exception; false: no memory */
void label_gaps_next(struct label_gaps *gaps); /* decoder: `left` of the next one */
int label_gaps_order(const struct label_gaps *gaps);

/* ---- Survey (voxel_label_survey.c) ------------------------------------------------------------------ */

bool label_survey(const struct voxel_model *model, const unsigned char *samples);

/* ---- Pixels and labels (voxel_label_pixels.c) ------------------------------------------------------- */

/* A pixel of one or two bytes is its own label; others have their place in a palette. */
struct label_pixels {
    size_t size;       /* bytes of a pixel */
    size_t label_size; /* 1 or 2 */
    bool has_palette;
    const unsigned char *palette; /* palette_count pixels */
    size_t palette_count;
    unsigned char *memory; /* encoder: the palette's */
    uint32_t *slots;       /* encoder: hash -> place + 1 */
    size_t slot_count, capacity;
};

/* Encoder: what is needed for these pixels. ZBLOB_OK with label_size = 0: too many values. */
enum zblob_result label_pixels_survey(struct label_pixels *pixels, size_t pixel_size, const unsigned char *src,
                                      size_t count);
void label_pixels_close(struct label_pixels *pixels);
void label_load(const struct label_pixels *pixels, const unsigned char *src, void *labels, size_t count);
void label_store(const struct label_pixels *pixels, const void *labels, unsigned char *dst, size_t count);
void label_fill(const struct label_pixels *pixels, unsigned label, unsigned char *dst, size_t count);
bool label_is_constant(const unsigned char *src, size_t pixel_size, size_t count);

/* ---- Rows (voxel_label_rows.inc) ---------------------------------------------------------------------- */

/* What is known of a row besides its labels. */
struct label_state {
    bool is_constant; /* all labels are `value` */
    bool is_filled;   /* labels and edges are there; rows that are not constant always are */
    uint16_t value;
};

/* One row of the working planes. */
struct label_row {
    struct label_state *state;
    void *labels;
    uint64_t *edges; /* bit x: label x = label x + 1 */
};

/* The rows that a row refers to. In a chunk's first slice p, pn and ps are nn. */
struct label_above {
    struct label_row n, nn, p, pn, ps;
    bool is_first;
};

/* A row at work. Words of 64 bits: where n, p and ps agree, what is flat, where the row is n. */
struct label_work {
    struct label_above above;
    struct label_row row;
    const void *sites[LABEL_SITES]; /* the neighbours of the half-row, in the order in which they are asked for */
    uint64_t *agree, *flat, *same;
    size_t batch_end; /* its symbols in the batch end here */
};

struct label {
    struct label_coder coder;
    struct label_gaps gaps;
    struct label_pixels pixels;
    void (*code_rows)(struct label *l);
    size_t width, height, words, stride; /* words of 64 labels; stride in labels */
    size_t ring;                         /* slices that are kept */
    uint64_t tail;                       /* the last word's bits that belong to the row */
    unsigned char *labels;               /* rows of the ring's slices, and one of nothing but the first label */
    struct label_state *states;
    uint64_t *edges, *bits;
    struct label_work work[LABEL_FRONT];
    size_t work_count;
    uint16_t recent[LABEL_RECENT]; /* literals, the latest first */
    size_t recent_count;
    size_t literal_count; /* that were not recent */
    bool decode, failed;
    /* a batch; places count from `labels` */
    size_t batch_count;
    uint32_t places[LABEL_BATCH_MAX];
    uint16_t contexts[LABEL_BATCH_MAX], second[LABEL_BATCH_MAX];
    uint8_t symbols[LABEL_BATCH_MAX + 8];
};

/* A label that none of its candidates is (voxel_label_literal.c). Decoder: `label` is not looked at. */
unsigned label_code_literal(struct label *l, unsigned label, const unsigned candidates[3]);

#endif
