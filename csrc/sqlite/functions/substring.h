/* substring.h: the SQL function zsubstr(X, START [, COUNT]). */
#ifndef ZBLOB_SQLITE_FUNCTIONS_SUBSTRING_H
#define ZBLOB_SQLITE_FUNCTIONS_SUBSTRING_H

#include "../slot.h"

#define zsubstr ZBLOB_IN_SLOT(zsubstr)
#define zsubstr_at ZBLOB_IN_SLOT(zsubstr_at)
void zsubstr(sqlite3_context *context, int count, sqlite3_value **arguments);
void zsubstr_at(sqlite3_context *context, int count, sqlite3_value **arguments);

#endif
