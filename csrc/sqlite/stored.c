/* stored.c: see stored.h. */
#include "stored.h"

#include "sql_tokens.h"
#include "values.h"

#include <string.h>

#define BACKING_SUFFIX "_rows" /* of the table that holds the rows of a virtual table of ours */
#define READ_DEPTH_MAX 5       /* views that ask for values of views; one that asks for its own would never end */

/* SQLite's last error as the result. */
static bool
fail_sql(sqlite3_context *context, const struct stored *stored)
{
    int code = sqlite3_extended_errcode(stored->db);
    sqlite3_result_error(context, sqlite3_errmsg(stored->db), -1);
    sqlite3_result_error_code(context, code == SQLITE_OK || code == SQLITE_ROW ? SQLITE_ERROR : code);
    return false;
}

/* A message of ours, from SQLite's allocator; NULL: out of memory. */
static bool
fail_text(sqlite3_context *context, char *message)
{
    if (message)
        sqlite3_result_error(context, message, -1);
    else
        sqlite3_result_error_nomem(context);
    sqlite3_free(message);
    return false;
}

/* Takes over the text. False: an error result is set. */
static bool
prepare(sqlite3_context *context, const struct stored *stored, char *sql, sqlite3_stmt **statement)
{
    if (!sql)
        return fail_text(context, NULL);
    int result = sqlite3_prepare_v2(stored->db, sql, -1, statement, NULL);
    sqlite3_free(sql);
    return result == SQLITE_OK || fail_sql(context, stored);
}

/* ---- The table ------------------------------------------------------------------------------- */

struct table_facts {
    bool is_virtual, is_ours, is_view, is_without_rowid;
    bool is_generated;     /* any of its columns */
    bool has_column;       /* the one asked for */
    bool hides[3];         /* columns have the names rowid, _rowid_, oid */
    sqlite3_int64 pk_size; /* columns of the primary key */
    char *pk;              /* the first of them, quoted */
};

static const char *const rowid_names[] = {"rowid", "_rowid_", "oid"};

/* What the definition of a table says by itself. */
static bool
read_definition(sqlite3_context *context, const char *sql, struct table_facts *facts)
{
    size_t count, at = 0;
    struct token *tokens = tokens_split(sql, &count);
    if (!tokens)
        return fail_text(context, NULL);
    facts->is_virtual = count > 1 && token_is_word(&tokens[1], "virtual");
    while (at < count && !token_is_mark(&tokens[at], '(') &&
           !(facts->is_virtual && token_is_word(&tokens[at], "using")))
        at++;
    if (facts->is_virtual)
        facts->is_ours = at + 1 < count && token_names(&tokens[at + 1], "zblob");
    else
        for (at = at < count ? tokens_group_end(tokens, at) : count; at < count; at++)
            facts->is_without_rowid |= token_is_word(&tokens[at], "without");
    sqlite3_free(tokens);
    return true;
}

/* Find the table's definition, and hold the database's state while doing so. */
static bool
look_up(sqlite3_context *context, struct stored *stored, const char *schema, const char *table,
        struct table_facts *facts)
{
    char *sql = sqlite3_mprintf("SELECT type, sql FROM \"%w\".sqlite_master WHERE type IN ('table', 'view') AND name = "
                                "%Q COLLATE NOCASE",
                                schema, table);
    sqlite3_finalize(stored->held);
    stored->held = NULL;
    if (!sql)
        return fail_text(context, NULL);
    int result = sqlite3_prepare_v2(stored->db, sql, -1, &stored->held, NULL);
    sqlite3_free(sql);
    if (result == SQLITE_ERROR && sqlite3_table_column_metadata(stored->db, schema, "sqlite_master", NULL, NULL, NULL,
                                                                NULL, NULL, NULL) != SQLITE_OK)
        return fail_text(context, sqlite3_mprintf("there is no attached database %s", schema));
    if (result != SQLITE_OK)
        return fail_sql(context, stored);
    result = sqlite3_step(stored->held);
    if (result == SQLITE_DONE && sqlite3_strnicmp(table, "sqlite_", 7) == 0)
        return fail_text(context, sqlite3_mprintf("table %s is one of SQLite's own: SELECT from it", table));
    if (result == SQLITE_DONE)
        return fail_text(context, sqlite3_mprintf("there is no table %s in %s", table, schema));
    if (result != SQLITE_ROW)
        return fail_sql(context, stored);
    facts->is_view = strcmp((const char *)sqlite3_column_text(stored->held, 0), "view") == 0;
    return facts->is_view || read_definition(context, (const char *)sqlite3_column_text(stored->held, 1), facts);
}

