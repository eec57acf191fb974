/*
 * intensity.c: a chunk of intensities: planes -> residual tokens -> rANS, and back.
 *
 * A chunk is a header of four numbers (the sizes of tables, flat rows and margins, and the number of raw bits), then
 * tables, flat rows, margins, words, states and raw bits. A chunk that has flat rows only ends after the margins.
 */
#include "intensity.h"

#include "../base/arena.h"
#include "../base/bits.h"
#include "../base/bytes.h"
#include "../base/hash.h"
#include "../base/integers.h"
#include "../base/interrupt.h"
#include "chunk_header.h"
#include "chunks.h"
#include "kernels/dispatch.h"
#include "kernels/rans_few.h"
#include "neighbours.h"
#include "samples.h"
#include "swift/codec.h"
#include "tables.h"

#include <string.h>

enum { MARGIN = 8 }; /* margins are counted in steps of this many pairs of samples */
enum { HEADER_SIZE = VOXEL_HEADER_SIZE, SLACK = 2 * VOXEL_SEGMENT + 64 };
_Static_assert((int)VOXEL_ENCODE_SLACK == 2 * SLACK, "at most so much does a segment add to words and raw bits");

static int
state_count(const struct voxel_model *model)
{
    return model->has_few_states ? VOXEL_FEW_STATES : VOXEL_STATES;
}

/* ---- Flat rows: for each run a pair of varints, coded rows before it and its rows ---------------------------- */

struct flat_runs {
    unsigned char *bytes;
    size_t size, capacity;
    uint64_t gap, length;
};

