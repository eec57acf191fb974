/* options_json.h: zcompress's second argument. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_OPTIONS_JSON_H
#define ZBLOB_SQLITE_FUNCTIONS_OPTIONS_JSON_H

#include "../slot.h"

#define options_from_value ZBLOB_IN_SLOT(options_from_value)

/* Apply a level (an INTEGER) or options (JSON text) on top of what `options` holds. */
enum zblob_result options_from_value(sqlite3 *db, sqlite3_value *argument, struct zblob_options *options,
                                     struct zblob_error *error);

#endif
