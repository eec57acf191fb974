/* call.h: one call of sqlite_zblob_store(), and statements on the row that it is about. */
#ifndef ZBLOB_SQLITE_INPLACE_CALL_H
#define ZBLOB_SQLITE_INPLACE_CALL_H

#include "../statements.h"
#include "../values.h"

#define call_find_running ZBLOB_IN_SLOT(call_find_running)
#define call_depth ZBLOB_IN_SLOT(call_depth)
#define call_take ZBLOB_IN_SLOT(call_take)
#define call_run ZBLOB_IN_SLOT(call_run)

/* Where the function's arguments stand; what follows the value is the row's key. */
enum call_argument { CALL_ID, CALL_ENVELOPE, CALL_LEVEL, CALL_MIN_SIZE, CALL_VALUE, CALL_KEY };

/* The parameters of a statement on the row; from PARAMETER_KEY on, those of the key. */
enum call_parameter { PARAMETER_FRAME = 1, PARAMETER_VALUE, PARAMETER_KEY };

struct store_call {
    struct store_call *outer; /* the call whose UPDATE has fired the trigger that makes this one */
    sqlite3 *db;
    struct zblob_connection *connection;
    int count;
    sqlite3_value **arguments;
    struct value value; /* a BLOB or TEXT */
    struct value frame; /* empty before it is made */
};

/* The call for the same column of the same row whose UPDATE is running, or NULL. */
const struct store_call *call_find_running(const struct store_call *call);

/* How many calls are running around this one. */
int call_depth(const struct store_call *call);

/* A statement on the row with its parameters bound, which is to be given back to the keeper even if this fails. Takes
 * over `sql` (NULL: out of memory). */
int call_take(const struct store_call *call, char *sql, struct statement **statement);

/* Run a statement on the row to its end. SQLITE_ROW: it had a row. Takes over `sql` (NULL: out of memory). */
int call_run(const struct store_call *call, char *sql);

#endif
