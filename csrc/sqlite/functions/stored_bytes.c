/*
 * stored_bytes.c: zblob_stored(schema, table, column, rowid [, offset, count]): how many bytes are stored for a value, or some of
 * them as they are stored. Readers that decode by themselves, such as Python's streams, get by it what they need.
 *
 * zblob_overwrite(schema, table, column, rowid, offset, bytes): replaces as many of the stored bytes, in an open transaction,
 * and fires no trigger. So a value that is too large for memory is written over a zeroblob() of its size.
 */
#include "stored_bytes.h"

#include "../stored.h"
#include "../values.h"

/* The bytes of a BLOB, and those of a TEXT in the database's encoding. */
#define BYTES "CAST(%s AS BLOB)"

/* Older versions of substr() take 32 bits of a number and drop the others. */
#define PIECE "coalesce(substr(" BYTES ", min(?2, 2147483646) + 1, min(?3, 2147483647)), x'')"

static void
read_open(sqlite3_context *context, const struct stored *stored, sqlite3_int64 offset, sqlite3_int64 count)
{
    const struct zblob_source *source = &stored->source;
    struct zblob_error error;
    sqlite3_int64 size = (sqlite3_int64)source->size;
    offset = offset < size ? offset : size;
    count = count < size - offset ? count : size - offset;
    unsigned char *bytes = sqlite3_malloc64((sqlite3_uint64)count + 1);
    if (bytes && source->read(source->context, (uint64_t)offset, bytes, (size_t)count, &error) == ZBLOB_OK) {
        sqlite3_result_blob64(context, bytes, (sqlite3_uint64)count, sqlite3_free);
        return;
    }
    if (bytes)
        stored_fail(context, stored, &error);
    else
        sqlite3_result_error_nomem(context);
    sqlite3_free(bytes);
}

void
zblob_stored(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    sqlite3_value **range = arguments + STORED_PLACE_COUNT;
    bool has_range = count > STORED_PLACE_COUNT;
    struct stored stored;
    for (int i = 0; i < count; i++)
        if (sqlite3_value_type(arguments[i]) == SQLITE_NULL)
            return;
    if (has_range && (sqlite3_value_int64(range[0]) < 0 || sqlite3_value_int64(range[1]) < 0)) {
        sqlite3_result_error(context, "zblob_stored: offset and count must not be negative", -1);
        return;
    }
    if (stored_open(context, arguments, false, &stored)) {
        if (stored.kind == STORED_ROW)
            stored_select(context, &stored, has_range ? PIECE : "length(" BYTES ")", count - STORED_PLACE_COUNT, range);
        else if (stored.kind != STORED_NOTHING && has_range)
            read_open(context, &stored, sqlite3_value_int64(range[0]), sqlite3_value_int64(range[1]));
        else if (stored.kind != STORED_NOTHING)
            sqlite3_result_int64(context, (sqlite3_int64)stored.source.size);
    }
    stored_close(&stored);
}

static void
overwrite(sqlite3_context *context, const struct stored *stored, const void *bytes, int size, int offset)
{
    int result = sqlite3_blob_write(stored->blob, bytes, size, offset);
    if (result == SQLITE_OK) {
        sqlite3_result_int(context, size);
        return;
    }
    sqlite3_result_error(context, sqlite3_errmsg(stored->db), -1); /* first the text: it resets the code */
    sqlite3_result_error_code(context, result);
}

static const char *const no_blob[] = {
    [STORED_NOTHING] = "zblob_overwrite: there is no such row, or it holds NULL",
    [STORED_TEXT] = "zblob_overwrite: the value is TEXT, and only a BLOB can be overwritten",
    [STORED_ROW] =
        "zblob_overwrite: the value is a number, or SQLite has no incremental I/O for its table: one WITHOUT "
        "ROWID or with generated columns, a view, or a virtual table of another module",
};

void
zblob_overwrite(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    sqlite3_int64 offset = sqlite3_value_int64(arguments[STORED_PLACE_COUNT]);
    const void *bytes = sqlite3_value_blob(arguments[STORED_PLACE_COUNT + 1]);
    int size = sqlite3_value_bytes(arguments[STORED_PLACE_COUNT + 1]);
    struct stored stored;
    (void)count;
    if (sqlite3_get_autocommit(sqlite3_context_db_handle(context))) {
        sqlite3_result_error(context, "zblob_overwrite: begin a transaction first", -1);
        return;
    }
    if (!stored_open(context, arguments, true, &stored))
        ; /* the error is set */
    else if (stored.kind != STORED_BLOB)
        sqlite3_result_error(context, no_blob[stored.kind], -1);
    else if (offset < 0 || (uint64_t)offset > stored.source.size ||
             (uint64_t)size > stored.source.size - (uint64_t)offset)
        sqlite3_result_error(context, "zblob_overwrite: the bytes do not lie within the value", -1);
    else
        overwrite(context, &stored, bytes, size, (int)offset);
    stored_close(&stored);
}
