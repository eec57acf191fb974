/*
 * voxel_label.h: what the parts of the label coder share: the adaptive coder of four-valued symbols, the
 * list of distances, and the way between pixels and labels. It knows nothing of the intensity path.
 * The format is docs/label-format.md.
 */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_H
#define ZBLOB_CODEC_VOXEL_LABEL_H

#include "voxel_internal.h"

enum {
    LABEL_CONTEXTS = 1024,      /* of one phase: ten bits */
    LABEL_LITERAL_CONTEXTS = 5, /* three ranks each */
    LABEL_LITERALS = 4 * LABEL_CONTEXTS,
    LABEL_ENTRIES = LABEL_LITERALS + LABEL_LITERAL_CONTEXTS,
    LABEL_SYMBOLS = 4,
    LABEL_SCALE_BITS = 15, /* of probabilities */
    LABEL_SCALE = 1 << LABEL_SCALE_BITS,
    LABEL_LANES = 4, /* rANS states that take turns */
    LABEL_RECENT = 16,
    LABEL_BATCH = 96, /* symbols after which probabilities are brought up to date */
    LABEL_BATCH_MAX = LABEL_BATCH + LABEL_BLOCK / 2,
    LABEL_PIXEL_MAX = 64, /* bytes of a pixel */
};

/* ---- Four-valued symbols (voxel_label_coder.c) ----------------------------------------------------- */

/* Upper ends of the first three symbols' shares of LABEL_SCALE, and how often it was used. */
struct label_odds {
    uint16_t end[LABEL_SYMBOLS - 1], count;
};

struct label_coder {
    struct label_odds odds[LABEL_ENTRIES];
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
size_t label_coder_write(struct label_coder *coder, unsigned char *dst, size_t dst_capacity);

/* `count` (at most LABEL_BATCH_MAX) symbols, all by the probabilities before the first of them. */
void label_encode_batch(struct label_coder *coder, const uint16_t *contexts, const uint8_t *symbols, size_t count);
void label_decode_batch(struct label_coder *coder, const uint16_t *contexts, uint8_t *symbols, size_t count);
void label_encode_raw(struct label_coder *coder, unsigned byte); /* equally likely */
unsigned label_decode_raw(struct label_coder *coder);

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

#endif
