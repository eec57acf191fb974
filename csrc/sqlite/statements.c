/* statements.c: see statements.h. */
#include "statements.h"

#include <string.h>

#define IDLE_MAX 24

struct statement *
statements_take(struct statements *statements, const char *key, size_t key_size)
{
    for (struct statement **link = &statements->idle; *link; link = &(*link)->next) {
        struct statement *found = *link;
        if (found->key_size == key_size && memcmp(found->key, key, key_size) == 0) {
            *link = found->next;
            return found;
        }
    }
    return NULL;
}

int
statements_prepare(sqlite3 *db, const char *key, size_t key_size, char *sql, struct statement **statement)
{
    struct statement *made = sql ? sqlite3_malloc64(sizeof *made + key_size) : NULL;
    int result = SQLITE_NOMEM;
    if (made) {
        made->key_size = key_size;
        memcpy(made->key, key, key_size);
        result = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &made->handle, NULL);
        if (result != SQLITE_OK) {
            sqlite3_free(made);
            made = NULL;
        }
    }
    sqlite3_free(sql);
    *statement = made;
    return result;
}

static void
discard(struct statement *statement)
{
    sqlite3_finalize(statement->handle);
    sqlite3_free(statement);
}

void
statements_give(struct statements *statements, struct statement *statement)
{
    if (!statement)
        return;
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
    statement->next = statements->idle;
    statements->idle = statement;
    struct statement **link = &statements->idle;
    for (int i = 0; i < IDLE_MAX && *link; i++)
        link = &(*link)->next;
    if (*link) { /* one too many: it was the least recently used */
        struct statement *last = *link;
        *link = NULL;
        discard(last);
    }
}

void
statements_clear(struct statements *statements)
{
    while (statements->idle) {
        struct statement *first = statements->idle;
        statements->idle = first->next;
        discard(first);
    }
}
