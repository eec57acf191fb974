/* column_defs.c: see column_defs.h. What it does not have to understand it leaves to SQLite's own CREATE TABLE. */
#include "column_defs.h"

#include "../row_hint.h"
#include "../sql_tokens.h"

#include <string.h>

/* One argument while it is taken apart. */
struct argument {
    struct column_defs *defs;
    struct token *tokens;
    size_t count;
    char **message;
};

static int
fail_memory(struct argument *argument)
{
    sqlite3_free(*argument->message);
    *argument->message = sqlite3_mprintf("out of memory");
    return SQLITE_NOMEM;
}

/* Take over `text` (from sqlite3_mprintf) as the error. */
static int
fail(struct argument *argument, char *text)
{
    if (!text)
        return fail_memory(argument);
    *argument->message = text;
    return SQLITE_ERROR;
}

static char *
text_of(const struct argument *argument, size_t from, size_t to)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    tokens_append(text, argument->tokens, from, to);
    return sqlite3_str_finish(text);
}

/* ---- Settings -------------------------------------------------------------------------------- */

static int
set_adopt(struct argument *argument, const char *value)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return fail(argument, sqlite3_mprintf("zblob: argument \"adopt\" must be 0 or 1, not %s", value));
    argument->defs->adopts = *value == '1';
    return SQLITE_OK;
}

static bool
parse_integer(const char *text, int64_t *value)
{
    const char *p = text + (*text == '-' || *text == '+');
    *value = 0;
    if (!*p)
        return false;
    for (; *p; p++) {
        if (*p < '0' || *p > '9' || *value > (INT64_MAX - 9) / 10)
            return false;
        *value = 10 * *value + (*p - '0');
    }
    if (*text == '-')
        *value = -*value;
    return true;
}

static int
set_dictionary(struct argument *argument, const char *value)
{
    struct column_defs *defs = argument->defs;
    int64_t id;
    defs->takes_newest_dictionary = sqlite3_stricmp(value, "auto") == 0;
    if (defs->takes_newest_dictionary)
        return SQLITE_OK;
    if (!parse_integer(value, &id) || id < 0 || id > UINT32_MAX)
        return fail(argument, sqlite3_mprintf("zblob: argument \"dictionary\" must be auto, 0 for none, or the id of a "
                                              "dictionary in table zblob_dictionaries, not %s",
                                              value));
    defs->options.dictionary_id = (uint32_t)id;
    return SQLITE_OK;
}

static int
set_option(struct argument *argument, const char *name, const char *value)
{
    struct zblob_options *options = &argument->defs->options;
    struct zblob_error error = {.message = ""};
    enum zblob_result result;
    int64_t number;
    if (strcmp(name, "codec") == 0)
        result = zblob_options_set_text(options, name, value, &error);
    else if (parse_integer(value, &number))
        result = zblob_options_set_integer(options, name, number, &error);
    else
        result = zblob_options_refuse(name, value, &error);
    if (result != ZBLOB_OK)
        return fail(argument, sqlite3_mprintf("zblob: %s", error.message));
    if (strcmp(name, "level") == 0)
        argument->defs->has_level = true;
    if (strcmp(name, "min_size") == 0)
        argument->defs->has_min_size = true;
    return SQLITE_OK;
}

/* Take over `value`, an expression. */
static int
set_expression(char **expression, char **value)
{
    sqlite3_free(*expression);
    *expression = *value;
    *value = NULL;
    return SQLITE_OK;
}

/* NAME = VALUE */
static int
parse_setting(struct argument *argument)
{
    static const char *const names[] = {"level",      "min_size",   "codec",     "adopt",
                                        "dtype_from", "shape_from", "dictionary"};
    bool has_value = argument->count > 2;
    char *value = argument->count == 3 ? token_unquote(&argument->tokens[2]) : text_of(argument, 2, argument->count);
    const char *name = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!token_names(&argument->tokens[0], names[i]))
            continue;
        name = names[i];
        argument->defs->repeated = argument->defs->settings >> i & 1 ? name : argument->defs->repeated;
        argument->defs->settings |= 1U << i;
    }
    int result;
    if (!name)
        result = fail(argument, sqlite3_mprintf("zblob: unknown argument \"%.*s\": the settings are level, min_size, "
                                                "codec, adopt, dtype_from, shape_from and dictionary",
                                                (int)argument->tokens[0].size, argument->tokens[0].text));
    else if (!has_value)
        result = fail(argument, sqlite3_mprintf("zblob: argument \"%s\" has no value", name));
    else if (!value)
        result = fail_memory(argument);
    else if (strcmp(name, "adopt") == 0)
        result = set_adopt(argument, value);
    else if (strcmp(name, "dtype_from") == 0)
        result = set_expression(&argument->defs->dtype_from, &value);
    else if (strcmp(name, "shape_from") == 0)
        result = set_expression(&argument->defs->shape_from, &value);
    else if (strcmp(name, "dictionary") == 0)
        result = set_dictionary(argument, value);
    else
        result = set_option(argument, name, value);
    sqlite3_free(value);
    return result;
}

