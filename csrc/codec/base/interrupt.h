/*
 * interrupt.h: may the work at hand stop early? Whoever calls the codec may ask it to (struct zblob_interrupt).
 *
 * An entry point opens a scope, every long loop below it asks interrupt_is_set(), and closing the scope says
 * whether the work was interrupted. The scope reaches the loops through the thread that runs them, and threads_run
 * lends it to the pool's threads, so that no function in between has to pass it on.
 *
 * Once interrupt_is_set() has returned true, the entry point fails with ZBLOB_INTERRUPTED, whatever the stages
 * below it return. A loop may therefore leave early in any state that is safe to throw away.
 */
#ifndef ZBLOB_CODEC_BASE_INTERRUPT_H
#define ZBLOB_CODEC_BASE_INTERRUPT_H

#include "../../zblob.h"

#include <stdatomic.h>

struct interrupt_scope {
    const struct zblob_interrupt *request;
    struct interrupt_scope *outer; /* of the same thread: the caller's callback may call the codec, too */
    bool outer_is_lent;
    atomic_bool is_set;
    uint64_t next_ask; /* the caller is not asked before this time, in nanoseconds */
};

/* Without a request, or with one that asks nobody, the scope that the thread is in already stays the one that counts.
 * Request and scope must live until the scope is closed. */
void interrupt_open(struct interrupt_scope *scope, const struct zblob_interrupt *request);

/* `result`, or ZBLOB_INTERRUPTED and its error where the work was interrupted. */
enum zblob_result interrupt_close(struct interrupt_scope *scope, enum zblob_result result, struct zblob_error *error);

/* Should the work stop? To be asked after every millisecond of work or so: it costs a few nanoseconds. The thread
 * that opened the scope asks the caller now and then; all others only see what it has found out. */
bool interrupt_is_set(void);

/* The same for loops with short steps: only one call in INTERRUPT_SAMPLES samples asks. *left counts the samples until
 * the next question. The caller sets it to 0 before the loop, so that the first call asks. */
enum { INTERRUPT_SAMPLES = 1 << 15 };
static inline bool
interrupt_is_due(size_t *left, size_t samples)
{
    if (*left > samples) {
        *left -= samples;
        return false;
    }
    *left = INTERRUPT_SAMPLES;
    return interrupt_is_set();
}

/* The scope that the calling thread works in, or NULL, and how another thread works in it for a while (NULL: in
 * none). Only threads_run needs them. */
struct interrupt_scope *interrupt_scope(void);
void interrupt_lend(struct interrupt_scope *scope);

#endif
