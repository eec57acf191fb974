/* instance.h: one virtual table, as the methods of its module share it. */
#ifndef ZBLOB_SQLITE_TABLE_INSTANCE_H
#define ZBLOB_SQLITE_TABLE_INSTANCE_H

#include "../statements.h"
#include "indexes.h"
#include "shadow.h"

#define table_fail ZBLOB_IN_SLOT(table_fail)
#define table_fail_sql ZBLOB_IN_SLOT(table_fail_sql)

struct table {
    sqlite3_vtab base; /* first: SQLite sees only this */
    struct zblob_connection *connection;
    struct shadow shadow;
    struct statements statements;
    struct indexes indexes;
    enum zblob_value_type text_type; /* how the database encodes TEXT */
};

/* Make `message` (which is taken over; NULL: out of memory) the error of the call that SQLite is in. */
int table_fail(struct table *table, int result, char *message);

/* The same for a call of SQLite that has just returned `result`. Returns its extended code. */
int table_fail_sql(struct table *table, int result);

#endif
