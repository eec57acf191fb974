/*
 * labels.c: is an image a label map? It is if a sample of its rows would cost less as labels than as intensities. What
 * counts are only equality and differences of pixels, never what the image is said to show.
 */
#include "labels.h"

#include "../../base/hash.h"
#include "../chunks.h"
#include "../label/literals.h"
#include "../label/pixels.h"
#include "entropy.h"
#include "levels.h"

#include <string.h>

enum {
    SAMPLE = 16384,
    SWIFT_SAMPLE = 8192,
    DIFFERENCES = 512,
    ESCAPE_BITS = 14,
    HASHES = 1024,
    LARGE = 1 << 17,
    TABLES_BITS = 6000
};
enum { SPARSE = 256 };                      /* pixels, of which one or none is not flat */
enum { TOO_MANY = 5, MANY = 8, RARE = 32 }; /* literals: one pixel in so many */
/* A literal is a point if its label is none of those around it. There are too many points for the quickest level if there
 * is one in so many bytes, and one for so many changes along rows: they are noise, not regions. */
enum { AROUND = 4, POINT_BYTES = 64, POINT_CHANGES = 3 };

struct costs {
    uint64_t labels, intensities;
};

struct sample {
    size_t pixel, components, count, mixed; /* mixed: pixels whose components are not all the same */
    uint64_t total;                         /* pixels of the image */
    size_t size;                            /* bytes of a component */
    size_t low, high;                       /* where its two lowest bytes are */
    uint64_t met[HASHES / 64];              /* which pixels were met, by hash */
    bool counts_points;
    uint64_t points, changes;                 /* changes: from one pixel of a row to the next */
    uint32_t flat, flat_missed;               /* all neighbours agree; and the pixel differs from them */
    uint32_t coded[3];                        /* others: like the neighbour above, like another, like none */
    uint32_t differences[2][DIFFERENCES + 1]; /* from the best neighbour, by flatness; the last: farther ones */
};

/* A number that stands for a pixel: its bytes, or a hash of more than 8. Neighbours are w, n, nw in the slice, and p in
 * the slice before. */
static inline uint64_t
number_of(const unsigned char *pixel, size_t size)
{
    uint64_t number = 0;
    if (size <= 8) {
        memcpy(&number, pixel, size);
        return number;
    }
    for (size_t i = 0; i < size; i++)
        number = hash_number(number ^ pixel[i]);
    return number;
}

/* Of a pixel's first component: itself, or for wide samples, which may differ in any of their bytes, all of them in one.
 * That is what a small integer is, and nothing that one could predict otherwise. */
static inline uint16_t
low_part(const struct sample *s, const unsigned char *pixel)
{
    unsigned low = pixel[s->low], high = s->low == s->high ? 0 : pixel[s->high];
    for (size_t at = 2; at < s->size; at += 2) {
        low ^= pixel[s->low ^ at];
        high ^= pixel[s->high ^ at];
    }
    return (uint16_t)(low | high << 8);
}

static bool
is_mixed(const struct sample *s, const unsigned char *pixel)
{
    size_t size = s->pixel / s->components;
    for (size_t at = size; at < s->pixel; at += size)
        if (memcmp(pixel, pixel + at, size) != 0)
            return true;
    return false;
}

/* The usual guess: the middle one of w, n and w + n - nw. */
static inline unsigned
median(unsigned w, unsigned n, unsigned nw)
{
    unsigned least = w < n ? w : n, most = w < n ? n : w;
    return nw >= most ? least : nw <= least ? most : w + n - nw;
}

/* Are literals rare enough for a label map, among the pixels seen so far? */
static inline bool
may_be_labels(const struct sample *s)
{
    return ((uint64_t)s->flat_missed + s->coded[2]) * TOO_MANY <= s->count;
}

/* Does a pixel occur in a few columns to the left or right, in its row or in those above it and before it? */
static inline __attribute__((always_inline)) bool
is_around(const unsigned char *now, const unsigned char *above, const unsigned char *before, size_t x, size_t width,
          size_t size)
{
    const unsigned char *pixel = now + x * size, *rows[] = {above, before ? before : above, now};
    size_t first = x > AROUND ? x - AROUND : 0, last = x + AROUND < width ? x + AROUND : width - 1;
    for (int row = 0; row < 3; row++)
        for (size_t at = first; row < 2 ? at <= last : at < x; at++)
            if (memcmp(pixel, rows[row] + at * size, size) == 0)
                return true;
    return false;
}