static void
note_column(sqlite3_stmt *row, const char *column, struct table_facts *facts)
{
    /* cid, name, type, notnull, dflt_value, pk, hidden */
    const char *name = (const char *)sqlite3_column_text(row, 1);
    int hidden = sqlite3_column_int(row, 6);
    if (!name)
        return;
    facts->has_column |= sqlite3_stricmp(name, column) == 0;
    facts->is_generated |= hidden == 2 || hidden == 3;
    for (size_t i = 0; i < 3; i++)
        facts->hides[i] |= sqlite3_stricmp(name, rowid_names[i]) == 0;
    if (sqlite3_column_int(row, 5) == 0)
        return;
    facts->pk_size++;
    if (!facts->pk)
        facts->pk = sqlite3_mprintf("\"%w\"", name);
}

static bool
look_at_columns(sqlite3_context *context, const struct stored *stored, const char *schema, const char *table,
                const char *column, struct table_facts *facts)
{
    sqlite3_stmt *row = NULL;
    if (!prepare(context, stored, sqlite3_mprintf("PRAGMA \"%w\".table_xinfo(\"%w\")", schema, table), &row))
        return false;
    int result;
    while ((result = sqlite3_step(row)) == SQLITE_ROW)
        note_column(row, column, facts);
    sqlite3_finalize(row);
    if (result != SQLITE_DONE)
        return fail_sql(context, stored);
    return facts->has_column || fail_text(context, sqlite3_mprintf("table %s has no column %s", table, column));
}

/* How SQL names what identifies a row; NULL: an error result is set. */
static const char *
find_key(sqlite3_context *context, const char *table, const struct table_facts *facts)
{
    if (facts->is_without_rowid && facts->pk_size == 1 && facts->pk)
        return facts->pk;
    if (facts->is_without_rowid) {
        fail_text(context, facts->pk_size == 1
                               ? NULL
                               : sqlite3_mprintf("table %s has no rowid, and a primary key of several columns, so that "
                                                 "no single value names a row: SELECT it",
                                                 table));
        return NULL;
    }
    for (size_t i = 0; i < 3; i++)
        if (!facts->hides[i] || facts->is_view) /* a view may have a column of that name */
            return rowid_names[i];
    fail_text(context, sqlite3_mprintf("the columns of table %s hide its rowid", table));
    return NULL;
}

/* Fill address, column and key; *backing is the name of the table that holds the rows (sqlite3_free). */
static bool
find_table(sqlite3_context *context, sqlite3_value **place, struct stored *stored, struct table_facts *facts,
           char **backing)
{
    const char *schema = (const char *)sqlite3_value_text(place[0]);
    const char *table = (const char *)sqlite3_value_text(place[1]);
    const char *column = (const char *)sqlite3_value_text(place[2]);
    if (!schema || !table || !column)
        return fail_text(context, NULL);
    if (!look_up(context, stored, schema, table, facts))
        return false;
    *backing = sqlite3_mprintf("%s%s", table, facts->is_ours ? BACKING_SUFFIX : "");
    if (!*backing)
        return fail_text(context, NULL);
    stored->is_ours = facts->is_ours;
    if (facts->is_ours) {
        *facts = (struct table_facts){0};
        if (!look_up(context, stored, schema, *backing, facts))
            return false;
    }
    if (!look_at_columns(context, stored, schema, *backing, column, facts))
        return false;
    const char *key = find_key(context, *backing, facts);
    if (!key)
        return false;
    stored->address = sqlite3_mprintf("\"%w\".\"%w\"", schema, *backing);
    stored->column = sqlite3_mprintf("\"%w\"", column);
    stored->key = sqlite3_mprintf("%s", key);
    return (stored->address && stored->column && stored->key) || fail_text(context, NULL);
}

/* ---- The value ------------------------------------------------------------------------------- */

static enum zblob_result
read_blob(void *context, uint64_t offset, void *dst, size_t size, struct zblob_error *error)
{
    struct stored *stored = context;
    if (size == 0)
        return ZBLOB_OK;
    stored->failure = sqlite3_blob_read(stored->blob, dst, (int)size, (int)offset);
    if (stored->failure == SQLITE_OK)
        return ZBLOB_OK;
    error->code = ZBLOB_DAMAGED;
    sqlite3_snprintf(sizeof error->message, error->message, "%s", sqlite3_errmsg(stored->db));
    return error->code;
}

