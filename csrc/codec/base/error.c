/* error.c: failures as a code and one sentence. */
#include "error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum zblob_result
zblob_fail(struct zblob_error *error, enum zblob_result code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        zblob_mend_text(error->message);
        error->code = code;
    }
    return code;
}

/* The bytes of the UTF-8 character that a byte begins; 0: none begins so. */
static size_t
character_size(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

/* May this byte follow `first` directly? That excludes surrogates, and characters that have a shorter form. */
static bool
may_be_second(unsigned char first, unsigned char byte)
{
    unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return byte >= least && byte <= most;
}

/* How many bytes of the character at `text` are there, and of how many. */
static size_t
character_bytes(const unsigned char *text, size_t *size)
{
    *size = character_size(*text);
    size_t count = *size > 0;
    while (count > 0 && count < *size && (text[count] & 0xC0) == 0x80 && (count > 1 || may_be_second(*text, text[1])))
        count++;
    return count;
}

void
zblob_mend_text(char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    char *to = text;
    while (*from) {
        size_t size, count = character_bytes(from, &size);
        if (count == size && count > 0) {
            memmove(to, from, count);
            to += count;
        } else if (count == 0) {
            *to++ = '?';
            count = 1;
        }
        from += count;
    }
    *to = 0;
}

enum zblob_result
zblob_fail_memory(struct zblob_error *error, uint64_t size)
{
    return zblob_fail(error, ZBLOB_NO_MEMORY, "out of memory: could not allocate %" PRIu64 " bytes", size);
}

const char *
zblob_library_version(void)
{
    return ZBLOB_VERSION;
}
