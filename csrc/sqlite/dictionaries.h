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
#define dictionaries_newest_sql ZBLOB_IN_SLOT(dictionaries_newest_sql)

/* Set the dictionary of an opened frame, or of options, that name one: until the next call. False: *error says why. */
bool dictionaries_complete(sqlite3 *db, struct zblob_connection *connection, struct zblob_frame *frame,
                           struct zblob_error *error);
bool dictionaries_complete_options(sqlite3 *db, struct zblob_connection *connection, struct zblob_options *options,
                                   struct zblob_error *error);

/* SELECT the id of the newest dictionary of a column (sqlite3_free). */
char *dictionaries_newest_sql(const char *schema, const char *table, const char *column);

void dictionaries_free(struct zblob_connection *connection);

#endif
