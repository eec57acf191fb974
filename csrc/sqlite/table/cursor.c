/* cursor.c: steps a SELECT on the backing table, and decompresses what is asked for. */
#include "cursor.h"

#include "../values.h"
#include "planner.h"

#include <string.h>

#define PREFIX_MAX 64 /* of a pattern: longer ones narrow an index down no further */

struct cursor {
    sqlite3_vtab_cursor base;    /* first: SQLite sees only this */
    struct statement *statement; /* the SELECT, or NULL before the first xFilter */
    const char *plan_text;       /* what `plan` was parsed from; SQLite's, lives as long as the cursor */
    struct plan plan;
    bool relaxed[PLAN_TERMS_MAX]; /* which terms the SELECT widens */
    bool at_end;
    sqlite3_value **in_values; /* of the plan's IN, which are looked up one after the other */
    int in_count, in_next;
    int in_term;        /* which term is the IN; -1: none */
    bool in_is_relaxed; /* its values are not looked up, but left for SQLite to check */
};

static struct table *
table_of(const struct cursor *cursor)
{
    return (struct table *)cursor->base.pVtab;
}

int
cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    (void)vtab;
    struct cursor *made = sqlite3_malloc64(sizeof *made);
    if (!made)
        return SQLITE_NOMEM;
    memset(made, 0, sizeof *made);
    *cursor = &made->base;
    return SQLITE_OK;
}

static void
free_in_values(struct cursor *cursor)
{
    for (int i = 0; i < cursor->in_count; i++)
        sqlite3_value_free(cursor->in_values[i]);
    sqlite3_free(cursor->in_values);
    cursor->in_values = NULL;
    cursor->in_count = cursor->in_next = 0;
}

int
cursor_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    free_in_values(cursor);
    statements_give(&table_of(cursor)->statements, cursor->statement);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

/* ---- Patterns -------------------------------------------------------------------------------- */

/* The characters that every match of a pattern starts with, as far as they are ASCII; in lower case for LIKE, which
 * ends a prefix at a letter where the column's collation tells cases apart. Returns their count. */
static size_t
pattern_prefix(const char *pattern, bool is_glob, bool folds_case, char *prefix)
{
    size_t size = 0;
    for (; size < PREFIX_MAX && pattern[size] > 0 && pattern[size] < 0x7F; size++) {
        char c = pattern[size];
        bool is_upper = c >= 'A' && c <= 'Z', is_letter = is_upper || (c >= 'a' && c <= 'z');
        if (strchr(is_glob ? "*?[" : "%_", c) || (!is_glob && is_letter && !folds_case))
            break;
        prefix[size] = folds_case && is_upper ? (char)(c - 'A' + 'a') : c;
    }
    prefix[size] = 0;
    return size;
}

static size_t
prefix_of(const struct cursor *cursor, const struct plan_term *term, sqlite3_value *value, char *prefix)
{
    const struct column *column = &table_of(cursor)->shadow.defs.columns[term->column];
    const char *pattern = (const char *)sqlite3_value_text(value);
    bool folds_case = column->collation && sqlite3_stricmp(column->collation, "NOCASE") == 0;
    return pattern ? pattern_prefix(pattern, term->relation == PLAN_GLOB, folds_case, prefix) : 0;
}

/* From the prefix to the first text behind all that have it. */
static int
bind_prefix(const struct cursor *cursor, int i, sqlite3_value *value)
{
    char prefix[PREFIX_MAX + 1];
    sqlite3_stmt *select = cursor->statement->handle;
    size_t size = prefix_of(cursor, &cursor->plan.terms[i], value, prefix);
    if (size == 0) /* such a term is relaxed, so that only memory can be missing */
        return SQLITE_NOMEM;
    int result = sqlite3_bind_text(select, PLAN_PARAMETER(i), prefix, (int)size, SQLITE_TRANSIENT);
    prefix[size - 1]++;
    if (result == SQLITE_OK)
        result = sqlite3_bind_text(select, PLAN_PARAMETER(i) + 1, prefix, (int)size, SQLITE_TRANSIENT);
    return result;
}

