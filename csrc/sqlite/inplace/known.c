/*
 * known.c: see known.h.
 *
 * SQLite prepares a statement anew when the schema that it reads has changed, in whatever way, and counts it. So each
 * entry has a statement that reads nothing, and is forgotten when that was prepared anew.
 */
#include "known.h"

#include <string.h>

#define KNOWN_MAX 16

struct known {
    struct known *next;
    sqlite3_stmt *probe;
    struct target target;
    char *schema, *id;
};

/* ---- Targets --------------------------------------------------------------------------------- */

static char *
copy_text(const char *text, bool *failed)
{
    char *copy = text ? sqlite3_mprintf("%s", text) : NULL;
    *failed = *failed || (text && !copy);
    return copy;
}

bool
target_copy(struct target *copy, const struct target *target)
{
    bool failed = false;
    *copy = *target;
    copy->table = copy_text(target->table, &failed);
    copy->column = copy_text(target->column, &failed);
    copy->row = copy_text(target->row, &failed);
    copy->hint = copy_text(target->hint, &failed);
    copy->dictionary = copy_text(target->dictionary, &failed);
    if (failed)
        target_free(copy);
    return !failed;
}

void
target_free(struct target *target)
{
    sqlite3_free(target->table);
    sqlite3_free(target->column);
    sqlite3_free(target->row);
    sqlite3_free(target->hint);
    sqlite3_free(target->dictionary);
    *target = (struct target){0};
}

/* ---- The list -------------------------------------------------------------------------------- */

static void
forget(struct known *known)
{
    if (!known)
        return;
    sqlite3_finalize(known->probe);
    target_free(&known->target);
    sqlite3_free(known->schema);
    sqlite3_free(known->id);
    sqlite3_free(known);
}

static bool
is_valid(const struct known *known, struct zblob_connection *connection)
{
    int result = statements_step(connection, known->probe);
    sqlite3_reset(known->probe);
    return result == SQLITE_DONE && sqlite3_stmt_status(known->probe, SQLITE_STMTSTATUS_REPREPARE, 0) == 0;
}

const struct target *
known_find(struct known **list, struct zblob_connection *connection, const char *schema, const char *id)
{
    struct known **link = list;
    while (*link && (strcmp((*link)->schema, schema) != 0 || strcmp((*link)->id, id) != 0))
        link = &(*link)->next;
    struct known *found = *link;
    if (!found)
        return NULL;
    *link = found->next;
    if (!is_valid(found, connection)) {
        forget(found);
        return NULL;
    }
    found->next = *list;
    *list = found;
    return &found->target;
}

/* It also depends on temporary triggers. */
static sqlite3_stmt *
prepare_probe(struct zblob_connection *connection, sqlite3 *db, const char *master)
{
    sqlite3_stmt *probe = NULL;
    char *sql = sqlite3_mprintf("SELECT 1 FROM %s, sqlite_temp_master LIMIT 0", master);
    if (sql)
        statements_note(connection, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &probe, NULL));
    sqlite3_free(sql);
    return probe;
}

static void
drop_oldest(struct known **list)
{
    for (int i = 0; i < KNOWN_MAX && *list; i++)
        list = &(*list)->next;
    known_clear(list);
}

void
known_add(struct known **list, struct zblob_connection *connection, sqlite3 *db, const char *schema, const char *id,
          const char *master, const struct target *target)
{
    struct known *made = sqlite3_malloc(sizeof *made);
    bool failed = !made;
    if (!made)
        return;
    *made = (struct known){.probe = prepare_probe(connection, db, master)};
    made->schema = copy_text(schema, &failed);
    made->id = copy_text(id, &failed);
    failed = !target_copy(&made->target, target) || failed || !made->probe;
    if (failed) {
        forget(made);
        return;
    }
    made->next = *list;
    *list = made;
    drop_oldest(list);
}

void
known_clear(struct known **list)
{
    while (*list) {
        struct known *first = *list;
        *list = first->next;
        forget(first);
    }
}
