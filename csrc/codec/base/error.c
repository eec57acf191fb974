/* error.c: failures as a code and one sentence. */
#include "error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum zblob_result
zblob_fail(struct zblob_error *error, enum zblob_result code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        error->code = code;
    }
    return code;
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
