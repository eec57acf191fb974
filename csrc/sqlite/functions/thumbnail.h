/* thumbnail.h: the SQL function zthumbnail(X [, SIZE]). */
#ifndef ZBLOB_SQLITE_FUNCTIONS_THUMBNAIL_H
#define ZBLOB_SQLITE_FUNCTIONS_THUMBNAIL_H

#include "../slot.h"

#define zthumbnail ZBLOB_IN_SLOT(zthumbnail)

void zthumbnail(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
