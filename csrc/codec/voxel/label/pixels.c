/* pixels.c: between pixels of any size and labels of 8 or 16 bits. Only equality counts: what a
 * pixel's bytes mean makes no difference. */
#include "pixels.h"

#include "../../base/bytes.h"
#include "../../base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { PALETTE_MAX = 65536, PROBES = 64 };
enum { FLAG_REVERSED = 16, FLAG_WIDE = 32 }; /* of a head, beside its number */
#define NOT_FOUND SIZE_MAX

static inline bool
is_same(const unsigned char *a, const unsigned char *b, size_t size)
{
    uint64_t x, y;
    uint32_t u, v;
    switch (size) {
    case 4:
        memcpy(&u, a, 4);
        memcpy(&v, b, 4);
        return u == v;
    case 8:
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        return x == y;
    default: return memcmp(a, b, size) == 0;
    }
}

bool
label_is_constant(const unsigned char *src, size_t pixel_size, size_t count)
{
    return memcmp(src, src + pixel_size, pixel_size * (count - 1)) == 0;
}

static size_t
hash(const unsigned char *pixel, size_t size)
{
    uint64_t h = 0;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t part = 0;
        memcpy(&part, pixel + i, size - i < 8 ? size - i : 8);
        h = hash_number(h ^ part);
        h ^= h >> 29;
    }
    return (size_t)(h * UINT64_C(0xBF58476D1CE4E5B9) >> 46);
}

/* The slot that holds the pixel, or the empty one where it would go. NOT_FOUND after too many slots with other pixels:
 * as slots are mostly empty, this happens only to pixels that were made to collide. */
static size_t
find_slot(const struct label_pixels *pixels, const unsigned char *pixel)
{
    size_t slot = hash(pixel, pixels->size) & (pixels->slot_count - 1);
    for (int i = 0; i < PROBES; i++, slot = (slot + 1) & (pixels->slot_count - 1)) {
        uint32_t place = pixels->slots[slot];
        if (place == 0 || is_same(pixels->palette + (place - 1) * pixels->size, pixel, pixels->size))
            return slot;
    }
    return NOT_FOUND;
}

static bool
grow(struct label_pixels *pixels)
{
    size_t capacity = pixels->capacity ? pixels->capacity * 4 : 256, slot_count = 4 * capacity;
    unsigned char *memory = realloc(pixels->palette, capacity * pixels->size);
    if (memory == NULL)
        return false;
    pixels->palette = memory;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    free(pixels->slots);
    pixels->slots = slots;
    pixels->slot_count = slot_count;
    pixels->capacity = capacity;
    for (size_t i = 0; i < pixels->palette_count; i++) {
        size_t slot = find_slot(pixels, pixels->palette + i * pixels->size);
        if (slot != NOT_FOUND)
            slots[slot] = (uint32_t)i + 1;
    }
    return true;
}

/* Give the pixel a place unless it has one. False: no place is left. */
static bool
add_pixel(struct label_pixels *pixels, const unsigned char *pixel)
{
    size_t slot = find_slot(pixels, pixel);
    if (slot != NOT_FOUND && pixels->slots[slot] == 0 && pixels->palette_count < pixels->capacity) {
        memcpy(pixels->palette + pixels->palette_count * pixels->size, pixel, pixels->size);
        pixels->slots[slot] = (uint32_t)++pixels->palette_count;
    }
    return slot != NOT_FOUND && pixels->slots[slot];
}

enum zblob_result
label_pixels_survey(struct label_pixels *pixels, size_t pixel_size, const unsigned char *src, size_t count)
{
    *pixels = (struct label_pixels){.size = pixel_size, .label_size = pixel_size};
    if (pixel_size <= 2)
        return ZBLOB_OK;
    pixels->has_palette = true;
    if (!grow(pixels))
        return ZBLOB_NO_MEMORY;
    const unsigned char *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *pixel = src + i * pixel_size;
        if (last && is_same(pixel, last, pixel_size))
            continue;
        last = pixel;
        if (add_pixel(pixels, pixel))
            continue;
        pixels->label_size = 0;
        if (pixels->palette_count == PALETTE_MAX || pixels->palette_count < pixels->capacity)
            return ZBLOB_OK;
        if (!grow(pixels))
            return ZBLOB_NO_MEMORY;
        if (!add_pixel(pixels, pixel))
            return ZBLOB_OK;
    }
    pixels->label_size = pixels->palette_count > 256 ? 2 : 1;
    return ZBLOB_OK;
}

void
label_pixels_close(struct label_pixels *pixels)
{
    free(pixels->palette);
    free(pixels->slots);
}

/* ---- Values ----------------------------------------------------------------------------------------------- */

static size_t
word_size(const struct label_pixels *pixels, size_t word)
{
    size_t left = pixels->size - word * sizeof(uint64_t);
    return left < sizeof(uint64_t) ? left : sizeof(uint64_t);
}

int
label_word_bits(const struct label_pixels *pixels, size_t word)
{
    return 8 * (int)word_size(pixels, word) - pixels->shift;
}

static void
copy_word(const struct label_pixels *pixels, unsigned char *to, const unsigned char *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[pixels->is_reversed ? count - 1 - i : i];
}

uint64_t
label_get_word(const struct label_pixels *pixels, unsigned label, size_t word)
{
    unsigned char own[2] = {(unsigned char)label, (unsigned char)(label >> 8)}, bytes[sizeof(uint64_t)] = {0};
    const unsigned char *pixel = pixels->has_palette ? pixels->palette + label * pixels->size : own;
    copy_word(pixels, bytes, pixel + word * sizeof bytes, word_size(pixels, word));
    return load_le64(bytes) >> pixels->shift;
}