/* False: no room. */
static bool
flush_run(struct flat_runs *runs)
{
    if (runs->length == 0)
        return true;
    if (runs->capacity - runs->size < 2 * VARINT_SIZE_MAX)
        return false;
    unsigned char *end = put_varint(put_varint(runs->bytes + runs->size, runs->gap), runs->length);
    runs->size = (size_t)(end - runs->bytes);
    runs->gap = runs->length = 0;
    return true;
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

/* The samples of a row that are coded: first..last[parity] - 1 of each half. */
struct span {
    size_t first, last[2];
};

struct encoding {
    const struct voxel_model *model;
    const struct voxel_kernels *kernels;
    struct arena arena;
    struct voxel_window window;
    uint32_t *half_counts; /* coded samples of each half-row */
    size_t half_count;
    struct bit_writer margins;
    size_t margins_capacity;
    uint32_t before[2]; /* margins of the last coded row */
    struct voxel_segment *segment;
    int16_t *scratch;
    uint16_t *symbols, *codes;
    size_t count; /* samples so far */
    uint32_t (*counts)[256];
    void *entries; /* by table, 256 of the form that the number of states asks for */
    struct flat_runs runs;
};

static void
encode_half(struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y, int parity, struct span span)
{
    struct voxel_row row;
    voxel_row_open(&row, &e->window, cursor, y, parity);
    for (size_t at = span.first; at < span.last[parity]; at += VOXEL_SEGMENT) {
        size_t n = span.last[parity] - at < VOXEL_SEGMENT ? span.last[parity] - at : VOXEL_SEGMENT;
        voxel_model_segment(e->kernels, e->model, cursor, &row, parity, at, n, e->segment);
        e->kernels->residual(&row, e->model->shift, at, n, e->segment, e->symbols + e->count, e->codes + e->count);
        if (e->model->plateau_count) {
            e->kernels->find_plateaus(&row, &cursor->plateaus, parity, at, n, e->segment);
            e->kernels->encode_plateaus(e->segment, n, e->symbols + e->count, e->codes + e->count);
        }
        e->count += n;
    }
    e->half_counts[e->half_count++] = (uint32_t)(span.last[parity] - span.first);
    if (e->model->use_margins) /* whole vectors were written: clear what belongs to margins, of the odd half too */
        memset(row.own_errors + span.last[parity], 0, VOXEL_LANES * sizeof(uint16_t));
    voxel_pad_errors(&e->window, cursor->ring[0], cursor->component[0], y, parity);
}

static void
clear_errors(const struct voxel_window *window, size_t even)
{
    memset(window->errors + even - VOXEL_PAD, 0, 2 * window->half_stride * sizeof(uint16_t));
}

static struct span
whole_row(const struct voxel_window *window)
{
    return (struct span){0, {window->half[0], window->half[1]}};
}

static struct span
span_of(const struct voxel_window *window, uint32_t left, uint32_t right)
{
    struct span span = whole_row(window);
    span.first = (size_t)left * MARGIN;
    span.last[0] -= (size_t)right * MARGIN;
    if (span.last[1] > span.last[0])
        span.last[1] = span.last[0];
    return span;
}

/* Finds the steps at both ends of a row that hold nothing but the modal value, and writes how many they are. */
static struct span
find_margins(struct encoding *e, const int16_t *even)
{
    const int16_t *odd = even + e->window.half_stride;
    size_t pairs = e->window.half[0], full = e->window.half[1];
    uint32_t margins[2] = {0, 0};
    while ((margins[0] + 1) * MARGIN <= full && half_is_flat(even + margins[0] * MARGIN, MARGIN, e->model->modal) &&
           half_is_flat(odd + margins[0] * MARGIN, MARGIN, e->model->modal))
        margins[0]++;
    for (size_t end = pairs; end >= MARGIN; end -= MARGIN, margins[1]++) {
        size_t odd_end = end < full ? end : full;
        if (!half_is_flat(even + end - MARGIN, MARGIN, e->model->modal) ||
            !half_is_flat(odd + end - MARGIN, odd_end - (end - MARGIN), e->model->modal))
            break;
    }
    for (int side = 0; side < 2; side++) {
        int32_t change = (int32_t)margins[side] - (int32_t)e->before[side];
        bits_put_golomb(&e->margins, zigzag(change), 0);
        e->before[side] = margins[side];
    }
    return span_of(&e->window, margins[0], margins[1]);
}

static bool
encode_row(struct encoding *e, const struct voxel_plane_cursor *cursor, size_t y)
{
    const struct voxel_window *window = &e->window;
    size_t offset = voxel_half_row(window, cursor->ring[0], cursor->component[0], y, 0);
    const int16_t *even = window->values + offset;
    bool flat = half_is_flat(even, window->half[0], e->model->modal) &&
                half_is_flat(even + window->half_stride, window->half[1], e->model->modal);
    if (flat) {
        clear_errors(window, offset);
        e->runs.length++;
        return true;
    }
    if (!flush_run(&e->runs))
        return false;
    e->runs.gap++;
    struct span span = whole_row(window);
    if (e->model->use_margins) {
        clear_errors(window, offset);
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
        voxel_load_slice(e->model, samples, box, z, &e->window, e->scratch);
        for (size_t c = 0; c < e->window.components; c++) {
            struct voxel_plane_cursor cursor;
            voxel_cursor_open(&cursor, e->model, &e->window, z, c);
            for (size_t y = 0, left = 0; y < box.rows; y++)
                if (interrupt_is_due(&left, e->window.width) || !encode_row(e, &cursor, y))
                    return false;
        }
    }
    return flush_run(&e->runs);
}

/* The fast preset counts only some 2^17 to 2^18 samples of a chunk. A hash picks their blocks, as a fixed stride could
 * fall into step with the rows. Tokens that are not met become escapes. */
static void
count_tokens(const struct encoding *e)
{
    uint32_t *counts = e->counts[0];
    int bits = 0; /* one block of 2^bits is counted */
    while (e->model->preset == VOXEL_PRESET_FAST && e->count >> bits > 1u << 18)
        bits++;
    for (size_t block = 0; block < e->count; block += 64) {
        if (bits && hash_number(block / 64) >> (64 - bits))
            continue;
        size_t end = block + 64 < e->count ? block + 64 : e->count;
        for (size_t i = block; i < end; i++)
            counts[e->symbols[i]]++;
    }
}

/* Writes the tables to dst, and fills one of the encoder's forms of them. Returns their size; 0: no room. */
static size_t
encode_tables(const struct encoding *e, unsigned char *dst, size_t capacity)
{
    struct bit_writer writer = bits_write_to(dst, capacity);
    for (int table = 0; table < voxel_table_count(e->model); table++) {
        uint16_t frequencies[VOXEL_TOKENS];
        voxel_normalise_counts(e->counts[table], frequencies);
        voxel_write_table(&writer, frequencies);
        if (e->model->has_few_states)
            voxel_fill_few_entries(frequencies, (struct voxel_few_entry *)e->entries + 256 * table);
        else
            voxel_fill_encode_entries(frequencies, (struct voxel_encode_entry *)e->entries + 256 * table);
    }
    bits_flush(&writer);
    return writer.overflow ? 0 : (size_t)(writer.at - dst);
}

/* Encodes all symbols, backwards through the rows. False: no room for words or raw bits. */
static bool
encode_halves(const struct encoding *e, struct voxel_encoder *encoder)
{
    size_t at = e->count, since = 0;
    for (size_t half = e->half_count; half-- > 0;) {
        size_t left = e->half_counts[half];
        if (interrupt_is_due(&since, left))
            return false;
        while (left > 0) { /* in pieces that cannot overrun */
            size_t piece = left % VOXEL_SEGMENT ? left % VOXEL_SEGMENT : VOXEL_SEGMENT;
            if (encoder->raw - (unsigned char *)encoder->words < VOXEL_ENCODE_SLACK)
                return false;
            left -= piece;
            at -= piece;
            if (e->model->has_few_states)
                voxel_rans_encode_few(encoder, e->symbols + at, e->codes + at, piece);
            else
                e->kernels->rans_encode(encoder, e->symbols + at, e->codes + at, piece);
        }
    }
    return true;
}

/* Writes words, states and raw bits to dst + start. At first, words grow upwards from there, and raw bits downwards
 * from the end of the slack. Returns the chunk's size; 0: no room. */
static size_t
encode_streams(const struct encoding *e, size_t start, unsigned char *dst, size_t capacity)
{
    unsigned char *raw_end = dst + capacity + VOXEL_ENCODE_SLACK;
    struct voxel_encoder encoder = {.words = (void *)(dst + start), .raw = raw_end, .entries = e->entries};
    encoder.few = e->entries;
    int states_count = state_count(e->model);
    for (int lane = 0; lane < states_count; lane++)
        encoder.states[lane] = 65536;
    if (!encode_halves(e, &encoder))
        return 0;
    size_t raw_bits = (size_t)(raw_end - encoder.raw) * 8 + encoder.raw_pending_count;
    if (encoder.raw_pending_count)
        *--encoder.raw = (unsigned char)(encoder.raw_pending << (8 - encoder.raw_pending_count));
    unsigned char *states = (unsigned char *)encoder.words;
    size_t raw_size = (size_t)(raw_end - encoder.raw), states_size = 4 * (size_t)states_count;
    size_t size = (size_t)(states - dst) + states_size + raw_size;
    if (size > capacity)
        return 0;
    store_le32(dst + 12, (uint32_t)raw_bits);
    for (int lane = 0; lane < states_count; lane++)
        store_le32(states + 4 * lane, encoder.states[lane]);
    memmove(states + states_size, encoder.raw, raw_size);
    return size;
}

static size_t
encode_parts(struct encoding *e, unsigned char *dst, size_t capacity)
{
    unsigned char *margins = (unsigned char *)e->margins.end - e->margins_capacity;
    bits_flush(&e->margins);
    size_t margins_size = (size_t)(e->margins.at - margins);
    size_t fixed = HEADER_SIZE + e->runs.size + margins_size, tables_size = 0;
    if (capacity < fixed || e->margins.overflow)
        return 0;
    if (e->count) {
        count_tokens(e);
        tables_size = encode_tables(e, dst + HEADER_SIZE, capacity - fixed);
        if (tables_size == 0)
            return 0;
    }
    store_le32(dst, (uint32_t)tables_size);
    store_le32(dst + 4, (uint32_t)e->runs.size);
    store_le32(dst + 8, (uint32_t)margins_size);
    store_le32(dst + 12, 0);
    memcpy(dst + HEADER_SIZE + tables_size, e->runs.bytes, e->runs.size);
    memcpy(dst + HEADER_SIZE + tables_size + e->runs.size, margins, margins_size);
    size_t size = e->count ? encode_streams(e, fixed + tables_size, dst, capacity) : fixed;
    return e->model->has_few_states ? voxel_shorten_header(dst, size) : size;
}

/* Takes all memory that encoding a chunk needs as one piece. */
static bool
open_encoding(struct encoding *e, struct voxel_box box)
{
    const struct voxel_shape *shape = &e->model->shape;
    size_t rows = (size_t)(box.slices * box.rows * shape->components), count = rows * (size_t)shape->width + 64;
    size_t window_size = voxel_window_size(shape, box, e->model->distance), row = voxel_scratch_size(shape);
    size_t tables = (size_t)voxel_table_count(e->model);
    size_t entry = e->model->has_few_states ? sizeof(struct voxel_few_entry) : sizeof(struct voxel_encode_entry);
    e->runs.capacity = 20 * rows + 40;
    e->margins_capacity = 8 * rows + 16;
    size_t total = window_size + sizeof *e->segment + 2 * row + 4 * count + 2 * rows * 4 + e->runs.capacity +
                   e->margins_capacity + tables * (sizeof *e->counts + 256 * entry) + 64 * 20;
    if (!arena_open(&e->arena, total))
        return false;
    voxel_window_open(&e->window, shape, box, e->model->distance, e->model->modal, arena_take(&e->arena, window_size));
    e->segment = arena_take(&e->arena, sizeof *e->segment);
    e->segment->keep_all = false;
    e->scratch = arena_take(&e->arena, 2 * row);
    e->symbols = arena_take(&e->arena, 2 * count);
    e->codes = arena_take(&e->arena, 2 * count);
    e->half_counts = arena_take(&e->arena, 2 * rows * 4);
    e->runs.bytes = arena_take(&e->arena, e->runs.capacity);
    e->margins = bits_write_to(arena_take(&e->arena, e->margins_capacity), e->margins_capacity);
    e->counts = arena_take(&e->arena, tables * sizeof *e->counts);
    memset(e->counts, 0, tables * sizeof *e->counts);
    e->entries = arena_take(&e->arena, tables * 256 * entry);
    return true;
}

enum zblob_result
voxel_encode_intensity(const struct voxel_model *model, struct voxel_box box, const unsigned char *samples,
                       unsigned char *dst, size_t dst_capacity, size_t *dst_size)
{
    if (model->preset == VOXEL_PRESET_SWIFT)
        return swift_encode_box(voxel_swift_kernels(), model, box, samples, dst, dst_capacity, dst_size);
    struct encoding e = {.model = model, .kernels = voxel_kernels()};
    *dst_size = 0;
    if (!open_encoding(&e, box))
        return ZBLOB_NO_MEMORY;
    if (encode_box(&e, box, samples))
        *dst_size = encode_parts(&e, dst, dst_capacity);
    arena_close(&e.arena);
    return ZBLOB_OK;
}

/* ---- Decoding ----------------------------------------------------------------------------------- */

struct decoding {
    const struct voxel_model *model;
    const struct voxel_kernels *kernels;
    struct arena arena;
    struct voxel_window window;
    struct voxel_segment *segment;
    int16_t *scratch;
    struct voxel_decoder rans;
    const unaligned16 *words; /* the first of them */
    uint64_t raw_bits;
    uint32_t *entries;
    bool has_words;
    const unsigned char *runs, *runs_end;
    uint64_t gap, length; /* coded rows before the next flat ones, and how many those are */
    struct bit_reader margins;
    uint32_t before[2];
};

/* After the last run, gap is UINT64_MAX: all rows are coded. */
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
    voxel_row_open(&row, &d->window, cursor, y, parity);
    for (size_t at = span.first; at < span.last[parity]; at += VOXEL_SEGMENT) {
        size_t n = span.last[parity] - at < VOXEL_SEGMENT ? span.last[parity] - at : VOXEL_SEGMENT;
        voxel_model_segment(d->kernels, d->model, cursor, &row, parity, at, n, d->segment);
        if (d->model->plateau_count)
            d->kernels->find_plateaus(&row, &cursor->plateaus, parity, at, n, d->segment);
        if (d->model->has_few_states)
            voxel_rans_decode_few(&d->rans, d->segment->table, d->segment->code, n);
        else
            d->kernels->rans_decode(&d->rans, d->segment->table, d->segment->code, n);
        if (d->rans.words < d->words || d->rans.raw_at > d->raw_bits)
            return false;
        if (d->model->plateau_count)
            d->kernels->decode_plateaus(n, d->segment);
        d->kernels->reconstruct(&row, d->model->shift, at, n, d->segment);
    }
    if (d->model->use_margins) { /* whole vectors were written: restore what belongs to margins, of the odd half too */
        memset(row.own_errors + span.last[parity], 0, VOXEL_LANES * sizeof(uint16_t));
        for (int i = 0; i < VOXEL_LANES; i++)
            row.values[span.last[parity] + (size_t)i] = d->model->modal;
    }
    voxel_pad_values(&d->window, cursor->ring[0], cursor->component[0], y, parity);
    voxel_pad_errors(&d->window, cursor->ring[0], cursor->component[0], y, parity);
    return true;
}

