/* shadow.c: see shadow.h. */
#include "shadow.h"

#include "../values.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_COMMENT "/* zblob "

/* PRAGMA integrity_check reports 100 problems, too. */
#define REPORT_LINES_MAX 100

void
shadow_append_name(sqlite3_str *sql, const struct shadow *shadow)
{
    sqlite3_str_appendf(sql, "\"%w\".\"%w_" SHADOW_SUFFIX "\"", shadow->schema, shadow->table);
}

char *
shadow_message(const struct shadow *shadow)
{
    const char *text = sqlite3_errmsg(shadow->db);
    char *rows = sqlite3_mprintf("%s_" SHADOW_SUFFIX ".", shadow->table);
    sqlite3_str *message = sqlite3_str_new(NULL);
    const char *found;
    while (rows && (found = strstr(text, rows)) != NULL) {
        sqlite3_str_append(message, text, (int)(found - text));
        sqlite3_str_appendf(message, "%s.", shadow->table);
        text = found + strlen(rows);
    }
    sqlite3_str_appendall(message, text);
    sqlite3_free(rows);
    return sqlite3_str_finish(message);
}

/* Run one statement; takes over `sql`. */
static int
run(const struct shadow *shadow, char *sql, char **message)
{
    if (!sql)
        return SQLITE_NOMEM;
    int result = sqlite3_exec(shadow->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    if (result == SQLITE_OK)
        return SQLITE_OK;
    result = sqlite3_extended_errcode(shadow->db);
    *message = sqlite3_mprintf("zblob: %s", sqlite3_errmsg(shadow->db));
    return result;
}

/* ---- Making, renaming, dropping -------------------------------------------------------------- */

static int
find_backing_sql(const struct shadow *shadow, sqlite3_stmt **row)
{
    char *sql = sqlite3_mprintf(
        "SELECT sql FROM \"%w\".%s WHERE type = 'table' AND name = '%q_" SHADOW_SUFFIX "' COLLATE NOCASE",
        shadow->schema, sqlite3_stricmp(shadow->schema, "temp") == 0 ? "sqlite_temp_master" : "sqlite_master",
        shadow->table);
    if (!sql)
        return SQLITE_NOMEM;
    int result = sqlite3_prepare_v2(shadow->db, sql, -1, row, NULL);
    sqlite3_free(sql);
    return result == SQLITE_OK ? sqlite3_step(*row) : result;
}

int
shadow_check_version(const struct shadow *shadow, char **message)
{
    sqlite3_stmt *row = NULL;
    int result = find_backing_sql(shadow, &row);
    if (result == SQLITE_DONE) {
        *message = sqlite3_mprintf("zblob: the backing table \"%s_" SHADOW_SUFFIX "\" does not exist", shadow->table);
        result = SQLITE_CORRUPT_VTAB;
    } else if (result == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(row, 0);
        const char *comment = sql ? strstr(sql, VERSION_COMMENT) : NULL;
        result = sql ? SQLITE_OK : SQLITE_NOMEM;
        if (comment && atoi(comment + strlen(VERSION_COMMENT)) > SHADOW_VERSION) {
            *message =
                sqlite3_mprintf("zblob: table \"%s\" was made by a newer version: upgrade sqlite_zblob", shadow->table);
            result = SQLITE_ERROR;
        }
    }
    sqlite3_finalize(row);
    return result;
}

static void
append_definitions(sqlite3_str *sql, const struct column_defs *defs, bool compressed, const char **separator)
{
    for (int i = 0; i < defs->column_count; i++) {
        if (defs->columns[i].is_compressed != compressed)
            continue;
        sqlite3_str_appendf(sql, "%s%s", *separator, defs->columns[i].definition);
        *separator = ", ";
    }
}

/* The compressed columns come last: to get at a column behind a large value, SQLite has to read that value's pages. */
static char *
create_sql(const struct shadow *shadow)
{
    const struct column_defs *defs = &shadow->defs;
    const char *separator = "";
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendall(sql, "CREATE TABLE ");
    shadow_append_name(sql, shadow);
    sqlite3_str_appendf(sql, "(" VERSION_COMMENT "%d */ ", SHADOW_VERSION);
    append_definitions(sql, defs, false, &separator);
    append_definitions(sql, defs, true, &separator);
    for (int i = 0; i < defs->constraint_count; i++)
        sqlite3_str_appendf(sql, ", %s", defs->constraints[i]);
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

/* A table that is taken over must have the columns that were declared, in whatever order. */
static int
check_adopted(const struct shadow *shadow, char **message)
{
    char *rows = sqlite3_mprintf("%s_" SHADOW_SUFFIX, shadow->table);
    int result = rows ? SQLITE_OK : SQLITE_NOMEM;
    for (int i = 0; i < shadow->defs.column_count && result == SQLITE_OK; i++) {
        const char *name = shadow->defs.columns[i].name;
        result = sqlite3_table_column_metadata(shadow->db, shadow->schema, rows, name, NULL, NULL, NULL, NULL, NULL);
        if (result == SQLITE_ERROR)
            *message = sqlite3_mprintf("zblob: argument \"adopt\": table \"%s\" has no column \"%s\"", rows, name);
    }
    sqlite3_free(rows);
    return result;
}

/* Do the expressions of dtype_from and shape_from name columns that there are, and functions that this library has? */
static int
check_hint(const struct shadow *shadow, char **message)
{
    const struct column_defs *defs = &shadow->defs;
    sqlite3_stmt *statement = NULL;
    sqlite3_str *text = sqlite3_str_new(shadow->db);
    sqlite3_str_appendf(text, "%s(SELECT ", defs->hint);
    for (int i = 0; i < defs->column_count; i++)
        sqlite3_str_appendf(text, "%sNULL AS \"%w\"", i ? ", " : "", defs->columns[i].name);
    sqlite3_str_appendall(text, ") AS NEW");
    char *sql = sqlite3_str_finish(text);
    int result = sql ? sqlite3_prepare_v2(shadow->db, sql, -1, &statement, NULL) : SQLITE_NOMEM;
    if (sql && result != SQLITE_OK)
        *message =
            sqlite3_mprintf("zblob: arguments \"dtype_from\" and \"shape_from\": %s", sqlite3_errmsg(shadow->db));
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    return result;
}

int
shadow_create(const struct shadow *shadow, char **message)
{
    int checked = shadow->defs.hint ? check_hint(shadow, message) : SQLITE_OK;
    if (checked != SQLITE_OK)
        return checked;
    sqlite3_stmt *row = NULL;
    int found = find_backing_sql(shadow, &row);
    sqlite3_finalize(row);
    if (found != SQLITE_ROW && found != SQLITE_DONE)
        return found;
    if (shadow->defs.adopts && found == SQLITE_ROW)
        return check_adopted(shadow, message);
    if (found == SQLITE_DONE)
        return run(shadow, create_sql(shadow), message);
    *message =
        sqlite3_mprintf("zblob: table \"%s_" SHADOW_SUFFIX "\", which would hold the rows, exists already (adopt=1 "
                        "takes it over)",
                        shadow->table);
    return SQLITE_ERROR;
}

int
shadow_drop(const struct shadow *shadow, char **message)
{
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendall(sql, "DROP TABLE IF EXISTS ");
    shadow_append_name(sql, shadow);
    return run(shadow, sqlite3_str_finish(sql), message);
}

int
shadow_rename(const struct shadow *shadow, const char *new_table, char **message)
{
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendall(sql, "ALTER TABLE ");
    shadow_append_name(sql, shadow);
    sqlite3_str_appendf(sql, " RENAME TO \"%w_" SHADOW_SUFFIX "\"", new_table);
    return run(shadow, sqlite3_str_finish(sql), message);
}

char *
shadow_declaration(const struct column_defs *defs)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    for (int i = 0; i < defs->column_count; i++) {
        sqlite3_str_appendf(sql, "%s%s", i ? ", " : "CREATE TABLE x(", defs->columns[i].declaration);
        /* So that PRAGMA table_info shows it. */
        if (i == defs->rowid_column)
            sqlite3_str_appendall(sql, " PRIMARY KEY");
    }
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

const char *
shadow_rowid_name(const struct column_defs *defs)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (column_defs_find(defs, names[i]) < 0)
            return names[i];
    }
    return NULL;
}

