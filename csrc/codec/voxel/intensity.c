/*
 * intensity.c: a chunk of intensities: planes -> residual tokens -> rANS, and back.
 *
 * Layout of a chunk: u32 sizes of tables, flat rows and margins, and count of raw bits; the first three of these
 * parts; words; 64 states; raw bits. A chunk of flat rows alone ends after the margins.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 16, STATES_SIZE = 4 * VOXEL_STATES, SLACK = 2 * VOXEL_SEGMENT + 64 };
_Static_assert((int)VOXEL_ENCODE_SLACK == 2 * SLACK, "what a segment adds to words and raw bits at most");

/* ---- Flat rows: runs as varint pairs (rows before, rows in the run) ---------------------------- */

struct flat_runs {
    unsigned char *bytes;
    size_t size, capacity;
    uint64_t gap, length;
};

static bool
put_varint(struct flat_runs *runs, uint64_t value)
{
    if (runs->size + 10 > runs->capacity)
        return false;
    for (; value >= 128; value >>= 7)
        runs->bytes[runs->size++] = (unsigned char)(value | 128);
    runs->bytes[runs->size++] = (unsigned char)value;
    return true;
}

/* False: the bytes end within the number. */
static bool
get_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 63 && *at < end; shift += 7) {
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static bool
flush_run(struct flat_runs *runs)
{
    bool ok = runs->length == 0 || (put_varint(runs, runs->gap) && put_varint(runs, runs->length));
    if (runs->length)
        runs->gap = 0;
    runs->length = 0;
    return ok;
}

static bool
half_is_flat(const int16_t *values, size_t count, int16_t modal)
{
    const uint64_t four_modal = (uint16_t)modal * UINT64_C(0x0001000100010001);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t low, high;
        memcpy(&low, values + i, sizeof low);
        memcpy(&high, values + i + 4, sizeof high);
        if ((low ^ four_modal) | (high ^ four_modal))
            return false;
    }
    for (; i < count; i++)
        if (values[i] != modal)
            return false;
    return true;
}

/* ---- Encoding ----------------------------------------------------------------------------------- */

/* The samples of a row that are coded: pairs first..last of the even half, fewer of the odd one. */
struct span {
    size_t first, last[2];
};

struct encoding {
    const struct voxel_model *model;
    const struct voxel_ops *ops;
    struct voxel_arena arena;
    struct voxel_planes planes;
    uint32_t *half_counts; /* coded samples of each half-row */
    size_t half_count;
    struct voxel_bit_writer margins;
    size_t margins_capacity;
    uint32_t before[2]; /* margins of the last coded row */
    struct voxel_segment *segment;
    int16_t *scratch;
    uint16_t *symbols, *codes;
    size_t count; /* samples so far */
    uint32_t (*counts)[256];
    struct flat_runs runs;
};

static void
encode_half(struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y, int parity, struct span span)
{
    struct voxel_row row;
    voxel_row_open(&row, &e->planes, cursor, y, parity);
    for (size_t at = span.first; at < span.last[parity]; at += VOXEL_SEGMENT) {
        size_t n = span.last[parity] - at < VOXEL_SEGMENT ? span.last[parity] - at : VOXEL_SEGMENT;
        voxel_model_segment(e->ops, e->model, cursor, &row, parity, at, n, e->segment);
        e->ops->residual(&row, e->model->shift, at, n, e->segment, e->symbols + e->count, e->codes + e->count);
        e->count += n;
    }
    e->half_counts[e->half_count++] = (uint32_t)(span.last[parity] - span.first);
    if (e->model->use_margins) /* whole vectors were written: clear what belongs to margins, of the odd half too */
        memset(row.own_errors + span.last[parity], 0, VOXEL_LANES * sizeof(uint16_t));
    voxel_pad_errors(&e->planes, cursor->ring[0], cursor->component[0], y, parity);
}

static void
clear_errors(const struct voxel_planes *planes, size_t even)
{
    memset(planes->errors + even - VOXEL_PAD, 0, 2 * planes->half_stride * sizeof(uint16_t));
}

static struct span
whole_row(const struct voxel_planes *planes)
{
    return (struct span){0, {planes->half[0], planes->half[1]}};
}

