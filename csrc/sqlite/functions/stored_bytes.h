/* stored_bytes.h: the SQL function zblob_stored(SCHEMA, TABLE, COLUMN, ROWID [, OFFSET, COUNT]). */
#ifndef ZBLOB_SQLITE_FUNCTIONS_STORED_BYTES_H
#define ZBLOB_SQLITE_FUNCTIONS_STORED_BYTES_H

#include "../slot.h"

#define zblob_stored ZBLOB_IN_SLOT(zblob_stored)

void zblob_stored(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