/* ---- Parts that columns and constraints share ------------------------------------------------ */

static bool
starts_table_constraint(const struct token *token)
{
    return token_is_word(token, "CONSTRAINT") || token_is_word(token, "PRIMARY") || token_is_word(token, "UNIQUE") ||
           token_is_word(token, "CHECK") || token_is_word(token, "FOREIGN");
}

static bool
starts_column_constraint(const struct token *token)
{
    static const char *const words[] = {"CONSTRAINT", "PRIMARY",    "NOT",       "NULL",       "UNIQUE",
                                        "CHECK",      "DEFAULT",    "COLLATE",   "REFERENCES", "GENERATED",
                                        "AS",         "COMPRESSED", "DEFERRABLE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (token_is_word(token, words[i]))
            return true;
    }
    return false;
}

/* A virtual table cannot learn that a constraint of its own has skipped a row, or ended the statement. */
static int
check_conflict_clause(struct argument *argument, size_t at)
{
    const struct token *tokens = argument->tokens;
    if (!token_is_word(&tokens[at], "ON") || !token_is_word(&tokens[at + 1], "CONFLICT"))
        return SQLITE_OK;
    const struct token *action = &tokens[at + 2];
    if (token_is_word(action, "ABORT") || token_is_word(action, "REPLACE"))
        return SQLITE_OK;
    return fail(argument, sqlite3_mprintf("zblob: ON CONFLICT %.*s in a definition is not supported, only ABORT and "
                                          "REPLACE: say it in the statement (INSERT OR ...)",
                                          (int)action->size, action->text));
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* SQLite's rules, in their order: https://sqlite.org/datatype3.html#determination_of_column_affinity */
static enum column_affinity
affinity_of(const char *type)
{
    static const struct {
        const char *part;
        enum column_affinity affinity;
    } rules[] = {
        {"%INT%", AFFINITY_NUMERIC}, {"%CHAR%", AFFINITY_TEXT}, {"%CLOB%", AFFINITY_TEXT},
        {"%TEXT%", AFFINITY_TEXT},   {"%BLOB%", AFFINITY_BLOB},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (sqlite3_strlike(rules[i].part, type, 0) == 0)
            return rules[i].affinity;
    }
    return *type ? AFFINITY_NUMERIC : AFFINITY_BLOB;
}

/* The index behind a column's type, which starts at `at`: words, and then perhaps sizes in parentheses. */
static size_t
type_end(const struct argument *argument, size_t at)
{
    while (token_is_name(&argument->tokens[at]) && !starts_column_constraint(&argument->tokens[at]))
        at++;
    if (token_is_mark(&argument->tokens[at], '('))
        at = tokens_group_end(argument->tokens, at);
    return at;
}

static int
refuse_compressed(struct argument *argument, const char *name, const char *where, const char *reason)
{
    return fail(argument, sqlite3_mprintf("zblob: column \"%s\" is COMPRESSED and cannot %s: %s", name, where, reason));
}

#define SEES_FRAMES "SQLite would look at the compressed bytes"

static unsigned
hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Would the value of x'...' be taken for a frame, whole or damaged? */
static int
check_blob(const struct token *blob, bool *is_marked)
{
    size_t size = blob->size > 3 ? (blob->size - 3) / 2 : 0;
    unsigned char *bytes = sqlite3_malloc64(size + 1);
    if (!bytes)
        return SQLITE_NOMEM;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(hex_digit(blob->text[2 * i + 2]) << 4 | hex_digit(blob->text[2 * i + 3]));
    *is_marked = zblob_is_marked(bytes, size);
    sqlite3_free(bytes);
    return SQLITE_OK;
}

/* DEFAULT at `at` - 1. A default is stored as it is, so that it must not look like a frame. */
static int
parse_default(struct argument *argument, struct column *column, size_t *at)
{
    const struct token *tokens = argument->tokens;
    size_t end = *at + 1;
    if (token_is_mark(&tokens[*at], '('))
        end = tokens_group_end(tokens, *at);
    else if (token_is_mark(&tokens[*at], '-') || token_is_mark(&tokens[*at], '+'))
        end++;
    column->has_default = !token_is_word(&tokens[*at], "NULL");
    for (size_t i = *at; column->is_compressed && i < end && i < argument->count; i++) {
        bool is_marked = false;
        if (tokens[i].kind == TOKEN_BLOB && check_blob(&tokens[i], &is_marked) != SQLITE_OK)
            return fail_memory(argument);
        if (is_marked)
            return refuse_compressed(argument, column->name, "have a frame as its DEFAULT", "it would be decompressed");
    }
    *at = end < argument->count ? end : argument->count;
    return SQLITE_OK;
}

/* INTEGER PRIMARY KEY is the rowid, but with DESC it is not (an old quirk that SQLite keeps). */
static void
note_primary_key(struct argument *argument, size_t at, const char *type)
{
    if (sqlite3_stricmp(type, "INTEGER") == 0 && !token_is_word(&argument->tokens[at + 2], "DESC"))
        argument->defs->rowid_column = argument->defs->column_count - 1;
}

/* One constraint word of a column, at *at; moves behind what it has understood. */
static int
parse_column_constraint(struct argument *argument, struct column *column, const char *type, size_t *at)
{
    struct token *tokens = argument->tokens, *word = &tokens[*at];
    size_t start = (*at)++;
    if (token_is_word(word, "COMPRESSED")) {
        word->kind = TOKEN_DROPPED;
    } else if (token_is_word(word, "CONSTRAINT")) {
        *at += *at < argument->count; /* its name */
    } else if (token_is_word(word, "GENERATED") || token_is_word(word, "AS")) {
        return fail(argument, sqlite3_mprintf("zblob: column \"%s\" is GENERATED, which virtual tables do not support",
                                              column->name));
    } else if (token_is_word(word, "PRIMARY") || token_is_word(word, "UNIQUE") || token_is_word(word, "REFERENCES")) {
        if (column->is_compressed)
            return refuse_compressed(argument, column->name, "be a key", SEES_FRAMES);
        if (token_is_word(word, "PRIMARY"))
            note_primary_key(argument, start, type);
    } else if (token_is_word(word, "NOT")) {
        column->is_not_null |= token_is_word(&tokens[*at], "NULL");
        *at += token_is_word(&tokens[*at], "NULL");
    } else if (token_is_word(word, "DEFAULT")) {
        return parse_default(argument, column, at);
    } else if (token_is_word(word, "COLLATE") && token_is_name(&tokens[*at])) {
        sqlite3_free(column->collation);
        column->collation = token_unquote(&tokens[(*at)++]);
        return column->collation ? SQLITE_OK : fail_memory(argument);
    } else if (token_is_mark(word, '(')) {
        *at = tokens_group_end(tokens, start);
    } else if (token_is_word(word, "ON")) {
        return check_conflict_clause(argument, start);
    }
    return SQLITE_OK;
}

static int
check_compressed(struct argument *argument, struct column *column, const char *type)
{
    column->is_compressed = true;
    if (column->affinity == AFFINITY_NUMERIC)
        return fail(argument, sqlite3_mprintf("zblob: column \"%s\" is COMPRESSED, but its type is %s: only BLOB and "
                                              "TEXT columns can be compressed",
                                              column->name, type));
    return SQLITE_OK;
}

static bool
says_compressed(const struct argument *argument, size_t at)
{
    while (at < argument->count) {
        if (token_is_word(&argument->tokens[at], "COMPRESSED"))
            return true;
        at = token_is_mark(&argument->tokens[at], '(') ? tokens_group_end(argument->tokens, at) : at + 1;
    }
    return false;
}

static char *
declaration_of(const struct column *column, const char *type)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "\"%w\" %s", column->name, type);
    if (column->collation)
        sqlite3_str_appendf(text, " COLLATE \"%w\"", column->collation);
    if (column->is_not_null)
        sqlite3_str_appendall(text, " NOT NULL");
    return sqlite3_str_finish(text);
}

