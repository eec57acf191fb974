/* row_hint.c: see row_hint.h. Expressions are checked by their tokens, and written anew from these. */
#include "row_hint.h"

#include "sql_tokens.h"

#include <string.h>

#define EXPRESSION_SIZE_MAX 2000

/* Words that may stand before a parenthesis: functions that depend on nothing but their arguments, and whose results are not
 * much larger than these; and operators. */
static const char *const callable[] = {
    "abs",          "and",        "as",        "between",    "case",
    "cast",         "coalesce",   "concat",    "concat_ws",  "else",
    "glob",         "hex",        "ifnull",    "iif",        "in",
    "instr",        "is",         "json",      "json_array", "json_array_length",
    "json_extract", "json_quote", "json_type", "json_valid", "length",
    "like",         "lower",      "ltrim",     "not",        "nullif",
    "octet_length", "or",         "round",     "rtrim",      "substr",
    "substring",    "then",       "trim",      "typeof",     "upper",
    "when",         "zlength",
};

/* Words that begin a subquery, or call what the connection's owner has defined. */
static const char *const refused[] = {"select", "values", "with",  "match", "regexp",
                                      "over",   "filter", "raise", "exists"};

static bool
is_among(const struct token *token, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (token_names(token, words[i]))
            return true;
    return false;
}

/* Is the token, together with those beside it, no part of a plain expression? */
static bool
is_refused(const struct token *token)
{
    bool is_called = token_is_mark(&token[1], '(');
    switch (token->kind) {
    case TOKEN_MARK: return !strchr("(),.+-*/%|<>=!&~", *token->text);
    case TOKEN_WORD:
        if (is_among(token, refused, sizeof refused / sizeof *refused) || (token_is_word(token, "in") && !is_called))
            return true;
        return is_called && !is_among(token, callable, sizeof callable / sizeof *callable);
    case TOKEN_QUOTED: return is_called || !token_is_mark(&token[-1], '.'); /* alone, it may be taken for a string */
    case TOKEN_STRING:
    case TOKEN_BLOB:
    case TOKEN_NUMBER: return is_called;
    default: return false;
    }
}

static char *
refusal(const char *name, const struct token *token)
{
    return sqlite3_mprintf(
        "%s must be an expression over the row's columns with SQLite's own scalar and JSON functions, "
        "without subqueries and parameters, and with NEW. before a quoted name: \"%.*s\" is not allowed there",
        name, (int)(token->size < 40 ? token->size : 40), token->text);
}

/* Is it one group, from the first token to the last? A text that ends within a string or a comment has swallowed the
 * parenthesis that was to close it. */
static bool
is_one_group(const struct token *tokens, size_t count)
{
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        if (token_is_mark(&tokens[i], '('))
            depth++;
        else if (token_is_mark(&tokens[i], ')') && --depth == 0)
            return i + 1 == count && count > 2;
    }
    return false;
}

/* Append the expression in parentheses. */
static bool
append_expression(sqlite3_str *sql, const char *name, const char *expression, char **reason)
{
    size_t count = 0;
    char *text = sqlite3_mprintf("(%s\n)", expression);
    struct token *tokens = text ? tokens_split(text, &count) : NULL;
    bool is_done = tokens != NULL;
    if (is_done && (strlen(expression) > EXPRESSION_SIZE_MAX || !is_one_group(tokens, count))) {
        *reason = sqlite3_mprintf("%s must be one SQL expression of at most %d bytes", name, EXPRESSION_SIZE_MAX);
        is_done = false;
    }
    for (size_t i = 1; is_done && i + 1 < count; i++) {
        if (!is_refused(&tokens[i]))
            continue;
        *reason = refusal(name, &tokens[i]);
        is_done = false;
    }
    if (is_done)
        tokens_append(sql, tokens, 0, count);
    sqlite3_free(tokens);
    sqlite3_free(text);
    return is_done;
}

char *
row_hint_sql(const char *dtype_from, const char *shape_from, char **reason)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    *reason = NULL;
    sqlite3_str_appendall(sql, "SELECT ");
    bool is_done = append_expression(sql, "dtype_from", dtype_from, reason);
    sqlite3_str_appendall(sql, ", ");
    is_done = is_done && append_expression(sql, "shape_from", shape_from, reason);
    sqlite3_str_appendall(sql, " FROM ");
    char *text = sqlite3_str_finish(sql);
    if (is_done)
        return text;
    sqlite3_free(text);
    return NULL;
}

void
row_hint_take(struct zblob_connection *connection, sqlite3_stmt *statement, struct zblob_options *options,
              uint64_t value_size)
{
    if (statements_step(connection, statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_TEXT &&
        sqlite3_column_type(statement, 1) != SQLITE_BLOB) {
        const char *dtype = (const char *)sqlite3_column_text(statement, 0);
        const char *shape = (const char *)sqlite3_column_text(statement, 1); /* NULL for NULL */
        if (dtype && shape)
            zblob_options_hint(options, dtype, shape, value_size);
    }
    sqlite3_reset(statement);
}

void
sqlite_zblob_hint(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    (void)count;
    const char *dtype_from = (const char *)sqlite3_value_text(arguments[0]);
    const char *shape_from = (const char *)sqlite3_value_text(arguments[1]);
    if (!dtype_from || !shape_from) {
        sqlite3_result_error(context, "dtype_from and shape_from are SQL texts, and go together", -1);
        return;
    }
    char *reason = NULL, *sql = row_hint_sql(dtype_from, shape_from, &reason);
    if (sql)
        sqlite3_result_text(context, sql, -1, sqlite3_free);
    else if (reason)
        sqlite3_result_error(context, reason, -1);
    else
        sqlite3_result_error_nomem(context);
    sqlite3_free(reason);
}
