/* connection.c: the life of what is kept for one connection. Its fields are in slot.h. */
#include "slot.h"

void
connection_release(struct zblob_connection *connection)
{
    if (--connection->references == 0)
        sqlite3_free(connection);
}
