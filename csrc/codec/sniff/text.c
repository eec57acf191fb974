/* text.c: lines, words and numbers of text headers. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 40 /* more of them do not change a double */

struct text
text_of(const unsigned char *bytes, size_t size)
{
    return (struct text){(const char *)bytes, size};
}

static void
cut(struct text *text, size_t count)
{
    text->at += count;
    text->size -= count;
}

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_separator(char c)
{
    return is_space(c) || c == ',' || c == '(' || c == ')';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void
strip(struct text *text)
{
    while (text->size && is_space(*text->at))
        cut(text, 1);
    while (text->size && is_space(text->at[text->size - 1]))
        text->size--;
}

bool
text_line(struct text *text, struct text *line)
{
    const char *end = text->size ? memchr(text->at, '\n', text->size) : NULL;
    if (!end)
        return false;
    *line = (struct text){text->at, (size_t)(end - text->at)};
    cut(text, line->size + 1);
    if (line->size && line->at[line->size - 1] == '\r')
        line->size--;
    return true;
}

bool
text_name(struct text *line, const char *mark, struct text *name)
{
    size_t size = strlen(mark);
    for (size_t i = 0; i + size <= line->size; i++) {
        if (memcmp(line->at + i, mark, size) != 0)
            continue;
        *name = (struct text){line->at, i};
        cut(line, i + size);
        strip(name);
        strip(line);
        return true;
    }
    return false;
}

bool
text_word(struct text *text, struct text *word)
{
    while (text->size && is_separator(*text->at))
        cut(text, 1);
    *word = *text;
    while (text->size && !is_separator(*text->at))
        cut(text, 1);
    word->size -= text->size;
    return word->size > 0;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

bool
text_is(const struct text *text, const char *other)
{
    if (text->size != strlen(other))
        return false;
    for (size_t i = 0; i < text->size; i++) {
        if (lower(text->at[i]) != lower(other[i]))
            return false;
    }
    return true;
}

enum zblob_sample_type
text_sample_type(const struct text *text, const struct type_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text_is(text, names[i].name))
            return names[i].type;
    }
    return (enum zblob_sample_type)0;
}

bool
text_unsigned(struct text *text, uint64_t *number)
{
    struct text word;
    *number = 0;
    if (!text_word(text, &word))
        return false;
    for (size_t i = 0; i < word.size; i++) {
        if (!is_digit(word.at[i]) || *number > (UINT64_MAX - 9) / 10)
            return false;
        *number = 10 * *number + (uint64_t)(word.at[i] - '0');
    }
    return true;
}

static bool
take_sign(struct text *word)
{
    bool is_negative = word->size && *word->at == '-';
    if (word->size && (*word->at == '-' || *word->at == '+'))
        cut(word, 1);
    return is_negative;
}

/* Digits, of which the first DIGITS_MAX that are significant are appended to `digits`. Returns how many there were. */
static size_t
take_digits(struct text *word, char *digits, size_t *count, long *dropped)
{
    size_t taken = 0;
    for (; word->size && is_digit(*word->at); cut(word, 1), taken++) {
        bool is_kept = *count < DIGITS_MAX;
        if (is_kept && (*count || *word->at != '0'))
            digits[(*count)++] = *word->at;
        *dropped += !is_kept;
    }
    return taken;
}

/* The exponent after 'e' or 'E' (FITS and Fortran also write 'D'); false if something else follows the digits. */
static bool
take_exponent(struct text *word, long *exponent)
{
    if (word->size == 0)
        return true;
    char mark = lower(*word->at);
    cut(word, 1);
    bool is_negative = take_sign(word);
    uint64_t size;
    if ((mark != 'e' && mark != 'd') || word->size == 0 || word->size > 4 || !text_unsigned(word, &size))
        return false;
    *exponent += is_negative ? -(long)size : (long)size;
    return word->size == 0;
}

/* strtod obeys the locale only in the decimal sign: it is given digits and an exponent, without one. */
bool
text_real(struct text *text, double *number)
{
    struct text word;
    char digits[DIGITS_MAX + 32] = "0";
    size_t count = 0;
    long exponent = 0, dropped = 0;
    if (!text_word(text, &word))
        return false;
    bool is_negative = take_sign(&word);
    size_t whole = take_digits(&word, digits, &count, &exponent), broken = 0;
    if (word.size && *word.at == '.') {
        cut(&word, 1);
        broken = take_digits(&word, digits, &count, &dropped);
        exponent -= (long)broken - dropped;
    }
    if (whole + broken == 0 || !take_exponent(&word, &exponent))
        return false;
    count += count == 0;
    snprintf(digits + count, sizeof digits - count, "e%ld", exponent);
    *number = strtod(digits, NULL);
    if (is_negative)
        *number = -*number;
    return true;
}

uint32_t
text_reals(struct text *text, double *numbers, uint32_t most)
{
    uint32_t count = 0;
    while (count < most && text_real(text, &numbers[count]))
        count++;
    return count;
}

uint32_t
text_extents(struct text *text, uint64_t *extents, uint32_t most)
{
    uint32_t count = 0;
    while (count < most && text_unsigned(text, &extents[count]))
        count++;
    return count;
}
