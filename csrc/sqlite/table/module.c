/*
 * module.c: the virtual table module `zblob`: its methods, as far as they neither read nor write rows.
 *
 *   CREATE VIRTUAL TABLE t USING zblob(id TEXT PRIMARY KEY, data BLOB NOT NULL COMPRESSED, ..., level=5)
 *
 * The rows are in an ordinary table t_rows (shadow.h). Connecting looks at nothing but the arguments, so that a
 * table whose rows are damaged or gone can still be dropped.
 */
#include "cursor.h"
#include "planner.h"
#include "writer.h"

#include <string.h>

/* argv of xCreate and xConnect: module, schema, table, and then what stands in the parentheses */
enum { ARGUMENT_SCHEMA = 1, ARGUMENT_TABLE = 2, ARGUMENTS = 3 };

/* ---- Making and dropping --------------------------------------------------------------------- */

static void
table_free(struct table *table)
{
    statements_clear(&table->statements);
    indexes_free(&table->indexes);
    column_defs_free(&table->shadow.defs);
    sqlite3_free(table->shadow.schema);
    sqlite3_free(table->shadow.table);
    connection_release(table->connection);
    sqlite3_free(table->base.zErrMsg);
    sqlite3_free(table);
}

static int
read_text_type(sqlite3 *db, enum zblob_value_type *type)
{
    sqlite3_stmt *row = NULL;
    int result = sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &row, NULL);
    const char *name =
        result == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    *type = name && strcmp(name, "UTF-8") == 0 ? ZBLOB_TEXT_UTF8 : ZBLOB_TEXT_UTF16LE;
    int finished = sqlite3_finalize(row);
    if (result == SQLITE_OK)
        result = finished;
    return name || result != SQLITE_OK ? result : SQLITE_NOMEM;
}

static int
table_new(sqlite3 *db, struct zblob_connection *connection, const char *const *arguments, struct table **made)
{
    struct table *table = *made = sqlite3_malloc64(sizeof *table);
    if (!table)
        return SQLITE_NOMEM;
    memset(table, 0, sizeof *table);
    table->connection = connection;
    connection->references++;
    table->shadow.db = db;
    table->shadow.schema = sqlite3_mprintf("%s", arguments[ARGUMENT_SCHEMA]);
    table->shadow.table = sqlite3_mprintf("%s", arguments[ARGUMENT_TABLE]);
    if (!table->shadow.schema || !table->shadow.table)
        return SQLITE_NOMEM;
    return read_text_type(db, &table->text_type);
}

static int
read_arguments(struct table *table, int count, const char *const *arguments, char **message)
{
    struct shadow *shadow = &table->shadow;
    int result = column_defs_parse(&shadow->defs, count - ARGUMENTS, arguments + ARGUMENTS, message);
    if (result != SQLITE_OK)
        return result;
    shadow->rowid = shadow_rowid_name(&shadow->defs);
    if (!shadow->rowid) {
        *message =
            sqlite3_mprintf("zblob: columns hide the rowid: one of the names rowid, _rowid_ and oid must stay free");
        return SQLITE_ERROR;
    }
    return SQLITE_OK;
}

/* Tell SQLite the columns, and how the module behaves. */
static int
declare(const struct table *table, char **message)
{
    sqlite3 *db = table->shadow.db;
    char *sql = shadow_declaration(&table->shadow.defs);
    int result = sql ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
    sqlite3_free(sql);
    if (result != SQLITE_OK && result != SQLITE_NOMEM)
        *message = sqlite3_mprintf("zblob: %s", sqlite3_errmsg(db));
    if (result == SQLITE_OK)
        result = sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
    if (result == SQLITE_OK) /* it reads and writes its own rows, and nothing else */
        result = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    return result;
}