static inline __attribute__((always_inline)) void
sample_pixels(struct sample *s, const unsigned char *now, const unsigned char *above, const unsigned char *before,
              size_t width, size_t size)
{
    uint64_t w = number_of(now, size), n = number_of(above, size), p = before ? number_of(before, size) : n;
    for (size_t x = 1; x < width; x++) {
        uint64_t v = number_of(now + x * size, size), nw = n, pw = p;
        n = number_of(above + x * size, size);
        p = before ? number_of(before + x * size, size) : n;
        bool is_flat = n == nw && n == p && n == w && p == pw;
        uint64_t other = n != w ? w : n != p ? p : nw;
        if (is_flat) {
            s->flat++;
            s->flat_missed += v != n;
        } else {
            s->coded[v == n ? 0 : v == other ? 1 : 2]++;
        }
        const unsigned char *here = now + x * size, *up = above + x * size;
        unsigned guess = median(low_part(s, here - size), low_part(s, up), low_part(s, up - size));
        uint16_t difference = (uint16_t)(low_part(s, here) - guess + DIFFERENCES / 2);
        s->differences[is_flat][difference < DIFFERENCES ? difference : DIFFERENCES]++;
        if (s->counts_points && v != n && v != other && may_be_labels(s))
            s->points += !is_around(now, above, before, x, width, size);
        if (v != w) {
            s->changes++;
            size_t hash = hash_number(v) >> 54;
            s->met[hash / 64] |= UINT64_C(1) << hash % 64;
        }
        w = v;
    }
}

static void
sample_row(struct sample *s, const unsigned char *now, const unsigned char *above, const unsigned char *before,
           size_t width)
{
    size_t size = s->pixel;
    s->count += width - 1;
    if (memcmp(now, above, size * width) == 0 && label_is_constant(now, size, width) &&
        (!before || memcmp(now, before, size * width) == 0)) {
        s->flat += (uint32_t)(width - 1);
        s->differences[1][DIFFERENCES / 2] += (uint32_t)(width - 1);
        s->mixed += is_mixed(s, now) ? width - 1 : 0;
        return;
    }
    for (size_t x = 1; s->components > 1 && x < width; x++)
        s->mixed += is_mixed(s, now + x * size);
    if (size == 1) {
        sample_pixels(s, now, above, before, width, 1);
    } else if (size == 2) {
        sample_pixels(s, now, above, before, width, 2);
    } else {
        sample_pixels(s, now, above, before, width, size);
    }
}

/* What a literal takes. Those of a label map are few, and mostly found nearby. */
static uint64_t
literal_bits(const struct sample *s, uint64_t literals)
{
    uint32_t values = 0;
    for (int i = 0; i < HASHES / 64; i++)
        values += (uint32_t)__builtin_popcountll(s->met[i]);
    if (values <= LABEL_RECENT)
        return values <= 2 ? 0 : voxel_log2(values);
    if (literals * MANY < s->count)
        return 256 * 8;
    return 256 * (3 + 8 * (s->pixel > 1 && values > HASHES / 4 ? 2 : 1));
}

/* Bits, in units of 1/256, that the sample takes either way. */
static struct costs
costs_of(const struct sample *s)
{
    uint32_t flat[2] = {s->flat - s->flat_missed, s->flat_missed};
    uint64_t literals = (uint64_t)s->flat_missed + s->coded[2];
    uint64_t far = (uint64_t)s->differences[0][DIFFERENCES] + s->differences[1][DIFFERENCES];
    /* the coder's contexts gain a quarter or more on what is neither flat nor literal */
    uint64_t labels =
        voxel_entropy(flat, 2) + voxel_entropy(s->coded, 3) * 3 / 4 + literal_bits(s, literals) * literals;
    uint64_t intensities = voxel_entropy(s->differences[0], DIFFERENCES + 1) +
                           voxel_entropy(s->differences[1], DIFFERENCES + 1) + 256 * ESCAPE_BITS * far;
    uint64_t tables = 256 * TABLES_BITS * (uint64_t)s->count / s->total; /* the sample's share of them */
    /* a component that repeats the first costs nothing */
    return (struct costs){labels, intensities + intensities / s->count * (s->components - 1) * s->mixed + tables};
}

/* Differences say little of intensities that are spread out, or of names that are numbers: only where the estimates are
 * far apart, and labels hardly ever new, they decide. */
