/* indexes.h: which indexes a backing table has, and how many rows: what the planner estimates with. */
#ifndef ZBLOB_SQLITE_TABLE_INDEXES_H
#define ZBLOB_SQLITE_TABLE_INDEXES_H

#include "../statements.h"
#include "shadow.h"

#define indexes_refresh ZBLOB_IN_SLOT(indexes_refresh)
#define indexes_free ZBLOB_IN_SLOT(indexes_free)

#define INDEX_COLUMNS_MAX 8 /* further ones of an index are not looked at */

enum { COLUMN_ROWID = -1, COLUMN_UNUSABLE = -2 };

struct index_column {
    int column; /* of the table; or one of the above: an expression, a foreign collation */
    bool is_descending;
};

struct index {
    char *name;
    bool is_unique;
    int column_count;
    struct index_column columns[INDEX_COLUMNS_MAX];
    double rows[INDEX_COLUMNS_MAX + 1]; /* expected for values of the first k columns; [0]: all rows */
};

/* The first one is the table itself, by its rowid. Partial indexes are left out. */
struct indexes {
    struct index *list;
    int count;
    bool is_loaded;
    bool is_analyzed;    /* numbers come from ANALYZE */
    bool has_small_rows; /* several to a page: reading all of one costs hardly more than a part */
    sqlite3_int64 schema_version;
};

/* Where the list comes from. */
struct source {
    const struct shadow *shadow;
    struct zblob_connection *connection;
    struct statements *statements;
};

/* Bring the list up to date if the schema has changed. An error where the backing table is missing, or not of
 * this version, or after a failure that ends the caller's statement, too (statements_is_fatal); indexes that cannot be
 * read now for another reason are merely missing from the list. */
int indexes_refresh(struct indexes *indexes, const struct source *source, char **message);
void indexes_free(struct indexes *indexes);

#endif
