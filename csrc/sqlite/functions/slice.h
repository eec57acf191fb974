/* slice.h: the SQL function zslice(X, AXIS, INDEX). */
#ifndef ZBLOB_SQLITE_FUNCTIONS_SLICE_H
#define ZBLOB_SQLITE_FUNCTIONS_SLICE_H

#include "../slot.h"

#define zslice ZBLOB_IN_SLOT(zslice)
#define zslice_at ZBLOB_IN_SLOT(zslice_at)

void zslice(sqlite3_context *context, int count, sqlite3_value **arguments);
void zslice_at(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