static struct span
span_of(const struct voxel_planes *planes, uint32_t left, uint32_t right)
{
    struct span span = whole_row(planes);
    span.first = (size_t)left * VOXEL_MARGIN;
    span.last[0] -= (size_t)right * VOXEL_MARGIN;
    if (span.last[1] > span.last[0])
        span.last[1] = span.last[0];
    return span;
}

/* Whole steps of the modal value at both ends of a row that is not flat. */
static struct span
find_margins(struct encoding *e, const int16_t *even)
{
    const int16_t *odd = even + e->planes.half_stride;
    size_t pairs = e->planes.half[0], full = e->planes.half[1];
    uint32_t margins[2] = {0, 0};
    while ((margins[0] + 1) * VOXEL_MARGIN <= full &&
           half_is_flat(even + margins[0] * VOXEL_MARGIN, VOXEL_MARGIN, e->model->modal) &&
           half_is_flat(odd + margins[0] * VOXEL_MARGIN, VOXEL_MARGIN, e->model->modal))
        margins[0]++;
    for (size_t end = pairs; end >= VOXEL_MARGIN; end -= VOXEL_MARGIN, margins[1]++) {
        size_t odd_end = end < full ? end : full;
        if (!half_is_flat(even + end - VOXEL_MARGIN, VOXEL_MARGIN, e->model->modal) ||
            !half_is_flat(odd + end - VOXEL_MARGIN, odd_end - (end - VOXEL_MARGIN), e->model->modal))
            break;
    }
    for (int side = 0; side < 2; side++) {
        int32_t change = (int32_t)margins[side] - (int32_t)e->before[side];
        voxel_put_golomb(&e->margins, change < 0 ? (uint32_t)-change * 2 - 1 : (uint32_t)change * 2, 0);
        e->before[side] = margins[side];
    }
    return span_of(&e->planes, margins[0], margins[1]);
}

static bool
encode_row(struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y)
{
    const struct voxel_planes *planes = &e->planes;
    size_t offset = voxel_half_row(planes, cursor->ring[0], cursor->component[0], y, 0);
    const int16_t *even = planes->values + offset;
    bool flat = half_is_flat(even, planes->half[0], e->model->modal) &&
                half_is_flat(even + planes->half_stride, planes->half[1], e->model->modal);
    if (flat) {
        clear_errors(planes, offset);
        e->runs.length++;
        return true;
    }
    if (!flush_run(&e->runs))
        return false;
    e->runs.gap++;
    struct span span = whole_row(planes);
    if (e->model->use_margins) {
        clear_errors(planes, offset);
        span = find_margins(e, even);
    }
    encode_half(e, cursor, y, 0, span);
    encode_half(e, cursor, y, 1, span);
    return true;
}

static bool
encode_box(struct encoding *e, struct voxel_box box, const unsigned char *samples)
{
    for (size_t z = 0; z < box.slices; z++) {
        voxel_load_slice(e->model, samples, box, z, &e->planes, e->scratch);
        for (size_t c = 0; c < e->planes.components; c++) {
            struct voxel_plane_cursor cursor;
            voxel_cursor_open(&cursor, e->model, &e->planes, z, c);
            for (size_t y = 0; y < box.rows; y++)
                if (!encode_row(e, &cursor, y))
                    return false;
        }
    }
    return flush_run(&e->runs);
}

/* The fast preset counts some 2^17 to 2^18 samples of a chunk, in blocks that a hash picks: a plain stride could follow
 * the rows. Tokens that it does not meet are escaped. */
static void
count_tokens(const struct encoding *e)
{
    uint32_t *counts = e->counts[0];
    int bits = 0; /* one block of 2^bits is counted */
    while (e->model->preset == VOXEL_PRESET_FAST && e->count >> bits > 1u << 18)
        bits++;
    for (size_t block = 0; block < e->count; block += 64) {
        if (bits && block / 64 * UINT64_C(0x9E3779B97F4A7C15) >> (64 - bits))
            continue;
        size_t end = block + 64 < e->count ? block + 64 : e->count;
        for (size_t i = block; i < end; i++)
            counts[e->symbols[i]]++;
    }
}

