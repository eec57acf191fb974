/*
 * scalar.c: the scalar SQL functions.
 *
 *   zcompress(X [, level or JSON options])   zdecompress(X)   zlength(X)   zinfo(X)   zis_frame(X)
 *   zpickle(X [, level or JSON options])   zis_pickle(X)
 *   zverify(X)   zsubstr(X, start [, count])   zslice(X, axis, index)   zblob_config(name [, value])   zblob_version()
 *   zmask(X, label)   zthumbnail(X [, size])
 *   zsubstr_at(schema, table, column, rowid, start [, count])   zslice_at(schema, table, column, rowid, axis, index)
 *   zblob_stored(schema, table, column, rowid [, offset, count])
 *   zblob_overwrite(schema, table, column, rowid, offset, bytes)
 *
 * Only a BLOB can be a frame, or an envelope: a frame that is a pickle. NULL, INTEGER and REAL are nobody's business here: they pass through.
 */
#include "../inplace/keeper.h"
#include "../inplace/store.h"
#include "../values.h"

#include "../dictionaries.h"
#include "../interrupt.h"
#include "../row_hint.h"
#include "head.h"
#include "mask.h"
#include "options_json.h"
#include "slice.h"
#include "stored_bytes.h"
#include "substring.h"
#include "thumbnail.h"
#include "training.h"

#include <string.h>

#ifndef SQLITE_RESULT_SUBTYPE
#define SQLITE_RESULT_SUBTYPE 0x001000000 /* of SQLite 3.45 */
#endif

#define JSON_SUBTYPE 74 /* 'J', as SQLite's own JSON functions mark their results */

/* ---- zcompress, zpickle ---------------------------------------------------------------------- */

/* SQLite's JSON parser, in a statement of its own, takes longer than a small value's compression. SQLite's auxiliary data
 * are dropped at the end of each statement: so the last text is kept for the next one. */
struct kept_options {
    struct zblob_options base, options; /* the connection's then, and with what the text says on top of them */
    size_t size;
    char text[];
};

static bool
take_kept_options(const struct zblob_connection *connection, sqlite3_value *argument, struct zblob_options *options)
{
    const struct kept_options *kept = connection->kept_options;
    if (!kept || sqlite3_value_type(argument) != SQLITE_TEXT ||
        memcmp(&kept->base, &connection->options, sizeof kept->base) != 0)
        return false;
    const void *text = sqlite3_value_text(argument);
    if (!text || (size_t)sqlite3_value_bytes(argument) != kept->size || memcmp(text, kept->text, kept->size) != 0)
        return false;
    *options = kept->options;
    return true;
}

static void
keep_options(struct zblob_connection *connection, sqlite3_value *argument, const struct zblob_options *options)
{
    const void *text = sqlite3_value_type(argument) == SQLITE_TEXT ? sqlite3_value_text(argument) : NULL;
    size_t size = text ? (size_t)sqlite3_value_bytes(argument) : 0;
    struct kept_options *kept = text ? sqlite3_malloc64(sizeof *kept + size) : NULL;
    if (!kept)
        return;
    memcpy(&kept->base, &connection->options, sizeof kept->base);
    kept->options = *options;
    kept->size = size;
    memcpy(kept->text, text, size);
    sqlite3_free(connection->kept_options);
    connection->kept_options = kept;
}

/* What the text of the options says, which may have been read for an earlier statement. */
static bool
parse_options(sqlite3_context *context, sqlite3_value *argument, struct zblob_options *options,
              struct zblob_error *error)
{
    struct zblob_connection *connection = value_connection(context);
    if (take_kept_options(connection, argument, options))
        return true;
    if (options_from_value(sqlite3_context_db_handle(context), argument, options, error) != ZBLOB_OK)
        return false;
    keep_options(connection, argument, options);
    return true;
}

/*
 * Does the main database have the dictionary? It is asked by a statement that is kept, in a tenth of the time that all
 * databases take. INDEXED BY makes it fail on a view or virtual table of that name, which could do anything.
 */
static bool
main_has_dictionary(sqlite3 *db, struct zblob_connection *connection, uint32_t id)
{
    struct statement *statement;
    char *sql = sqlite3_mprintf("SELECT 1 FROM main." DICTIONARIES_TABLE " INDEXED BY " DICTIONARIES_TABLE "_newest "
                                "WHERE id = %u",
                                id);
    bool found =
        keeper_take(db, connection, sql, &statement) == SQLITE_OK && sqlite3_step(statement->handle) == SQLITE_ROW;
    keeper_give(connection, statement);
    return found;
}

static bool
require_dictionary(sqlite3_context *context, uint32_t id, struct zblob_error *error)
{
    sqlite3 *db = sqlite3_context_db_handle(context);
    struct zblob_connection *connection = value_connection(context);
    return !id || main_has_dictionary(db, connection, id) || dictionaries_require(db, connection, id, error);
}

