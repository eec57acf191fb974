/* statements.h: prepared statements kept for their next use. Knows no table: statements have keys. */
#ifndef ZBLOB_SQLITE_STATEMENTS_H
#define ZBLOB_SQLITE_STATEMENTS_H

#include "slot.h"

#define statements_take ZBLOB_IN_SLOT(statements_take)
#define statements_prepare ZBLOB_IN_SLOT(statements_prepare)
#define statements_prepare_write ZBLOB_IN_SLOT(statements_prepare_write)
#define statements_give ZBLOB_IN_SLOT(statements_give)
#define statements_clear ZBLOB_IN_SLOT(statements_clear)
#define statements_step ZBLOB_IN_SLOT(statements_step)
#define statements_ask ZBLOB_IN_SLOT(statements_ask)
#define statements_note ZBLOB_IN_SLOT(statements_note)
#define statements_is_fatal ZBLOB_IN_SLOT(statements_is_fatal)

struct statement {
    struct statement *next;
    sqlite3_stmt *handle;
    bool is_kept; /* for its next use */
    size_t key_size;
    char key[];
};

/* The idle ones, the last used first. Whoever takes one owns it until giving it back. */
struct statements {
    struct statement *idle;
};

/* The idle statement of that key, or NULL. */
struct statement *statements_take(struct statements *statements, const char *key, size_t key_size);

/* Prepare a new one; takes over `sql` (from SQLite's allocator; NULL: out of memory). */
int statements_prepare(sqlite3 *db, const char *key, size_t key_size, char *sql, struct statement **statement);

/*
 * The same for one that writes, which may fire triggers. Those may use virtual tables, even the one that would keep the
 * statement; and a virtual table that keeps a statement by which it is used is never disconnected, so that its connection
 * cannot be closed. Such a statement is used once.
 */
int statements_prepare_write(sqlite3 *db, const char *key, size_t key_size, char *sql, struct statement **statement);

/* Reset it, forget what is bound, keep it if it may be kept; NULL does nothing. */
void statements_give(struct statements *statements, struct statement *statement);

void statements_clear(struct statements *statements);

/* ---- Failures that nobody may ignore --------------------------------------------------------- */

/*
 * Lack of memory, a failing or full disk, an interruption: after these SQLite may have rolled back the whole transaction,
 * even if the statement that met them only reads. A caller that went on would commit a part of it, or would report as
 * stored what is gone. So a function of ours that could do without the result of a statement still has to pass these on.
 */
bool statements_is_fatal(int result);

/* Remember such a result in connection->failure, where the function that SQLite has called looks before it succeeds. */
void statements_note(struct zblob_connection *connection, int result);

/* A statement whose failure is noted; takes over `sql` (from SQLite's allocator; NULL: out of memory). NULL: it failed. */
sqlite3_stmt *statements_ask(struct zblob_connection *connection, sqlite3 *db, char *sql);

/* sqlite3_step(), and the note. */
int statements_step(struct zblob_connection *connection, sqlite3_stmt *statement);

#endif
