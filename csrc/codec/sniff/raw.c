/*
 * raw.c: guesses type, row length and slice height of samples from the bytes alone. It calculates with integers only,
 * so that the guess is the same on every machine.
 *
 * The type is the one whose neighbouring samples differ by the fewest bits, if these are clearly fewer than the bits by
 * which samples far apart differ: nearly everything that is no image fails here, after microseconds. The length of a
 * row is the distance, or *lag*, at which samples differ least. The height of a slice is a number of rows: at this
 * distance samples differ less than at distances around it, and the slices leave no more of the value than a header
 * would take. The last sample is taken to end where the value ends, because a header need not be a whole number of
 * samples long.
 */
#include "raw.h"

#include "../base/bytes.h"
#include "../base/hash.h"
#include "../base/integers.h"
#include "pickle_ops.h"

#include <stdlib.h>

enum {
    SIZE_MIN = 256 << 10,
    HEADER_MAX = 4 << 10, /* bytes that may precede the first slice, */
    HEADER_SHARE = 1024,  /* and the part of the value that they may be: 1/1024 */
    ALIGNMENT = 12,       /* a multiple of all pixel sizes */
    /* looks at the bytes, to find the type */
    TRIES = 64,      /* parts of the value where a look is tried */
    SCATTER = 27,    /* the next try is so many parts farther on: scans begin and end in air */
    LOOKS = 12,      /* tries that are enough, not counting those that meet background */
    FIRST_LOOKS = 3, /* looks after which most values are given up */
    LOOK = 96,       /* bytes of one look */
    /* searches for rows and slices */
    ROW_MIN = 24,
    ROW_MAX = 4096,
    HEIGHT_MIN = 16,
    HEIGHT_MAX = 4096,
    SPAN = 128,  /* samples compared at one place */
    DRAWS = 8,   /* candidates for a place: the one where samples differ most is taken */
    PLACES = 32, /* where the final length of a row is decided */
    SLICE_PLACES = 16,
    SLICES_MIN = 3,
    ASPECT_MAX = 8,
    PICKLE_OPS_MAX = 4096, /* opcodes of a pickle with raw bytes; others are many small things */
};

/* What raw samples may be. The size is that of the table of sample types: here it is a constant, over which compilers
 * unroll the looks at each kind. */
struct kind {
    enum zblob_sample_type type;
    uint32_t components;
    uint32_t size; /* bytes of a sample */
    bool big_endian;
};