/* ---- xFilter --------------------------------------------------------------------------------- */

/*
 * SQLite converts operands by the affinity of both sides before it compares them (datatype3.html#comparisons), but
 * hands over the right one as it was. A column of TEXT or no affinity against a number is the case where that
 * matters: the number may come from a column of numeric affinity, and then '05' equals 5, or be a plain value, and
 * then only '5' does, if at all. The SELECT must find either.
 */
static bool
must_relax(const struct cursor *cursor, const struct plan_term *term, sqlite3_value *value)
{
    char prefix[PREFIX_MAX + 1];
    if (term->relation == PLAN_IS_NULL || term->relation == PLAN_IS_NOT_NULL || term->column < 0)
        return false;
    if (term->relation == PLAN_GLOB || term->relation == PLAN_LIKE)
        return prefix_of(cursor, term, value, prefix) == 0;
    if (term->relation == PLAN_IN)
        return cursor->in_is_relaxed;
    enum column_affinity affinity = table_of(cursor)->shadow.defs.columns[term->column].affinity;
    int type = sqlite3_value_type(value);
    if (affinity == AFFINITY_NUMERIC || (type != SQLITE_INTEGER && type != SQLITE_FLOAT))
        return false;
    bool is_greater = term->relation == PLAN_GREATER || term->relation == PLAN_GREATER_EQUAL;
    return affinity == AFFINITY_TEXT || !is_greater; /* all texts are greater than any number */
}

/* Nothing compares with NULL. */
static bool
matches_nothing(const struct plan_term *term, sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_NULL && strchr("=<l>gGL", (char)term->relation);
}

static int
add_in_value(struct cursor *cursor, sqlite3_value *value)
{
    int count = cursor->in_count;
    if ((count & (count - 1)) == 0) { /* full at every power of 2 */
        sqlite3_uint64 size = (count ? 2 * (sqlite3_uint64)count : 1) * sizeof *cursor->in_values;
        sqlite3_value **grown = sqlite3_realloc64(cursor->in_values, size);
        if (!grown)
            return SQLITE_NOMEM;
        cursor->in_values = grown;
    }
    cursor->in_values[count] = sqlite3_value_dup(value);
    if (!cursor->in_values[count])
        return SQLITE_NOMEM;
    cursor->in_count++;
    return SQLITE_OK;
}

/* Keep the values of the IN, if the plan has one. With a number among them (see must_relax) the term is dropped:
 * widened look-ups would find rows twice. */
static int
take_in_values(struct cursor *cursor, sqlite3_value **values)
{
    sqlite3_value *value;
    free_in_values(cursor);
    cursor->in_is_relaxed = false;
    if (cursor->in_term < 0)
        return SQLITE_OK;
    int result = sqlite3_vtab_in_first(values[cursor->in_term], &value);
    for (; result == SQLITE_OK && value; result = sqlite3_vtab_in_next(values[cursor->in_term], &value)) {
        int type = sqlite3_value_type(value);
        if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
            cursor->in_is_relaxed = true;
            return SQLITE_OK;
        }
        if (type != SQLITE_NULL && add_in_value(cursor, value) != SQLITE_OK)
            return SQLITE_NOMEM;
    }
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* Decide which terms to relax. False: no row can match. */
static bool
look_at_values(struct cursor *cursor, int count, sqlite3_value **values, bool *has_changed)
{
    bool is_relaxed = false;
    for (int i = 0; i < count; i++) {
        if (matches_nothing(&cursor->plan.terms[i], values[i]))
            return false;
        bool relaxed = must_relax(cursor, &cursor->plan.terms[i], values[i]);
        *has_changed |= relaxed != cursor->relaxed[i];
        cursor->relaxed[i] = relaxed;
        is_relaxed |= relaxed;
    }
    cursor->plan.is_widened = is_relaxed;
    return cursor->in_term < 0 || cursor->in_is_relaxed || cursor->in_count > 0;
}

