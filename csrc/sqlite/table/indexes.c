/* indexes.c: see indexes.h. */
#include "indexes.h"

#include <stdlib.h>
#include <string.h>

/* Statement keys: a byte that no plan starts with, and a letter. */
#define KEY_SCHEMA_VERSION "\2v"
#define KEY_LAST_ROWID "\2m"
#define KEY_PAGE_COUNT "\2p"

/* Rowids may be sparse: a page hardly holds more rows than this. */
#define ROWS_A_PAGE_MAX 100.0

void
indexes_free(struct indexes *indexes)
{
    for (int i = 0; i < indexes->count; i++)
        sqlite3_free(indexes->list[i].name);
    sqlite3_free(indexes->list);
    *indexes = (struct indexes){.list = NULL};
}

/* ---- Numbers --------------------------------------------------------------------------------- */

/* The integer that a kept statement gives; `format` has one %s for the name of a schema or table. */
static bool
ask_number(const struct source *source, const char *key, char *sql, sqlite3_int64 *number)
{
    struct statement *statement = statements_take(source->statements, key, 2);
    int result = SQLITE_OK;
    if (statement)
        sqlite3_free(sql);
    else
        result = statements_prepare(source->shadow->db, key, 2, sql, &statement);
    statements_note(source->connection, result);
    bool known = statement && statements_step(source->connection, statement->handle) == SQLITE_ROW;
    if (known)
        *number = sqlite3_column_int64(statement->handle, 0);
    statements_give(source->statements, statement);
    return known;
}

static char *
last_rowid_sql(const struct shadow *shadow)
{
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendf(sql, "SELECT max(t.%s) FROM ", shadow->rowid);
    shadow_append_name(sql, shadow);
    sqlite3_str_appendall(sql, " AS t");
    return sqlite3_str_finish(sql);
}

/* Cheap and usually right: rows are numbered. Never more than the file can hold. */
static double
guess_row_count(struct indexes *indexes, const struct source *source)
{
    sqlite3_int64 last = 0, pages = 0;
    char *sql = sqlite3_mprintf("PRAGMA \"%w\".page_count", source->shadow->schema);
    if (!ask_number(source, KEY_PAGE_COUNT, sql, &pages))
        pages = 1 << 20;
    if (!ask_number(source, KEY_LAST_ROWID, last_rowid_sql(source->shadow), &last) || last < 1)
        last = 1;
    double most = (double)pages * ROWS_A_PAGE_MAX;
    indexes->has_small_rows = last > pages && (double)last <= most;
    return (double)last < most ? (double)last : most;
}

/* Without ANALYZE: what SQLite itself assumes, 10 rows for one column of an index, fewer for more. */
static void
guess_rows(struct index *index, double row_count)
{
    index->rows[0] = row_count;
    for (int k = 1; k <= index->column_count; k++) {
        double rows = 11.0 - k;
        index->rows[k] = rows < row_count ? rows : row_count;
    }
    if (index->is_unique)
        index->rows[index->column_count] = 1;
}

/* sqlite_stat1: "rows, rows for the first column, for the first two, ..." */
static void
read_stat(struct index *index, const char *stat)
{
    for (int k = 0; k <= index->column_count && *stat >= '0' && *stat <= '9'; k++) {
        char *end;
        index->rows[k] = strtod(stat, &end);
        stat = end + (*end == ' ');
    }
}

static void
load_stats(struct indexes *indexes, const struct source *source)
{
    const struct shadow *shadow = source->shadow;
    sqlite3_stmt *row = NULL;
    if (sqlite3_table_column_metadata(shadow->db, shadow->schema, "sqlite_stat1", "stat", NULL, NULL, NULL, NULL,
                                      NULL) == SQLITE_OK)
        row = statements_ask(source->connection, shadow->db,
                             sqlite3_mprintf("SELECT idx, stat FROM \"%w\".sqlite_stat1 WHERE tbl = '%q_" SHADOW_SUFFIX
                                             "'",
                                             shadow->schema, shadow->table));
    while (row && statements_step(source->connection, row) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        const char *stat = (const char *)sqlite3_column_text(row, 1);
        if (!stat)
            continue;
        indexes->is_analyzed = true;
        for (int i = 0; i < indexes->count; i++) {
            if (i == 0 || (name && strcmp(name, indexes->list[i].name) == 0))
                read_stat(&indexes->list[i], stat);
        }
    }
    sqlite3_finalize(row);
    indexes->list[0].rows[1] = 1;
}

/* ---- The list -------------------------------------------------------------------------------- */