static const struct kind kinds[] = {
    {ZBLOB_UINT8, 1, 1, false},   {ZBLOB_INT8, 1, 1, false},    {ZBLOB_UINT8, 3, 1, false}, {ZBLOB_UINT8, 4, 1, false},
    {ZBLOB_INT16, 1, 2, false},   {ZBLOB_UINT16, 1, 2, false},  {ZBLOB_INT16, 1, 2, true},  {ZBLOB_UINT16, 1, 2, true},
    {ZBLOB_FLOAT32, 1, 4, false}, {ZBLOB_FLOAT32, 3, 4, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The samples as one kind sees them. */
struct raw {
    const unsigned char *bytes;
    size_t count; /* samples */
    struct kind kind;
    uint32_t exponent; /* of floats: where the scale of level_of ends */
};

/* ---- What type? ---------------------------------------------------------------------------------- */

/* A sample as an unsigned number: such numbers have the order of the samples. */
static inline uint32_t
key_of(const struct kind *kind, const unsigned char *p)
{
    if (kind->size == 1)
        return *p ^ (kind->type == ZBLOB_INT8 ? 0x80 : 0);
    if (kind->size == 2)
        return (uint32_t)(p[kind->big_endian] | p[!kind->big_endian] << 8) ^ (kind->type == ZBLOB_INT16 ? 0x8000 : 0);
    uint32_t bits = load_le32(p);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

static inline uint32_t
distance_of(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* Bits of the differences between neighbours, and between samples far apart. */
struct cost {
    uint64_t near, far;
};

static void
look_at(struct cost *costs, const unsigned char *here, const unsigned char *there)
{
    for (size_t k = 0; k < KINDS; k++) {
        size_t size = kinds[k].size, pixel = size * kinds[k].components;
        for (size_t at = 0; at < LOOK; at += size) {
            uint32_t key = key_of(&kinds[k], here + at);
            costs[k].near += 1 + (uint64_t)bit_length(distance_of(key, key_of(&kinds[k], here + at - pixel)));
            costs[k].far += 1 + (uint64_t)bit_length(distance_of(key, key_of(&kinds[k], there + at)));
        }
    }
}

/* Are neighbours much closer to one another than samples far apart? */
static bool
is_smooth(const struct cost *cost, unsigned percent)
{
    return cost->near * 100 < cost->far * percent;
}

/* Tables of text have rows as well, but zstd compresses them well and quickly. */
static bool
is_text(const unsigned char *bytes)
{
    bool text = true;
    for (size_t i = 0; i < LOOK; i++)
        text &= (bytes[i] >= ' ' && bytes[i] <= '~') || (bytes[i] >= '\t' && bytes[i] <= '\r');
    return text;
}

/* The kind whose neighbours differ by the fewest bits; NULL if these are hardly fewer than by chance, which for most
 * values that are no image is known after the first looks. */
static const struct kind *
choose_kind(const unsigned char *bytes, size_t size)
{
    struct cost costs[KINDS] = {{0, 0}};
    const unsigned char *there = NULL;
    size_t best = 0;
    int looks = 0, texts = 0;
    /* The places are hashed: regular ones could keep step with the rows. */
    for (size_t i = 0; i < TRIES && looks < LOOKS; i++) {
        size_t span = size / TRIES, slack = span - 2 * LOOK, part = i * SCATTER % TRIES;
        size_t at = part * span + hash_place(i, slack);
        const unsigned char *here = bytes + (at + 2 * ALIGNMENT) / ALIGNMENT * ALIGNMENT;
        if (memcmp(here - ALIGNMENT, here, LOOK) == 0)
            continue; /* background */
        if (there) {
            look_at(costs, here, there);
            texts += is_text(here);
            looks++;
        }
        there = here;
        for (size_t k = 0; k < KINDS; k++)
            best = costs[k].near < costs[best].near ? k : best;
        if (looks == FIRST_LOOKS && (texts == FIRST_LOOKS || !is_smooth(&costs[best], 92)))
            return NULL;
    }
    bool is_byte = kinds[best].size == 1; /* bytes may look like text by chance, wider samples hardly */
    bool has_text = texts * (is_byte ? 2 : 8) > looks;
    return looks > FIRST_LOOKS && !has_text && is_smooth(&costs[best], is_byte ? 80 : 88) ? &kinds[best] : NULL;
}

/* ---- How long is a row, how high is a slice? ------------------------------------------------------ */

/* A float on a linear scale of 16 bits: 0 lies at 32768, both ends of the scale at twice 2^exponent. */
static inline uint16_t
level_of(uint32_t bits, uint32_t exponent)
{
    uint32_t below = exponent - (bits >> 23 & 255), size = (bits & 0x7FFFFF) | UINT32_C(1) << 23;
    size = below > 255 ? 32767 : below > 15 ? 0 : size >> (9 + below); /* beyond the end; too small to differ from 0 */
    return (uint16_t)(bits >> 31 ? 32768 - size : 32768 + size);
}

/* The exponent that hardly any of the floats exceed: a few that are part of a header, infinite or NaN do no harm. */
static uint32_t
largest_exponent(const unsigned char *bytes, size_t count)
{
    enum { SEEN = 2048 };
    uint32_t counts[256] = {0}, largest = 255, above = 0;
    for (size_t i = 0; i < SEEN; i++)
        counts[load_le32(bytes + count / SEEN * i * 4) >> 23 & 255]++;
    while (largest > 0 && (above += counts[largest]) < SEEN / 64)
        largest--;
    return largest;
}

/* `count` samples from number `at` on, as numbers of 16 bits that keep their order. */
static void
fetch(const struct raw *raw, size_t at, uint16_t *restrict dst, size_t count)
{
    const unsigned char *src = raw->bytes + at * raw->kind.size;
    const struct kind kind = raw->kind;
    if (kind.size == 1)
        for (size_t i = 0; i < count; i++)
            dst[i] = src[i] ^ (kind.type == ZBLOB_INT8 ? 0x80 : 0);
    else if (kind.size == 2 && !kind.big_endian && kind.type == ZBLOB_INT16)
        for (size_t i = 0; i < count; i++)
            dst[i] = load_le16(src + 2 * i) ^ 0x8000;
    else if (kind.size == 4)
        for (size_t i = 0; i < count; i++)
            dst[i] = level_of(load_le32(src + 4 * i), raw->exponent);
    else
        for (size_t i = 0; i < count; i++)
            dst[i] = (uint16_t)key_of(&kind, src + kind.size * i);
}

static uint32_t
difference(const uint16_t *restrict a, const uint16_t *restrict b)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < SPAN; i++)
        sum += (uint32_t)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    return sum;
}

/* A place where samples are compared with others, and how much they differ from their neighbours there. */
struct place {
    size_t at;
    uint32_t activity;
};

/* The samples, without the last `reach` of them, are divided into `places` parts. In the part of number `place`, find
 * where samples at a distance of `step` differ most, among a few places drawn by a hash. */
static struct place
find_place(const struct raw *raw, size_t place, size_t places, size_t reach, size_t step)
{
    size_t part = (raw->count - reach - SPAN) / places;
    struct place best = {0, 0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint16_t here[SPAN], there[SPAN];
        size_t at = place * part + hash_place(place * DRAWS + i, part);
        at -= at % raw->kind.components;
        fetch(raw, at, here, SPAN);
        fetch(raw, at + step, there, SPAN);
        uint32_t activity = difference(here, there);
        if (i == 0 || activity > best.activity)
            best = (struct place){at, activity};
    }
    return best;
}

/* Samples as numbers of 8 bits around their mean. Both ends are cut off, so that few very large differences do not
 * outweigh all others. */
static void
reduce(const uint16_t *samples, unsigned char *restrict dst, size_t count)
{
    uint64_t total = 0, spread = 0;
    for (size_t i = 0; i < count; i++)
        total += samples[i];
    int32_t mean = (int32_t)(total / count);
    for (size_t i = 0; i < count; i++)
        spread += distance_of(samples[i], (uint32_t)mean);
    int shift = 0;
    while (spread / count >> shift > 40)
        shift++;
    for (size_t i = 0; i < count; i++) {
        int32_t level = 128 + (((int32_t)samples[i] - mean) >> shift);
        dst[i] = (unsigned char)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

static uint32_t
difference_8(const unsigned char *restrict a, const unsigned char *restrict b)
{
    int sum = 0;
    for (int i = 0; i < SPAN; i++)
        sum += abs(a[i] - b[i]);
    return (uint32_t)sum;
}

enum { SUM = 1 << 16 };

/* Add to sums[i], for 1 <= i <= most, how much the samples at a place differ from those i pixels after them. Every place
 * has the same weight: what it adds to all the sums is `most` times SUM. */
static void
add_profile(const struct raw *raw, size_t at, size_t most, uint64_t *sums, uint16_t *window)
{
    size_t step = raw->kind.components, count = most * step + SPAN;
    unsigned char *reduced = (unsigned char *)(window + count);
    uint32_t profile[ROW_MAX + 1];
    uint64_t total = 0;
    fetch(raw, at, window, count);
    reduce(window, reduced, count);
    for (size_t i = 1; i <= most; i++)
        total += profile[i] = difference_8(reduced, reduced + i * step);
    for (size_t i = 1; i <= most && total; i++)
        sums[i] += (uint64_t)profile[i] * most * SUM / total;
}

/* How much the samples at some places differ from those `lag` samples after them, relative to how much they differ from
 * their neighbours. */
static uint64_t
compare_lag(const struct raw *raw, const struct place *places, size_t count, size_t lag)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t here[SPAN], there[SPAN];
        fetch(raw, places[i].at, here, SPAN);
        fetch(raw, places[i].at + lag, there, SPAN);
        sum += (uint64_t)difference(here, there) * SUM / (places[i].activity + SPAN);
    }
    return sum;
}

/* The row length that many places choose, near one that few places have chosen. A length that divides the image is
 * preferred where it is nearly as good. 0 if at many of the places it is no better than a somewhat longer one. */
static size_t
refine_row(const struct raw *raw, size_t lag)
{
    enum { AROUND = 2 };
    size_t step = raw->kind.components, pixels = raw->count / step, best = 0;
    struct place places[PLACES];
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < PLACES; i++)
        places[i] = find_place(raw, i, PLACES, 2 * lag * step, step);
    for (size_t row = lag - AROUND; row <= lag + AROUND; row++) {
        uint64_t sum = compare_lag(raw, places, PLACES, row * step) * (pixels % row ? 16 : 15) / 16;
        if (sum < least) {
            least = sum;
            best = row;
        }
    }
    /* A sound is as similar at a somewhat longer distance; rows of an image are not. */
    size_t votes = 0, aside = best + (best < 128 ? 8 : best / 16);
    for (size_t i = 0; i < PLACES; i++)
        votes += compare_lag(raw, &places[i], 1, best * step) * 8 < compare_lag(raw, &places[i], 1, aside * step) * 7;
    return votes * 16 >= PLACES * 11 ? best : 0;
}

/* Do samples differ little at this lag, and more at shorter ones? */
static bool
stands_out(const uint64_t *sums, size_t lag, uint64_t usual)
{
    uint64_t before = 0;
    for (size_t i = lag / 2; i < lag; i++)
        before = sums[i] > before ? sums[i] : before;
    return sums[lag] * 100 < usual * 68 && sums[lag] * 4 < before * 3;
}

/* The shortest lag that stands out, is the best one far around, and is not much worse than the best of all: samples two
 * or more rows apart can differ as little as those one row apart. 0 if there is none. */
static size_t
best_lag(const uint64_t *sums, size_t most, uint64_t usual)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = ROW_MIN; i < most; i++)
        least = sums[i] < least ? sums[i] : least;
    for (size_t i = ROW_MIN; i < most && least < usual; i++) {
        size_t end = i + i / 2 < most ? i + i / 2 : most - 1, at = i / 2;
        if (sums[i] > least + (usual - least) * 2 / 5 || !stands_out(sums, i, usual))
            continue;
        while (at < end && sums[at] >= sums[i])
            at++;
        if (at == end)
            return i;
    }
    return 0;
}