static int
take_select(struct cursor *cursor, const char *key, size_t key_size)
{
    struct table *table = table_of(cursor);
    cursor->statement = statements_take(&table->statements, key, key_size);
    if (cursor->statement)
        return SQLITE_OK;
    char *sql = plan_sql(&cursor->plan, &table->shadow, cursor->relaxed);
    int result = statements_prepare(table->shadow.db, key, key_size, sql, &cursor->statement);
    return result == SQLITE_OK ? SQLITE_OK : table_fail_sql(table, result);
}

/* The key is the plan and, if any, the marks of relaxed terms. */
static int
prepare_select(struct cursor *cursor)
{
    statements_give(&table_of(cursor)->statements, cursor->statement);
    cursor->statement = NULL;
    if (!cursor->plan.is_widened)
        return take_select(cursor, cursor->plan_text, strlen(cursor->plan_text));
    char marks[PLAN_TERMS_MAX + 1] = "";
    for (int i = 0; i < cursor->plan.term_count; i++)
        marks[i] = cursor->relaxed[i] ? 'r' : '-';
    char *key = sqlite3_mprintf("%s %s", cursor->plan_text, marks);
    int result = key ? take_select(cursor, key, strlen(key)) : SQLITE_NOMEM;
    sqlite3_free(key);
    return result;
}

static int
bind_in_value(struct cursor *cursor)
{
    sqlite3_value *value = cursor->in_values[cursor->in_next++];
    return sqlite3_bind_value(cursor->statement->handle, PLAN_PARAMETER(cursor->in_term), value);
}

static int
bind_values(struct cursor *cursor, int count, sqlite3_value **values)
{
    sqlite3_stmt *select = cursor->statement->handle;
    int result = SQLITE_OK, most = sqlite3_bind_parameter_count(select);
    for (int i = 0; i < count && result == SQLITE_OK; i++) {
        enum plan_relation relation = cursor->plan.terms[i].relation;
        if (PLAN_PARAMETER(i) > most) /* relaxed away */
            continue;
        if (relation != PLAN_GLOB && relation != PLAN_LIKE && relation != PLAN_IN)
            result = sqlite3_bind_value(select, PLAN_PARAMETER(i), values[i]);
        else if (!cursor->relaxed[i])
            result = relation == PLAN_IN ? bind_in_value(cursor) : bind_prefix(cursor, i, values[i]);
    }
    return result;
}

int
cursor_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    int result = sqlite3_step(cursor->statement->handle);
    while (result == SQLITE_DONE && cursor->in_next < cursor->in_count) {
        sqlite3_reset(cursor->statement->handle);
        result = bind_in_value(cursor);
        if (result == SQLITE_OK)
            result = sqlite3_step(cursor->statement->handle);
    }
    cursor->at_end = result != SQLITE_ROW;
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        return SQLITE_OK;
    return table_fail_sql(table_of(cursor), result);
}

static void
read_plan(struct cursor *cursor, const char *text)
{
    plan_parse(&cursor->plan, text);
    cursor->plan_text = text;
    cursor->in_term = -1;
    for (int i = 0; i < cursor->plan.term_count; i++) {
        if (cursor->plan.terms[i].relation == PLAN_IN)
            cursor->in_term = i;
    }
}

int
cursor_filter(sqlite3_vtab_cursor *base, int number, const char *text, int count, sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;
    bool has_changed = text != cursor->plan_text || !cursor->statement;
    (void)number;
    if (text != cursor->plan_text)
        read_plan(cursor, text);
    cursor->at_end = true;
    int result = take_in_values(cursor, values);
    if (result != SQLITE_OK || !look_at_values(cursor, count, values, &has_changed))
        return result;
    if (has_changed)
        result = prepare_select(cursor);
    else
        sqlite3_reset(cursor->statement->handle);
    if (result == SQLITE_OK)
        result = bind_values(cursor, count, values);
    return result == SQLITE_OK ? cursor_next(base) : result;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

int
cursor_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->at_end;
}

