/* keeper.h: the statements of sqlite_zblob_store(), kept for their next use until the connection is closed. */
#ifndef ZBLOB_SQLITE_INPLACE_KEEPER_H
#define ZBLOB_SQLITE_INPLACE_KEEPER_H

#include "../statements.h"

#define keeper_take ZBLOB_IN_SLOT(keeper_take)
#define keeper_give ZBLOB_IN_SLOT(keeper_give)

/* A prepared statement for this SQL, which it takes over (from SQLite's allocator; NULL: out of memory). */
int keeper_take(sqlite3 *db, struct zblob_connection *connection, char *sql, struct statement **statement);

/* Keep it for the next use; NULL does nothing. */
void keeper_give(struct zblob_connection *connection, struct statement *statement);

#endif