/* Row length in pixels, or 0: the distance at which samples differ least, after they have differed more. */
static size_t
find_row(const struct raw *raw, size_t places)
{
    size_t step = raw->kind.components, pixels = raw->count / step, most = 2 * ROW_MIN, row = 1;
    uint64_t sums[ROW_MAX + 1] = {0};
    while (most < ROW_MAX && most * most < 4 * pixels)
        most++;
    uint16_t *window = malloc((most * step + SPAN) * (sizeof *window + 1));
    if (!window)
        return 0;
    for (size_t i = 0; i < places && row; i++) {
        add_profile(raw, find_place(raw, i, places, most * step, step).at, most, sums, window);
        if (i > 0) /* most values that are no image are given up early */
            row = best_lag(sums, most, (i + 1) * SUM * (i + 1 < places ? 5 : 4) / 4);
    }
    free(window);
    return row ? refine_row(raw, row) : 0;
}

/* Is this the size of a header of common formats, or 0? */
static bool
is_customary(size_t header)
{
    static const size_t sizes[] = {0, 128, 256, 348, 352, 512, 1024, 2048, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (header == sizes[i])
            return true;
    return false;
}

/* Are these the sides of a picture? */
static bool
is_picture(size_t width, size_t height)
{
    return width <= height * ASPECT_MAX && height <= width * ASPECT_MAX;
}

/* How large may the difference of rows that lie one slice apart be, in sixteenths of the difference of rows that lie a
 * somewhat other distance apart? It may be the larger, the more the size of the remaining header speaks for this
 * height; 0 if that speaks against it. */
static uint64_t
share_wanted(size_t header, size_t slice_size, size_t size)
{
    if (is_customary(header) || (header <= HEADER_MAX && header * 256 <= slice_size))
        return 15;
    if (header <= HEADER_MAX && header * 64 <= slice_size)
        return 14;
    return header <= HEADER_MAX && header <= size / HEADER_SHARE ? 13 : 0;
}

/* The rows of a slice, or 0 if there are no slices. Only heights that leave no more bytes than a header are looked at. */
static size_t
find_height(const struct raw *raw, size_t row, size_t size)
{
    size_t step = row * raw->kind.components, row_size = step * raw->kind.size, best = 0;
    struct place places[SLICE_PLACES];
    size_t most = raw->count / step / SLICES_MIN;
    uint64_t least = UINT64_MAX;
    most = most < HEIGHT_MAX ? most : HEIGHT_MAX;
    bool is_flat = is_picture(row, raw->count / step); /* one picture fits as well */
    for (size_t i = 0; i < SLICE_PLACES; i++)
        places[i] = find_place(raw, i, SLICE_PLACES, (most + most / 8) * step, step);
    for (size_t height = HEIGHT_MIN; height <= most; height++) {
        uint64_t share = share_wanted(size % (height * row_size), height * row_size, size);
        share = is_flat && share > 12 ? 12 : share;
        if (share == 0 || !is_picture(row, height))
            continue;
        uint64_t sum = compare_lag(raw, places, SLICE_PLACES, height * step);
        if (sum < least && sum * 16 < share * compare_lag(raw, places, SLICE_PLACES, (height - height / 8) * step) &&
            sum * 16 < share * compare_lag(raw, places, SLICE_PLACES, (height + height / 8) * step)) {
            least = sum;
            best = height;
        }
    }
    return best;
}

/* ---- The image ------------------------------------------------------------------------------------ */

/* One picture without slices is weaker evidence: it must have the sides of a picture, and a customary header or none. */
static bool
set_image(struct zblob_image *image, const struct kind *kind, size_t row, size_t height, size_t size)
{
    size_t row_size = row * kind->components * kind->size, rows = size / row_size;
    bool has_slices = height > 0;
    if (!has_slices && !(is_customary(size % row_size) && is_picture(row, rows)))
        return false;
    height = has_slices ? height : rows;
    *image = (struct zblob_image){.source = ZBLOB_SOURCE_GUESS, .value_offset = size % (height * row_size)};
    image->grid.sample_type = kind->type;
    image->grid.big_endian = kind->big_endian;
    image->grid.components = kind->components;
    image->grid.dimension = has_slices ? 3 : 2;
    image->grid.size[0] = row;
    image->grid.size[1] = height;
    image->grid.size[2] = size / (height * row_size);
    return true;
}

static bool
guess(const unsigned char *src, size_t src_size, struct zblob_image *image)
{
    if (memcmp(src, "RIFF", 4) == 0) /* a sound: its periods are no rows */
        return false;
    size_t skipped = src_size % ALIGNMENT, size = src_size - skipped;
    const struct kind *kind = choose_kind(src + skipped, size);
    if (!kind)
        return false;
    struct raw raw = {src + skipped, size / kind->size, *kind, 0};
    if (kind->size == 4)
        raw.exponent = largest_exponent(raw.bytes, raw.count);
    size_t places = size >> 20, row = find_row(&raw, places < 3 ? 3 : places > 8 ? 8 : places);
    return row > 0 && set_image(image, kind, row, find_height(&raw, row, src_size), src_size);
}

static bool
is_bytes(const struct pickle_op *op)
{
    return op->opcode == OP_BINBYTES || op->opcode == OP_BINBYTES8 || op->opcode == OP_BYTEARRAY8;
}

/* The images in the large bytes objects of a pickle, whatever else it holds. False if it is no pickle, or if images are
 * less than a quarter of the value: then its objects may be slices of one. */
static bool
guess_pickled(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity, size_t *count)
{
    struct pickle_reader reader;
    struct pickle_op op;
    uint64_t total = 0;
    *count = 0;
    if (!pickle_reader_start(&reader, src, src_size))
        return false;
    do {
        if (reader.op_count == PICKLE_OPS_MAX || !pickle_reader_next(&reader, &op))
            return false;
        if (*count == capacity || !is_bytes(&op) || op.argument_size < SIZE_MIN ||
            !guess(op.argument, (size_t)op.argument_size, &images[*count]))
            continue;
        images[(*count)++].value_offset += (uint64_t)(op.argument - src);
        total += op.argument_size;
    } while (op.opcode != OP_STOP);
    return reader.at == src_size && total > src_size / 4;
}

size_t
sniff_raw(const unsigned char *src, size_t src_size, struct zblob_image *images, size_t capacity)
{
    size_t count;
    if (src_size < SIZE_MIN || capacity == 0)
        return 0;
    if (guess_pickled(src, src_size, images, capacity, &count))
        return count;
    return guess(src, src_size, images);
}
