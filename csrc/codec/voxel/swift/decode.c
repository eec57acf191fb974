/* decode.c: streams -> residuals -> samples. Every length is checked before a kernel relies on it. */
#include "../../base/arena.h"
#include "../../base/interrupt.h"
#include "../samples.h"
#include "codec.h"
#include "streams.h"

#include <string.h>

struct decoding {
    const struct voxel_model *model;
    const struct swift_kernels *kernels;
    struct arena arena;
    struct voxel_window window;
    int16_t *scratch;
    const unsigned char *bytes[SWIFT_STREAMS]; /* copies, with SWIFT_SLACK bytes after each */
    uint64_t counts[SWIFT_STREAMS];
    const unsigned char *fields_end;
    size_t rows_at;
    struct swift_reader reader;
    struct swift_class_reader classes_reader;
    uint8_t *classes[2]; /* of the pair of rows at work, by parity */
    size_t fields[2];    /* bytes that a half-row of the pair has */
    struct swift_predictor predictors[2];
};

/* ---- Opening ----------------------------------------------------------------------------------------------- */

/* Reads the header, and finds the streams. Those that kernels read beyond their ends are copied, with room. */
static bool
open_streams(struct decoding *d, const unsigned char *src, const unsigned char *end)
{
    size_t sizes[SWIFT_STREAMS], all = 0;
    for (int s = 0; s < SWIFT_STREAMS; s++) {
        if (!get_varint(&src, end, &d->counts[s]) || d->counts[s] > 8 * (uint64_t)(end - src))
            return false;
        sizes[s] = swift_stream_size((enum swift_stream)s, (size_t)d->counts[s]);
        all += sizes[s];
    }
    if (all > (size_t)(end - src))
        return false;
    size_t fields_size = (size_t)(end - src) - all;
    const unsigned char *at = src + fields_size;
    for (int s = 0; s < SWIFT_STREAMS; at += sizes[s++]) {
        unsigned char *copy = arena_take(&d->arena, sizes[s] + SWIFT_SLACK);
        memcpy(copy, at, sizes[s]);
        memset(copy + sizes[s], 0, SWIFT_SLACK);
        d->bytes[s] = copy;
        size_t used = (size_t)d->counts[s] * swift_item_bits[s] % 8;
        if (used && copy[sizes[s] - 1] >> used) /* bits that nobody reads */
            return false;
    }
    if (all < SWIFT_SLACK) {
        unsigned char *copy = arena_take(&d->arena, fields_size + SWIFT_SLACK);
        memcpy(copy, src, fields_size);
        memset(copy + fields_size, 0, SWIFT_SLACK);
        src = copy;
    }
    d->reader =
        (struct swift_reader){src, d->bytes[SWIFT_DIGITS], d->bytes[SWIFT_NIBBLES], d->bytes[SWIFT_CODES], 0, 0, 0};
    d->classes_reader = (struct swift_class_reader){d->bytes[SWIFT_CHANGES], d->bytes[SWIFT_CLASSES], 0, 0};
    d->fields_end = src + fields_size;
    return true;
}

static bool
open_decoding(struct decoding *d, struct voxel_box box, size_t src_size)
{
    const struct voxel_shape *shape = &d->model->shape;
    size_t window_size = voxel_window_values_size(shape, box, d->model->distance), row = voxel_scratch_size(shape);
    size_t classes_size = swift_groups((size_t)shape->width / 2 + 1) + SWIFT_CLASS_PAD;
    size_t total = window_size + 2 * row + 2 * classes_size + src_size + (SWIFT_STREAMS + 2) * SWIFT_SLACK +
                   ARENA_ALIGNMENT * (SWIFT_STREAMS + 6);
    if (!arena_open(&d->arena, total))
        return false;
    voxel_window_open_values(&d->window, shape, box, d->model->distance, d->model->modal,
                             arena_take(&d->arena, window_size));
    d->scratch = arena_take(&d->arena, 2 * row);
    for (int parity = 0; parity < 2; parity++) {
        d->classes[parity] = arena_take(&d->arena, classes_size);
        memset(d->classes[parity], 0, classes_size);
    }
    return true;
}

/* ---- Classes ----------------------------------------------------------------------------------------------- */

/* The next bit of what is said of rows. */
static bool
take_row_bit(struct decoding *d, bool *bit)
{
    size_t at = d->rows_at++;
    if (at >= d->counts[SWIFT_ROWS])
        return false;
    *bit = d->bytes[SWIFT_ROWS][at / 8] >> at % 8 & 1;
    return true;
}

/* The classes of a pair of half-rows, from those above. */
static bool
read_classes(struct decoding *d, int parity)
{
    struct swift_class_reader *reader = &d->classes_reader;
    size_t groups = swift_groups(d->window.half[parity]), sum = 0;
    uint8_t *classes = d->classes[parity];
    if (groups > d->counts[SWIFT_CHANGES] - reader->changes_at)
        return false;
    for (size_t at = 0; at < groups; at += SWIFT_BLOCK) {
        size_t n = groups - at < SWIFT_BLOCK ? groups - at : SWIFT_BLOCK;
        if (!d->kernels->read_classes(reader, classes + at, n) || reader->classes_at > d->counts[SWIFT_CLASSES])
            return false;
    }
    for (size_t i = 0; i < groups; i++)
        sum += classes[i];
    d->fields[parity] = sum * SWIFT_GROUP / 8;
    return true;
}

