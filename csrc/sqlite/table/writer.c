/*
 * writer.c: one row's INSERT, UPDATE or DELETE as exactly one statement on the backing table, so that it is undone
 * as a whole when a constraint fails. Compresses on the way.
 */
#include "writer.h"

#include "../dictionaries.h"
#include "../interrupt.h"
#include "../row_hint.h"
#include "../values.h"

#include <string.h>

/*
 * A statement is known by its pattern: kind, conflict clause, whether it names the rowid, and for each column whether
 * it writes it. An INSERT leaves out a column with a DEFAULT that gets NULL (SQLite does not tell an omitted column
 * from NULL), an UPDATE leaves out what stays as it is.
 */
enum { AT_MARK, AT_KIND, AT_CONFLICT, AT_ROWID, AT_COLUMNS };

#define PATTERN_MARK '\1'
#define HINT_MARK '\2' /* in place of it: the statement that asks for a hint before the row is written */

/* Parameters: the new rowid, the columns, the row to write. */
#define PARAMETER_ROWID 1
#define PARAMETER_COLUMN(column) ((column) + 2)
#define PARAMETER_ROW(defs) ((defs)->column_count + 2)

/* A trigger on a backing table may write a virtual table, whose write is then inside the first one, on the stack: about
 * a kilobyte for each. SQLite's own limit, SQLITE_LIMIT_TRIGGER_DEPTH, allows 1000, and stacks of threads may have no more
 * than half a megabyte. */
#define DEPTH_MAX 200

/* What xUpdate is given. */
struct row {
    sqlite3_value *old_rowid; /* NULL, as SQL has it, for a row that is inserted */
    sqlite3_value *rowid;     /* that it gets; NULL pointers from here on: it is deleted */
    sqlite3_value **values;   /* the first one belongs to the first column */
};

/* One call of xUpdate. A trigger may begin another one on the same table while it runs. */
struct write {
    struct table *table;
    size_t pattern_size;
    char *pattern;
};

/* ---- SQL ------------------------------------------------------------------------------------- */

enum assignment { NAMES = 1, VALUES = 2, BOTH = NAMES | VALUES };

static void
append_one(sqlite3_str *sql, enum assignment parts, const char *name, int parameter)
{
    if (parts & NAMES)
        sqlite3_str_appendf(sql, "\"%w\"", name);
    if (parts == BOTH)
        sqlite3_str_appendall(sql, "=");
    if (parts & VALUES)
        sqlite3_str_appendf(sql, "?%d", parameter);
}

/* What the pattern writes, with commas in between. */
static void
append_assigned(sqlite3_str *sql, const struct write *write, enum assignment parts)
{
    const struct column_defs *defs = &write->table->shadow.defs;
    const char *between = "";
    if (write->pattern[AT_ROWID] == '1') {
        append_one(sql, parts, write->table->shadow.rowid, PARAMETER_ROWID);
        between = ", ";
    }
    for (int i = 0; i < defs->column_count; i++) {
        if (write->pattern[AT_COLUMNS + i] != '1')
            continue;
        sqlite3_str_appendall(sql, between);
        append_one(sql, parts, defs->columns[i].name, PARAMETER_COLUMN(i));
        between = ", ";
    }
}

static const char *
conflict_sql(char conflict)
{
    return conflict == 'r' ? " OR REPLACE" : conflict == 'a' ? " OR ABORT" : "";
}

static char *
pattern_sql(const struct write *write)
{
    const struct shadow *shadow = &write->table->shadow;
    char kind = write->pattern[AT_KIND];
    const char *conflict = conflict_sql(write->pattern[AT_CONFLICT]);
    bool writes = memchr(write->pattern + AT_ROWID, '1', write->pattern_size - AT_ROWID) != NULL;
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    if (kind == 'I') {
        sqlite3_str_appendf(sql, "INSERT%s INTO ", conflict);
        shadow_append_name(sql, shadow);
        sqlite3_str_appendall(sql, writes ? "(" : " DEFAULT VALUES");
        append_assigned(sql, write, NAMES);
        sqlite3_str_appendall(sql, writes ? ") VALUES(" : "");
        append_assigned(sql, write, VALUES);
        sqlite3_str_appendall(sql, writes ? ")" : "");
    } else {
        sqlite3_str_appendf(sql, kind == 'U' ? "UPDATE%s " : "DELETE FROM ", conflict);
        shadow_append_name(sql, shadow);
        sqlite3_str_appendall(sql, kind == 'U' ? " SET " : "");
        append_assigned(sql, write, BOTH);
        sqlite3_str_appendf(sql, " WHERE %s=?%d", shadow->rowid, PARAMETER_ROW(&shadow->defs));
    }
    return sqlite3_str_finish(sql);
}

