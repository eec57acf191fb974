/*
 * slice.c: zslice(X, axis, index): one slice of a value's largest image, its samples as they lie in memory; and zslice_at, which
 * does the same with a value that lies in a table.
 *
 * Axes count from the slowest, from 0, as in NumPy's shape; negative axes and indices count from the end. The other axes
 * keep their order. Samples of fewer bits than they have room for are extended. Of a frame only the chunks that have samples
 * of the slice are read and decoded. NULL where there is no image; a guess is none, nor is one whose samples stand in the
 * value as text, in rows with padding, or in tiles.
 */
#include "slice.h"

#include "image.h"
#include "part.h"

/* Which slice is asked for. */
struct place {
    sqlite3_int64 axis, index;
};

/* False: there is no such axis or index, and an error is set. The image lies within its value. */
static bool
find_slice(sqlite3_context *context, const struct zblob_image *image, const struct place *place,
           struct zblob_runs *slice)
{
    const struct zblob_grid *grid = &image->grid;
    sqlite3_int64 dimension = grid->dimension, axis = place->axis, index = place->index;
    struct zblob_error error = {.code = ZBLOB_BAD_ARGUMENT};
    if (axis < -dimension || axis >= dimension) {
        sqlite3_snprintf(sizeof error.message, error.message, "the image has %lld axes, and no axis %lld", dimension,
                         axis);
        value_fail(context, &error);
        return false;
    }
    size_t fastest = (size_t)(dimension - 1 - (axis < 0 ? axis + dimension : axis)); /* the axis, counted so */
    sqlite3_int64 extent = (sqlite3_int64)grid->size[fastest];
    if (index < -extent || index >= extent) {
        sqlite3_snprintf(sizeof error.message, error.message,
                         "the image has %lld slices along axis %lld, and no slice %lld", extent, axis, index);
        value_fail(context, &error);
        return false;
    }
    slice->run = grid->components * zblob_sample_size(grid->sample_type);
    slice->count = 1;
    slice->image = image_with_gaps(image);
    for (size_t i = 0; i < fastest; i++)
        slice->run *= grid->size[i];
    for (size_t i = fastest + 1; i < grid->dimension; i++)
        slice->count *= grid->size[i];
    slice->pitch = slice->run * (uint64_t)extent;
    slice->offset = image->value_offset + slice->run * (uint64_t)(index < 0 ? index + extent : index);
    return true;
}

static void
slice_of_part(sqlite3_context *context, const struct part *part, const struct zblob_image *image,
              const struct place *place)
{
    struct zblob_runs slice;
    if (!find_slice(context, image, place, &slice))
        return;
    unsigned char *bytes = part_gather(context, part, &slice);
    if (!bytes)
        return;
    zblob_image_extend(image, bytes, (size_t)(slice.run * slice.count));
    sqlite3_result_blob64(context, bytes, slice.run * slice.count, sqlite3_free);
}

/* Of a value that says nothing of its images before all of it is there: a plain one; and the headers of small and of stored
 * frames leave images out. */
static void
slice_of_whole(sqlite3_context *context, const struct value *value, const struct place *place)
{
    struct zblob_image image;
    struct part part;
    if (!image_of_plain(value->bytes, value->size, &image))
        return;
    if (part_open(context, value, &part))
        slice_of_part(context, &part, &image, place);
    part_close(&part);
}

/* The same of a part: all of it is read first. */
static void
slice_of_unpacked(sqlite3_context *context, const struct part *part, const struct place *place)
{
    uint64_t size = part_raw_size(part);
    struct zblob_runs all = {.run = size, .pitch = size, .count = 1};
    struct value original = {.bytes = part_gather(context, part, &all), .size = (size_t)size};
    if (original.bytes)
        slice_of_whole(context, &original, place);
    sqlite3_free((void *)original.bytes);
}

static void
slice_of(sqlite3_context *context, const struct part *part, const struct place *place)
{
    struct zblob_image image;
    if (!part->frame || part->frame->image_count == 0)
        slice_of_unpacked(context, part, place);
    else if (image_of_frame(part->frame, &image))
        slice_of_part(context, part, &image, place);
}

/* False: the arguments are no integers, and an error is set. */
static bool
read_place(sqlite3_context *context, sqlite3_value **arguments, struct place *place)
{
    *place = (struct place){sqlite3_value_int64(arguments[0]), sqlite3_value_int64(arguments[1])};
    if (sqlite3_value_type(arguments[0]) == SQLITE_INTEGER && sqlite3_value_type(arguments[1]) == SQLITE_INTEGER)
        return true;
    sqlite3_result_error(context, "axis and index of a slice must be integers", -1);
    return false;
}

void
zslice(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct place place;
    struct part part;
    (void)count;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB || !value_take(context, arguments[0], &value) ||
        !read_place(context, arguments + 1, &place))
        return;
    if (!value_is_marked(&value)) {
        slice_of_whole(context, &value, &place);
        return;
    }
    if (part_open(context, &value, &part))
        slice_of(context, &part, &place);
    part_close(&part);
}

void
zslice_at(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct place place;
    struct part part;
    if (part_open_at(context, count, arguments, "zslice(%s, ?2, ?3)", &part) &&
        read_place(context, arguments + STORED_PLACE_COUNT, &place))
        slice_of(context, &part, &place);
    part_close(&part);
}
