/* connection.c: the life of what is kept for one connection. Its fields are in slot.h. */
#include "dictionaries.h"

void
connection_release(struct zblob_connection *connection)
{
    if (--connection->references > 0)
        return;
    dictionaries_free(connection);
    sqlite3_free(connection->kept_options);
    sqlite3_free(connection);
}