/* ---- Integrity ------------------------------------------------------------------------------- */

/* Is the frame in the row's second column sound? Gives an error only where that cannot be told. */
static int
verify_value(sqlite3_stmt *row, struct zblob_connection *connection, bool headers_only, const char *column,
             sqlite3_str *report)
{
    struct zblob_error error;
    uint32_t damaged_count;
    const unsigned char *bytes = sqlite3_column_blob(row, 1);
    const struct value value = {bytes, (size_t)sqlite3_column_bytes(row, 1), ZBLOB_BLOB};
    enum zblob_result result =
        value_verify(sqlite3_db_handle(row), connection, &value, headers_only, &damaged_count, &error);
    if (result == ZBLOB_NO_MEMORY || result == ZBLOB_INTERRUPTED)
        return value_result_code(&error); /* which says nothing about the value */
    if (result == ZBLOB_OK)
        return SQLITE_OK;
    sqlite3_str_appendf(report, "%srow %lld, column %s: %s", sqlite3_str_length(report) ? "\n" : "",
                        sqlite3_column_int64(row, 0), column, error.message);
    if (damaged_count > 1)
        sqlite3_str_appendf(report, " (and %u more chunks)", damaged_count - 1);
    return SQLITE_OK;
}

static int
verify_column(const struct shadow *shadow, struct zblob_connection *connection, int column, bool headers_only,
              sqlite3_str *report, int *lines)
{
    const char *name = shadow->defs.columns[column].name;
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendf(sql, "SELECT t.%s, t.\"%w\" FROM ", shadow->rowid, name);
    shadow_append_name(sql, shadow);
    sqlite3_str_appendf(sql, " AS t WHERE typeof(t.\"%w\") = 'blob'", name);
    char *text = sqlite3_str_finish(sql);
    sqlite3_stmt *row = NULL;
    int result = text ? sqlite3_prepare_v2(shadow->db, text, -1, &row, NULL) : SQLITE_NOMEM;
    sqlite3_free(text);
    bool is_gone = result == SQLITE_ERROR; /* somebody has renamed or dropped the column */
    while (result == SQLITE_OK && *lines < REPORT_LINES_MAX && sqlite3_step(row) == SQLITE_ROW) {
        int length = sqlite3_str_length(report);
        result = verify_value(row, connection, headers_only, name, report);
        *lines += sqlite3_str_length(report) != length;
    }
    int finished = sqlite3_finalize(row);
    result = result == SQLITE_OK ? finished : result;
    if (is_gone || (result & 0xff) == SQLITE_CORRUPT) {
        sqlite3_str_appendf(report, "%scannot read column %s: %s", sqlite3_str_length(report) ? "\n" : "", name,
                            sqlite3_errmsg(shadow->db));
        result = SQLITE_OK; /* reported; any other error, such as that of a disk, may pass, and is no damage */
    }
    return result;
}

int
shadow_verify(const struct shadow *shadow, struct zblob_connection *connection, bool headers_only, char **report)
{
    int lines = 0;
    int result = shadow_check_version(shadow, report);
    if (*report || result != SQLITE_OK)
        return *report ? SQLITE_OK : result;
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (int i = 0; i < shadow->defs.column_count && result == SQLITE_OK; i++) {
        if (shadow->defs.columns[i].is_compressed)
            result = verify_column(shadow, connection, i, headers_only, text, &lines);
    }
    if (result == SQLITE_OK && sqlite3_str_errcode(text) != SQLITE_OK)
        result = sqlite3_str_errcode(text);
    char *made = sqlite3_str_finish(text);
    *report = made ? sqlite3_mprintf("zblob table \"%s\": %s", shadow->table, made) : NULL;
    sqlite3_free(made);
    return result;
}