void
label_choose_shift(struct label_pixels *pixels)
{
    size_t words = (pixels->size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    uint64_t any = UINT64_C(1) << (label_word_bits(pixels, words - 1) - 1); /* the last word keeps a bit */
    for (size_t label = 0; label < pixels->palette_count; label++)
        for (size_t i = 0; i < words; i++)
            any |= label_get_word(pixels, (unsigned)label, i);
    pixels->shift = pixels->has_palette ? (uint8_t)__builtin_ctzll(any) : 0;
}

bool
label_pixels_open(struct label_pixels *pixels)
{
    pixels->capacity = (size_t)1 << 8 * pixels->label_size;
    pixels->palette = pixels->has_palette ? malloc(pixels->capacity * pixels->size) : NULL;
    return pixels->palette != NULL || !pixels->has_palette;
}

unsigned
label_add_pixel(struct label_pixels *pixels, const unsigned char *pixel)
{
    if (!pixels->has_palette)
        return pixel[0] | (pixels->size == 2 ? (unsigned)pixel[1] << 8 : 0);
    memcpy(pixels->palette + pixels->palette_count * pixels->size, pixel, pixels->size);
    return (unsigned)pixels->palette_count++;
}

unsigned
label_add_words(struct label_pixels *pixels, const uint64_t *words)
{
    unsigned char pixel[LABEL_PIXEL_MAX] = {0};
    for (size_t i = 0; i * sizeof *words < pixels->size; i++) {
        unsigned char bytes[sizeof *words];
        store_le64(bytes, words[i] << pixels->shift);
        copy_word(pixels, pixel + i * sizeof bytes, bytes, word_size(pixels, i));
    }
    return label_add_pixel(pixels, pixel);
}

static inline void
put_label(void *labels, size_t label_size, size_t i, uint32_t label)
{
    if (label_size == 1)
        ((uint8_t *)labels)[i] = (uint8_t)label;
    else
        ((uint16_t *)labels)[i] = (uint16_t)label;
}

void
label_load(const struct label_pixels *pixels, const unsigned char *src, void *labels, size_t count)
{
    if (!pixels->has_palette) {
        memcpy(labels, src, count * pixels->size);
        return;
    }
    const unsigned char *last = NULL;
    uint32_t label = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *pixel = src + i * pixels->size;
        if (!last || !is_same(pixel, last, pixels->size))
            label = pixels->slots[find_slot(pixels, pixel)] - 1; /* the survey saw it */
        last = pixel;
        put_label(labels, pixels->label_size, i, label);
    }
}

/* Rows that a damaged chunk left unfinished may hold labels that the palette does not have. */
static inline const unsigned char *
palette_pixel(const struct label_pixels *pixels, size_t label)
{
    return pixels->palette + (label < pixels->palette_count ? label : 0) * pixels->size;
}

static inline __attribute__((always_inline)) void
store_palette(const struct label_pixels *pixels, const void *labels, unsigned char *dst, size_t count, size_t size)
{
    if (pixels->label_size == 1)
        for (size_t i = 0; i < count; i++)
            memcpy(dst + i * size, palette_pixel(pixels, ((const uint8_t *)labels)[i]), size);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(dst + i * size, palette_pixel(pixels, ((const uint16_t *)labels)[i]), size);
}

void
label_store(const struct label_pixels *pixels, const void *labels, unsigned char *dst, size_t count)
{
    if (!pixels->has_palette)
        memcpy(dst, labels, count * pixels->size);
    else if (pixels->size == 4)
        store_palette(pixels, labels, dst, count, 4);
    else if (pixels->size == 8)
        store_palette(pixels, labels, dst, count, 8);
    else
        store_palette(pixels, labels, dst, count, pixels->size);
}

void
label_fill(const struct label_pixels *pixels, unsigned label, unsigned char *dst, size_t count)
{
    size_t total = count * pixels->size, done = pixels->size;
    if (pixels->has_palette) {
        memcpy(dst, palette_pixel(pixels, label), pixels->size);
    } else {
        dst[0] = (unsigned char)label;
        if (pixels->size == 2)
            dst[1] = (unsigned char)(label >> 8);
    }
    if (done == 1 || label_is_constant(dst, 1, done)) {
        memset(dst, dst[0], total);
        return;
    }
    for (; done < total; done *= 2)
        memcpy(dst + done, dst, done < total - done ? done : total - done);
}

/* ---- Heads ------------------------------------------------------------------------------------------------- */

unsigned char *
label_write_head(const struct label_pixels *pixels, unsigned number, const unsigned char *first, unsigned char *dst)
{
    *dst++ = (unsigned char)(number | pixels->is_reversed * FLAG_REVERSED | (pixels->label_size == 2) * FLAG_WIDE);
    if (pixels->has_palette)
        *dst++ = pixels->shift;
    memcpy(dst, first, pixels->size);
    return dst + pixels->size;
}

bool
label_read_head(struct label_pixels *pixels, unsigned *number, const unsigned char **at, const unsigned char *end,
                const unsigned char **first)
{
    if (*at == end)
        return false;
    unsigned flags = *(*at)++;
    pixels->is_reversed = flags & FLAG_REVERSED;
    pixels->label_size = flags & FLAG_WIDE ? 2 : 1;
    *number = flags & ~(unsigned)(FLAG_REVERSED | FLAG_WIDE);
    if ((pixels->is_reversed && pixels->size == 1) || (!pixels->has_palette && pixels->label_size != pixels->size) ||
        (size_t)(end - *at) < pixels->size + pixels->has_palette)
        return false;
    if (pixels->has_palette)
        pixels->shift = *(*at)++;
    if (pixels->shift >= 8 * ((pixels->size - 1) % sizeof(uint64_t) + 1))
        return false;
    *first = *at;
    *at += pixels->size;
    return true;
}
