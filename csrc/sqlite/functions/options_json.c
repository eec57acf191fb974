/* options_json.c: SQLite's own json_tree() takes the text apart, the codec checks names and values. */
#include "options_json.h"

#include <string.h>

static enum zblob_result
fail(struct zblob_error *error, const char *message, const char *detail)
{
    sqlite3_snprintf(sizeof error->message, error->message, message, detail);
    zblob_mend_text(error->message);
    error->code = ZBLOB_BAD_ARGUMENT;
    return ZBLOB_BAD_ARGUMENT;
}

static enum zblob_result
fail_memory(struct zblob_error *error)
{
    fail(error, "%s", "out of memory while reading the options");
    error->code = ZBLOB_NO_MEMORY;
    return ZBLOB_NO_MEMORY;
}

/* The elements of an array, which json_tree() lists behind it. */
struct shape {
    int64_t extents[ZBLOB_DIMENSION_MAX];
    size_t count;
    bool seen;
};

enum column { KEY, TYPE, ATOM, PATH };

static enum zblob_result
take_extent(sqlite3_stmt *row, struct shape *shape, struct zblob_error *error)
{
    const char *type = (const char *)sqlite3_column_text(row, TYPE);
    if (!type)
        return fail_memory(error);
    if (strcmp(type, "integer") != 0)
        return fail(error, "option \"shape\" must hold integers, not %s", type);
    if (shape->count < ZBLOB_DIMENSION_MAX)
        shape->extents[shape->count] = sqlite3_column_int64(row, ATOM);
    shape->count++;
    return ZBLOB_OK;
}

static enum zblob_result
take_member(sqlite3_stmt *row, struct zblob_options *options, struct shape *shape, struct zblob_error *error)
{
    const char *key = (const char *)sqlite3_column_text(row, KEY);
    const char *type = (const char *)sqlite3_column_text(row, TYPE);
    if (!key || !type)
        return fail_memory(error);
    if (strcmp(type, "integer") == 0)
        return zblob_options_set_integer(options, key, sqlite3_column_int64(row, ATOM), error);
    if (strcmp(type, "text") == 0) {
        const char *text = (const char *)sqlite3_column_text(row, ATOM);
        return text ? zblob_options_set_text(options, key, text, error) : fail_memory(error);
    }
    if (strcmp(type, "array") == 0 && strcmp(key, "shape") == 0) {
        shape->seen = true;
        return ZBLOB_OK;
    }
    return zblob_options_refuse(key, type, error);
}

/* Rows come in document order: the object itself, then its members, an array before its elements. */
static enum zblob_result
take_row(sqlite3_stmt *row, struct zblob_options *options, struct shape *shape, struct zblob_error *error)
{
    const char *path = (const char *)sqlite3_column_text(row, PATH);
    const char *type = (const char *)sqlite3_column_text(row, TYPE);
    bool is_root = sqlite3_column_type(row, KEY) == SQLITE_NULL;
    if (!type || (!path && !is_root))
        return fail_memory(error);
    if (is_root)
        return strcmp(type, "object") == 0 ? ZBLOB_OK : fail(error, "the options must be a JSON object, not %s", type);
    if (strcmp(path, "$") == 0)
        return take_member(row, options, shape, error);
    return take_extent(row, shape, error);
}

static enum zblob_result
options_from_json(sqlite3 *db, sqlite3_value *text, struct zblob_options *options, struct zblob_error *error)
{
    sqlite3_stmt *row = NULL;
    struct shape shape = {.count = 0};
    enum zblob_result result = ZBLOB_OK;
    int code = sqlite3_prepare_v2(db, "SELECT key, type, atom, path FROM json_tree(?1)", -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_value(row, 1, text);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(row);
        if (code == SQLITE_ROW && (result = take_row(row, options, &shape, error)) != ZBLOB_OK)
            break;
    }
    if (result == ZBLOB_OK && code == SQLITE_NOMEM)
        result = fail_memory(error);
    if (result == ZBLOB_OK && code != SQLITE_DONE)
        result = fail(error, "cannot read the options: %s", sqlite3_errmsg(db));
    sqlite3_finalize(row);
    if (result == ZBLOB_OK && shape.seen)
        result = zblob_options_set_shape(options, shape.extents, shape.count, error);
    return result;
}

enum zblob_result
options_from_value(sqlite3 *db, sqlite3_value *argument, struct zblob_options *options, struct zblob_error *error)
{
    switch (sqlite3_value_type(argument)) {
    case SQLITE_INTEGER: return zblob_options_set_integer(options, "level", sqlite3_value_int64(argument), error);
    case SQLITE_TEXT: return options_from_json(db, argument, options, error);
    default:
        return fail(error, "%s", "the second argument must be a level (an integer from 1 to 9) or options (JSON text)");
    }
}