/* What is said of a pair of rows. */
static bool
open_pair(struct decoding *d, bool *is_flat)
{
    bool has_classes[2];
    *is_flat = false;
    if (!take_row_bit(d, &has_classes[0]) || !take_row_bit(d, &has_classes[1]))
        return false;
    if (!has_classes[0] && !has_classes[1] && !take_row_bit(d, is_flat))
        return false;
    for (int parity = 0; parity < 2; parity++) {
        d->fields[parity] = 0;
        if (!has_classes[parity])
            memset(d->classes[parity], 0, swift_groups(d->window.half[parity]));
        else if (!read_classes(d, parity))
            return false;
    }
    return true;
}

/* ---- Rows -------------------------------------------------------------------------------------------------- */

static bool
decode_half(struct decoding *d, const struct voxel_plane_cursor *cursor, size_t y, int parity)
{
    struct voxel_row row;
    struct swift_reader *reader = &d->reader;
    size_t count = d->window.half[parity];
    if (d->fields[parity] > (size_t)(d->fields_end - reader->fields))
        return false;
    voxel_row_open(&row, &d->window, cursor, y, parity);
    for (size_t at = 0; at < count; at += SWIFT_SEGMENT) {
        size_t n = count - at < SWIFT_SEGMENT ? count - at : SWIFT_SEGMENT;
        const uint8_t *classes = d->classes[parity] + at / SWIFT_GROUP;
        if (!d->kernels->decode(&d->predictors[parity], &row, at, n, classes, reader) ||
            reader->digits_at > d->counts[SWIFT_DIGITS] || reader->nibbles_at > d->counts[SWIFT_NIBBLES] ||
            reader->codes_at > d->counts[SWIFT_CODES])
            return false;
    }
    voxel_pad_values(&d->window, cursor->ring[0], cursor->component[0], y, parity);
    return true;
}

static void
fill_row(struct decoding *d, const struct voxel_plane_cursor *cursor, size_t y)
{
    int16_t *values = d->window.values + voxel_half_row(&d->window, cursor->ring[0], cursor->component[0], y, 0);
    for (size_t i = 0; i < 2 * d->window.half_stride - VOXEL_PAD; i++)
        values[i] = d->model->modal;
    for (int i = 1; i <= VOXEL_PAD; i++)
        values[-i] = d->model->modal;
}

/* `slice` is where the plane's samples go row by row, while they are in the cache; NULL: they have to wait for other planes,
 * or for other rows. */
static bool
decode_plane(struct decoding *d, const struct voxel_plane_cursor *cursor, size_t z, unsigned char *slice)
{
    size_t row_size = d->window.width * zblob_sample_size(d->model->grid.sample_type);
    for (int parity = 0; parity < 2; parity++) {
        d->predictors[parity] = swift_predictor_of(d->model, cursor, parity);
        memset(d->classes[parity], 0, swift_groups(d->window.half[parity]));
    }
    for (size_t y = 0, left = 0; y < d->window.height; y += 2) {
        bool is_flat;
        if (interrupt_is_due(&left, 2 * d->window.width) || !open_pair(d, &is_flat))
            return false;
        for (size_t row = y; row < y + 2 && row < d->window.height; row++) {
            if (is_flat)
                fill_row(d, cursor, row);
            else if (!decode_half(d, cursor, row, 0) || !decode_half(d, cursor, row, 1))
                return false;
            if (slice)
                voxel_store_row(d->model, slice + row * row_size, &d->window, z, row, d->scratch);
        }
    }
    return true;
}

static bool
decode_slices(struct decoding *d, struct voxel_box box, unsigned char *dst)
{
    size_t sample_size = zblob_sample_size(d->model->grid.sample_type);
    size_t slice_size = (size_t)box.rows * d->window.width * d->window.components * sample_size;
    bool by_rows = d->window.components == 1 && !d->model->is_transposed;
    for (size_t z = 0; z < box.slices; z++) {
        for (size_t c = 0; c < d->window.components; c++) {
            struct voxel_plane_cursor cursor;
            voxel_cursor_open(&cursor, d->model, &d->window, z, c);
            if (!decode_plane(d, &cursor, z, by_rows ? dst + z * slice_size : NULL))
                return false;
        }
        if (!by_rows)
            voxel_store_slice(d->model, dst, box, z, &d->window, d->scratch);
    }
    return true;
}

/* Was everything read that there is? */
static bool
is_finished(const struct decoding *d)
{
    return d->reader.fields == d->fields_end && d->rows_at == d->counts[SWIFT_ROWS] &&
           d->classes_reader.changes_at == d->counts[SWIFT_CHANGES] &&
           d->classes_reader.classes_at == d->counts[SWIFT_CLASSES] && d->reader.digits_at == d->counts[SWIFT_DIGITS] &&
           d->reader.nibbles_at == d->counts[SWIFT_NIBBLES] && d->reader.codes_at == d->counts[SWIFT_CODES];
}

enum zblob_result
swift_decode_box(const struct swift_kernels *kernels, const struct voxel_model *model, struct voxel_box box,
                 const unsigned char *src, size_t src_size, unsigned char *dst)
{
    struct decoding d = {.model = model, .kernels = kernels};
    if (!open_decoding(&d, box, src_size))
        return ZBLOB_NO_MEMORY;
    bool ok = open_streams(&d, src, src + src_size) && decode_slices(&d, box, dst) && is_finished(&d);
    arena_close(&d.arena);
    return ok ? ZBLOB_OK : ZBLOB_DAMAGED;
}
