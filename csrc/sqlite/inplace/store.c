/*
 * store.c: sqlite_zblob_store(ID, ENVELOPE, LEVEL, MIN_SIZE, VALUE, KEY...)
 *
 * The in-place triggers call it for each row that is written (docs/in-place.md). It replaces the value that the row was
 * given by its frame, or leaves it as it was given; the statement that fired the trigger succeeds either way. The
 * result is 1 if the frame is stored.
 *
 * It is registered as innocuous although it writes, so that it works with trusted_schema off. It does no more than the
 * UPDATE of an ordinary trigger could: it replaces one value by a frame of the same value, in the one row that holds
 * it, of a table that carries a trigger of ours, in a database that is being written already. A database's own schema
 * may make it do worse to that database, but so may any trigger; to another one it can do nothing else.
 */
#include "store.h"

#include "../dictionaries.h"
#include "../interrupt.h"
#include "../row_hint.h"
#include "keeper.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

/* Triggers that the UPDATE fires may write other compressed columns, and so on. */
#define DEPTH_MAX 8

#define EXPRESSION_DEPTH 100 /* of our own statements, at least */

/* ---- The value ------------------------------------------------------------------------------- */

static bool
is_pickle_column(sqlite3_value **arguments)
{
    const char *envelope = (const char *)sqlite3_value_text(arguments[CALL_ENVELOPE]);
    return envelope && strcmp(envelope, "pickle") == 0;
}

static bool
is_plain_pickle(sqlite3 *db, const struct value *value)
{
    struct zblob_interrupt interrupt = interrupt_of(db);
    struct zblob_error error;
    bool answer;
    return zblob_check_plain_pickle(value->bytes, value->size, &answer, &interrupt, &error) == ZBLOB_OK && answer;
}

/* Programs insert a zeroblob to write over it by incremental I/O (sqlite3_blob_write), which needs its size. It looks like
 * a value of zeros alone, so that these stay as they are, too. */
static bool
is_zeroblob(const struct value *value)
{
    const unsigned char *bytes = value->bytes;
    return value->type == ZBLOB_BLOB && value->size && !bytes[0] && !memcmp(bytes, bytes + 1, value->size - 1);
}

static bool
is_wanted(sqlite3 *db, const struct value *value, sqlite3_value **arguments)
{
    bool is_small = (sqlite3_int64)value->size < sqlite3_value_int64(arguments[CALL_MIN_SIZE]);
    if (is_small || value_is_marked(value)) /* a damaged frame stays one, too */
        return false;
    if (is_pickle_column(arguments))
        return value->type == ZBLOB_BLOB && is_plain_pickle(db, value);
    return true;
}

/* What the row says of its voxels, if it can. */
static void
take_hint(const struct store_call *call, const struct target *target, struct zblob_options *options)
{
    struct statement *statement;
    if (!target->hint || call->value.type != ZBLOB_BLOB || is_pickle_column(call->arguments))
        return;
    int result = call_take(call, sqlite3_mprintf("%s", target->hint), &statement);
    statements_note(call->connection, result);
    if (result == SQLITE_OK)
        row_hint_take(call->connection, statement->handle, options, call->value.size);
    keeper_give(call->connection, statement);
}

/* The dictionary that the column's values get now; 0: the database has none, or not that one any more. */
static uint32_t
wanted_dictionary(const struct store_call *call, const struct target *target)
{
    struct statement *statement;
    uint32_t id = 0;
    int result = keeper_take(call->db, call->connection, sqlite3_mprintf("%s", target->dictionary), &statement);
    statements_note(call->connection, result);
    if (result == SQLITE_OK && statements_step(call->connection, statement->handle) == SQLITE_ROW)
        id = (uint32_t)sqlite3_column_int64(statement->handle, 0);
    keeper_give(call->connection, statement);
    return id;
}

/* A value is stored without a dictionary that cannot be had. */
static void
set_dictionary(const struct store_call *call, const struct target *target, struct zblob_options *options)
{
    struct zblob_error error;
    options->dictionary_id = target->dictionary ? wanted_dictionary(call, target) : 0;
    if (call->connection->failure == SQLITE_OK)
        dictionaries_complete_options(call->db, call->connection, options, &error);
}

/* If it is interrupted, SQLite ends the statement as soon as the function returns. */
static enum zblob_result
compress(struct store_call *call, const struct target *target, struct zblob_error *error)
{
    const struct value *value = &call->value;
    struct zblob_options options = call->connection->options;
    options.interrupt = interrupt_of(call->db);
    options.for_column = true;
    take_hint(call, target, &options);
    struct value *frame = &call->frame;
    unsigned char *bytes;
    sqlite3_int64 level = sqlite3_value_int64(call->arguments[CALL_LEVEL]);
    enum zblob_result result = zblob_options_set_integer(&options, "level", level, error);
    if (result == ZBLOB_OK)
        set_dictionary(call, target, &options);
    if (result == ZBLOB_OK && is_pickle_column(call->arguments))
        result = zblob_compress_pickle(&options, value->bytes, value->size, &bytes, &frame->size, error);
    else if (result == ZBLOB_OK)
        result = zblob_compress(&options, value->type, value->bytes, value->size, &bytes, &frame->size, error);
    if (result == ZBLOB_OK) {
        frame->type = ZBLOB_BLOB;
        frame->bytes = bytes;
    }
    return result;
}

/* ---- The row --------------------------------------------------------------------------------- */

/* The value is compared where the row may hold another one by now, or may never have held it: where other triggers fire on
 * the table, or the schema of another database may have made the call. Else the row is as the statement has left it, and
 * a comparison would read the whole value again. */
