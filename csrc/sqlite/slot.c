/* slot.c: registers everything with a connection of this slot's SQLite library. */
#include "slot.h"

#include <string.h>

SQLITE_EXTENSION_INIT1

/* SQLITE_INNOCUOUS and SQLITE_DIRECTONLY came with 3.31. */
#define OLDEST_SQLITE 3031000

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    return statement;
}

/* A second load into one connection keeps its configuration, and open virtual tables their module. */
static int
find_registered(sqlite3 *db, bool *found)
{
    sqlite3_stmt *statement = prepare(db, "SELECT zblob_version()");
    if (!statement && sqlite3_errcode(db) == SQLITE_NOMEM)
        return SQLITE_NOMEM;
    const char *version =
        statement && sqlite3_step(statement) == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    *found = version && strcmp(version, ZBLOB_VERSION) == 0;
    int result = sqlite3_finalize(statement);
    if (!statement) /* sqlite3_open() takes an error that an auto-extension leaves for its own */
        sqlite3_finalize(prepare(db, "SELECT 1"));
    return result == SQLITE_NOMEM ? result : SQLITE_OK;
}

/* SQLITE_EXTENSION_INIT2, but written once: connections of other threads read it all the time. A slot has one library. */
static void
set_api(const sqlite3_api_routines *api)
{
    const sqlite3_api_routines *none = NULL;
    if (__atomic_load_n(&sqlite3_api, __ATOMIC_ACQUIRE) == NULL)
        __atomic_compare_exchange_n(&sqlite3_api, &none, api, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

int
slot_register(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    set_api(api);
    if (sqlite3_libversion_number() < OLDEST_SQLITE) {
        *message = sqlite3_mprintf("zblob needs SQLite 3.31 or newer, this is %s", sqlite3_libversion());
        return SQLITE_ERROR;
    }
    bool found = false;
    int result = find_registered(db, &found);
    if (result != SQLITE_OK || found)
        return result;
    struct zblob_connection *connection = sqlite3_malloc(sizeof *connection);
    if (!connection)
        return SQLITE_NOMEM;
    *connection = (struct zblob_connection){.references = 1};
    zblob_options_init(&connection->options);
    result = functions_register(db, connection);
    if (result == SQLITE_OK)
        result = table_register(db, connection);
    if (result == SQLITE_OK)
        result = chunks_register(db);
    if (result == SQLITE_OK)
        result = labels_register(db, connection);
    if (result == SQLITE_OK)
        result = keeper_register(db, connection);
    connection_release(connection);
    return result;
}