/* The tables' bits to dst, and the encoder's form of them. 0: no room. */
static size_t
encode_tables(struct encoding *e, struct voxel_encode_entry (*entries)[256], unsigned char *dst, size_t capacity)
{
    struct voxel_bit_writer writer = {dst, dst + capacity, 0, 0, false};
    for (int table = 0; table < voxel_table_count(e->model); table++) {
        uint16_t frequencies[VOXEL_TOKENS];
        voxel_normalise(e->counts[table], frequencies);
        voxel_write_table(&writer, frequencies);
        voxel_encode_table(frequencies, entries[table]);
    }
    voxel_flush_bits(&writer);
    return writer.overflow ? 0 : (size_t)(writer.at - dst);
}

/* Everything but the states is known: backwards through the rows. False: no room for words or raw bits. */
static bool
encode_halves(const struct encoding *e, struct voxel_encoder *encoder)
{
    size_t at = e->count;
    for (size_t half = e->half_count; half-- > 0;) {
        size_t left = e->half_counts[half];
        while (left > 0) { /* in pieces that cannot overrun */
            size_t piece = left % VOXEL_SEGMENT ? left % VOXEL_SEGMENT : VOXEL_SEGMENT;
            if (encoder->raw - (unsigned char *)encoder->words < VOXEL_ENCODE_SLACK)
                return false;
            left -= piece;
            at -= piece;
            e->ops->rans_encode(encoder, e->symbols + at, e->codes + at, piece);
        }
    }
    return true;
}

/* Words, states and raw bits to dst + start: words grow from there upwards, raw bits from behind the end downwards.
 * 0: no room. */
static size_t
encode_streams(const struct encoding *e, const struct voxel_encode_entry *entries, size_t start, unsigned char *dst,
               size_t capacity)
{
    unsigned char *raw_end = dst + capacity + VOXEL_ENCODE_SLACK;
    struct voxel_encoder encoder = {.entries = entries, .words = (void *)(dst + start), .raw = raw_end};
    for (int lane = 0; lane < VOXEL_STATES; lane++)
        encoder.states[lane] = 65536;
    if (!encode_halves(e, &encoder))
        return 0;
    size_t raw_bits = (size_t)(raw_end - encoder.raw) * 8 + encoder.raw_pending_count;
    if (encoder.raw_pending_count)
        *--encoder.raw = (unsigned char)(encoder.raw_pending << (8 - encoder.raw_pending_count));
    unsigned char *states = (unsigned char *)encoder.words;
    size_t raw_size = (size_t)(raw_end - encoder.raw), size = (size_t)(states - dst) + STATES_SIZE + raw_size;
    if (size > capacity)
        return 0;
    voxel_put32(dst + 12, (uint32_t)raw_bits);
    for (int lane = 0; lane < VOXEL_STATES; lane++)
        voxel_put32(states + 4 * lane, encoder.states[lane]);
    memmove(states + STATES_SIZE, encoder.raw, raw_size);
    return size;
}

static size_t
encode_parts(struct encoding *e, unsigned char *dst, size_t capacity)
{
    unsigned char *margins = (unsigned char *)e->margins.end - e->margins_capacity;
    voxel_flush_bits(&e->margins);
    size_t margins_size = (size_t)(e->margins.at - margins);
    size_t fixed = HEADER_SIZE + e->runs.size + margins_size, tables_size = 0;
    if (capacity < fixed || e->margins.overflow)
        return 0;
    struct voxel_encode_entry(*entries)[256] = voxel_arena_take(&e->arena, VOXEL_TABLES_MAX * sizeof *entries);
    memset(entries, 0, VOXEL_TABLES_MAX * sizeof *entries);
    if (e->count) {
        count_tokens(e);
        tables_size = encode_tables(e, entries, dst + HEADER_SIZE, capacity - fixed);
        if (tables_size == 0)
            return 0;
    }
    voxel_put32(dst, (uint32_t)tables_size);
    voxel_put32(dst + 4, (uint32_t)e->runs.size);
    voxel_put32(dst + 8, (uint32_t)margins_size);
    voxel_put32(dst + 12, 0);
    memcpy(dst + HEADER_SIZE + tables_size, e->runs.bytes, e->runs.size);
    memcpy(dst + HEADER_SIZE + tables_size + e->runs.size, margins, margins_size);
    return e->count ? encode_streams(e, entries[0], fixed + tables_size, dst, capacity) : fixed;
}

