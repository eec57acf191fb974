/* call.c: see call.h. */
#include "call.h"

#include "keeper.h"

#include <string.h>

static bool
is_same_value(sqlite3_value *one, sqlite3_value *other)
{
    int type = sqlite3_value_type(one);
    if (type != sqlite3_value_type(other))
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_value_int64(one) == sqlite3_value_int64(other);
    if (type == SQLITE_FLOAT)
        return sqlite3_value_double(one) == sqlite3_value_double(other);
    const void *bytes = sqlite3_value_blob(one), *others = sqlite3_value_blob(other);
    int size = sqlite3_value_bytes(one);
    return size == sqlite3_value_bytes(other) && (size == 0 || memcmp(bytes, others, (size_t)size) == 0);
}

const struct store_call *
call_find_running(const struct store_call *call)
{
    for (const struct store_call *outer = call->outer; outer; outer = outer->outer) {
        bool same = outer->count == call->count && is_same_value(outer->arguments[CALL_ID], call->arguments[CALL_ID]);
        for (int i = CALL_KEY; same && i < call->count; i++)
            same = is_same_value(outer->arguments[i], call->arguments[i]);
        if (same)
            return outer;
    }
    return NULL;
}

int
call_depth(const struct store_call *call)
{
    int depth = 0;
    for (const struct store_call *outer = call->outer; outer; outer = outer->outer)
        depth++;
    return depth;
}

static int
bind(const struct store_call *call, sqlite3_stmt *statement)
{
    int result = value_bind(statement, PARAMETER_FRAME, &call->frame);
    if (result == SQLITE_OK)
        result = value_bind(statement, PARAMETER_VALUE, &call->value);
    for (int i = CALL_KEY; result == SQLITE_OK && i < call->count; i++)
        result = sqlite3_bind_value(statement, i - CALL_KEY + PARAMETER_KEY, call->arguments[i]);
    return result;
}

int
call_take(const struct store_call *call, char *sql, struct statement **statement)
{
    int result = keeper_take(call->db, call->connection, sql, statement);
    return result == SQLITE_OK ? bind(call, (*statement)->handle) : result;
}

int
call_run(const struct store_call *call, char *sql)
{
    struct statement *statement;
    int result = call_take(call, sql, &statement);
    bool has_row = false;
    if (result == SQLITE_OK)
        while ((result = sqlite3_step(statement->handle)) == SQLITE_ROW)
            has_row = true;
    statements_note(call->connection, result);
    keeper_give(call->connection, statement);
    return result == SQLITE_DONE && has_row ? SQLITE_ROW : result;
}
