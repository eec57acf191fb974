/* cursor.h: the module's methods that read. */
#ifndef ZBLOB_SQLITE_TABLE_CURSOR_H
#define ZBLOB_SQLITE_TABLE_CURSOR_H

#include "instance.h"

#define cursor_open ZBLOB_IN_SLOT(cursor_open)
#define cursor_close ZBLOB_IN_SLOT(cursor_close)
#define cursor_filter ZBLOB_IN_SLOT(cursor_filter)
#define cursor_next ZBLOB_IN_SLOT(cursor_next)
#define cursor_eof ZBLOB_IN_SLOT(cursor_eof)
#define cursor_column ZBLOB_IN_SLOT(cursor_column)
#define cursor_rowid ZBLOB_IN_SLOT(cursor_rowid)

int cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor);
int cursor_close(sqlite3_vtab_cursor *cursor);
int cursor_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int count, sqlite3_value **values);
int cursor_next(sqlite3_vtab_cursor *cursor);
int cursor_eof(sqlite3_vtab_cursor *cursor);
int cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column);
int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid);

#endif
