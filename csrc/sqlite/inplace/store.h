/* store.h: the SQL function that the in-place triggers call. */
#ifndef ZBLOB_SQLITE_INPLACE_STORE_H
#define ZBLOB_SQLITE_INPLACE_STORE_H

#include "../slot.h"

#define sqlite_zblob_store ZBLOB_IN_SLOT(sqlite_zblob_store)

void sqlite_zblob_store(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
