/*
 * shadow.h: the backing table of a virtual table: NAME_rows, an ordinary table with the real constraints and
 * indexes, which holds frames where the virtual table shows values. Making, renaming, dropping, checking it.
 */
#ifndef ZBLOB_SQLITE_TABLE_SHADOW_H
#define ZBLOB_SQLITE_TABLE_SHADOW_H

#include "../statements.h"
#include "column_defs.h"

#define shadow_create ZBLOB_IN_SLOT(shadow_create)
#define shadow_drop ZBLOB_IN_SLOT(shadow_drop)
#define shadow_rename ZBLOB_IN_SLOT(shadow_rename)
#define shadow_declaration ZBLOB_IN_SLOT(shadow_declaration)
#define shadow_append_name ZBLOB_IN_SLOT(shadow_append_name)
#define shadow_rowid_name ZBLOB_IN_SLOT(shadow_rowid_name)
#define shadow_check_version ZBLOB_IN_SLOT(shadow_check_version)
#define shadow_message ZBLOB_IN_SLOT(shadow_message)
#define shadow_verify ZBLOB_IN_SLOT(shadow_verify)

#define SHADOW_SUFFIX "rows" /* of NAME_rows */

/* Of the backing table's layout: stands in a comment in its CREATE TABLE. */
#define SHADOW_VERSION 1

struct shadow {
    sqlite3 *db;
    char *schema;      /* "main", "temp" or the name of an attached database */
    char *table;       /* the virtual table's name */
    const char *rowid; /* a name for the rowid that no column hides */
    struct column_defs defs;
};

/* The functions that return an int give an SQLite result code, and on failure *message (sqlite3_free). */
int shadow_create(const struct shadow *shadow, char **message);
int shadow_drop(const struct shadow *shadow, char **message);
int shadow_rename(const struct shadow *shadow, const char *new_table, char **message);

/* Refuse a backing table whose layout comes from a newer version. */
int shadow_check_version(const struct shadow *shadow, char **message);

/* For sqlite3_declare_vtab. Of keys, the INTEGER PRIMARY KEY alone: SQLite takes any other for an index that exists. */
char *shadow_declaration(const struct column_defs *defs);

/* rowid, _rowid_ or oid; NULL where columns hide all three. */
const char *shadow_rowid_name(const struct column_defs *defs);

/* Append "schema"."NAME_rows". */
void shadow_append_name(sqlite3_str *sql, const struct shadow *shadow);

/* The connection's last error, told of the virtual table instead of the backing table (sqlite3_free). */
char *shadow_message(const struct shadow *shadow);

/* What is damaged: of frames the headers alone, or all bytes. NULL: nothing (sqlite3_free). */
int shadow_verify(const struct shadow *shadow, struct zblob_connection *connection, bool headers_only, char **report);

#endif