static int
add_column(struct argument *argument, struct column **made)
{
    struct column_defs *defs = argument->defs;
    char *name = token_unquote(&argument->tokens[0]);
    if (!name)
        return fail_memory(argument);
    if (column_defs_find(defs, name) >= 0) {
        sqlite3_free(name);
        return fail(argument, sqlite3_mprintf("duplicate column name: %.*s", (int)argument->tokens[0].size,
                                              argument->tokens[0].text));
    }
    *made = &defs->columns[defs->column_count++];
    (*made)->name = name;
    return SQLITE_OK;
}

static int
parse_constraints(struct argument *argument, struct column *column, const char *type, size_t at)
{
    int result = SQLITE_OK;
    column->affinity = affinity_of(type);
    if (says_compressed(argument, at))
        result = check_compressed(argument, column, type);
    while (result == SQLITE_OK && at < argument->count)
        result = parse_column_constraint(argument, column, type, &at);
    if (result != SQLITE_OK)
        return result;
    column->definition = text_of(argument, 0, argument->count);
    column->declaration = declaration_of(column, type);
    return column->definition && column->declaration ? SQLITE_OK : fail_memory(argument);
}

/* NAME [TYPE] [CONSTRAINT]... */
static int
parse_column(struct argument *argument)
{
    if (!token_is_name(&argument->tokens[0]))
        return fail(argument, sqlite3_mprintf("zblob: \"%.*s\" is neither a column nor a setting",
                                              (int)argument->tokens[0].size, argument->tokens[0].text));
    struct column *column = NULL;
    int result = add_column(argument, &column);
    if (result != SQLITE_OK)
        return result;
    size_t end = type_end(argument, 1);
    char *type = end > 1 ? text_of(argument, 1, end) : sqlite3_mprintf("");
    if (!type)
        return fail_memory(argument);
    result = parse_constraints(argument, column, type, end);
    sqlite3_free(type);
    return result;
}