static int
take_statement(const struct write *write, struct statement **statement)
{
    struct table *table = write->table;
    char *message = NULL;
    *statement = statements_take(&table->statements, write->pattern, write->pattern_size);
    if (*statement)
        return SQLITE_OK;
    int result = shadow_check_version(&table->shadow, &message);
    if (result != SQLITE_OK)
        return table_fail(table, result, message);
    result =
        statements_prepare_write(table->shadow.db, write->pattern, write->pattern_size, pattern_sql(write), statement);
    return result == SQLITE_OK ? SQLITE_OK : table_fail_sql(table, result);
}

/* ---- Values ---------------------------------------------------------------------------------- */

static int
fail_value(struct table *table, int column, const struct zblob_error *error)
{
    const struct shadow *shadow = &table->shadow;
    return table_fail(table, value_result_code(error),
                      sqlite3_mprintf("%s.%s: %s", shadow->table, shadow->defs.columns[column].name, error->message));
}

/* The dictionary that a column's values get now; 0: there is none, be it that another connection has dropped it. */
static uint32_t
wanted_dictionary(struct table *table, int column)
{
    const struct shadow *shadow = &table->shadow;
    uint32_t setting = shadow->defs.takes_newest_dictionary ? 0 : shadow->defs.options.dictionary_id;
    char key[16];
    uint32_t id = 0;
    sqlite3_snprintf(sizeof key, key, "\2d%d", column);
    struct statement *statement = statements_take(&table->statements, key, strlen(key));
    if (!statement) {
        const char *name = shadow->defs.columns[column].name;
        char *sql = dictionaries_wanted_sql(shadow->schema, shadow->table, name, setting);
        int result = statements_prepare(shadow->db, key, strlen(key), sql, &statement);
        statements_note(table->connection, result);
    }
    if (statement && statements_step(table->connection, statement->handle) == SQLITE_ROW)
        id = (uint32_t)sqlite3_column_int64(statement->handle, 0);
    statements_give(&table->statements, statement);
    return id;
}

