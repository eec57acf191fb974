/* error.h: how codec functions report a failure. */
#ifndef ZBLOB_CODEC_BASE_ERROR_H
#define ZBLOB_CODEC_BASE_ERROR_H

#include "../../zblob.h"

/* Fill `error` (which may be NULL) and return `code`, so that a caller can `return zblob_fail(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum zblob_result
zblob_fail(struct zblob_error *error, enum zblob_result code, const char *format, ...);

/* zblob_fail for an allocation that failed. */
enum zblob_result zblob_fail_memory(struct zblob_error *error, uint64_t size);

#endif
