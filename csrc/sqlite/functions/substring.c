/*
 * substring.c: substr() of the original value, decoding only the chunks that it touches; of a value that lies in a table, it
 * reads no others.
 *
 * A BLOB is cut here, so that START and COUNT mean the same of a frame, of a plain value, and in every version of SQLite, of
 * which old ones take 32 bits of them alone. Everything else is left to SQLite's own substr(), so that numbers, NULLs and odd
 * text give the same result as there: of a TEXT in a frame, substr() gets the prefix that it will look at.
 */
#include "substring.h"

#include "part.h"

/* ---- Left to SQLite -------------------------------------------------------------------------- */

/* Run substr() on a statement whose first parameter is bound, and take over its result. */
static void
run_substr(sqlite3_context *context, sqlite3_stmt *statement, int count, sqlite3_value **arguments)
{
    int result = SQLITE_OK;
    for (int i = 1; i < count && result == SQLITE_OK; i++)
        result = sqlite3_bind_value(statement, i + 1, arguments[i]);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        sqlite3_result_value(context, sqlite3_column_value(statement, 0));
    else
        sqlite3_result_error_code(context, result);
}

static sqlite3_stmt *
prepare_substr(sqlite3_context *context, int count)
{
    sqlite3_stmt *statement = NULL;
    const char *sql = count == 2 ? "SELECT substr(?1, ?2)" : "SELECT substr(?1, ?2, ?3)";
    int result = sqlite3_prepare_v2(sqlite3_context_db_handle(context), sql, -1, &statement, NULL);
    if (result != SQLITE_OK)
        sqlite3_result_error_code(context, result);
    return statement;
}

static void
substr_of_plain(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    sqlite3_stmt *statement = prepare_substr(context, count);
    if (!statement)
        return;
    if (sqlite3_bind_value(statement, 1, arguments[0]) == SQLITE_OK)
        run_substr(context, statement, count, arguments);
    else
        sqlite3_result_error_nomem(context);
    sqlite3_finalize(statement);
}

/* ---- TEXT ------------------------------------------------------------------------------------ */

/* Characters as SQLite counts them: a byte of 0xC0 and above takes the continuation bytes behind it. */
static uint64_t
count_characters(const unsigned char *text, uint64_t size)
{
    uint64_t count = 0, i = 0;
    while (i < size) {
        bool leads = text[i++] >= 0xC0;
        while (leads && i < size && (text[i] & 0xC0) == 0x80)
            i++;
        count++;
    }
    return count;
}

/* How many bytes of a UTF-8 text substr() can look at, if all characters are at most 4 bytes long. */
static uint64_t
prefix_size(sqlite3_int64 start, sqlite3_int64 count, uint64_t raw_size)
{
    if (start < 0 || count > (sqlite3_int64)raw_size || start > (sqlite3_int64)raw_size)
        return raw_size;
    uint64_t characters = (uint64_t)start + (count > 0 ? (uint64_t)count : 0) + 1;
    return 4 * characters < raw_size ? 4 * characters : raw_size;
}

/* The first `size` bytes of the original value. */
static unsigned char *
gather_prefix(sqlite3_context *context, const struct part *part, uint64_t size)
{
    return part_gather(context, part, &(struct zblob_runs){.run = size, .pitch = size, .count = 1});
}

static void
substr_of_text(sqlite3_context *context, const struct part *part, int count, sqlite3_value **arguments)
{
    sqlite3_int64 start = sqlite3_value_int64(arguments[1]);
    sqlite3_int64 length = count == 3 ? sqlite3_value_int64(arguments[2]) : INT64_MAX;
    bool is_utf8 = part->frame->value_type == ZBLOB_TEXT_UTF8;
    uint64_t raw_size = part_raw_size(part), size = is_utf8 ? prefix_size(start, length, raw_size) : raw_size;
    unsigned char *text = gather_prefix(context, part, size);
    if (text && size < raw_size && count_characters(text, size) < size / 4) {
        sqlite3_free(text); /* longer characters than UTF-8 has: take no chances */
        size = raw_size;
        text = gather_prefix(context, part, size);
    }
    if (!text)
        return;
    sqlite3_stmt *statement = prepare_substr(context, count);
    const struct value prefix = {.type = part->frame->value_type, .bytes = text, .size = size};
    if (statement && value_bind(statement, 1, &prefix) == SQLITE_OK)
        run_substr(context, statement, count, arguments);
    else if (statement)
        sqlite3_result_error_nomem(context);
    sqlite3_finalize(statement);
    sqlite3_free(text);
}

