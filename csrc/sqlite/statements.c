/* statements.c: see statements.h. */
#include "statements.h"

#include <string.h>

#define IDLE_MAX 24

#define EXPLAIN_OPCODE 1 /* a column of EXPLAIN */

struct statement *
statements_take(struct statements *statements, const char *key, size_t key_size)
{
    for (struct statement **link = &statements->idle; *link; link = &(*link)->next) {
        struct statement *found = *link;
        if (found->key_size == key_size && memcmp(found->key, key, key_size) == 0) {
            *link = found->next;
            return found;
        }
    }
    return NULL;
}

int
statements_prepare(sqlite3 *db, const char *key, size_t key_size, char *sql, struct statement **statement)
{
    struct statement *made = sql ? sqlite3_malloc64(sizeof *made + key_size) : NULL;
    int result = SQLITE_NOMEM;
    if (made) {
        made->key_size = key_size;
        made->is_kept = true;
        memcpy(made->key, key, key_size);
        result = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &made->handle, NULL);
        if (result != SQLITE_OK) {
            sqlite3_free(made);
            made = NULL;
        }
    }
    sqlite3_free(sql);
    *statement = made;
    return result;
}

/* Does a statement use any virtual table, be it in a trigger? */
static int
find_virtual_table(sqlite3 *db, const char *sql, bool *found)
{
    sqlite3_stmt *row = NULL;
    char *explain = sqlite3_mprintf("EXPLAIN %s", sql);
    int result = explain ? sqlite3_prepare_v2(db, explain, -1, &row, NULL) : SQLITE_NOMEM;
    *found = false;
    while (result == SQLITE_OK && !*found && sqlite3_step(row) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(row, EXPLAIN_OPCODE);
        *found = opcode && (strcmp(opcode, "VOpen") == 0 || strcmp(opcode, "VUpdate") == 0);
    }
    int finished = sqlite3_finalize(row);
    sqlite3_free(explain);
    return result == SQLITE_OK ? finished : result;
}

int
statements_prepare_write(sqlite3 *db, const char *key, size_t key_size, char *sql, struct statement **statement)
{
    bool uses_virtual_table;
    int result = sql ? find_virtual_table(db, sql, &uses_virtual_table) : SQLITE_NOMEM;
    if (result != SQLITE_OK) {
        sqlite3_free(sql);
        *statement = NULL;
        return result;
    }
    result = statements_prepare(db, key, key_size, sql, statement);
    if (result == SQLITE_OK)
        (*statement)->is_kept = !uses_virtual_table;
    return result;
}

static void
discard(struct statement *statement)
{
    sqlite3_finalize(statement->handle);
    sqlite3_free(statement);
}

void
statements_give(struct statements *statements, struct statement *statement)
{
    if (!statement)
        return;
    if (!statement->is_kept || sqlite3_stmt_status(statement->handle, SQLITE_STMTSTATUS_REPREPARE, 0) > 0) {
        discard(statement); /* what SQLite has prepared anew may use what it did not use before */
        return;
    }
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
    statement->next = statements->idle;
    statements->idle = statement;
    struct statement **link = &statements->idle;
    for (int i = 0; i < IDLE_MAX && *link; i++)
        link = &(*link)->next;
    if (*link) { /* one too many: it was the least recently used */
        struct statement *last = *link;
        *link = NULL;
        discard(last);
    }
}

void
statements_clear(struct statements *statements)
{
    while (statements->idle) {
        struct statement *first = statements->idle;
        statements->idle = first->next;
        discard(first);
    }
}

/* ---- Failures that nobody may ignore --------------------------------------------------------- */

bool
statements_is_fatal(int result)
{
    switch (result & 0xff) {
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_INTERRUPT: return true;
    default: return result == SQLITE_ABORT_ROLLBACK;
    }
}

void
statements_note(struct zblob_connection *connection, int result)
{
    if (connection->failure == SQLITE_OK && statements_is_fatal(result))
        connection->failure = result;
}

sqlite3_stmt *
statements_ask(struct zblob_connection *connection, sqlite3 *db, char *sql)
{
    sqlite3_stmt *statement = NULL;
    statements_note(connection, sql ? sqlite3_prepare_v2(db, sql, -1, &statement, NULL) : SQLITE_NOMEM);
    sqlite3_free(sql);
    return statement;
}

int
statements_step(struct zblob_connection *connection, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    statements_note(connection, result);
    return result;
}
