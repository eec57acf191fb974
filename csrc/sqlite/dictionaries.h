/*
 * dictionaries.h: the dictionaries that frames need, from the tables zblob_dictionaries of the connection's databases
 * (docs/small-values.md), prepared and kept for the next frames.
 */
#ifndef ZBLOB_SQLITE_DICTIONARIES_H
#define ZBLOB_SQLITE_DICTIONARIES_H

#include "slot.h"

#define DICTIONARIES_TABLE "zblob_dictionaries"

#define dictionaries_complete ZBLOB_IN_SLOT(dictionaries_complete)
#define dictionaries_complete_options ZBLOB_IN_SLOT(dictionaries_complete_options)
#define dictionaries_free ZBLOB_IN_SLOT(dictionaries_free)
#define dictionaries_wanted_sql ZBLOB_IN_SLOT(dictionaries_wanted_sql)
#define dictionaries_require ZBLOB_IN_SLOT(dictionaries_require)

/*
 * Set the dictionary of an opened frame, or of options, that name one: until the next call. False: *error says why.
 *
 * A dictionary that was found once is kept, though its row may be gone by now: another connection has dropped it, or the
 * transaction that trained it was rolled back. Readers need not care. Whoever writes asks the database first, in the
 * transaction that writes: by one of the two functions that follow.
 */
bool dictionaries_complete(sqlite3 *db, struct zblob_connection *connection, struct zblob_frame *frame,
                           struct zblob_error *error);
bool dictionaries_complete_options(sqlite3 *db, struct zblob_connection *connection, struct zblob_options *options,
                                   struct zblob_error *error);

/* SELECT this id if the database has that dictionary; for 0, the id of the column's newest one (sqlite3_free). */
char *dictionaries_wanted_sql(const char *schema, const char *table, const char *column, uint32_t id);

/* Does any of the databases have the dictionary now? False: *error says that it does not. */
bool dictionaries_require(sqlite3 *db, struct zblob_connection *connection, uint32_t id, struct zblob_error *error);

void dictionaries_free(struct zblob_connection *connection);

#endif
