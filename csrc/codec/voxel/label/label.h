/*
 * label.h: what the parts of the label coder share: the adaptive coder of four-valued symbols, the
 * list of distances, and the way between pixels and labels. It knows nothing of the intensity path.
 * The format is docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_LABEL_H
#define ZBLOB_CODEC_VOXEL_LABEL_LABEL_H

#include "../internal.h"

enum {
    LABEL_BLOCK = 64,
    LABEL_LINE = 64, /* bytes */
    LABEL_SITES = 10,
    LABEL_CONTEXTS = 1024,      /* of one phase: ten bits */
    LABEL_LITERAL_CONTEXTS = 5, /* three ranks each */
    LABEL_LITERALS = 4 * LABEL_CONTEXTS,
    LABEL_IDLE = LABEL_LITERALS + LABEL_LITERAL_CONTEXTS, /* a context for lanes without a symbol */
    LABEL_ENTRIES,
    LABEL_SYMBOLS = 4,
    LABEL_SCALE_BITS = 15, /* of probabilities */
    LABEL_SCALE = 1 << LABEL_SCALE_BITS,
    LABEL_LANES = 16,      /* symbols of a group, each with a rANS state of its own */
    LABEL_STATE_BITS = 16, /* states are not below this power of two */
    LABEL_RATES = 8,
    LABEL_RATE_SHIFT = 55, /* of odds: the rate is the count's upper part */
    LABEL_RECENT = 16,
    LABEL_PIXEL_MAX = 64, /* bytes of a pixel */
    LABEL_FRONT = 4,      /* rows of as many slices that are coded together */
    LABEL_SIDE = 1,       /* labels left and right of half a row that repeat the row's ends */
};
#define LABEL_ENDS UINT64_C(0x7FFF7FFF7FFF)
#define LABEL_TOPS UINT64_C(0x800080008000)
/* What makes ends of odds: no share is empty. */
#define LABEL_PULL UINT64_C(0x003F003F003F)
#define LABEL_PUSH UINT64_C(0x8000003000200010)

/* ---- Four-valued symbols (coder.c, voxel/kernels/label_groups_template.h) ------------------------------ */

/* Four numbers of 16 bits: the upper ends of the first three symbols' shares of LABEL_SCALE, from the lowest
 * bits up, and 128 times the rate of adaptation, which grows with use. */
typedef uint64_t label_odds;

struct label_coder {
    label_odds odds[LABEL_ENTRIES];
    uint32_t states[LABEL_LANES];
    const unsigned char *words, *words_end; /* decoder: not yet read */
    uint32_t *log;                          /* encoder: share of each symbol, to be coded backwards */
    uint8_t *groups;                        /* encoder: symbols of each group */
    size_t log_count, group_count, log_capacity;
    bool failed; /* decoder: damage; encoder: no memory */
};

void label_coder_open(struct label_coder *coder);
void label_coder_close(struct label_coder *coder);
/* Decoder: states and words, all of [src, src + src_size). */
void label_coder_read(struct label_coder *coder, const unsigned char *src, size_t src_size);
bool label_coder_is_at_end(const struct label_coder *coder);
/* Encoder: states and words at dst; returns their size, SIZE_MAX where they do not fit. */
size_t label_coder_write(const struct label_coder *coder, unsigned char *dst, size_t dst_capacity);
/* Encoder: room in the log for that many more symbols, and one group more than they fill. */
bool label_coder_reserve(struct label_coder *coder, size_t count);
uint32_t label_coder_word(struct label_coder *coder);

/* By rate: how far the ends move, in each of three lanes; what the count grows by. */
extern const uint64_t label_fade[LABEL_RATES];
extern const uint64_t label_step[LABEL_RATES];

static inline __attribute__((always_inline)) label_odds
label_adapted(label_odds odds, unsigned symbol)
{
    unsigned rate = (unsigned)(odds >> LABEL_RATE_SHIFT) & (LABEL_RATES - 1);
    uint64_t fade = label_fade[rate];
    return odds + (fade & UINT64_MAX << 16 * symbol) + label_step[rate] - (odds >> rate & fade);
}

/* The ends by which symbols are coded, that of the last symbol included. */
static inline uint64_t
label_ends(label_odds odds)
{
    return (odds & LABEL_ENDS) - (odds >> 9 & LABEL_PULL) + LABEL_PUSH;
}