/* Of constant options, each statement reads the text once, and asks once whether the database still has the dictionary. */
static bool
read_options(sqlite3_context *context, int count, sqlite3_value **arguments, struct zblob_options *options)
{
    struct zblob_connection *connection = value_connection(context);
    struct zblob_error error;
    *options = connection->options;
    if (count < 2 || sqlite3_value_type(arguments[1]) == SQLITE_NULL)
        return true;
    const struct zblob_options *cached = sqlite3_get_auxdata(context, 1);
    if (cached) {
        *options = *cached;
        return true;
    }
    if (!parse_options(context, arguments[1], options, &error) ||
        !require_dictionary(context, options->dictionary_id, &error)) {
        value_fail(context, &error);
        return false;
    }
    struct zblob_options *kept = sqlite3_malloc(sizeof *kept);
    if (kept) {
        *kept = *options;
        sqlite3_set_auxdata(context, 1, kept, sqlite3_free);
    }
    return true;
}

/* A frame or an envelope, which is taken over; or the argument as it is, where that fits better. */
static void
return_compressed(sqlite3_context *context, sqlite3_value *argument, const struct value *value, unsigned char *frame,
                  size_t frame_size)
{
    if (!value_is_too_tight(sqlite3_context_db_handle(context), value, frame_size)) {
        sqlite3_result_blob64(context, frame, frame_size, zblob_free);
        return;
    }
    zblob_free(frame);
    sqlite3_result_value(context, argument);
}

static void
zcompress(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct zblob_options options;
    struct zblob_error error;
    struct value value;
    unsigned char *frame;
    size_t frame_size;
    if (!read_options(context, count, arguments, &options))
        return;
    if (!value_is_bytes(arguments[0])) {
        sqlite3_result_value(context, arguments[0]);
        return;
    }
    if (!value_take(context, arguments[0], &value))
        return;
    /* a damaged frame stays one: in another frame, it would come back as if its bytes were the value */
    if (value.size < options.min_size || value_is_marked(&value)) {
        sqlite3_result_value(context, arguments[0]);
        return;
    }
    options.interrupt = interrupt_of(sqlite3_context_db_handle(context));
    if (dictionaries_complete_options(sqlite3_context_db_handle(context), value_connection(context), &options,
                                      &error) &&
        zblob_compress(&options, value.type, value.bytes, value.size, &frame, &frame_size, &error) == ZBLOB_OK)
        return_compressed(context, arguments[0], &value, frame, frame_size);
    else
        value_fail(context, &error);
}

/* Take the argument, and look whether it is one complete pickle and no envelope. False: an error is set. */
static bool
is_plain_pickle(sqlite3_context *context, sqlite3_value *argument, struct value *value, bool *answer)
{
    struct zblob_interrupt interrupt = interrupt_of(sqlite3_context_db_handle(context));
    struct zblob_error error;
    *answer = false;
    if (sqlite3_value_type(argument) != SQLITE_BLOB)
        return true;
    if (!value_take(context, argument, value))
        return false;
    if (zblob_check_plain_pickle(value->bytes, value->size, answer, &interrupt, &error) == ZBLOB_OK)
        return true;
    value_fail(context, &error);
    return false;
}

static void
zpickle(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct zblob_options options;
    struct zblob_error error;
    struct value value;
    bool is_pickle;
    unsigned char *envelope;
    size_t envelope_size;
    if (!read_options(context, count, arguments, &options))
        return;
    if (!is_plain_pickle(context, arguments[0], &value, &is_pickle))
        return;
    if (!is_pickle || value.size < options.min_size) {
        sqlite3_result_value(context, arguments[0]);
        return;
    }
    options.interrupt = interrupt_of(sqlite3_context_db_handle(context));
    if (zblob_compress_pickle(&options, value.bytes, value.size, &envelope, &envelope_size, &error) == ZBLOB_OK)
        return_compressed(context, arguments[0], &value, envelope, envelope_size);
    else
        value_fail(context, &error);
}

/* ---- zdecompress ----------------------------------------------------------------------------- */

static void
zdecompress(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value, original;
    struct zblob_error error;
    (void)count;
    if (!value_is_bytes(arguments[0])) {
        sqlite3_result_value(context, arguments[0]);
        return;
    }
    if (!value_take(context, arguments[0], &value))
        return;
    if (!value_is_marked(&value)) {
        sqlite3_result_value(context, arguments[0]);
        return;
    }
    if (value_unpack(sqlite3_context_db_handle(context), value_connection(context), &value, &original, &error))
        value_return(context, &original);
    else
        value_fail(context, &error);
}

/* ---- zlength, zis_frame, zis_pickle, zinfo, zverify ------------------------------------------ */

