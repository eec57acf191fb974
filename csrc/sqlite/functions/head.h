/* head.h: SQL functions by which migrations look at, and check, many small values in one statement. */
#ifndef ZBLOB_SQLITE_FUNCTIONS_HEAD_H
#define ZBLOB_SQLITE_FUNCTIONS_HEAD_H

#include "../slot.h"

#include <sqlite3ext.h>

#define sqlite_zblob_head ZBLOB_IN_SLOT(sqlite_zblob_head)
#define check_step ZBLOB_IN_SLOT(check_step)
#define check_final ZBLOB_IN_SLOT(check_final)

/* sqlite_zblob_head(X): NULL for a plain value. Otherwise the text "RAW_SIZE CODEC LEVEL ENVELOPE FOR_COLUMN DICTIONARY_ID", in which
 * CODEC is "-" where the header is damaged; RAW_SIZE is then the size of X. */
void sqlite_zblob_head(sqlite3_context *context, int count, sqlite3_value **arguments);

/* The aggregate sqlite_zblob_check(X): decodes every frame. The text "FRAMES SAVED DAMAGED": the number of frames and
 * envelopes, damaged ones included; the bytes that the sound ones save; and the number of damaged ones. */
void check_step(sqlite3_context *context, int count, sqlite3_value **arguments);
void check_final(sqlite3_context *context);

#endif