/* Everything a chunk's encoding needs, in one block. */
static bool
open_encoding(struct encoding *e, struct voxel_box box)
{
    const struct voxel_shape *shape = &e->model->shape;
    size_t rows = (size_t)(box.slices * box.rows * shape->components), count = rows * (size_t)shape->width + 64;
    size_t planes_size = voxel_planes_size(shape, box, e->model->distance), row = voxel_scratch_size(shape);
    e->runs.capacity = 20 * rows + 40;
    e->margins_capacity = 8 * rows + 16;
    size_t total = planes_size + sizeof *e->segment + 2 * row + 4 * count + 2 * rows * 4 + e->runs.capacity +
                   e->margins_capacity +
                   VOXEL_TABLES_MAX * (sizeof *e->counts + 256 * sizeof(struct voxel_encode_entry)) + 64 * 20;
    if (!voxel_arena_open(&e->arena, total))
        return false;
    voxel_planes_open(&e->planes, shape, box, e->model->distance, e->model->modal,
                      voxel_arena_take(&e->arena, planes_size));
    e->segment = voxel_arena_take(&e->arena, sizeof *e->segment);
    e->segment->keep_all = false;
    e->scratch = voxel_arena_take(&e->arena, 2 * row);
    e->symbols = voxel_arena_take(&e->arena, 2 * count);
    e->codes = voxel_arena_take(&e->arena, 2 * count);
    e->half_counts = voxel_arena_take(&e->arena, 2 * rows * 4);
    e->runs.bytes = voxel_arena_take(&e->arena, e->runs.capacity);
    e->margins.at = voxel_arena_take(&e->arena, e->margins_capacity);
    e->margins.end = e->margins.at + e->margins_capacity;
    e->counts = voxel_arena_take(&e->arena, VOXEL_TABLES_MAX * sizeof *e->counts);
    memset(e->counts, 0, VOXEL_TABLES_MAX * sizeof *e->counts);
    return true;
}

enum zblob_result
voxel_encode_planes(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                    unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    struct encoding e = {.model = model, .ops = voxel_ops()};
    *dst_size = 0;
    if (!open_encoding(&e, box))
        return ZBLOB_NO_MEMORY;
    if (encode_box(&e, box, samples))
        *dst_size = encode_parts(&e, dst, dst_capacity);
    voxel_arena_close(&e.arena);
    return ZBLOB_OK;
}

/* ---- Decoding ----------------------------------------------------------------------------------- */

struct decoding {
    const struct voxel_model *model;
    const struct voxel_ops *ops;
    struct voxel_arena arena;
    struct voxel_planes planes;
    struct voxel_segment *segment;
    int16_t *scratch;
    struct voxel_decoder rans;
    const unaligned16 *words; /* the first of them */
    uint64_t raw_bits;
    uint32_t *entries;
    bool has_words;
    const unsigned char *runs, *runs_end;
    uint64_t gap, length; /* coded rows before the next flat ones, and how many those are */
    struct voxel_bit_reader margins;
    uint32_t before[2];
};

/* Leaves gap = UINT64_MAX behind the last run. */
static bool
next_run(struct decoding *d)
{
    if (d->runs == d->runs_end) {
        d->gap = UINT64_MAX;
        return true;
    }
    return get_varint(&d->runs, d->runs_end, &d->gap) && get_varint(&d->runs, d->runs_end, &d->length);
}