static inline uint32_t
label_note(uint32_t start, uint32_t share)
{
    return start | (share - 1) << LABEL_SCALE_BITS;
}

static inline __attribute__((always_inline)) uint32_t
label_note_symbol(label_odds odds, unsigned symbol)
{
    uint64_t ends = label_ends(odds);
    uint32_t start = (uint32_t)(ends << 16 >> 16 * symbol & 0xFFFF);
    return label_note(start, (uint32_t)(ends >> 16 * symbol & 0xFFFF) - start);
}

/* The symbol whose share the state's low bits fall in. */
static inline __attribute__((always_inline)) unsigned
label_take(struct label_coder *coder, uint32_t *state, label_odds odds)
{
    uint64_t ends = label_ends(odds);
    uint32_t x = *state, slot = x & (LABEL_SCALE - 1);
    uint64_t behind = (((slot * UINT64_C(0x000100010001) | LABEL_TOPS) - (ends & LABEL_ENDS)) & LABEL_TOPS) >> 15;
    unsigned symbol = (unsigned)(behind * UINT64_C(0x000100010001) >> 32 & 3);
    uint32_t start = (uint32_t)(ends << 16 >> 16 * symbol & 0xFFFF), end = (uint32_t)(ends >> 16 * symbol & 0xFFFF);
    x = (end - start) * (x >> LABEL_SCALE_BITS) + slot - start;
    if (x < UINT32_C(1) << LABEL_STATE_BITS)
        x = x << 16 | label_coder_word(coder);
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

/* ---- Survey (survey.c) ------------------------------------------------------------------ */

bool label_survey(const struct voxel_model *model, const unsigned char *samples);

/* ---- Pixels and labels (pixels.c) ------------------------------------------------------- */

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

/* ---- Rows (voxel/kernels/label_rows_template.h) ---------------------------------------------------------------------- */

/* What is known of a row besides its labels. */
struct label_state {
    bool is_constant; /* all labels are `value` */
    bool is_filled;   /* labels and edges are there; rows that are not constant always are */
    uint16_t value;
};

/* One row of the working planes. */
struct label_row {
    struct label_state *state;
    void *half[2];   /* its even labels, its odd ones */
    uint64_t *edges; /* bit i of the first words: label 2i = label 2i + 1; of the others: label 2i = label 2i - 1 */
};

/* The rows that a row refers to. In a chunk's first slice p, pn and ps are nn. */
struct label_above {
    struct label_row n, nn, p, pn, ps;
    bool is_first;
};

/* A row at work. Words of 64 labels of the half that is coded: what is flat, what is a symbol. */
struct label_work {
    struct label_above above;
    struct label_row row;
    const unsigned char *src; /* encoder: its pixels */
    unsigned char *dst;       /* decoder */
    uint64_t *flat, *coded;
    void *second; /* second candidates of the words that hold symbols */
};

struct label {
    struct label_coder coder;
    struct label_gaps gaps;
    struct label_pixels pixels;
    void (*code_rows)(struct label *l);
    size_t width, height, words, stride; /* words of 64 labels of half a row; stride of half a row in labels */
    size_t ring;                         /* slices that are kept */
    size_t count[2];                     /* labels of each half of a row */
    uint64_t tail[2];                    /* bits of its last word that belong to the half */
    unsigned char *memory, *labels;      /* rows of the ring's slices, and one of nothing but the first label */
    unsigned char *line;                 /* labels of a whole row whose pixels have a palette */
    struct label_state *states;
    uint64_t *edges, *bits;
    unsigned char *seconds;
    struct label_work work[LABEL_FRONT];
    size_t work_count;
    uint16_t recent[LABEL_RECENT]; /* literals, the latest first */
    size_t recent_count;
    size_t literal_count; /* that were not recent */
    bool decode, failed;
    /* the symbols of the half-rows at work: bit i of above[j]: symbol i is above j */
    uint32_t *contexts;
    uint64_t *above[LABEL_SYMBOLS - 1];
};

/* A label that none of its candidates is (literal.c). Decoder: `label` is not looked at. */
unsigned label_code_literal(struct label *l, unsigned label, const unsigned candidates[3]);

#endif