static void
fill_row(struct decoding *d, size_t offset)
{
    int16_t *values = d->window.values + offset - VOXEL_PAD, modal = d->model->modal;
    clear_errors(&d->window, offset);
    for (size_t i = 0; i < 2 * d->window.half_stride; i++)
        values[i] = modal;
}

static bool
read_margins(struct decoding *d, struct span *span)
{
    uint32_t steps = (uint32_t)((d->window.half[0] + MARGIN - 1) / MARGIN);
    for (int side = 0; side < 2; side++) {
        d->before[side] += (uint32_t)unzigzag(bits_get_golomb(&d->margins, 0)); /* modulo 2^32 */
        if (d->before[side] > steps)
            return false;
    }
    if ((size_t)(d->before[0] + d->before[1]) * MARGIN > d->window.half[0] ||
        (size_t)d->before[0] * MARGIN > d->window.half[1] || d->margins.overflow)
        return false;
    *span = span_of(&d->window, d->before[0], d->before[1]);
    return true;
}

static bool
decode_row(struct decoding *d, const struct voxel_plane_cursor *cursor, size_t y)
{
    size_t offset = voxel_half_row(&d->window, cursor->ring[0], cursor->component[0], y, 0);
    if (d->gap == 0 && d->length == 0 && !next_run(d))
        return false;
    if (d->gap > 0) {
        struct span span = whole_row(&d->window);
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
        for (size_t c = 0; c < d->window.components; c++) {
            struct voxel_plane_cursor cursor;
            voxel_cursor_open(&cursor, d->model, &d->window, z, c);
            for (size_t y = 0, left = 0; y < box.rows; y++)
                if (interrupt_is_due(&left, d->window.width) || !decode_row(d, &cursor, y))
                    return false;
        }
        voxel_store_slice(d->model, dst, box, z, &d->window, d->scratch);
    }
    return true;
}