static int
update(const struct store_call *call, const struct target *target)
{
    char *still = target->is_watched || target->is_exposed
                      ? sqlite3_mprintf(" AND +%s COLLATE BINARY IS ?%d", target->column, PARAMETER_VALUE)
                      : sqlite3_mprintf("");
    char *sql = still ? sqlite3_mprintf("UPDATE OR ABORT %s SET %s = ?%d WHERE %s%s", target->table, target->column,
                                        PARAMETER_FRAME, target->row, still)
                      : NULL;
    sqlite3_free(still);
    return call_run(call, sql);
}

static bool
holds_frame(const struct store_call *call, const struct target *target)
{
    char *sql = sqlite3_mprintf("SELECT 1 FROM %s WHERE %s AND %s IS ?%d", target->table, target->row, target->column,
                                PARAMETER_FRAME);
    return call_run(call, sql) == SQLITE_ROW;
}

/* After these the running statement cannot go on. Whatever else refuses the UPDATE has left everything as it was. */
static bool
is_fatal(sqlite3 *db, int result, int was_autocommit)
{
    return statements_is_fatal(result) || result == SQLITE_CORRUPT || sqlite3_get_autocommit(db) != was_autocommit;
}

static void
fail(sqlite3_context *context, const char *message, int code)
{
    sqlite3_result_error(context, message, -1); /* first the text: it resets the code */
    sqlite3_result_error_code(context, code);
}

/* Another trigger has deleted or moved the row that it saw updated: nothing of the statement may stay. */
static void
fail_lost(sqlite3_context *context, const struct target *target)
{
    char *message = sqlite3_mprintf("sqlite_zblob: a trigger of table %s deletes, moves or changes each row whose "
                                    "column %s is updated: drop it, or disable the column's compression",
                                    target->table, target->column);
    if (message)
        fail(context, message, SQLITE_CONSTRAINT_TRIGGER);
    else
        sqlite3_result_error_nomem(context);
    sqlite3_free(message);
}

static void
replace(sqlite3_context *context, const struct store_call *call, const struct target *target)
{
    int was_autocommit = sqlite3_get_autocommit(call->db);
    int result = update(call, target);
    bool is_done = result == SQLITE_DONE || result == SQLITE_ROW; /* which PRAGMA count_changes gives */
    bool is_stored = is_done && sqlite3_changes(call->db) == 1;
    if (!is_done && is_fatal(call->db, result, was_autocommit))
        fail(context, sqlite3_errmsg(call->db), result);
    else if (is_stored && target->is_watched && !holds_frame(call, target) && call->connection->failure == SQLITE_OK)
        fail_lost(context, target);
    else
        sqlite3_result_int(context, is_stored);
}

/* ---- The function ---------------------------------------------------------------------------- */

static void
store_in(sqlite3_context *context, struct store_call *call, const struct target *target)
{
    struct zblob_error error;
    if (is_zeroblob(&call->value) && !target->hint) /* with it, these are voxels */
        return;
    bool is_compressed = compress(call, target, &error) == ZBLOB_OK;
    bool is_smaller = is_compressed && !value_is_better_plain(call->db, &call->value, call->frame.size);
    if (is_smaller && call->connection->failure == SQLITE_OK) {
        call->connection->store_calls = call;
        replace(context, call, target);
        call->connection->store_calls = call->outer;
    }
    if (is_compressed)
        zblob_free((void *)call->frame.bytes);
}

/* Programs lower the limit for the SQL of others, as far as 10 (sqlite.org/security.html). Some statements are prepared when
 * they run, so it is raised for all of the call. */
static int
raise_depth(sqlite3 *db)
{
    int limit = sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, -1);
    if (limit > 0 && limit < EXPRESSION_DEPTH)
        sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, EXPRESSION_DEPTH);
    return limit;
}

static void
store(sqlite3_context *context, struct store_call *call)
{
    struct target target;
    int depth = raise_depth(call->db);
    call->connection->failure = SQLITE_OK;
    if (target_find(call, &target)) {
        if (call->connection->failure == SQLITE_OK)
            store_in(context, call, &target);
        target_free(&target);
    }
    sqlite3_limit(call->db, SQLITE_LIMIT_EXPR_DEPTH, depth);
    if (call->connection->failure != SQLITE_OK)
        fail(context, sqlite3_errstr(call->connection->failure), call->connection->failure);
}

/* The triggers fire for what the function itself has stored, too. If another trigger has changed that meanwhile (NULL: to
 * no BLOB or TEXT), the error makes the running call's UPDATE fail, and the value stays as it was given. */
static void
check_frame(sqlite3_context *context, const struct store_call *running, const struct value *value)
{
    bool is_own = value && value->type == ZBLOB_BLOB && value->size == running->frame.size &&
                  memcmp(value->bytes, running->frame.bytes, value->size) == 0;
    if (!is_own)
        fail(context, "sqlite_zblob: a trigger changes the value while it is being compressed", SQLITE_CONSTRAINT);
}

void
sqlite_zblob_store(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct zblob_connection *connection = value_connection(context);
    struct store_call call = {
        .outer = connection->store_calls,
        .db = sqlite3_context_db_handle(context),
        .connection = connection,
        .count = count,
        .arguments = arguments,
    };
    sqlite3_result_int(context, 0);
    if (count <= CALL_KEY) {
        sqlite3_result_error(context, "sqlite_zblob_store is for the triggers that sqlite_zblob makes", -1);
        return;
    }
    bool is_bytes = value_is_bytes(arguments[CALL_VALUE]);
    if (is_bytes && !value_take(context, arguments[CALL_VALUE], &call.value))
        return;
    const struct store_call *running = call_find_running(&call);
    if (running)
        check_frame(context, running, is_bytes ? &call.value : NULL);
    else if (is_bytes && is_wanted(call.db, &call.value, arguments) && call_depth(&call) < DEPTH_MAX)
        store(context, &call);
}
