/*
 * target.c: see target.h.
 *
 * A trigger's body cannot name the table that it is attached to: ALTER TABLE ... RENAME under legacy_alter_table moves
 * the trigger, but leaves the names in its body. The trigger's own entry in the schema always tells.
 *
 * A copy of a database that is attached beside it has the same triggers. Only a database that is being written can be
 * the right one; where that leaves two, only a row that holds the value; where that leaves two, nobody knows.
 */
#include "target.h"

#include "../dictionaries.h"
#include "../row_hint.h"
#include "../sql_tokens.h"
#include "keeper.h"

#include <stdlib.h>
#include <string.h>

#define TXN_STATE_SQLITE 3034001 /* has sqlite3_txn_state() */
#define DB_NAME_SQLITE 3039000   /* has sqlite3_db_name() */

#define DICTIONARY " dictionary="

#define DATABASE_MAX 127 /* as many as SQLite can attach, main and temp */

/* ---- The trigger's text ---------------------------------------------------------------------- */

/* NEW . name; returns the index behind, or 0. */
static size_t
skip_new(const struct token *tokens, size_t at)
{
    if (!token_is_word(&tokens[at], "new") || !token_is_mark(&tokens[at + 1], '.') || !token_is_name(&tokens[at + 2]))
        return 0;
    return at + 3;
}

/* The call's argument number `wanted`, from 0; 0 where it has fewer. */
static size_t
find_argument(const struct token *tokens, size_t count, size_t wanted)
{
    for (size_t i = 0; i + 1 < count; i++) {
        if (!token_is_word(&tokens[i], "sqlite_zblob_store") || !token_is_mark(&tokens[i + 1], '('))
            continue;
        size_t end = tokens_group_end(tokens, i + 1) - 1;
        for (i += 2; i < end && wanted; i++)
            wanted -= token_is_mark(&tokens[i], ',');
        return wanted ? 0 : i;
    }
    return 0;
}

/* The condition that the key's columns have the values of their parameters. `COLLATE name` behind an argument is the
 * collation of the key. SQLITE_DONE: the arguments are not what our triggers have. */
static int
row_condition(sqlite3 *db, const struct token *tokens, size_t at, int key_count, char **row)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    int result = SQLITE_OK;
    for (int i = 0; i < key_count && result == SQLITE_OK; i++) {
        size_t end = skip_new(tokens, at);
        if (!end) {
            result = SQLITE_DONE;
            break;
        }
        sqlite3_str_appendf(sql, "%s%.*s = ?%d", i ? " AND " : "", (int)tokens[end - 1].size, tokens[end - 1].text,
                            i + PARAMETER_KEY);
        if (token_is_word(&tokens[end], "collate")) {
            sqlite3_str_appendf(sql, " COLLATE %.*s", (int)tokens[end + 1].size, tokens[end + 1].text);
            end += 2;
        }
        at = end + 1; /* behind the comma */
    }
    *row = sqlite3_str_finish(sql);
    return result == SQLITE_OK && !*row ? SQLITE_NOMEM : result;
}

/* The rowid is written without quotes: a column of that name, added since, has taken the name away. */
static bool
is_name_taken(const struct token *key, const char *table_sql)
{
    size_t count;
    if (key->kind != TOKEN_WORD)
        return false;
    struct token *tokens = tokens_split(table_sql, &count);
    char *name = token_unquote(key);
    bool taken = !tokens || !name;
    for (size_t i = 0; !taken && i < count; i++)
        taken = token_names(&tokens[i], name);
    sqlite3_free(name);
    sqlite3_free(tokens);
    return taken;
}

static int
read_trigger(sqlite3 *db, const char *sql, const char *table_sql, int key_count, struct target *target)
{
    size_t count;
    struct token *tokens = tokens_split(sql, &count);
    if (!tokens)
        return SQLITE_NOMEM;
    size_t value = find_argument(tokens, count, CALL_VALUE), key = find_argument(tokens, count, CALL_KEY);
    int result = SQLITE_DONE;
    if (value && key && skip_new(tokens, value) && !is_name_taken(&tokens[key + 2], table_sql)) {
        target->column = sqlite3_mprintf("%.*s", (int)tokens[value + 2].size, tokens[value + 2].text);
        result = target->column ? row_condition(db, tokens, key, key_count, &target->row) : SQLITE_NOMEM;
    }
    sqlite3_free(tokens);
    return result;
}

/* ---- One database ---------------------------------------------------------------------------- */

#define SAYS(word) "instr(lower(o.sql), '" word "')"

/* A trigger o that an UPDATE fires may end the transaction, or give the frame to a full-text index for a text: these fire
 * in an order that nobody controls, and an index that is told to forget a text that it has not been given breaks. */