static bool
decode_half(struct decoding *d, const struct voxel_plane_cursor *cursor, size_t y, int parity, struct span span)
{
    struct voxel_row row;
    voxel_row_open(&row, &d->planes, cursor, y, parity);
    for (size_t at = span.first; at < span.last[parity]; at += VOXEL_SEGMENT) {
        size_t n = span.last[parity] - at < VOXEL_SEGMENT ? span.last[parity] - at : VOXEL_SEGMENT;
        voxel_model_segment(d->ops, d->model, cursor, &row, parity, at, n, d->segment);
        d->ops->rans_decode(&d->rans, d->segment->table, d->segment->code, n);
        if (d->rans.words < d->words || d->rans.raw_at > d->raw_bits)
            return false;
        d->ops->reconstruct(&row, d->model->shift, at, n, d->segment);
    }
    if (d->model->use_margins) { /* whole vectors were written: restore what belongs to margins, of the odd half too */
        memset(row.own_errors + span.last[parity], 0, VOXEL_LANES * sizeof(uint16_t));
        for (int i = 0; i < VOXEL_LANES; i++)
            row.values[span.last[parity] + (size_t)i] = d->model->modal;
    }
    voxel_pad_values(&d->planes, cursor->ring[0], cursor->component[0], y, parity);
    voxel_pad_errors(&d->planes, cursor->ring[0], cursor->component[0], y, parity);
    return true;
}

static void
fill_row(struct decoding *d, size_t offset)
{
    int16_t *values = d->planes.values + offset - VOXEL_PAD, modal = d->model->modal;
    clear_errors(&d->planes, offset);
    for (size_t i = 0; i < 2 * d->planes.half_stride; i++)
        values[i] = modal;
}

static bool
read_margins(struct decoding *d, struct span *span)
{
    uint32_t steps = (uint32_t)((d->planes.half[0] + VOXEL_MARGIN - 1) / VOXEL_MARGIN);
    for (int side = 0; side < 2; side++) {
        uint32_t change = voxel_get_golomb(&d->margins, 0);
        d->before[side] += change & 1 ? (uint32_t)0 - (change + 1) / 2 : change / 2;
        if (d->before[side] > steps)
            return false;
    }
    if ((size_t)(d->before[0] + d->before[1]) * VOXEL_MARGIN > d->planes.half[0] ||
        (size_t)d->before[0] * VOXEL_MARGIN > d->planes.half[1] || d->margins.overflow)
        return false;
    *span = span_of(&d->planes, d->before[0], d->before[1]);
    return true;
}

static bool
decode_row(struct decoding *d, const struct voxel_plane_cursor *cursor, size_t y)
{
    size_t offset = voxel_half_row(&d->planes, cursor->ring[0], cursor->component[0], y, 0);
    if (d->gap == 0 && d->length == 0 && !next_run(d))
        return false;
    if (d->gap > 0) {
        struct span span = whole_row(&d->planes);
        if (d->gap != UINT64_MAX)
            d->gap--;
        if (!d->has_words || (d->model->use_margins && !read_margins(d, &span)))
            return false;
        if (d->model->use_margins)
            fill_row(d, offset);
        return decode_half(d, cursor, y, 0, span) && decode_half(d, cursor, y, 1, span);
    }
    if (d->length == 0)
        return false;
    d->length--;
    fill_row(d, offset);
    return true;
}

static bool
decode_box(struct decoding *d, struct voxel_box box, unsigned char *dst)
{
    for (size_t z = 0; z < box.slices; z++) {
        for (size_t c = 0; c < d->planes.components; c++) {
            struct voxel_plane_cursor cursor;
            voxel_cursor_open(&cursor, d->model, &d->planes, z, c);
            for (size_t y = 0; y < box.rows; y++)
                if (!decode_row(d, &cursor, y))
                    return false;
        }
        voxel_store_slice(d->model, dst, box, z, &d->planes, d->scratch);
    }
    return true;
}

/* The encoder started from nothing: so must the decoder end. */
static bool
is_finished(const struct decoding *d)
{
    bool ok = d->rans.words == d->words && d->rans.raw_at == d->raw_bits;
    for (int lane = 0; lane < VOXEL_STATES; lane++)
        ok = ok && d->rans.states[lane] == 65536;
    return ok || !d->has_words;
}

static bool
decode_tables(struct decoding *d, const unsigned char *src, size_t size)
{
    struct voxel_bit_reader reader = {src, src + size, 0, 0, false};
    for (int table = 0; table < voxel_table_count(d->model); table++) {
        uint16_t frequencies[VOXEL_TOKENS];
        if (!voxel_read_table(&reader, frequencies))
            return false;
        voxel_decode_table(frequencies, d->entries + (size_t)table * VOXEL_TABLE_SIZE);
    }
    d->rans.entries = d->entries;
    return true;
}