/* The decoder must end where the encoder began: no words or raw bits left, and all states at their first value. Flat rows
 * and margins must be used up as well. */
static bool
is_finished(const struct decoding *d)
{
    bool ok = d->rans.words == d->words && d->rans.raw_at == d->raw_bits;
    if (d->runs != d->runs_end || (d->gap && d->gap != UINT64_MAX) || d->length || !bits_are_used_up(&d->margins))
        return false;
    for (int lane = 0; lane < state_count(d->model); lane++)
        ok = ok && d->rans.states[lane] == 65536;
    return ok || !d->has_words;
}

static bool
decode_tables(struct decoding *d, const unsigned char *src, size_t size)
{
    struct bit_reader reader = bits_read_from(src, size);
    for (int table = 0; table < voxel_table_count(d->model); table++) {
        uint16_t frequencies[VOXEL_TOKENS];
        if (!voxel_read_table(&reader, frequencies))
            return false;
        voxel_fill_decode_entries(frequencies, d->entries + (size_t)table * VOXEL_TABLE_SIZE);
    }
    d->rans.entries = d->entries;
    return bits_are_used_up(&reader);
}

/* Finds words, states and raw bits. Kernels read words and raw bits past their ends: so those are copied, with room. */
static bool
decode_streams(struct decoding *d, const unsigned char *src, size_t size, size_t raw_bits)
{
    size_t raw_size = raw_bits / 8 + (raw_bits % 8 != 0), states_size = 4 * (size_t)state_count(d->model);
    if (size < states_size || raw_size > size - states_size || (size - raw_size) % 2)
        return false;
    size_t words_size = size - raw_size - states_size;
    unsigned char *raw = arena_take(&d->arena, raw_size + SLACK);
    unsigned char *words = arena_take(&d->arena, words_size + 2 * SLACK);
    const unsigned char *states = src + words_size;
    memset(words, 0, SLACK);
    memcpy(words + SLACK, src, words_size);
    memset(words + SLACK + words_size, 0, SLACK);
    d->words = (const void *)(words + SLACK);
    d->rans.words = d->words + words_size / 2;
    d->has_words = true;
    for (int lane = 0; lane < state_count(d->model); lane++)
        d->rans.states[lane] = load_le32(states + 4 * lane);
    memcpy(raw, states + states_size, raw_size);
    memset(raw + raw_size, 0, SLACK);
    d->rans.raw = raw;
    d->rans.raw_at = raw_size * 8 - raw_bits;
    d->raw_bits = raw_size * 8;
    return raw_size == 0 || raw[0] >> d->rans.raw_at << d->rans.raw_at == raw[0]; /* unused bits are zeros */
}