#define IS_FEARED                                                                                                      \
    SAYS("update")                                                                                                     \
    " AND (" SAYS("rollback") " OR (NOT " SAYS("zdecompress") " AND EXISTS (SELECT 1 FROM %s f WHERE f.type = 'table'" \
                                                              " AND f.sql LIKE 'create virtual table%%using%%fts%%' "  \
                                                              "AND instr(lower(o.sql), lower(f.name)))))"

/* What triggers of one schema table fire on the table, beside ours: 0 none, 1 some, 2 some that are feared. */
#define OTHERS                                                                                                         \
    "coalesce((SELECT max(CASE WHEN " IS_FEARED " THEN 2 ELSE 1 END) FROM %s o WHERE o.type = 'trigger'"               \
    " AND o.name NOT GLOB 'zblob_????????_*_until_*' AND o.tbl_name = m.tbl_name COLLATE NOCASE), 0)"

/* A database's schema table. */
static char *
master_of(const char *schema)
{
    return sqlite3_stricmp(schema, "temp") == 0 ? sqlite3_mprintf("sqlite_temp_master")
                                                : sqlite3_mprintf("\"%w\".sqlite_master", schema);
}

static char *
lookup_sql(const char *master)
{
    return sqlite3_mprintf("SELECT m.tbl_name, m.sql, t.sql, max(" OTHERS ", " OTHERS ")"
                           " FROM %s m JOIN %s t ON t.type = 'table' AND t.name = m.tbl_name COLLATE NOCASE"
                           " WHERE m.type = 'trigger' AND m.name = ?1 || '_insert_until_disable'",
                           master, master, master, "sqlite_temp_master", master, master);
}

#define ID_PREFIX "zblob_"

/* What the column's record says of raw voxels: for each row, two expressions. An older record has no such columns. */
static char *
hint_of(const struct store_call *call, const char *schema, const struct target *target)
{
    const char *id = (const char *)sqlite3_value_text(call->arguments[CALL_ID]);
    char *sql =
        sqlite3_mprintf("SELECT r.dtype_from, r.shape_from FROM \"%w\".zblob_columns AS r WHERE r.id = ?1", schema);
    char *hint = NULL, *reason = NULL;
    sqlite3_stmt *record = NULL;
    if (id && strncmp(id, ID_PREFIX, strlen(ID_PREFIX)) == 0)
        record = statements_ask(call->connection, call->db, sql);
    else
        sqlite3_free(sql);
    if (record) {
        sqlite3_bind_int64(record, 1, strtoll(id + strlen(ID_PREFIX), NULL, 16));
        bool is_found = statements_step(call->connection, record) == SQLITE_ROW;
        const char *dtype_from = is_found ? (const char *)sqlite3_column_text(record, 0) : NULL;
        const char *shape_from = is_found ? (const char *)sqlite3_column_text(record, 1) : NULL;
        char *start = dtype_from && shape_from ? row_hint_sql(dtype_from, shape_from, &reason) : NULL;
        if (start)
            hint = sqlite3_mprintf("%s(SELECT * FROM %s WHERE %s) AS NEW", start, target->table, target->row);
        sqlite3_free(start);
        sqlite3_free(reason);
    }
    sqlite3_finalize(record);
    return hint;
}

/* ENVELOPE may go on with " dictionary=auto", or with an id. */
static int
set_dictionary(const struct store_call *call, struct target *target, const char *schema, const char *table)
{
    const char *envelope = (const char *)sqlite3_value_text(call->arguments[CALL_ENVELOPE]);
    const char *name = envelope ? strstr(envelope, DICTIONARY) : NULL;
    size_t count;
    if (!name)
        return SQLITE_OK;
    name += strlen(DICTIONARY);
    struct token *tokens = tokens_split(target->column, &count);
    char *column = tokens ? token_unquote(&tokens[0]) : NULL;
    uint32_t id = strcmp(name, "auto") == 0 ? 0 : (uint32_t)strtoul(name, NULL, 10);
    target->dictionary = column ? dictionaries_wanted_sql(schema, table, column, id) : NULL;
    sqlite3_free(column);
    sqlite3_free(tokens);
    return target->dictionary ? SQLITE_OK : SQLITE_NOMEM;
}

/* What one row of the lookup says. */
static int
read_lookup(const struct store_call *call, const char *schema, sqlite3_stmt *row, struct target *target)
{
    const char *table = (const char *)sqlite3_column_text(row, 0);
    const char *trigger_sql = (const char *)sqlite3_column_text(row, 1);
    const char *table_sql = (const char *)sqlite3_column_text(row, 2);
    int others = sqlite3_column_int(row, 3);
    if (others > 1)
        return SQLITE_DONE;
    target->is_watched = others > 0;
    target->table = table ? sqlite3_mprintf("\"%w\".\"%w\"", schema, table) : NULL;
    if (!trigger_sql || !table_sql || !target->table)
        return SQLITE_NOMEM;
    int result = read_trigger(call->db, trigger_sql, table_sql, call->count - CALL_KEY, target);
    if (result == SQLITE_OK)
        target->hint = hint_of(call, schema, target);
    return result == SQLITE_OK ? set_dictionary(call, target, schema, table) : result;
}