/* ---- Table constraints ----------------------------------------------------------------------- */

static int
parse_table_constraint(struct argument *argument)
{
    struct column_defs *defs = argument->defs;
    for (size_t i = 0; i < argument->count; i++) {
        int result = check_conflict_clause(argument, i);
        if (result != SQLITE_OK)
            return result;
    }
    char *text = text_of(argument, 0, argument->count);
    if (!text)
        return fail_memory(argument);
    defs->constraints[defs->constraint_count++] = text;
    return SQLITE_OK;
}

/* Is this PRIMARY KEY (one INTEGER column)? */
static void
find_rowid_column(struct column_defs *defs, const struct argument *argument)
{
    const struct token *tokens = argument->tokens;
    size_t at = token_is_word(&tokens[0], "CONSTRAINT") && argument->count > 2 ? 2 : 0;
    if (argument->count < at + 5 || !token_is_word(&tokens[at], "PRIMARY") || !token_is_mark(&tokens[at + 2], '('))
        return;
    for (size_t i = at + 3; i < tokens_group_end(tokens, at + 2); i++) {
        if (token_is_mark(&tokens[i], ','))
            return;
    }
    for (int i = 0; i < defs->column_count; i++) {
        const char *type = defs->columns[i].declaration + strlen(defs->columns[i].name) + 3;
        bool is_integer = sqlite3_strnicmp(type, "INTEGER", 7) == 0 && (type[7] == 0 || type[7] == ' ');
        if (token_names(&tokens[at + 3], defs->columns[i].name) && is_integer)
            defs->rowid_column = i;
    }
}

/* Does the parenthesis at `open` name a compressed column? */
static int
check_group(struct argument *argument, size_t open, const char *where)
{
    size_t end = tokens_group_end(argument->tokens, open);
    for (int column = 0; column < argument->defs->column_count; column++) {
        const char *name = argument->defs->columns[column].name;
        for (size_t i = open; i < end && argument->defs->columns[column].is_compressed; i++) {
            if (token_names(&argument->tokens[i], name))
                return refuse_compressed(argument, name, where, SEES_FRAMES);
        }
    }
    return SQLITE_OK;
}

/* Now that all columns are known: no CHECK, key or foreign key may look into a compressed one. */
static int
check_text(struct column_defs *defs, const char *text, bool is_table_constraint, char **message)
{
    struct argument argument = {.defs = defs, .message = message};
    argument.tokens = tokens_split(text, &argument.count);
    if (!argument.tokens)
        return fail_memory(&argument);
    int result = SQLITE_OK;
    bool first_group = is_table_constraint;
    for (size_t i = 0; i < argument.count && result == SQLITE_OK; i++) {
        if (!token_is_mark(&argument.tokens[i], '('))
            continue;
        bool is_check = i > 0 && token_is_word(&argument.tokens[i - 1], "CHECK");
        if (is_check || first_group)
            result = check_group(&argument, i, is_check ? "appear in a CHECK" : "be part of a key");
        first_group = false;
        i = tokens_group_end(argument.tokens, i) - 1;
    }
    if (is_table_constraint && result == SQLITE_OK)
        find_rowid_column(defs, &argument);
    sqlite3_free(argument.tokens);
    return result;
}

