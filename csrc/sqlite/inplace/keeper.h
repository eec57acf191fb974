/* keeper.h: what sqlite_zblob_store() keeps for its next calls, until the connection is closed. */
#ifndef ZBLOB_SQLITE_INPLACE_KEEPER_H
#define ZBLOB_SQLITE_INPLACE_KEEPER_H

#include "../statements.h"
#include "known.h"

#define keeper_take ZBLOB_IN_SLOT(keeper_take)
#define keeper_give ZBLOB_IN_SLOT(keeper_give)
#define keeper_known ZBLOB_IN_SLOT(keeper_known)

/* A prepared statement for this SQL, which it takes over (from SQLite's allocator; NULL: out of memory). */
int keeper_take(sqlite3 *db, struct zblob_connection *connection, char *sql, struct statement **statement);

/* Keep it for the next use; NULL does nothing. */
void keeper_give(struct zblob_connection *connection, struct statement *statement);

/* The tables that are known; NULL: there is no place to keep them. */
struct known **keeper_known(struct zblob_connection *connection);

#endif
