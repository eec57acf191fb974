/*
 * writer.c: one row's INSERT, UPDATE or DELETE as exactly one statement on the backing table, so that it is undone
 * as a whole when a constraint fails. Compresses on the way.
 */
#include "writer.h"

#include "../values.h"

#include <string.h>

/*
 * A statement is known by its pattern: kind, conflict clause, whether it names the rowid, and for each column whether
 * it writes it. An INSERT leaves out a column with a DEFAULT that gets NULL (SQLite does not tell an omitted column
 * from NULL), an UPDATE leaves out what stays as it is.
 */
enum { AT_MARK, AT_KIND, AT_CONFLICT, AT_ROWID, AT_COLUMNS };

_Static_assert(AT_COLUMNS == WRITER_PATTERN_EXTRA, "the table makes room for the pattern");

#define PATTERN_MARK '\1'

/* Parameters: the new rowid, the columns, the row to write. */
#define PARAMETER_ROWID 1
#define PARAMETER_COLUMN(column) ((column) + 2)
#define PARAMETER_ROW(defs) ((defs)->column_count + 2)

/* ---- SQL ------------------------------------------------------------------------------------- */

static void
append_assigned(sqlite3_str *sql, const struct table *table, const char *format, const char *separator)
{
    const struct column_defs *defs = &table->shadow.defs;
    const char *between = "";
    if (table->pattern[AT_ROWID] == '1') {
        sqlite3_str_appendf(sql, format, table->shadow.rowid, PARAMETER_ROWID);
        between = separator;
    }
    for (int i = 0; i < defs->column_count; i++) {
        if (table->pattern[AT_COLUMNS + i] != '1')
            continue;
        char *name = sqlite3_mprintf("\"%w\"", defs->columns[i].name);
        sqlite3_str_appendall(sql, between);
        sqlite3_str_appendf(sql, format, name, PARAMETER_COLUMN(i));
        sqlite3_free(name);
        between = separator;
    }
}

static const char *
conflict_sql(char conflict)
{
    return conflict == 'r' ? " OR REPLACE" : conflict == 'a' ? " OR ABORT" : "";
}

static char *
pattern_sql(const struct table *table)
{
    const struct shadow *shadow = &table->shadow;
    char kind = table->pattern[AT_KIND];
    const char *conflict = conflict_sql(table->pattern[AT_CONFLICT]);
    bool writes = strchr(table->pattern + AT_ROWID, '1') != NULL;
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    if (kind == 'I') {
        sqlite3_str_appendf(sql, "INSERT%s INTO ", conflict);
        shadow_append_name(sql, shadow);
        sqlite3_str_appendall(sql, writes ? "(" : " DEFAULT VALUES");
        append_assigned(sql, table, "%s", ", ");
        sqlite3_str_appendall(sql, writes ? ") VALUES(" : "");
        append_assigned(sql, table, "%.0s?%d", ", ");
        sqlite3_str_appendall(sql, writes ? ")" : "");
    } else {
        sqlite3_str_appendf(sql, kind == 'U' ? "UPDATE%s " : "DELETE FROM ", conflict);
        shadow_append_name(sql, shadow);
        sqlite3_str_appendall(sql, kind == 'U' ? " SET " : "");
        append_assigned(sql, table, "%s=?%d", ", ");
        sqlite3_str_appendf(sql, " WHERE %s=?%d", shadow->rowid, PARAMETER_ROW(&shadow->defs));
    }
    return sqlite3_str_finish(sql);
}

