/* stored_bytes.h: the SQL functions zblob_stored(SCHEMA, TABLE, COLUMN, ROWID [, OFFSET, COUNT]) and zblob_overwrite. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_STORED_BYTES_H
#define ZBLOB_SQLITE_FUNCTIONS_STORED_BYTES_H

#include "../slot.h"

#define zblob_stored ZBLOB_IN_SLOT(zblob_stored)
#define zblob_overwrite ZBLOB_IN_SLOT(zblob_overwrite)

void zblob_stored(sqlite3_context *context, int count, sqlite3_value **arguments);
void zblob_overwrite(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