/* A value is stored without the dictionary that cannot be had. */
static void
set_dictionary(struct table *table, int column, struct zblob_options *options)
{
    struct zblob_error error;
    if (table->shadow.defs.takes_newest_dictionary || options->dictionary_id)
        options->dictionary_id = wanted_dictionary(table, column);
    if (table->connection->failure == SQLITE_OK)
        dictionaries_complete_options(table->shadow.db, table->connection, options, &error);
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

/* ---- What a row says of its raw voxels ------------------------------------------------------- */

/* The row as it will be, in a subquery: what is written, and of an UPDATE the rest from the row that is there. A DEFAULT
 * that SQLite is going to fill in is NULL here. */
static char *
hint_sql(const struct write *write)
{
    const struct shadow *shadow = &write->table->shadow;
    const struct column_defs *defs = &shadow->defs;
    bool is_update = write->pattern[AT_KIND] == 'U';
    sqlite3_str *sql = sqlite3_str_new(shadow->db);
    sqlite3_str_appendf(sql, "%s(SELECT ", defs->hint);
    for (int i = 0; i < defs->column_count; i++) {
        const char *name = defs->columns[i].name, *between = i ? ", " : "";
        if (write->pattern[AT_COLUMNS + i] == '1')
            sqlite3_str_appendf(sql, "%s?%d AS \"%w\"", between, PARAMETER_COLUMN(i), name);
        else if (is_update)
            sqlite3_str_appendf(sql, "%st.\"%w\" AS \"%w\"", between, name, name);
        else
            sqlite3_str_appendf(sql, "%sNULL AS \"%w\"", between, name);
    }
    if (is_update) {
        sqlite3_str_appendall(sql, " FROM ");
        shadow_append_name(sql, shadow);
        sqlite3_str_appendf(sql, " AS t WHERE t.%s=?%d", shadow->rowid, PARAMETER_ROW(defs));
    }
    sqlite3_str_appendall(sql, ") AS NEW");
    return sqlite3_str_finish(sql);
}

static int
take_hint_statement(const struct write *write, struct statement **statement)
{
    struct table *table = write->table;
    write->pattern[AT_MARK] = HINT_MARK;
    *statement = statements_take(&table->statements, write->pattern, write->pattern_size);
    int result = *statement ? SQLITE_OK
                            : statements_prepare(table->shadow.db, write->pattern, write->pattern_size, hint_sql(write),
                                                 statement);
    write->pattern[AT_MARK] = PATTERN_MARK;
    return result;
}

/* Whatever else fails here leaves the voxels to a guess. */
static void
take_hint(const struct write *write, const struct row *row, uint64_t value_size, struct zblob_options *options)
{
    struct table *table = write->table;
    const struct column_defs *defs = &table->shadow.defs;
    struct statement *statement;
    int result = take_hint_statement(write, &statement);
    if (result == SQLITE_OK && write->pattern[AT_KIND] == 'U')
        result = sqlite3_bind_value(statement->handle, PARAMETER_ROW(defs), row->old_rowid);
    for (int i = 0; i < defs->column_count && result == SQLITE_OK; i++) {
        if (write->pattern[AT_COLUMNS + i] == '1')
            result = bind_plain(table, i, row->values[i], statement->handle);
    }
    statements_note(table->connection, result);
    if (result == SQLITE_OK)
        row_hint_take(table->connection, statement->handle, options, value_size);
    statements_give(&table->statements, statement);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* The table's settings on top of the connection's. */
static void
set_options(const struct table *table, struct zblob_options *options)
{
    const struct column_defs *defs = &table->shadow.defs;
    *options = defs->options;
    options->threads = table->connection->options.threads;
    options->interrupt = interrupt_of(table->shadow.db);
    options->for_column = true;
    if (!defs->has_level)
        options->level = table->connection->options.level;
}

/* *is_bound stays false where the value is better stored as it is. */
static int
bind_frame(const struct write *write, const struct row *row, int column, const struct value *value,
           sqlite3_stmt *statement, bool *is_bound)
{
    struct table *table = write->table;
    struct zblob_options options;
    struct zblob_error error;
    unsigned char *frame;
    size_t frame_size;
    set_options(table, &options);
    table->connection->failure = SQLITE_OK;
    if (table->shadow.defs.hint && value->type == ZBLOB_BLOB)
        take_hint(write, row, value->size, &options);
    set_dictionary(table, column, &options);
    if (table->connection->failure != SQLITE_OK)
        return table_fail_sql(table, table->connection->failure);
    if (zblob_compress(&options, value->type, value->bytes, value->size, &frame, &frame_size, &error) != ZBLOB_OK)
        return fail_value(table, column, &error);
    *is_bound = !value_is_better_plain(table->shadow.db, value, frame_size);
    if (!*is_bound) {
        zblob_free(frame);
        return SQLITE_OK;
    }
    int result = sqlite3_bind_blob64(statement, PARAMETER_COLUMN(column), frame, frame_size, zblob_free);
    return result == SQLITE_OK ? SQLITE_OK : table_fail_sql(table, result);
}

/* A value that would be taken for a frame, whole or damaged, is framed whatever its size: it must come back as it is. */
static int
bind_column(const struct write *write, const struct row *row, int column, sqlite3_stmt *statement)
{
    struct table *table = write->table;
    sqlite3_value *argument = row->values[column];
    const struct column_defs *defs = &table->shadow.defs;
    if (!defs->columns[column].is_compressed || !value_is_bytes(argument))
        return bind_plain(table, column, argument, statement);
    struct value value;
    if (!value_take_as(argument, table->text_type, &value))
        return SQLITE_NOMEM;
    if (value.size < defs->options.min_size && !value_is_marked(&value))
        return bind_plain(table, column, argument, statement);
    bool is_bound = false;
    int result = bind_frame(write, row, column, &value, statement, &is_bound);
    return result != SQLITE_OK || is_bound ? result : bind_plain(table, column, argument, statement);
}

/* ---- Running --------------------------------------------------------------------------------- */

/*
 * What a failed constraint means to the statement around this one is SQLite's to do, by the code that xUpdate
 * returns: skip the row, undo the statement, roll back. But OR IGNORE skips a row only for the constraints that it
 * is about: not for a foreign key or a trigger's RAISE.
 */
static int
fail_write(struct table *table, int result)
{
    sqlite3 *db = table->shadow.db;
    int code = sqlite3_extended_errcode(db);
    if ((code & 0xff) != SQLITE_CONSTRAINT || sqlite3_vtab_on_conflict(db) != SQLITE_IGNORE)
        return table_fail_sql(table, result);
    switch (code) {
    case SQLITE_CONSTRAINT_CHECK:
    case SQLITE_CONSTRAINT_NOTNULL:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_UNIQUE: return code;
    default: table_fail_sql(table, result); return SQLITE_ERROR;
    }
}

static int
step(struct table *table, sqlite3_stmt *statement)
{
    unsigned *depth = &table->connection->write_depth;
    int most = sqlite3_limit(table->shadow.db, SQLITE_LIMIT_TRIGGER_DEPTH, -1);
    if (*depth >= (unsigned)(most < DEPTH_MAX ? most : DEPTH_MAX))
        return table_fail(table, SQLITE_ERROR, sqlite3_mprintf("too many levels of trigger recursion"));
    ++*depth;
    int result;
    do /* PRAGMA count_changes makes a row of the number of changes */
        result = sqlite3_step(statement);
    while (result == SQLITE_ROW);
    --*depth;
    return result == SQLITE_DONE ? SQLITE_OK : fail_write(table, result);
}

/* Bind what the pattern says, and run. */
static int
run(const struct write *write, const struct row *row)
{
    struct table *table = write->table;
    const struct column_defs *defs = &table->shadow.defs;
    struct statement *statement;
    int result = take_statement(write, &statement);
    if (result != SQLITE_OK)
        return result;
    if (write->pattern[AT_KIND] != 'I')
        result = sqlite3_bind_value(statement->handle, PARAMETER_ROW(defs), row->old_rowid);
    if (write->pattern[AT_ROWID] == '1' && result == SQLITE_OK)
        result = sqlite3_bind_value(statement->handle, PARAMETER_ROWID, row->rowid);
    for (int i = 0; i < defs->column_count && result == SQLITE_OK; i++) {
        if (write->pattern[AT_COLUMNS + i] == '1')
            result = bind_column(write, row, i, statement->handle);
    }
    if (result == SQLITE_OK)
        result = step(table, statement->handle);
    statements_give(&table->statements, statement);
    return result;
}

/* ---- xUpdate --------------------------------------------------------------------------------- */

/* ABORT is what SQLite says without a clause, too: then constraints with a clause of their own decide. All others are
 * made of ABORT by SQLite, but for REPLACE. */
static void
start_pattern(const struct write *write, char kind)
{
    int conflict = sqlite3_vtab_on_conflict(write->table->shadow.db);
    memset(write->pattern, '0', write->pattern_size);
    write->pattern[AT_MARK] = PATTERN_MARK;
    write->pattern[AT_KIND] = kind;
    write->pattern[AT_CONFLICT] = conflict == SQLITE_REPLACE ? 'r' : conflict == SQLITE_ABORT ? '-' : 'a';
}

static int
insert_row(const struct write *write, const struct row *row, sqlite3_int64 *rowid)
{
    const struct column_defs *defs = &write->table->shadow.defs;
    start_pattern(write, 'I');
    if (sqlite3_value_type(row->rowid) != SQLITE_NULL)
        write->pattern[AT_ROWID] = '1';
    for (int i = 0; i < defs->column_count; i++) {
        bool is_null = sqlite3_value_type(row->values[i]) == SQLITE_NULL;
        if (is_null && (defs->columns[i].has_default || i == defs->rowid_column))
            continue;
        write->pattern[AT_COLUMNS + i] = '1';
        if (i == defs->rowid_column) /* the rowid by its other name */
            write->pattern[AT_ROWID] = '0';
    }
    int result = run(write, row);
    if (result == SQLITE_OK)
        *rowid = sqlite3_last_insert_rowid(write->table->shadow.db);
    return result;
}

static bool
is_same_rowid(sqlite3_value *old_rowid, sqlite3_value *new_rowid)
{
    return sqlite3_value_type(new_rowid) == SQLITE_INTEGER &&
           sqlite3_value_int64(old_rowid) == sqlite3_value_int64(new_rowid);
}

static int
update_row(const struct write *write, const struct row *row)
{
    const struct column_defs *defs = &write->table->shadow.defs;
    bool has_change = !is_same_rowid(row->old_rowid, row->rowid);
    start_pattern(write, 'U');
    write->pattern[AT_ROWID] = has_change ? '1' : '0';
    for (int i = 0; i < defs->column_count; i++) {
        if (sqlite3_value_nochange(row->values[i]) || (i == defs->rowid_column && write->pattern[AT_ROWID] == '1'))
            continue;
        write->pattern[AT_COLUMNS + i] = '1';
        has_change = true;
    }
    return has_change ? run(write, row) : SQLITE_OK;
}

static int
delete_row(const struct write *write, const struct row *row)
{
    start_pattern(write, 'D');
    return run(write, row);
}

int
writer_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *rowid)
{
    struct write write = {.table = (struct table *)vtab};
    struct row row = {.old_rowid = values[0]};
    int result;
    write.pattern_size = AT_COLUMNS + (size_t)write.table->shadow.defs.column_count;
    write.pattern = sqlite3_malloc64(write.pattern_size);
    if (!write.pattern)
        return SQLITE_NOMEM;
    if (count > 1) {
        row.rowid = values[1];
        row.values = values + 2;
    }
    if (count == 1)
        result = delete_row(&write, &row);
    else if (sqlite3_value_type(row.old_rowid) == SQLITE_NULL)
        result = insert_row(&write, &row, rowid);
    else
        result = update_row(&write, &row);
    sqlite3_free(write.pattern);
    return result;
}