static void
zlength(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct zblob_frame frame;
    (void)count;
    if (sqlite3_value_type(arguments[0]) == SQLITE_NULL || !value_take(context, arguments[0], &value))
        return;
    if (!value_is_marked(&value))
        sqlite3_result_int64(context, (sqlite3_int64)value.size);
    else if (value_open_frame(context, &value, &frame))
        sqlite3_result_int64(context, (sqlite3_int64)frame.raw_size);
}

static void
zis_frame(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    (void)count;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB)
        sqlite3_result_int(context, 0);
    else if (value_take(context, arguments[0], &value))
        sqlite3_result_int(context, value_is_compressed(&value));
}

/* Would zpickle() wrap it? */
static void
zis_pickle(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    bool is_pickle;
    (void)count;
    if (is_plain_pickle(context, arguments[0], &value, &is_pickle))
        sqlite3_result_int(context, is_pickle);
}

static void
zinfo(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct zblob_interrupt interrupt = interrupt_of(sqlite3_context_db_handle(context));
    struct value value;
    struct zblob_error error;
    char *json;
    (void)count;
    if (!value_is_bytes(arguments[0]) || !value_take(context, arguments[0], &value))
        return;
    if (zblob_describe(value.bytes, value.size, value.type, &json, &interrupt, &error) != ZBLOB_OK) {
        value_fail(context, &error);
        return;
    }
    sqlite3_result_text(context, json, -1, zblob_free);
    sqlite3_result_subtype(context, JSON_SUBTYPE);
}

static void
zverify(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value = {0};
    struct zblob_error error;
    uint32_t damaged_count;
    (void)count;
    if (sqlite3_value_type(arguments[0]) == SQLITE_BLOB && !value_take(context, arguments[0], &value))
        return;
    enum zblob_result result = value_verify(sqlite3_context_db_handle(context), value_connection(context), &value,
                                            false, &damaged_count, &error);
    if (result == ZBLOB_OK) {
        sqlite3_result_text(context, "ok", -1, SQLITE_STATIC);
        return;
    }
    if (result == ZBLOB_NO_MEMORY || result == ZBLOB_INTERRUPTED) { /* which says nothing about the value */
        value_fail(context, &error);
        return;
    }
    char *text = damaged_count > 1 ? sqlite3_mprintf("%s (and %u more)", error.message, damaged_count - 1)
                                   : sqlite3_mprintf("%s", error.message);
    if (text)
        sqlite3_result_text(context, text, -1, sqlite3_free);
    else
        sqlite3_result_error_nomem(context);
}

/* The id under which a dictionary is kept: a hash of its bytes. */
static void
zdictionary_id(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    (void)count;
    if (sqlite3_value_type(arguments[0]) == SQLITE_BLOB && value_take(context, arguments[0], &value))
        sqlite3_result_int64(context, zblob_dictionary_id_of(value.bytes, value.size));
}

/* ---- Configuration --------------------------------------------------------------------------- */

static sqlite3_int64
read_config(const struct zblob_connection *connection, const char *name)
{
    if (strcmp(name, "level") == 0)
        return connection->options.level;
    if (strcmp(name, "threads") == 0)
        return connection->options.threads;
    if (strcmp(name, "min_size") == 0)
        return (sqlite3_int64)connection->options.min_size;
    return strcmp(name, "max_size") == 0 ? connection->max_size : -1;
}

static bool
write_config(struct zblob_connection *connection, const char *name, sqlite3_int64 value, struct zblob_error *error)
{
    if (strcmp(name, "max_size") != 0)
        return zblob_options_set_integer(&connection->options, name, value, error) == ZBLOB_OK;
    if (value < 0) {
        sqlite3_snprintf(sizeof error->message, error->message, "max_size must not be negative");
        error->code = ZBLOB_BAD_ARGUMENT;
        return false;
    }
    connection->max_size = value;
    return true;
}

static void
zblob_config(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct zblob_connection *connection = value_connection(context);
    const char *name = (const char *)sqlite3_value_text(arguments[0]);
    struct zblob_error error;
    if (!name || read_config(connection, name) < 0) {
        sqlite3_result_error(context, "zblob_config knows level, threads, min_size and max_size", -1);
        return;
    }
    if (count == 2 && sqlite3_value_type(arguments[1]) != SQLITE_INTEGER) {
        sqlite3_result_error(context, "zblob_config takes integers", -1);
        return;
    }
    if (count == 2 && !write_config(connection, name, sqlite3_value_int64(arguments[1]), &error)) {
        value_fail(context, &error);
        return;
    }
    sqlite3_result_int64(context, read_config(connection, name));
}

static void
zblob_version(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    (void)count;
    (void)arguments;
    sqlite3_result_text(context, ZBLOB_VERSION, -1, SQLITE_STATIC);
}

