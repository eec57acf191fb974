/*
 * keeper.c: see keeper.h.
 *
 * sqlite3_close() refuses a connection with prepared statements, but lets go of its virtual tables first. So the
 * statements belong to one: an eponymous table that has no rows.
 */
#include "keeper.h"

#include <string.h>

#define NAME "sqlite_zblob_store"

struct keeper {
    sqlite3_vtab base;
    struct zblob_connection *connection;
    struct statements statements;
    struct known *known;
};

/* ---- The table ------------------------------------------------------------------------------- */

static int
keeper_connect(sqlite3 *db, void *context, int count, const char *const *arguments, sqlite3_vtab **vtab, char **message)
{
    struct zblob_connection *connection = context;
    (void)count;
    (void)arguments;
    (void)message;
    int result = sqlite3_declare_vtab(db, "CREATE TABLE x(unused)");
    struct keeper *keeper = result == SQLITE_OK ? sqlite3_malloc(sizeof *keeper) : NULL;
    if (!keeper)
        return result == SQLITE_OK ? SQLITE_NOMEM : result;
    *keeper = (struct keeper){.connection = connection};
    connection->keeper = keeper;
    *vtab = &keeper->base;
    return SQLITE_OK;
}

static int
keeper_disconnect(sqlite3_vtab *vtab)
{
    struct keeper *keeper = (struct keeper *)vtab;
    if (keeper->connection->keeper == keeper)
        keeper->connection->keeper = NULL;
    statements_clear(&keeper->statements);
    known_clear(&keeper->known);
    sqlite3_free(keeper);
    return SQLITE_OK;
}

static int
keeper_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void)vtab;
    info->estimatedRows = 1;
    return SQLITE_OK;
}

static int
keeper_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    (void)vtab;
    *cursor = sqlite3_malloc(sizeof **cursor);
    if (!*cursor)
        return SQLITE_NOMEM;
    **cursor = (sqlite3_vtab_cursor){0};
    return SQLITE_OK;
}

static int
keeper_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int
keeper_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int count, sqlite3_value **values)
{
    (void)cursor;
    (void)number;
    (void)text;
    (void)count;
    (void)values;
    return SQLITE_OK;
}

static int
keeper_next(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return SQLITE_OK;
}

static int
keeper_eof(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return 1;
}

static int
keeper_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    (void)cursor;
    (void)context;
    (void)column;
    return SQLITE_OK;
}

static int
keeper_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
    (void)cursor;
    *rowid = 0;
    return SQLITE_OK;
}

/* Without xCreate: there is one such table, and no CREATE VIRTUAL TABLE. */
static const sqlite3_module keeper_module = {
    .xConnect = keeper_connect,
    .xBestIndex = keeper_best_index,
    .xDisconnect = keeper_disconnect,
    .xOpen = keeper_open,
    .xClose = keeper_close,
    .xFilter = keeper_filter,
    .xNext = keeper_next,
    .xEof = keeper_eof,
    .xColumn = keeper_column,
    .xRowid = keeper_rowid,
};

static void
release(void *connection)
{
    connection_release(connection);
}

int
keeper_register(sqlite3 *db, struct zblob_connection *connection)
{
    connection->references++;
    return sqlite3_create_module_v2(db, NAME, &keeper_module, connection, release);
}

/* ---- What is kept -------------------------------------------------------------------------- */

int
keeper_take(sqlite3 *db, struct zblob_connection *connection, char *sql, struct statement **statement)
{
    *statement = NULL;
    if (!sql)
        return SQLITE_NOMEM;
    if (!connection->keeper) { /* preparing it connects the table */
        sqlite3_finalize(statements_ask(connection, db, sqlite3_mprintf("SELECT * FROM " NAME)));
    }
    size_t size = strlen(sql);
    if (connection->keeper)
        *statement = statements_take(&connection->keeper->statements, sql, size);
    if (!*statement)
        return statements_prepare(db, sql, size, sql, statement);
    sqlite3_free(sql);
    return SQLITE_OK;
}

void
keeper_give(struct zblob_connection *connection, struct statement *statement)
{
    struct statements none = {0};
    if (connection->keeper) {
        statements_give(&connection->keeper->statements, statement);
        return;
    }
    statements_give(&none, statement);
    statements_clear(&none);
}

struct known **
keeper_known(struct zblob_connection *connection)
{
    return connection->keeper ? &connection->keeper->known : NULL;
}
