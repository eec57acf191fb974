/*
 * stored.h: a value that lies in a table, named by its place: schema, table, column and rowid. Its bytes are read by
 * incremental I/O where SQLite has that for the table, and otherwise the row is asked for by a SELECT.
 */
#ifndef ZBLOB_SQLITE_STORED_H
#define ZBLOB_SQLITE_STORED_H

#include "slot.h"

#define stored_open ZBLOB_IN_SLOT(stored_open)
#define stored_close ZBLOB_IN_SLOT(stored_close)
#define stored_select ZBLOB_IN_SLOT(stored_select)
#define stored_fail ZBLOB_IN_SLOT(stored_fail)

#define STORED_PLACE_COUNT 4 /* arguments: schema, table, column, rowid */

enum stored_kind {
    STORED_NOTHING, /* NULL, or there is no such row */
    STORED_BLOB,    /* its bytes are open */
    STORED_TEXT,    /* the same, in the database's encoding */
    STORED_ROW, /* a number; or a table without rowids, with generated columns, or a virtual one: use stored_select */
};

struct stored {
    sqlite3 *db;
    struct zblob_connection *connection;
    enum stored_kind kind;
    bool is_ours;               /* the place names a virtual table of ours */
    struct zblob_source source; /* of what is open; lives as long as this does */
    sqlite3_blob *blob;
    sqlite3_stmt *held;   /* while it is open, all that is read comes from one state of the database */
    char *address;        /* "schema"."table", of the table that holds the rows */
    char *column, *key;   /* as SQL writes them; `key` identifies a row */
    sqlite3_value *rowid; /* the argument */
    int failure;          /* of SQLite, when the source could not be read */
};

/* Open the value at the place that four arguments name, none of which is NULL. A virtual table of ours is taken for its
 * backing table. `writes`: its bytes can be overwritten, too. False: an error result is set. Close it even then. */
bool stored_open(sqlite3_context *context, sqlite3_value **place, bool writes, struct stored *stored);
void stored_close(struct stored *stored);

/* Make the first column of its row's `SELECT expression` the result, in which %s stands for the column's name; NULL if there
 * is no such row. Parameters from ?2 on are bound to `count` arguments. */
void stored_select(sqlite3_context *context, const struct stored *stored, const char *expression, int count,
                   sqlite3_value **arguments);

/* Make the failure to read an open value the result: SQLite's own, or else the codec's; always the latter if stored is NULL. */
void stored_fail(sqlite3_context *context, const struct stored *stored, const struct zblob_error *error);

#endif