/* ---- Registration ---------------------------------------------------------------------------- */

/* Compression is never deterministic: its bytes depend on configuration and version, and an index on
 * them would be reported as corrupt after either changed. */
#define READER (SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)

typedef void final_function(sqlite3_context *);

struct function {
    const char *name;
    int argument_count;
    int flags;
    void (*call)(sqlite3_context *, int, sqlite3_value **); /* of an aggregate: its step */
};

static const struct function functions[] = {
    {"zcompress", 1, SQLITE_INNOCUOUS, zcompress},
    {"zcompress", 2, SQLITE_INNOCUOUS, zcompress},
    {"zpickle", 1, SQLITE_INNOCUOUS, zpickle},
    {"zpickle", 2, SQLITE_INNOCUOUS, zpickle},
    {"zdecompress", 1, READER, zdecompress},
    {"zlength", 1, READER, zlength},
    {"zinfo", 1, READER | SQLITE_RESULT_SUBTYPE, zinfo},
    {"zis_frame", 1, READER, zis_frame},
    {"zis_pickle", 1, READER, zis_pickle},
    {"zverify", 1, READER, zverify},
    {"zsubstr", 2, READER, zsubstr},
    {"zsubstr", 3, READER, zsubstr},
    {"zslice", 3, READER, zslice},
    {"zmask", 2, READER, zmask},
    {"zthumbnail", 1, READER, zthumbnail},
    {"zthumbnail", 2, READER, zthumbnail},
    {"zsubstr_at", 5, 0, zsubstr_at}, /* these read the database: views and triggers have them if it is trusted */
    {"zsubstr_at", 6, 0, zsubstr_at},
    {"zslice_at", 6, 0, zslice_at},
    {"zblob_stored", 4, 0, zblob_stored},
    {"zblob_stored", 6, 0, zblob_stored},
    {"zblob_overwrite", 6, SQLITE_DIRECTONLY, zblob_overwrite},
    {"zdictionary_id", 1, READER, zdictionary_id},
    {"zblob_config", 1, SQLITE_DIRECTONLY, zblob_config},
    {"zblob_config", 2, SQLITE_DIRECTONLY, zblob_config},
    {"zblob_version", 0, READER, zblob_version},
    {"sqlite_zblob_store", -1, SQLITE_INNOCUOUS, sqlite_zblob_store},
    {"sqlite_zblob_hint", 2, SQLITE_DIRECTONLY, sqlite_zblob_hint},
    {"sqlite_zblob_head", 1, READER, sqlite_zblob_head},
};

static const struct function trainers[] = {
    {"ztrain", 1, SQLITE_INNOCUOUS, ztrain_step},
    {"ztrain", 2, SQLITE_INNOCUOUS, ztrain_step},
    {"ztrain", 3, SQLITE_INNOCUOUS, ztrain_step},
};

static const struct function checkers[] = {
    {"sqlite_zblob_check", 1, READER, check_step},
};

static void
release_registration(void *pointer)
{
    struct value_registration *registration = pointer;
    connection_release(registration->connection);
    sqlite3_free(registration);
}

static int
register_one(sqlite3 *db, const struct function *given, final_function *final, int encoding,
             enum zblob_value_type text_type, struct zblob_connection *connection)
{
    struct value_registration *registration = sqlite3_malloc(sizeof *registration);
    if (!registration)
        return SQLITE_NOMEM;
    *registration = (struct value_registration){.connection = connection, .text_type = text_type};
    connection->references++;
    return sqlite3_create_function_v2(db, given->name, given->argument_count, encoding | given->flags, registration,
                                      final ? NULL : given->call, final ? given->call : NULL, final,
                                      release_registration); /* called on failure, too */
}

/* All of a table; `final` is that of aggregates. */
static int
register_all(sqlite3 *db, const struct function *given, size_t count, final_function *final,
             struct zblob_connection *connection)
{
    int result = SQLITE_OK;
    for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
        result = register_one(db, &given[i], final, SQLITE_UTF8, ZBLOB_TEXT_UTF8, connection);
        if (result == SQLITE_OK)
            result = register_one(db, &given[i], final, SQLITE_UTF16LE, ZBLOB_TEXT_UTF16LE, connection);
    }
    return result;
}

int
functions_register(sqlite3 *db, struct zblob_connection *connection)
{
    int result = register_all(db, functions, sizeof functions / sizeof *functions, NULL, connection);
    if (result == SQLITE_OK)
        result = register_all(db, trainers, sizeof trainers / sizeof *trainers, ztrain_final, connection);
    if (result == SQLITE_OK)
        result = register_all(db, checkers, sizeof checkers / sizeof *checkers, check_final, connection);
    return result;
}