int
cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = sqlite3_column_int64(((struct cursor *)base)->statement->handle, 0);
    return SQLITE_OK;
}

static void
fail_value(const struct cursor *cursor, sqlite3_context *context, int column, const struct zblob_error *error)
{
    const struct shadow *shadow = &table_of(cursor)->shadow;
    sqlite3_int64 rowid = sqlite3_column_int64(cursor->statement->handle, 0);
    char *message =
        sqlite3_mprintf("%s.%s, row %lld: %s", shadow->table, shadow->defs.columns[column].name, rowid, error->message);
    if (!message || error->code == ZBLOB_NO_MEMORY) {
        sqlite3_result_error_nomem(context);
    } else {
        sqlite3_result_error(context, message, -1); /* first the text: it resets the code */
        sqlite3_result_error_code(context, value_result_code(error));
    }
    sqlite3_free(message);
}

/* Give SQLite the value that column `i` of a row holds: of a compressed column, what its frame holds. */
static void
return_value(const struct cursor *cursor, sqlite3_context *context, int column, sqlite3_stmt *row, int i)
{
    const struct table *table = table_of(cursor);
    struct value value = {.type = ZBLOB_BLOB};
    struct zblob_error error;
    struct value original;
    if (table->shadow.defs.columns[column].is_compressed && sqlite3_column_type(row, i) == SQLITE_BLOB) {
        value.bytes = sqlite3_column_blob(row, i);
        value.size = (size_t)sqlite3_column_bytes(row, i);
    }
    if (!value_is_marked(&value))
        sqlite3_result_value(context, sqlite3_column_value(row, i));
    else if (value_unpack(table->shadow.db, table->connection, &value, &original, &error))
        value_return(context, &original);
    else
        fail_value(cursor, context, column, &error);
}

/* A column that the SELECT left out because it may never be wanted. */
static int
fetch_column(const struct cursor *cursor, sqlite3_context *context, int column)
{
    struct table *table = table_of(cursor);
    const struct shadow *shadow = &table->shadow;
    char key[16];
    sqlite3_snprintf(sizeof key, key, "\2f%d", column);
    struct statement *statement = statements_take(&table->statements, key, strlen(key));
    if (!statement) {
        sqlite3_str *sql = sqlite3_str_new(shadow->db);
        sqlite3_str_appendf(sql, "SELECT t.\"%w\" FROM ", shadow->defs.columns[column].name);
        shadow_append_name(sql, shadow);
        sqlite3_str_appendf(sql, " AS t WHERE t.%s=?1", shadow->rowid);
        int prepared = statements_prepare(shadow->db, key, strlen(key), sqlite3_str_finish(sql), &statement);
        if (prepared != SQLITE_OK)
            return table_fail_sql(table, prepared);
    }
    sqlite3_int64 rowid = sqlite3_column_int64(cursor->statement->handle, 0);
    sqlite3_bind_int64(statement->handle, 1, rowid);
    int result = sqlite3_step(statement->handle);
    if (result == SQLITE_ROW) {
        return_value(cursor, context, column, statement->handle, 0);
        result = SQLITE_OK;
    } else if (result == SQLITE_DONE) {
        result = table_fail(table, SQLITE_ABORT,
                            sqlite3_mprintf("row %lld of %s was deleted while it was read", rowid, shadow->table));
    } else {
        result = table_fail_sql(table, result);
    }
    statements_give(&table->statements, statement);
    return result;
}

int
cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct cursor *cursor = (struct cursor *)base;
    if (sqlite3_vtab_nochange(context)) /* an UPDATE that leaves the column as it is */
        return SQLITE_OK;
    const struct column_defs *defs = &table_of(cursor)->shadow.defs;
    if (defs->columns[column].is_compressed && !plan_reads(&cursor->plan, defs, column))
        return fetch_column(cursor, context, column);
    return_value(cursor, context, column, cursor->statement->handle, column + 1);
    return SQLITE_OK;
}