static int
check_all(struct column_defs *defs, char **message)
{
    int result = SQLITE_OK;
    for (int i = 0; i < defs->column_count && result == SQLITE_OK; i++)
        result = check_text(defs, defs->columns[i].definition, false, message);
    for (int i = 0; i < defs->constraint_count && result == SQLITE_OK; i++)
        result = check_text(defs, defs->constraints[i], true, message);
    if (result != SQLITE_OK || defs->column_count > 0)
        return result;
    *message = sqlite3_mprintf("zblob: no columns: give them as in CREATE TABLE, with COMPRESSED behind a type");
    return SQLITE_ERROR;
}

/* dtype_from and shape_from, if they are given. */
static int
check_expressions(struct column_defs *defs, char **message)
{
    char *reason = NULL;
    if (!defs->dtype_from && !defs->shape_from)
        return SQLITE_OK;
    if (!defs->dtype_from || !defs->shape_from) {
        *message = sqlite3_mprintf("zblob: arguments \"dtype_from\" and \"shape_from\" go together");
        return SQLITE_ERROR;
    }
    defs->hint = row_hint_sql(defs->dtype_from, defs->shape_from, &reason);
    *message = reason ? sqlite3_mprintf("zblob: %s", reason) : NULL;
    sqlite3_free(reason);
    return defs->hint ? SQLITE_OK : *message ? SQLITE_ERROR : SQLITE_NOMEM;
}

/* ---- All arguments --------------------------------------------------------------------------- */

static int
parse_argument(struct argument *argument)
{
    const struct token *tokens = argument->tokens;
    if (argument->count == 0)
        return fail(argument, sqlite3_mprintf("zblob: an argument is empty"));
    if (token_is_word(&tokens[0], "WITHOUT") && token_is_word(&tokens[1], "ROWID"))
        return fail(argument, sqlite3_mprintf("zblob: WITHOUT ROWID is not supported: the virtual table needs the "
                                              "backing table's rowid, and large values do not belong into a key's "
                                              "B-tree"));
    if (token_is_mark(&tokens[1], '='))
        return parse_setting(argument);
    if (starts_table_constraint(&tokens[0]))
        return parse_table_constraint(argument);
    if (argument->defs->constraint_count > 0)
        return fail(argument, sqlite3_mprintf("zblob: column \"%.*s\" stands behind a table constraint",
                                              (int)tokens[0].size, tokens[0].text));
    return parse_column(argument);
}

static void *
allocate_zeroed(size_t size)
{
    void *block = sqlite3_malloc64(size);
    return block ? memset(block, 0, size) : NULL;
}

int
column_defs_parse(struct column_defs *defs, int count, const char *const *arguments, char **message)
{
    *defs = (struct column_defs){.rowid_column = -1};
    zblob_options_init(&defs->options);
    defs->columns = allocate_zeroed(((size_t)count + 1) * sizeof *defs->columns);
    defs->constraints = allocate_zeroed(((size_t)count + 1) * sizeof *defs->constraints);
    if (!defs->columns || !defs->constraints)
        return SQLITE_NOMEM;
    int result = SQLITE_OK;
    for (int i = 0; i < count && result == SQLITE_OK; i++) {
        struct argument argument = {.defs = defs, .message = message};
        argument.tokens = tokens_split(arguments[i], &argument.count);
        result = argument.tokens ? parse_argument(&argument) : fail_memory(&argument);
        sqlite3_free(argument.tokens);
    }
    if (!defs->has_min_size) {
        bool has_dictionary = defs->takes_newest_dictionary || defs->options.dictionary_id;
        defs->options.min_size = has_dictionary ? COLUMN_MIN_SIZE_WITH_DICTIONARY : COLUMN_MIN_SIZE_DEFAULT;
    }
    if (result == SQLITE_OK)
        result = check_all(defs, message);
    return result == SQLITE_OK ? check_expressions(defs, message) : result;
}

void
column_defs_free(struct column_defs *defs)
{
    for (int i = 0; i < defs->column_count; i++) {
        sqlite3_free(defs->columns[i].name);
        sqlite3_free(defs->columns[i].definition);
        sqlite3_free(defs->columns[i].declaration);
        sqlite3_free(defs->columns[i].collation);
    }
    for (int i = 0; i < defs->constraint_count; i++)
        sqlite3_free(defs->constraints[i]);
    sqlite3_free(defs->columns);
    sqlite3_free(defs->constraints);
    sqlite3_free(defs->dtype_from);
    sqlite3_free(defs->shape_from);
    sqlite3_free(defs->hint);
    *defs = (struct column_defs){.columns = NULL};
}

int
column_defs_find(const struct column_defs *defs, const char *name)
{
    for (int i = 0; i < defs->column_count; i++) {
        if (sqlite3_stricmp(defs->columns[i].name, name) == 0)
            return i;
    }
    return -1;
}