/* ---- BLOB ------------------------------------------------------------------------------------ */

struct byte_range {
    sqlite3_int64 start, count;
};

static sqlite3_int64
clamp(sqlite3_int64 value, sqlite3_int64 least, sqlite3_int64 most)
{
    return value < least ? least : value > most ? most : value;
}

/* substr()'s rules: START counts from 1, or back from the end; position 0 lies before the first byte; a
 * negative COUNT takes the bytes before START; what lies outside the value is left out. */
static struct byte_range
blob_range(sqlite3_int64 size, sqlite3_int64 start, sqlite3_int64 count)
{
    const sqlite3_int64 far = (sqlite3_int64)1 << 60; /* beyond any value, and no sum of three overflows */
    start = clamp(start, -far, far);
    count = clamp(count, -far, far);
    sqlite3_int64 from = start > 0 ? start - 1 : start < 0 ? size + start : 0;
    if (start == 0 && count > 0)
        count--;
    if (start == 0 && count < 0)
        count = 0;
    sqlite3_int64 first = clamp(count < 0 ? from + count : from, 0, size);
    sqlite3_int64 end = clamp(count < 0 ? from : from + count, first, size);
    return (struct byte_range){.start = first, .count = end - first};
}

static struct byte_range
asked_range(uint64_t size, int count, sqlite3_value **arguments)
{
    sqlite3_int64 length = count == 3 ? sqlite3_value_int64(arguments[2]) : INT64_MAX;
    return blob_range((sqlite3_int64)size, sqlite3_value_int64(arguments[1]), length);
}

/* substr() of an empty BLOB is NULL. */
static void
substr_of_plain_blob(sqlite3_context *context, const struct value *value, int count, sqlite3_value **arguments)
{
    struct byte_range range = asked_range(value->size, count, arguments);
    if (value->size)
        sqlite3_result_blob64(context, value->bytes + range.start, (sqlite3_uint64)range.count, SQLITE_TRANSIENT);
}

static void
substr_of_blob(sqlite3_context *context, const struct part *part, int count, sqlite3_value **arguments)
{
    uint64_t raw_size = part_raw_size(part);
    if (raw_size == 0)
        return; /* as above */
    struct byte_range range = asked_range(raw_size, count, arguments);
    uint64_t size = (uint64_t)range.count;
    struct zblob_runs runs = {.offset = (uint64_t)range.start, .run = size, .pitch = size, .count = 1};
    unsigned char *bytes = part_gather(context, part, &runs);
    if (bytes)
        sqlite3_result_blob64(context, bytes, size, sqlite3_free);
}

/* The arguments from the second on are those of substr(). */
static void
substr_of_part(sqlite3_context *context, const struct part *part, int count, sqlite3_value **arguments)
{
    if (part->frame && part->frame->value_type != ZBLOB_BLOB)
        substr_of_text(context, part, count, arguments);
    else
        substr_of_blob(context, part, count, arguments);
}

/* ---- The functions --------------------------------------------------------------------------- */

void
zsubstr(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct part part;
    bool has_null = sqlite3_value_type(arguments[1]) == SQLITE_NULL ||
                    (count == 3 && sqlite3_value_type(arguments[2]) == SQLITE_NULL);
    if (has_null || sqlite3_value_type(arguments[0]) != SQLITE_BLOB) {
        substr_of_plain(context, count, arguments);
        return;
    }
    if (!value_take(context, arguments[0], &value))
        return;
    if (!value_is_marked(&value)) {
        substr_of_plain_blob(context, &value, count, arguments);
        return;
    }
    if (part_open(context, &value, &part))
        substr_of_part(context, &part, count, arguments);
    part_close(&part);
}

void
zsubstr_at(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const char *expression = count == STORED_PLACE_COUNT + 1 ? "zsubstr(%s, ?2)" : "zsubstr(%s, ?2, ?3)";
    struct part part;
    if (part_open_at(context, count, arguments, expression, &part))
        substr_of_part(context, &part, count - STORED_PLACE_COUNT + 1, arguments + STORED_PLACE_COUNT - 1);
    part_close(&part);
}