static struct index *
add_index(struct indexes *indexes, const char *name)
{
    struct index *list = sqlite3_realloc64(indexes->list, ((sqlite3_uint64)indexes->count + 1) * sizeof *list);
    if (!list)
        return NULL;
    indexes->list = list;
    struct index *index = &list[indexes->count];
    memset(index, 0, sizeof *index);
    index->name = sqlite3_mprintf("%s", name);
    if (!index->name)
        return NULL;
    indexes->count++;
    return index;
}

enum { XINFO_NAME = 2, XINFO_DESCENDING = 3, XINFO_COLLATION = 4, XINFO_IS_KEY = 5 };

static struct index_column
column_of(const struct column_defs *defs, sqlite3_stmt *row)
{
    const char *name = (const char *)sqlite3_column_text(row, XINFO_NAME); /* NULL: an expression */
    int column = name ? column_defs_find(defs, name) : -1;
    const char *collation = (const char *)sqlite3_column_text(row, XINFO_COLLATION);
    struct index_column made = {.column = COLUMN_UNUSABLE, .is_descending = sqlite3_column_int(row, XINFO_DESCENDING)};
    if (column < 0 || !collation || defs->columns[column].is_compressed)
        return made;
    const char *own = defs->columns[column].collation;
    if (sqlite3_stricmp(collation, own ? own : "BINARY") == 0)
        made.column = column;
    return made;
}

static void
load_columns(struct index *index, const struct source *source)
{
    const struct shadow *shadow = source->shadow;
    char *sql = sqlite3_mprintf("PRAGMA \"%w\".index_xinfo(\"%w\")", shadow->schema, index->name);
    sqlite3_stmt *row = statements_ask(source->connection, shadow->db, sql);
    bool is_complete = false;
    while (row && statements_step(source->connection, row) == SQLITE_ROW) {
        is_complete = !sqlite3_column_int(row, XINFO_IS_KEY); /* the rowid follows the last one */
        if (is_complete || index->column_count == INDEX_COLUMNS_MAX)
            break;
        index->columns[index->column_count++] = column_of(&shadow->defs, row);
    }
    index->is_unique &= is_complete; /* not by the first columns alone */
    sqlite3_finalize(row);
}

static void
load_list(struct indexes *indexes, const struct source *source)
{
    const struct shadow *shadow = source->shadow;
    char *sql =
        sqlite3_mprintf("SELECT name, \"unique\" FROM pragma_index_list('%q_" SHADOW_SUFFIX "', '%q') WHERE NOT "
                        "partial",
                        shadow->table, shadow->schema);
    sqlite3_stmt *row = statements_ask(source->connection, shadow->db, sql);
    while (row && statements_step(source->connection, row) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        struct index *index = name ? add_index(indexes, name) : NULL;
        if (!index)
            break;
        index->is_unique = sqlite3_column_int(row, 1);
        load_columns(index, source);
    }
    if (!row || sqlite3_finalize(row) != SQLITE_OK)
        indexes->is_loaded = false; /* look again next time */
}

static int
load(struct indexes *indexes, const struct source *source, char **message)
{
    indexes_free(indexes);
    int result = shadow_check_version(source->shadow, message);
    statements_note(source->connection, result);
    if (*message) /* anything else, such as a lock, may have passed when the statement runs */
        return result;
    indexes->is_loaded = result == SQLITE_OK;
    struct index *rowid = add_index(indexes, source->shadow->rowid);
    if (!rowid)
        return SQLITE_NOMEM;
    rowid->is_unique = true;
    rowid->column_count = 1;
    rowid->columns[0].column = COLUMN_ROWID;
    load_list(indexes, source);
    for (int i = 0; i < indexes->count; i++)
        guess_rows(&indexes->list[i], 1);
    load_stats(indexes, source);
    return SQLITE_OK;
}

int
indexes_refresh(struct indexes *indexes, const struct source *source, char **message)
{
    source->connection->failure = SQLITE_OK;
    sqlite3_int64 version = 0;
    char *sql = sqlite3_mprintf("PRAGMA \"%w\".schema_version", source->shadow->schema);
    bool known = ask_number(source, KEY_SCHEMA_VERSION, sql, &version);
    if (!indexes->is_loaded || !known || version != indexes->schema_version) {
        int result = load(indexes, source, message);
        if (result != SQLITE_OK)
            return result;
        indexes->schema_version = version;
        indexes->is_loaded &= known;
    }
    double row_count = guess_row_count(indexes, source);
    for (int i = 0; i < indexes->count && !indexes->is_analyzed; i++)
        guess_rows(&indexes->list[i], row_count);
    indexes->is_loaded &= source->connection->failure == SQLITE_OK;
    return source->connection->failure;
}
