/* first_error.c: see first_error.h. One record serves any number of tasks. */
#include "first_error.h"

void
first_error_open(struct first_error *first)
{
    sync_mutex_init(&first->lock);
    first->number = SIZE_MAX;
    first->error.code = ZBLOB_OK;
}

void
first_error_note(struct first_error *first, size_t number, const struct zblob_error *error)
{
    sync_mutex_lock(&first->lock);
    if (number < first->number) {
        first->number = number;
        first->error = *error;
    }
    sync_mutex_unlock(&first->lock);
}

bool
first_error_precedes(struct first_error *first, size_t number)
{
    sync_mutex_lock(&first->lock);
    bool precedes = first->number < number;
    sync_mutex_unlock(&first->lock);
    return precedes;
}

enum zblob_result
first_error_close(struct first_error *first, struct zblob_error *error)
{
    sync_mutex_destroy(&first->lock);
    if (error && first->error.code != ZBLOB_OK)
        *error = first->error;
    return first->error.code;
}
