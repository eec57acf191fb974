/* sql_tokens.h: SQL text as tokens. Knows SQLite's lexical rules, but no statement. */
#ifndef ZBLOB_SQLITE_SQL_TOKENS_H
#define ZBLOB_SQLITE_SQL_TOKENS_H

#include "slot.h"

#define tokens_split ZBLOB_IN_SLOT(tokens_split)
#define tokens_group_end ZBLOB_IN_SLOT(tokens_group_end)
#define tokens_append ZBLOB_IN_SLOT(tokens_append)
#define token_is_word ZBLOB_IN_SLOT(token_is_word)
#define token_is_mark ZBLOB_IN_SLOT(token_is_mark)
#define token_is_name ZBLOB_IN_SLOT(token_is_name)
#define token_names ZBLOB_IN_SLOT(token_names)
#define token_unquote ZBLOB_IN_SLOT(token_unquote)

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* a bare identifier or keyword */
    TOKEN_QUOTED, /* "name", `name` or [name] */
    TOKEN_STRING, /* 'text' */
    TOKEN_BLOB,   /* x'00' */
    TOKEN_NUMBER,
    TOKEN_MARK,    /* one character of punctuation */
    TOKEN_DROPPED, /* by a parser that has used it up: tokens_append leaves it out */
};

/* Points into the text that was split. */
struct token {
    enum token_kind kind;
    const char *text;
    size_t size;
};

/* Split `sql` into *count tokens with a TOKEN_END behind them (sqlite3_free); NULL: out of memory. */
struct token *tokens_split(const char *sql, size_t *count);

/* The index behind the parenthesis that closes the one at `open`, or that of the TOKEN_END. */
size_t tokens_group_end(const struct token *tokens, size_t open);

/* Append tokens [from, to) as they stood, comments out, blank space as one space. */
void tokens_append(sqlite3_str *sql, const struct token *tokens, size_t from, size_t to);

bool token_is_word(const struct token *token, const char *word); /* in any case */
bool token_is_mark(const struct token *token, char mark);
bool token_is_name(const struct token *token);                 /* may it name a column? */
bool token_names(const struct token *token, const char *name); /* as SQL compares names */

/* A name or a string without its quotes (sqlite3_free). */
char *token_unquote(const struct token *token);

#endif
