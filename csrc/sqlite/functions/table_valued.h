/* table_valued.h: what table-valued functions of one value have in common. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_TABLE_VALUED_H
#define ZBLOB_SQLITE_FUNCTIONS_TABLE_VALUED_H

#include "../slot.h"

#define table_valued_plan ZBLOB_IN_SLOT(table_valued_plan)
#define table_valued_fail ZBLOB_IN_SLOT(table_valued_fail)

/* xBestIndex. One plan: the hidden column `value` is given. Rows come in ascending order of the first column. `missing` is the
 * error where no value is given. */
int table_valued_plan(sqlite3_vtab *vtab, sqlite3_index_info *info, int value, const char *missing);

/* Make a codec error the table's, and return SQLite's code for it. */
int table_valued_fail(sqlite3_vtab *vtab, const struct zblob_error *error);

#endif
