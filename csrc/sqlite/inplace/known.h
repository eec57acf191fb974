/* known.h: tables that triggers were found on, for as long as the schema stays as it is. */
#ifndef ZBLOB_SQLITE_INPLACE_KNOWN_H
#define ZBLOB_SQLITE_INPLACE_KNOWN_H

#include "../statements.h"

#include <stdbool.h>

#define target_copy ZBLOB_IN_SLOT(target_copy)
#define target_free ZBLOB_IN_SLOT(target_free)
#define known_find ZBLOB_IN_SLOT(known_find)
#define known_add ZBLOB_IN_SLOT(known_add)
#define known_clear ZBLOB_IN_SLOT(known_clear)

/* A table that carries a trigger, as pieces of SQL; their parameters are those of call.h. */
struct target {
    char *table;      /* "schema"."name"; NULL: the trigger is not there, or nothing can be done */
    char *column;     /* as the trigger writes it */
    char *row;        /* the condition that finds the row */
    char *hint;       /* a statement that says what the row's raw voxels are; NULL: nothing does (row_hint.h) */
    char *dictionary; /* the SELECT that gives the id of the dictionary that values get; NULL: they get none */
    bool is_watched;  /* another trigger fires on this table: it may have changed the row before ours saw it */
    bool is_exposed;  /* other databases are attached, whose schemas may call the function, too */
};

/* False: out of memory, and the copy is empty. */
bool target_copy(struct target *copy, const struct target *target);
void target_free(struct target *target);

/* Most recently used first. */
struct known;

/* What is known of a trigger in one database, or NULL. */
const struct target *known_find(struct known **list, struct zblob_connection *connection, const char *schema,
                                const char *id);

/* Keep a copy; where that fails, nothing is known. `master` is that database's schema table. */
void known_add(struct known **list, struct zblob_connection *connection, sqlite3 *db, const char *schema,
               const char *id, const char *master, const struct target *target);

void known_clear(struct known **list);

#endif