/* Its type, and with incremental I/O its bytes. */
static bool
open_value(sqlite3_context *context, sqlite3_value **place, const char *backing, bool has_io, bool writes,
           struct stored *stored)
{
    static const enum stored_kind kinds[] = {
        [SQLITE_INTEGER] = STORED_ROW, [SQLITE_FLOAT] = STORED_ROW,    [SQLITE_TEXT] = STORED_TEXT,
        [SQLITE_BLOB] = STORED_BLOB,   [SQLITE_NULL] = STORED_NOTHING,
    };
    sqlite3_stmt *row = NULL;
    /* typeof() reads no more of the row than its header */
    char *sql =
        sqlite3_mprintf("SELECT CASE typeof(%s) WHEN 'integer' THEN 1 WHEN 'real' THEN 2 WHEN 'text' THEN 3 WHEN "
                        "'blob' THEN 4 ELSE 5 END, %s FROM %s WHERE %s = ?1",
                        stored->column, stored->key, stored->address, stored->key);
    if (!prepare(context, stored, sql, &row))
        return false;
    int result = sqlite3_bind_value(row, 1, place[3]);
    result = result == SQLITE_OK ? sqlite3_step(row) : result;
    if (result == SQLITE_ROW) {
        stored->kind = kinds[sqlite3_column_int(row, 0)];
        bool has_bytes = stored->kind == STORED_BLOB || stored->kind == STORED_TEXT;
        if (has_bytes && !has_io)
            stored->kind = STORED_ROW;
        else if (has_bytes)
            result = sqlite3_blob_open(stored->db, (const char *)sqlite3_value_text(place[0]), backing,
                                       (const char *)sqlite3_value_text(place[2]), sqlite3_column_int64(row, 1), writes,
                                       &stored->blob);
    }
    bool is_good = result == SQLITE_ROW || result == SQLITE_DONE || result == SQLITE_OK || fail_sql(context, stored);
    sqlite3_finalize(row);
    if (stored->blob)
        stored->source = (struct zblob_source){
            .size = (uint64_t)sqlite3_blob_bytes(stored->blob), .read = read_blob, .context = stored};
    return is_good;
}

bool
stored_open(sqlite3_context *context, sqlite3_value **place, bool writes, struct stored *stored)
{
    struct table_facts facts = {0};
    char *backing = NULL;
    *stored = (struct stored){.db = sqlite3_context_db_handle(context), .rowid = place[3]};
    stored->connection = value_connection(context);
    if (stored->connection->read_depth++ >= READ_DEPTH_MAX)
        return fail_text(context, sqlite3_mprintf("%s reads itself, or views read one another more than %d times over",
                                                  (const char *)sqlite3_value_text(place[1]), READ_DEPTH_MAX));
    bool has_io = find_table(context, place, stored, &facts, &backing);
    bool is_good = has_io;
    has_io = has_io && !facts.is_virtual && !facts.is_view && !facts.is_without_rowid && !facts.is_generated;
    is_good = is_good && open_value(context, place, backing, has_io, writes, stored);
    sqlite3_free(facts.pk);
    sqlite3_free(backing);
    return is_good;
}

void
stored_close(struct stored *stored)
{
    stored->connection->read_depth--;
    sqlite3_blob_close(stored->blob);
    sqlite3_finalize(stored->held);
    sqlite3_free(stored->address);
    sqlite3_free(stored->column);
    sqlite3_free(stored->key);
}

void
stored_select(sqlite3_context *context, const struct stored *stored, const char *expression, int count,
              sqlite3_value **arguments)
{
    sqlite3_stmt *row = NULL;
    char *value = sqlite3_mprintf(expression, stored->column);
    char *sql = value ? sqlite3_mprintf("SELECT %s FROM %s WHERE %s = ?1", value, stored->address, stored->key) : NULL;
    sqlite3_free(value);
    if (!prepare(context, stored, sql, &row))
        return;
    int result = sqlite3_bind_value(row, 1, stored->rowid);
    for (int i = 0; i < count && result == SQLITE_OK; i++)
        result = sqlite3_bind_value(row, i + 2, arguments[i]);
    if (result == SQLITE_OK)
        result = sqlite3_step(row);
    if (result == SQLITE_ROW)
        sqlite3_result_value(context, sqlite3_column_value(row, 0));
    else if (result != SQLITE_DONE)
        fail_sql(context, stored);
    sqlite3_finalize(row);
}

void
stored_fail(sqlite3_context *context, const struct stored *stored, const struct zblob_error *error)
{
    value_fail(context, error);
    if (stored && stored->failure != SQLITE_OK)
        sqlite3_result_error_code(context, stored->failure);
}