static int
take_statement(struct table *table, struct statement **statement)
{
    size_t size = AT_COLUMNS + (size_t)table->shadow.defs.column_count;
    char *message = NULL;
    *statement = statements_take(&table->statements, table->pattern, size);
    if (*statement)
        return SQLITE_OK;
    int result = shadow_check_version(&table->shadow, &message);
    if (result != SQLITE_OK)
        return table_fail(table, result, message);
    result = statements_prepare(table->shadow.db, table->pattern, size, pattern_sql(table), statement);
    return result == SQLITE_OK ? SQLITE_OK : table_fail_sql(table);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static int
fail_value(struct table *table, int column, const struct zblob_error *error)
{
    const struct shadow *shadow = &table->shadow;
    return table_fail(table, value_result_code(error),
                      sqlite3_mprintf("%s.%s: %s", shadow->table, shadow->defs.columns[column].name, error->message));
}

/* The table's settings on top of the connection's. */
static void
set_options(const struct table *table, struct zblob_options *options)
{
    const struct column_defs *defs = &table->shadow.defs;
    *options = defs->options;
    options->threads = table->connection->options.threads;
    if (!defs->has_level)
        options->level = table->connection->options.level;
}

static int
bind_frame(struct table *table, int column, const struct value *value, sqlite3_stmt *statement)
{
    struct zblob_options options;
    struct zblob_error error;
    unsigned char *frame;
    size_t frame_size;
    set_options(table, &options);
    if (zblob_compress(&options, value->type, value->bytes, value->size, &frame, &frame_size, &error) != ZBLOB_OK)
        return fail_value(table, column, &error);
    int result = sqlite3_bind_blob64(statement, PARAMETER_COLUMN(column), frame, frame_size, zblob_free);
    return result == SQLITE_OK ? SQLITE_OK : table_fail_sql(table);
}

/* Bind bytes where they are: SQLite keeps them until the method returns, and by then the binding is gone. TEXT in a
 * UTF-16 database may be in either byte order; there it is copied. */
static int
bind_plain(struct table *table, int column, sqlite3_value *value, sqlite3_stmt *statement)
{
    int type = sqlite3_value_type(value), parameter = PARAMETER_COLUMN(column);
    if (type == SQLITE_TEXT && table->text_type == ZBLOB_TEXT_UTF8) {
        const char *text = (const char *)sqlite3_value_text(value);
        return sqlite3_bind_text64(statement, parameter, text, (sqlite3_uint64)sqlite3_value_bytes(value),
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
    const void *bytes = type == SQLITE_BLOB ? sqlite3_value_blob(value) : NULL;
    if (bytes)
        return sqlite3_bind_blob64(statement, parameter, bytes, (sqlite3_uint64)sqlite3_value_bytes(value),
                                   SQLITE_STATIC);
    return sqlite3_bind_value(statement, parameter, value);
}

/* A value that carries a frame's magic is framed whatever its size: it must come back as it is. */
static int
bind_column(struct table *table, int column, sqlite3_value *argument, sqlite3_stmt *statement)
{
    const struct column_defs *defs = &table->shadow.defs;
    if (!defs->columns[column].is_compressed || !value_is_bytes(argument))
        return bind_plain(table, column, argument, statement);
    struct value value;
    if (!value_take_as(argument, table->text_type, &value))
        return SQLITE_NOMEM;
    if (value.size < defs->options.min_size && !value_has_magic(&value))
        return bind_plain(table, column, argument, statement);
    return bind_frame(table, column, &value, statement);
}

/* ---- Running --------------------------------------------------------------------------------- */

/*
 * What a failed constraint means to the statement around this one is SQLite's to do, by the code that xUpdate
 * returns: skip the row, undo the statement, roll back. But OR IGNORE skips a row only for the constraints that it
 * is about: not for a foreign key or a trigger's RAISE.
 */
static int
fail_write(struct table *table)
{
    sqlite3 *db = table->shadow.db;
    int code = sqlite3_extended_errcode(db);
    if ((code & 0xff) != SQLITE_CONSTRAINT || sqlite3_vtab_on_conflict(db) != SQLITE_IGNORE)
        return table_fail_sql(table);
    switch (code) {
    case SQLITE_CONSTRAINT_CHECK:
    case SQLITE_CONSTRAINT_NOTNULL:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_UNIQUE: return code;
    default: table_fail_sql(table); return SQLITE_ERROR;
    }
}

/* Bind what the pattern says, and run. values[0] belongs to the first column. */
static int
run(struct table *table, sqlite3_value *row, sqlite3_value *rowid, sqlite3_value **values)
{
    const struct column_defs *defs = &table->shadow.defs;
    struct statement *statement;
    int result = take_statement(table, &statement);
    if (result != SQLITE_OK)
        return result;
    if (table->pattern[AT_KIND] != 'I')
        result = sqlite3_bind_value(statement->handle, PARAMETER_ROW(defs), row);
    if (table->pattern[AT_ROWID] == '1' && result == SQLITE_OK)
        result = sqlite3_bind_value(statement->handle, PARAMETER_ROWID, rowid);
    for (int i = 0; i < defs->column_count && result == SQLITE_OK; i++) {
        if (table->pattern[AT_COLUMNS + i] == '1')
            result = bind_column(table, i, values[i], statement->handle);
    }
    if (result == SQLITE_OK && sqlite3_step(statement->handle) != SQLITE_DONE)
        result = fail_write(table);
    statements_give(&table->statements, statement);
    return result;
}

/* ---- xUpdate --------------------------------------------------------------------------------- */

/* ABORT is what SQLite says without a clause, too: then constraints with a clause of their own decide. All others are
 * made of ABORT by SQLite, but for REPLACE. */
static void
start_pattern(struct table *table, char kind)
{
    int conflict = sqlite3_vtab_on_conflict(table->shadow.db);
    table->pattern[AT_MARK] = PATTERN_MARK;
    table->pattern[AT_KIND] = kind;
    table->pattern[AT_CONFLICT] = conflict == SQLITE_REPLACE ? 'r' : conflict == SQLITE_ABORT ? '-' : 'a';
    table->pattern[AT_ROWID] = '0';
    memset(table->pattern + AT_COLUMNS, '0', (size_t)table->shadow.defs.column_count);
}

static int
insert_row(struct table *table, sqlite3_value *new_rowid, sqlite3_value **values, sqlite3_int64 *rowid)
{
    const struct column_defs *defs = &table->shadow.defs;
    start_pattern(table, 'I');
    if (sqlite3_value_type(new_rowid) != SQLITE_NULL)
        table->pattern[AT_ROWID] = '1';
    for (int i = 0; i < defs->column_count; i++) {
        bool is_null = sqlite3_value_type(values[i]) == SQLITE_NULL;
        if (is_null && (defs->columns[i].has_default || i == defs->rowid_column))
            continue;
        table->pattern[AT_COLUMNS + i] = '1';
        if (i == defs->rowid_column) /* the rowid by its other name */
            table->pattern[AT_ROWID] = '0';
    }
    int result = run(table, NULL, new_rowid, values);
    if (result == SQLITE_OK)
        *rowid = sqlite3_last_insert_rowid(table->shadow.db);
    return result;
}

static bool
is_same_rowid(sqlite3_value *old_rowid, sqlite3_value *new_rowid)
{
    return sqlite3_value_type(new_rowid) == SQLITE_INTEGER &&
           sqlite3_value_int64(old_rowid) == sqlite3_value_int64(new_rowid);
}

static int
update_row(struct table *table, sqlite3_value *old_rowid, sqlite3_value *new_rowid, sqlite3_value **values)
{
    const struct column_defs *defs = &table->shadow.defs;
    bool has_change = !is_same_rowid(old_rowid, new_rowid);
    start_pattern(table, 'U');
    table->pattern[AT_ROWID] = has_change ? '1' : '0';
    for (int i = 0; i < defs->column_count; i++) {
        if (sqlite3_value_nochange(values[i]) || (i == defs->rowid_column && table->pattern[AT_ROWID] == '1'))
            continue;
        table->pattern[AT_COLUMNS + i] = '1';
        has_change = true;
    }
    return has_change ? run(table, old_rowid, new_rowid, values) : SQLITE_OK;
}

static int
delete_row(struct table *table, sqlite3_value *old_rowid)
{
    start_pattern(table, 'D');
    return run(table, old_rowid, NULL, NULL);
}

int
writer_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *rowid)
{
    struct table *table = (struct table *)vtab;
    if (count == 1)
        return delete_row(table, values[0]);
    if (sqlite3_value_type(values[0]) == SQLITE_NULL)
        return insert_row(table, values[1], values + 2, rowid);
    return update_row(table, values[0], values[1], values + 2);
}
