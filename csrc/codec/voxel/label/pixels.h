/* pixels.h: between pixels of any size and labels of 8 or 16 bits. Only equality counts: what a pixel's bytes mean
 * makes no difference. */
#ifndef ZBLOB_CODEC_VOXEL_LABEL_PIXELS_H
#define ZBLOB_CODEC_VOXEL_LABEL_PIXELS_H

#include "../../../zblob.h"

enum { LABEL_PIXEL_MAX = 64 /* bytes of a pixel */, LABEL_HEAD_MAX = 2 + LABEL_PIXEL_MAX };

/* A pixel of one or two bytes is its own label; others have their place in a palette. */
struct label_pixels {
    size_t size;       /* bytes of a pixel */
    size_t label_size; /* 1 or 2 */
    bool has_palette;
    bool is_reversed;       /* the first byte is the highest of a word; else the last one is */
    uint8_t shift;          /* so many low bits of all words are zeros, and are left out */
    unsigned char *palette; /* palette_count pixels, with room for `capacity` */
    size_t palette_count, capacity;
    uint32_t *slots; /* encoder: hash -> place + 1 */
    size_t slot_count;
};

/* Encoder: what is needed for these pixels. ZBLOB_OK with label_size = 0: too many values. */
enum zblob_result label_pixels_survey(struct label_pixels *pixels, size_t pixel_size, const unsigned char *src,
                                      size_t count);
void label_pixels_close(struct label_pixels *pixels);
void label_load(const struct label_pixels *pixels, const unsigned char *src, void *labels, size_t count);
void label_store(const struct label_pixels *pixels, const void *labels, unsigned char *dst, size_t count);
void label_fill(const struct label_pixels *pixels, unsigned label, unsigned char *dst, size_t count);

/* The value of a label's pixel, in words of 64 bits, of which the last may have less. Words are numbers, so that labels
 * that were counted up differ by one. An encoder first looks how many low bits are in use. */
void label_choose_shift(struct label_pixels *pixels);
int label_word_bits(const struct label_pixels *pixels, size_t word);
uint64_t label_get_word(const struct label_pixels *pixels, unsigned label, size_t word);
/* The difference of two words of `bits` bits as zigzag, which is small where the difference is small; and its inverse. */
static inline uint64_t
label_fold_difference(uint64_t difference, int bits)
{
    difference <<= 64 - bits;
    return (difference << 1 ^ (0 - (difference >> 63))) >> (64 - bits);
}

static inline uint64_t
label_unfold_difference(uint64_t folded)
{
    return folded >> 1 ^ (0 - (folded & 1));
}

/* Decoder: room for as many pixels as labels can name; then the label of a pixel, or of one with these words. */
bool label_pixels_open(struct label_pixels *pixels);
unsigned label_add_pixel(struct label_pixels *pixels, const unsigned char *pixel);
unsigned label_add_words(struct label_pixels *pixels, const uint64_t *words);

/* How a chunk begins: what is needed to know of pixels, the first of them, and a number that the caller has, of bits
 * 0 to 3, 6 and 7.
 * `write` returns where it ends; `read` is false where that contradicts itself, and moves *at. */
unsigned char *label_write_head(const struct label_pixels *pixels, unsigned number, const unsigned char *first,
                                unsigned char *dst);
bool label_read_head(struct label_pixels *pixels, unsigned *number, const unsigned char **at, const unsigned char *end,
                     const unsigned char **first);

bool label_is_constant(const unsigned char *src, size_t pixel_size, size_t count);

#endif
