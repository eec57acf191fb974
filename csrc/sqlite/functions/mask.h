/* mask.h: the SQL function zmask(X, LABEL). */
#ifndef ZBLOB_SQLITE_FUNCTIONS_MASK_H
#define ZBLOB_SQLITE_FUNCTIONS_MASK_H

#include "../slot.h"

#define zmask ZBLOB_IN_SLOT(zmask)

void zmask(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
