/* instance.c: the errors of a virtual table, which SQLite takes from the table and not from its connection. */
#include "instance.h"

int
table_fail(struct table *table, int result, char *message)
{
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = message;
    return message || result != SQLITE_OK ? result : SQLITE_NOMEM;
}

int
table_fail_sql(struct table *table, int result)
{
    int extended = sqlite3_extended_errcode(table->shadow.db);
    if (result == SQLITE_NOMEM || extended == SQLITE_NOMEM) /* of which SQLite may know nothing */
        return SQLITE_NOMEM;
    bool is_its_own = (extended & 0xff) == (result & 0xff);
    return table_fail(table, is_its_own ? extended : result, shadow_message(&table->shadow));
}
