/* sql_tokens.c: see sql_tokens.h. */
#include "sql_tokens.h"

#include <string.h>

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Every byte beyond ASCII may be part of a name. */
static bool
starts_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool
continues_word(char c)
{
    return starts_word(c) || is_digit(c) || c == '$';
}

/* ---- Splitting ------------------------------------------------------------------------------- */

/* Behind blank space and comments. */
static const char *
skip_blank(const char *p)
{
    for (;;) {
        if (is_space(*p)) {
            p++;
        } else if (p[0] == '-' && p[1] == '-') {
            while (*p && *p != '\n')
                p++;
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");
            p = end ? end + 2 : p + strlen(p);
        } else {
            return p;
        }
    }
}

/* Behind the quote that closes the one at p; a doubled one stands for itself, but not in brackets. */
static const char *
skip_quoted(const char *p)
{
    char close = *p == '[' ? ']' : *p;
    for (p++; *p; p++) {
        if (*p != close)
            continue;
        if (close == ']' || p[1] != close)
            return p + 1;
        p++;
    }
    return p;
}

static const char *
skip_number(const char *p)
{
    while (continues_word(*p) || *p == '.' || ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E')))
        p++;
    return p;
}

static struct token
next_token(const char *p)
{
    enum token_kind kind = TOKEN_MARK;
    const char *end = p + 1;
    if (*p == 0) {
        kind = TOKEN_END;
        end = p;
    } else if ((*p == 'x' || *p == 'X') && p[1] == '\'') {
        kind = TOKEN_BLOB;
        end = skip_quoted(p + 1);
    } else if (*p == '\'') {
        kind = TOKEN_STRING;
        end = skip_quoted(p);
    } else if (*p == '"' || *p == '`' || *p == '[') {
        kind = TOKEN_QUOTED;
        end = skip_quoted(p);
    } else if (is_digit(*p) || (*p == '.' && is_digit(p[1]))) {
        kind = TOKEN_NUMBER;
        end = skip_number(p + 1);
    } else if (starts_word(*p)) {
        kind = TOKEN_WORD;
        while (continues_word(*end))
            end++;
    }
    return (struct token){.kind = kind, .text = p, .size = (size_t)(end - p)};
}

struct token *
tokens_split(const char *sql, size_t *count)
{
    /* no token is shorter than a character; and a parser may look three tokens ahead */
    sqlite3_uint64 size = (strlen(sql) + 4) * sizeof(struct token);
    struct token *tokens = sqlite3_malloc64(size);
    if (!tokens)
        return NULL;
    memset(tokens, 0, size);
    size_t i = 0;
    for (;; i++) {
        sql = skip_blank(sql);
        tokens[i] = next_token(sql);
        if (tokens[i].kind == TOKEN_END)
            break;
        sql += tokens[i].size;
    }
    *count = i;
    return tokens;
}

size_t
tokens_group_end(const struct token *tokens, size_t open)
{
    size_t depth = 0, i = open;
    for (; tokens[i].kind != TOKEN_END; i++) {
        if (token_is_mark(&tokens[i], '('))
            depth++;
        else if (token_is_mark(&tokens[i], ')') && --depth == 0)
            return i + 1;
    }
    return i;
}

void
tokens_append(sqlite3_str *sql, const struct token *tokens, size_t from, size_t to)
{
    const char *end = NULL; /* of the token before */
    for (size_t i = from; i < to; i++) {
        if (tokens[i].kind == TOKEN_DROPPED)
            continue;
        if (end && end != tokens[i].text)
            sqlite3_str_appendchar(sql, 1, ' ');
        sqlite3_str_append(sql, tokens[i].text, (int)tokens[i].size);
        end = tokens[i].text + tokens[i].size;
    }
}

/* ---- Single tokens --------------------------------------------------------------------------- */

bool
token_is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->size == strlen(word) &&
           sqlite3_strnicmp(token->text, word, (int)token->size) == 0;
}

bool
token_is_mark(const struct token *token, char mark)
{
    return token->kind == TOKEN_MARK && *token->text == mark;
}

bool
token_is_name(const struct token *token)
{
    return token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED || token->kind == TOKEN_STRING;
}

static bool
is_quoted(const struct token *token)
{
    return token->kind == TOKEN_QUOTED || token->kind == TOKEN_STRING;
}

/* Where a name or string begins within its quotes. */
static size_t
first_inside(const struct token *token)
{
    return is_quoted(token) ? 1 : 0;
}

/* The next character within the quotes; moves *at. False: there is none left. */
static bool
next_inside(const struct token *token, size_t *at, char *c)
{
    char close = *token->text == '[' ? ']' : *token->text;
    if (*at >= token->size)
        return false;
    *c = token->text[(*at)++];
    if (!is_quoted(token) || *c != close)
        return true;
    return *at < token->size && token->text[(*at)++] == close; /* a doubled quote stands for itself */
}

char *
token_unquote(const struct token *token)
{
    char *name = sqlite3_malloc64(token->size + 1);
    if (!name)
        return NULL;
    size_t size = 0, at = first_inside(token);
    while (next_inside(token, &at, name + size))
        size++;
    name[size] = 0;
    return name;
}

bool
token_names(const struct token *token, const char *name)
{
    if (token->kind != TOKEN_WORD && token->kind != TOKEN_QUOTED)
        return false;
    size_t at = first_inside(token), size = strlen(name);
    char c;
    for (size_t i = 0; i <= size; i++) {
        if (next_inside(token, &at, &c) != (i < size) || (i < size && sqlite3_strnicmp(&c, name + i, 1) != 0))
            return false;
    }
    return true;
}