static enum voxel_verdict
verdict_of(const struct sample *s, int level)
{
    uint32_t coded = s->coded[0] + s->coded[1] + s->coded[2], values = 0;
    uint64_t literals = (uint64_t)s->flat_missed + s->coded[2];
    /* symbols are slow: where most pixels of a large image of bytes would be symbols, intensities are faster */
    if (s->count == 0 || (s->total > LARGE && s->pixel == 1 && coded > s->count / 5 * 3))
        return VOXEL_NO;
    for (int i = 0; i < HASHES / 64; i++)
        values += (uint32_t)__builtin_popcountll(s->met[i]);
    if (values <= 2)
        return VOXEL_YES;
    if (!may_be_labels(s) || (s->points * POINT_BYTES > s->count * s->pixel && s->points * POINT_CHANGES > s->changes))
        return VOXEL_NO;
    struct costs costs = costs_of(s);
    if (costs.labels > 2 * costs.intensities)
        return VOXEL_NO;
    bool is_clear = literals * RARE < s->count && costs.labels * 2 < costs.intensities;
    if (level == VOXEL_LEVEL_SWIFT && costs.labels < costs.intensities)
        return VOXEL_YES; /* a trial would take longer than all the rest */
    return is_clear ? VOXEL_YES : VOXEL_UNSURE;
}

/* Is hardly any pixel not flat? */
static bool
is_sparse(const struct sample *s)
{
    return (uint64_t)(s->coded[0] + s->coded[1] + s->coded[2] + s->flat_missed) * SPARSE < s->count;
}

enum {
    FIRST_LOOK = 4, /* one row in so many */
    FAR = 2,        /* more literals than this part of the first pixels are no label map's, whatever other rows show, */
    FIRST_PIXELS = 512, /* if these are so many */
};

/* Do the first rows show so many literals, of so many values, that more need not be seen? */
static bool
is_far_from_labels(const struct sample *s, int level)
{
    uint64_t literals = (uint64_t)s->flat_missed + s->coded[2];
    return s->count >= FIRST_PIXELS && literals * FAR > s->count && verdict_of(s, level) == VOXEL_NO;
}

/* Row i of the sample, at a place given by a hash: a fixed stride could follow the image's structure. */
static void
sample_row_of(struct sample *s, const struct voxel_model *model, const unsigned char *samples, uint64_t i,
              uint64_t wanted)
{
    const struct voxel_shape *shape = &model->shape;
    uint64_t rows = shape->slices * shape->height, span = rows / wanted, start = i * rows / wanted;
    uint64_t row = start + hash_place(i, span ? span : 1);
    uint64_t z = row / shape->height, y = row % shape->height;
    if (y > 0)
        sample_row(s, voxel_row_address(model, samples, z, y), voxel_row_address(model, samples, z, y - 1),
                   z ? voxel_row_address(model, samples, z - 1, y) : NULL, (size_t)shape->width);
}

enum voxel_verdict
voxel_survey_labels(const struct voxel_model *model, const unsigned char *samples, int level)
{
    const struct voxel_shape *shape = &model->shape;
    struct sample s = {.components = (size_t)shape->components, .counts_points = level == VOXEL_LEVEL_SWIFT};
    size_t sample = zblob_sample_size(model->grid.sample_type), first = model->grid.big_endian ? sample - 1 : 0;
    s.size = sample;
    s.pixel = s.components * sample;
    s.low = first;
    s.high = sample > 1 ? first ^ 1 : first;
    uint64_t rows = shape->slices * shape->height,
             wanted = (level == VOXEL_LEVEL_SWIFT ? SWIFT_SAMPLE : SAMPLE) / shape->width + 16;
    if (s.pixel > LABEL_PIXEL_MAX || shape->width < 2)
        return VOXEL_NO;
    s.total = rows * shape->width;
    if (wanted > rows)
        wanted = rows;
    for (uint64_t i = 0; i < wanted; i += FIRST_LOOK) {
        sample_row_of(&s, model, samples, i, wanted);
        if (is_far_from_labels(&s, level))
            return VOXEL_NO;
    }
    if (s.count > 0 && verdict_of(&s, level) == VOXEL_NO) /* as most images */
        return VOXEL_NO;
    for (uint64_t i = 0; i < wanted; i++)
        if (i % FIRST_LOOK)
            sample_row_of(&s, model, samples, i, wanted);
    enum voxel_verdict verdict = verdict_of(&s, level);
    return verdict == VOXEL_YES && is_sparse(&s) ? VOXEL_SPARSE : verdict;
}