/* SQLITE_DONE: the trigger is not in this database, or nothing can be done there. */
static int
look_up(const struct store_call *call, const char *schema, const char *master, struct target *target)
{
    struct statement *lookup;
    int result = keeper_take(call->db, call->connection, lookup_sql(master), &lookup);
    if (result == SQLITE_OK)
        result = sqlite3_bind_value(lookup->handle, 1, call->arguments[CALL_ID]);
    if (result == SQLITE_OK)
        result = sqlite3_step(lookup->handle);
    statements_note(call->connection, result);
    if (result == SQLITE_ROW)
        result = read_lookup(call, schema, lookup->handle, target);
    keeper_give(call->connection, lookup);
    if (result != SQLITE_OK)
        target_free(target);
    return result;
}

/* False: as above, or SQLite has failed. */
static bool
find_in(const struct store_call *call, const char *schema, struct target *target)
{
    const char *id = (const char *)sqlite3_value_text(call->arguments[CALL_ID]);
    struct known **list = keeper_known(call->connection);
    const struct target *known = list && id ? known_find(list, call->connection, schema, id) : NULL;
    *target = (struct target){0};
    if (known)
        return target_copy(target, known) && target->table;
    char *master = master_of(schema);
    int result = master ? look_up(call, schema, master, target) : SQLITE_NOMEM;
    list = keeper_known(call->connection); /* there now, if it was not */
    if (list && id && (result == SQLITE_OK || result == SQLITE_DONE))
        known_add(list, call->connection, call->db, schema, id, master, target);
    sqlite3_free(master);
    return result == SQLITE_OK;
}

/* ---- All databases --------------------------------------------------------------------------- */

/* The name of a database by its number, from SQLite's allocator; NULL: it has none. */
static char *
database_name(const struct store_call *call, int number)
{
#if SQLITE_VERSION_NUMBER >= DB_NAME_SQLITE
    if (sqlite3_libversion_number() >= DB_NAME_SQLITE) {
        const char *known = sqlite3_db_name(call->db, number);
        return known ? sqlite3_mprintf("%s", known) : NULL;
    }
#endif
    sqlite3_stmt *list = statements_ask(call->connection, call->db, sqlite3_mprintf("PRAGMA database_list"));
    char *name = NULL;
    if (list)
        while (!name && statements_step(call->connection, list) == SQLITE_ROW)
            if (sqlite3_column_int(list, 0) == number)
                name = sqlite3_mprintf("%s", sqlite3_column_text(list, 1));
    sqlite3_finalize(list);
    return name;
}

/* Older libraries do not say: there it may be. */
static bool
is_being_written(sqlite3 *db, const char *schema)
{
#if SQLITE_VERSION_NUMBER >= TXN_STATE_SQLITE
    if (sqlite3_libversion_number() >= TXN_STATE_SQLITE)
        return sqlite3_txn_state(db, schema) == SQLITE_TXN_WRITE;
#endif
    return true;
}

/* Those of all databases; returns how many. */
static int
find_all(const struct store_call *call, struct target *targets, bool *are_attached)
{
    int count = 0;
    *are_attached = false;
    for (int number = 0; number < DATABASE_MAX; number++) {
        char *name = database_name(call, number);
        if (!name && number > 1) /* temp, which is number 1, may be missing */
            break;
        *are_attached = number > 1;
        if (name && is_being_written(call->db, name) && find_in(call, name, &targets[count]))
            count++;
        sqlite3_free(name);
    }
    return count;
}

static bool
holds_value(const struct store_call *call, const struct target *target)
{
    char *sql = sqlite3_mprintf("SELECT 1 FROM %s WHERE %s AND +%s COLLATE BINARY IS ?%d", target->table, target->row,
                                target->column, PARAMETER_VALUE);
    return call_run(call, sql) == SQLITE_ROW;
}

/* The one of several whose row holds the value, or -1. Where no other trigger fires on its table, the row holds it. */
static int
choose(const struct store_call *call, const struct target *targets, int count)
{
    int chosen = -1;
    if (count == 1)
        return 0;
    for (int i = 0; i < count; i++)
        if (targets[i].is_watched)
            return -1;
    for (int i = 0; i < count; i++) {
        if (!holds_value(call, &targets[i]))
            continue;
        if (chosen >= 0)
            return -1;
        chosen = i;
    }
    return chosen;
}

bool
target_find(const struct store_call *call, struct target *target)
{
    struct target targets[DATABASE_MAX];
    bool are_attached;
    int count = find_all(call, targets, &are_attached);
    int chosen = choose(call, targets, count);
    if (chosen >= 0) {
        *target = targets[chosen];
        target->is_exposed = are_attached;
    }
    for (int i = 0; i < count; i++)
        if (i != chosen)
            target_free(&targets[i]);
    return chosen >= 0;
}
