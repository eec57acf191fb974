/*
 * errand.h: one call that may take long and cannot ask whether to stop, such as zstd's work on a block. It runs in a
 * thread of its own, on memory of its own, so that an interrupted caller leaves at once. The thread then goes on until
 * it can stop, and releases what is its own.
 */
#ifndef ZBLOB_CODEC_BASE_ERRAND_H
#define ZBLOB_CODEC_BASE_ERRAND_H

#include "interrupt.h"
#include "sync.h"

/* Part of a larger structure, allocated by the caller, that holds all that `run` reads and writes. */
struct errand {
    void (*run)(struct errand *errand);     /* may ask interrupt_is_set(): true once the caller has left */
    void (*release)(struct errand *errand); /* frees the whole structure */
    struct interrupt_scope scope;
    sync_mutex mutex;
    sync_condition changed;
    bool is_done, is_left;
};

/* Run it and wait, in a call of the codec that can be interrupted. False: it was, and the errand must not be touched
 * any more. Cannot fail: where no thread can be had, the caller does the work. */
bool errand_run(struct errand *errand);

/* Once errand_run has returned true. */
void errand_release(struct errand *errand);

#endif
