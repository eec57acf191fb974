/* first_error.h: of tasks that run in parallel and may fail, the failure of the one with the lowest number. */
#ifndef ZBLOB_CODEC_BASE_FIRST_ERROR_H
#define ZBLOB_CODEC_BASE_FIRST_ERROR_H

#include "../../zblob.h"
#include "sync.h"

struct first_error {
    sync_mutex lock;
    size_t number; /* of the task that failed; SIZE_MAX: none has */
    struct zblob_error error;
};

void first_error_open(struct first_error *first);

/* Task `number` has failed with this error. */
void first_error_note(struct first_error *first, size_t number, const struct zblob_error *error);

/* Need task `number` not be run any more, because one with a lower number has failed? */
bool first_error_precedes(struct first_error *first, size_t number);

/* Hand over the failure, or return OK where there was none. */
enum zblob_result first_error_close(struct first_error *first, struct zblob_error *error);

#endif