static bool
decode_parts(struct decoding *d, const unsigned char *src, size_t src_size)
{
    const unsigned char *end = src + src_size;
    uint64_t fields[VOXEL_HEADER_FIELDS];
    if (!voxel_read_header(d->model->has_few_states, &src, end, fields))
        return false;
    size_t left = (size_t)(end - src);
    if (fields[0] > left || fields[1] > left - fields[0] || fields[2] > left - fields[0] - fields[1])
        return false;
    size_t tables_size = (size_t)fields[0], runs_size = (size_t)fields[1], margins_size = (size_t)fields[2];
    size_t raw_bits = (size_t)fields[3];
    left -= tables_size + runs_size + margins_size;
    d->runs = src + tables_size;
    d->runs_end = d->runs + runs_size;
    d->margins = bits_read_from(d->runs_end, margins_size);
    if (tables_size == 0)
        return raw_bits == 0 && left == 0;
    return decode_tables(d, src, tables_size) && decode_streams(d, d->margins.end, left, raw_bits);
}

static bool
open_decoding(struct decoding *d, struct voxel_box box, size_t src_size)
{
    const struct voxel_shape *shape = &d->model->shape;
    size_t window_size = voxel_window_size(shape, box, d->model->distance), row = voxel_scratch_size(shape);
    size_t tables_size = (size_t)voxel_table_count(d->model) * VOXEL_TABLE_SIZE * sizeof *d->entries;
    size_t total = window_size + sizeof *d->segment + 2 * row + tables_size + src_size + 3 * SLACK + 64 * 10;
    if (!arena_open(&d->arena, total))
        return false;
    voxel_window_open(&d->window, shape, box, d->model->distance, d->model->modal, arena_take(&d->arena, window_size));
    d->segment = arena_take(&d->arena, sizeof *d->segment);
    d->segment->keep_all = false;
    d->scratch = arena_take(&d->arena, 2 * row);
    d->entries = arena_take(&d->arena, tables_size);
    return true;
}

enum zblob_result
voxel_decode_intensity(const struct voxel_model *model, struct voxel_box box, const unsigned char *src, size_t src_size,
                       unsigned char *dst)
{
    if (model->preset == VOXEL_PRESET_SWIFT)
        return swift_decode_box(voxel_swift_kernels(), model, box, src, src_size, dst);
    struct decoding d = {.model = model, .kernels = voxel_kernels()};
    if (!open_decoding(&d, box, src_size))
        return ZBLOB_NO_MEMORY;
    bool ok = decode_parts(&d, src, src_size) && decode_box(&d, box, dst) && is_finished(&d);
    arena_close(&d.arena);
    return ok ? ZBLOB_OK : ZBLOB_DAMAGED;
}