/* Words, states and raw bits; what is read beyond its ends, copied. */
static bool
decode_streams(struct decoding *d, const unsigned char *src, size_t size, size_t raw_bits)
{
    size_t raw_size = raw_bits / 8 + (raw_bits % 8 != 0);
    if (size < STATES_SIZE || raw_size > size - STATES_SIZE || (size - raw_size) % 2)
        return false;
    size_t words_size = size - raw_size - STATES_SIZE;
    unsigned char *raw = voxel_arena_take(&d->arena, raw_size + SLACK);
    unsigned char *words = voxel_arena_take(&d->arena, words_size + 2 * SLACK);
    const unsigned char *states = src + words_size;
    memset(words, 0, SLACK);
    memcpy(words + SLACK, src, words_size);
    memset(words + SLACK + words_size, 0, SLACK);
    d->words = (const void *)(words + SLACK);
    d->rans.words = d->words + words_size / 2;
    d->has_words = true;
    for (int lane = 0; lane < VOXEL_STATES; lane++)
        d->rans.states[lane] = voxel_get32(states + 4 * lane);
    memcpy(raw, states + STATES_SIZE, raw_size);
    memset(raw + raw_size, 0, SLACK);
    d->rans.raw = raw;
    d->rans.raw_at = raw_size * 8 - raw_bits;
    d->raw_bits = raw_size * 8;
    return true;
}

static bool
decode_parts(struct decoding *d, const unsigned char *src, size_t src_size)
{
    if (src_size < HEADER_SIZE)
        return false;
    size_t tables_size = voxel_get32(src), runs_size = voxel_get32(src + 4), margins_size = voxel_get32(src + 8);
    size_t raw_bits = voxel_get32(src + 12), left = src_size - HEADER_SIZE;
    if (tables_size > left || runs_size > left - tables_size || margins_size > left - tables_size - runs_size)
        return false;
    src += HEADER_SIZE;
    left -= tables_size + runs_size + margins_size;
    d->runs = src + tables_size;
    d->runs_end = d->runs + runs_size;
    d->margins.at = d->runs_end;
    d->margins.end = d->runs_end + margins_size;
    if (tables_size == 0)
        return raw_bits == 0 && left == 0;
    return decode_tables(d, src, tables_size) && decode_streams(d, d->margins.end, left, raw_bits);
}

static bool
open_decoding(struct decoding *d, struct voxel_box box, size_t src_size)
{
    const struct voxel_shape *shape = &d->model->shape;
    size_t planes_size = voxel_planes_size(shape, box, d->model->distance), row = voxel_scratch_size(shape);
    size_t tables_size = (size_t)voxel_table_count(d->model) * VOXEL_TABLE_SIZE * sizeof *d->entries;
    size_t total = planes_size + sizeof *d->segment + 2 * row + tables_size + src_size + 3 * SLACK + 64 * 10;
    if (!voxel_arena_open(&d->arena, total))
        return false;
    voxel_planes_open(&d->planes, shape, box, d->model->distance, d->model->modal,
                      voxel_arena_take(&d->arena, planes_size));
    d->segment = voxel_arena_take(&d->arena, sizeof *d->segment);
    d->segment->keep_all = false;
    d->scratch = voxel_arena_take(&d->arena, 2 * row);
    d->entries = voxel_arena_take(&d->arena, tables_size);
    return true;
}

enum zblob_result
voxel_decode_planes(const struct voxel_model *model, struct voxel_box box, const unsigned char *src, size_t src_size,
                    unsigned char *dst)
{
    struct decoding d = {.model = model, .ops = voxel_ops()};
    if (!open_decoding(&d, box, src_size))
        return ZBLOB_NO_MEMORY;
    bool ok = decode_parts(&d, src, src_size) && decode_box(&d, box, dst) && is_finished(&d);
    voxel_arena_close(&d.arena);
    return ok ? ZBLOB_OK : ZBLOB_DAMAGED;
}
