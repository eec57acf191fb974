/*
 * slice.c: zslice(X, axis, index): one slice of a value's largest image, its samples as they lie in memory.
 *
 * Axes count from the slowest, from 0, as in NumPy's shape; negative axes and indices from the end. The other axes
 * keep their order. Of a frame only the chunks between the slice's first and last sample are decoded. NULL where there
 * is no image; a guess is none, nor is one whose samples stand in the value as text.
 */
#include "slice.h"

#include "../values.h"

#include <string.h>

/* Which slice is asked for. */
struct place {
    sqlite3_int64 axis, index;
};

/* Where a slice lies in the value: `count` runs of `run` bytes, `pitch` bytes from one to the next. */
struct slice {
    uint64_t offset, run, pitch, count;
};

/* Do the image's samples lie in the value as its grid says? */
static bool
has_slices(const struct zblob_image *image)
{
    return image->source != ZBLOB_SOURCE_GUESS && image->text_size == 0;
}

/* The largest image that a frame's header names. */
static bool
find_image(const struct zblob_frame *frame, struct zblob_image *image)
{
    struct zblob_image each;
    uint64_t size, most = 0;
    for (uint32_t i = 0; i < frame->image_count; i++) {
        zblob_frame_image(frame, i, &each);
        if (!has_slices(&each) || !zblob_grid_size(&each.grid, &size) || size <= most)
            continue;
        *image = each;
        most = size;
    }
    return most > 0;
}

/* False: there is no such axis or index, and an error is set. The image lies within its value. */
static bool
find_slice(sqlite3_context *context, const struct zblob_image *image, const struct place *place, struct slice *slice)
{
    const struct zblob_grid *grid = &image->grid;
    sqlite3_int64 dimension = grid->dimension, axis = place->axis, index = place->index;
    struct zblob_error error = {.code = ZBLOB_BAD_ARGUMENT};
    if (axis < -dimension || axis >= dimension) {
        sqlite3_snprintf(sizeof error.message, error.message, "zslice: the image has %lld axes, and no axis %lld",
                         dimension, axis);
        value_fail(context, &error);
        return false;
    }
    size_t fastest = (size_t)(dimension - 1 - (axis < 0 ? axis + dimension : axis)); /* the axis, counted so */
    sqlite3_int64 extent = (sqlite3_int64)grid->size[fastest];
    if (index < -extent || index >= extent) {
        sqlite3_snprintf(sizeof error.message, error.message,
                         "zslice: the image has %lld slices along axis %lld, and no slice %lld", extent, axis, index);
        value_fail(context, &error);
        return false;
    }
    slice->run = grid->components * zblob_sample_size(grid->sample_type);
    slice->count = 1;
    for (size_t i = 0; i < fastest; i++)
        slice->run *= grid->size[i];
    for (size_t i = fastest + 1; i < grid->dimension; i++)
        slice->count *= grid->size[i];
    slice->pitch = slice->run * (uint64_t)extent;
    slice->offset = image->value_offset + slice->run * (uint64_t)(index < 0 ? index + extent : index);
    return true;
}

/* Runs one behind the other; `to` may be `from`. */
static void
gather(unsigned char *to, const unsigned char *from, const struct slice *slice)
{
    for (uint64_t i = 0; i < slice->count; i++)
        memmove(to + i * slice->run, from + i * slice->pitch, slice->run);
}

static void
slice_of_plain(sqlite3_context *context, const struct value *value, const struct place *place)
{
    struct zblob_image image;
    struct slice slice;
    if (zblob_sniff(value->bytes, value->size, &image, 1) == 0 || !has_slices(&image) ||
        !find_slice(context, &image, place, &slice))
        return;
    uint64_t size = slice.run * slice.count;
    unsigned char *bytes = sqlite3_malloc64(size + 1);
    if (!bytes) {
        sqlite3_result_error_nomem(context);
        return;
    }
    gather(bytes, value->bytes + slice.offset, &slice);
    sqlite3_result_blob64(context, bytes, size, sqlite3_free);
}

static void
slice_of_frame(sqlite3_context *context, const struct value *value, const struct zblob_image *image,
               const struct place *place)
{
    struct slice slice;
    if (!find_slice(context, image, place, &slice))
        return;
    uint64_t size = slice.run * slice.count, span = size ? (slice.count - 1) * slice.pitch + slice.run : 0;
    unsigned char *bytes = value_check_size(context, span) ? value_decode(context, value, slice.offset, span) : NULL;
    if (!bytes)
        return;
    gather(bytes, bytes, &slice);
    if (size < span) {
        unsigned char *smaller = sqlite3_realloc64(bytes, size + 1);
        bytes = smaller ? smaller : bytes;
    }
    sqlite3_result_blob64(context, bytes, size, sqlite3_free);
}

/* The headers of small and of stored frames leave images out. */
static void
slice_of_unpacked(sqlite3_context *context, const struct value *value, const struct place *place)
{
    struct value original;
    struct zblob_error error;
    if (!value_unpack(sqlite3_context_db_handle(context), value_connection(context), value, &original, &error)) {
        value_fail(context, &error);
        return;
    }
    slice_of_plain(context, &original, place);
    sqlite3_free((void *)original.bytes);
}

void
zslice(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct zblob_frame frame;
    struct zblob_image image;
    struct place place = {sqlite3_value_int64(arguments[1]), sqlite3_value_int64(arguments[2])};
    (void)count;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB || !value_take(context, arguments[0], &value))
        return;
    if (sqlite3_value_type(arguments[1]) != SQLITE_INTEGER || sqlite3_value_type(arguments[2]) != SQLITE_INTEGER)
        sqlite3_result_error(context, "zslice takes integers for axis and index", -1);
    else if (!value_is_marked(&value))
        slice_of_plain(context, &value, &place);
    else if (!value_open_frame(context, &value, &frame))
        return;
    else if (frame.image_count == 0)
        slice_of_unpacked(context, &value, &place);
    else if (find_image(&frame, &image))
        slice_of_frame(context, &value, &image, &place);
}
