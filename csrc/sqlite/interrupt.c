/* interrupt.c: see interrupt.h. */
#include "interrupt.h"

/* sqlite3_is_interrupted() came with SQLite 3.41 only. But a blank statement, of which nothing is left to run, is refused
 * in every version while an interruption is pending, and no authorizer or trace sees it. */
static bool
is_requested(void *db)
{
    sqlite3_stmt *none = NULL;
    return sqlite3_prepare_v2(db, " ", -1, &none, NULL) == SQLITE_INTERRUPT;
}

struct zblob_interrupt
interrupt_of(sqlite3 *db)
{
    return (struct zblob_interrupt){.is_requested = is_requested, .context = db};
}