static int
open_table(sqlite3 *db, void *connection, int count, const char *const *arguments, bool create, sqlite3_vtab **vtab,
           char **message)
{
    struct table *table;
    int result = table_new(db, connection, arguments, &table);
    if (result == SQLITE_OK)
        result = read_arguments(table, count, arguments, message);
    if (result == SQLITE_OK)
        result = declare(table, message);
    const char *repeated = table ? table->shadow.defs.repeated : NULL;
    if (result == SQLITE_OK && create && repeated) { /* tables that have been made so are opened */
        *message = sqlite3_mprintf("zblob: argument \"%s\" is given twice", repeated);
        result = SQLITE_ERROR;
    }
    if (result == SQLITE_OK && create)
        result = shadow_create(&table->shadow, message);
    if (result == SQLITE_OK)
        *vtab = &table->base;
    else if (table)
        table_free(table);
    return result;
}

static int
method_create(sqlite3 *db, void *connection, int count, const char *const *arguments, sqlite3_vtab **vtab,
              char **message)
{
    return open_table(db, connection, count, arguments, true, vtab, message);
}

static int
method_connect(sqlite3 *db, void *connection, int count, const char *const *arguments, sqlite3_vtab **vtab,
               char **message)
{
    return open_table(db, connection, count, arguments, false, vtab, message);
}

static int
method_disconnect(sqlite3_vtab *vtab)
{
    table_free((struct table *)vtab);
    return SQLITE_OK;
}

static int
method_destroy(sqlite3_vtab *vtab)
{
    struct table *table = (struct table *)vtab;
    char *message = NULL;
    statements_clear(&table->statements); /* they would keep the table locked */
    int result = shadow_drop(&table->shadow, &message);
    if (result != SQLITE_OK)
        return table_fail(table, result, message);
    table_free(table);
    return SQLITE_OK;
}

static int
method_rename(sqlite3_vtab *vtab, const char *new_name)
{
    struct table *table = (struct table *)vtab;
    char *message = NULL;
    statements_clear(&table->statements);
    indexes_free(&table->indexes);
    int result = shadow_rename(&table->shadow, new_name, &message);
    return result == SQLITE_OK ? SQLITE_OK : table_fail(table, result, message);
}

static int
method_shadow_name(const char *name)
{
    return sqlite3_stricmp(name, SHADOW_SUFFIX) == 0;
}

/* PRAGMA integrity_check decodes every frame, quick_check looks at their headers. */
static int
method_integrity(sqlite3_vtab *vtab, const char *schema, const char *name, int flags, char **report)
{
    (void)schema;
    (void)name;
    return shadow_verify(&((struct table *)vtab)->shadow, ((struct table *)vtab)->connection, flags & 1, report);
}

/* ---- The module ------------------------------------------------------------------------------ */

/* xIntegrity came with 3.44; older libraries read no further than the fields they know. */
#define MODULE_VERSION 4

#if SQLITE_VERSION_NUMBER >= 3044000
typedef sqlite3_module module;
#define MODULE_FIELDS(...) {__VA_ARGS__, .xIntegrity = method_integrity}
#define MODULE_ADDRESS(module) (&(module))
#else
typedef struct {
    sqlite3_module fields;
    int (*xIntegrity)(sqlite3_vtab *vtab, const char *schema, const char *name, int flags, char **report);
} module;
#define MODULE_FIELDS(...) {.fields = {__VA_ARGS__}, .xIntegrity = method_integrity}
#define MODULE_ADDRESS(module) (&(module).fields)
#endif

/* Transactions and savepoints need no methods: the rows are in an ordinary table of the same database. */
static const module zblob_module =
    MODULE_FIELDS(.iVersion = MODULE_VERSION, .xCreate = method_create, .xConnect = method_connect,
                  .xBestIndex = planner_best_index, .xDisconnect = method_disconnect, .xDestroy = method_destroy,
                  .xOpen = cursor_open, .xClose = cursor_close, .xFilter = cursor_filter, .xNext = cursor_next,
                  .xEof = cursor_eof, .xColumn = cursor_column, .xRowid = cursor_rowid, .xUpdate = writer_update,
                  .xRename = method_rename, .xShadowName = method_shadow_name);

static void
release_connection(void *connection)
{
    connection_release(connection);
}

int
table_register(sqlite3 *db, struct zblob_connection *connection)
{
    connection->references++;
    return sqlite3_create_module_v2(db, "zblob", MODULE_ADDRESS(zblob_module), connection, release_connection);
}
