/*
 * row_hint.h: two SQL expressions that say dtype and shape of the raw voxels in a row, from the row's other columns.
 *
 * They come from the database, and run in the connection of whoever writes. So they are no more than expressions: columns,
 * constants, operators and SQLite's own scalar functions. Whatever goes wrong with them leaves the voxels to a guess.
 */
#ifndef ZBLOB_SQLITE_ROW_HINT_H
#define ZBLOB_SQLITE_ROW_HINT_H

#include "statements.h"

#define row_hint_sql ZBLOB_IN_SLOT(row_hint_sql)
#define row_hint_take ZBLOB_IN_SLOT(row_hint_take)
#define sqlite_zblob_hint ZBLOB_IN_SLOT(sqlite_zblob_hint)

/* "SELECT (DTYPE), (SHAPE) FROM " (sqlite3_free), to be followed by a subquery that gives the row, AS NEW. NULL: out of
 * memory, or *reason (sqlite3_free) says what is not allowed. */
char *row_hint_sql(const char *dtype_from, const char *shape_from, char **reason);

/* Run that statement, whose parameters are bound, and take what it says into the options of a value of that many bytes. */
void row_hint_take(struct zblob_connection *connection, sqlite3_stmt *statement, struct zblob_options *options,
                   uint64_t value_size);

/* The SQL function sqlite_zblob_hint(DTYPE_FROM, SHAPE_FROM): the text that row_hint_sql makes. */
void sqlite_zblob_hint(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
