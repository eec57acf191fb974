/* writer.h: the module's method that writes. */
#ifndef ZBLOB_SQLITE_TABLE_WRITER_H
#define ZBLOB_SQLITE_TABLE_WRITER_H

#include "instance.h"

#define writer_update ZBLOB_IN_SLOT(writer_update)

/* xUpdate: INSERT, UPDATE and DELETE of one row. */
int writer_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *rowid);

#endif
