/*
 * threads.h: one small pool of threads for the whole process.
 *
 * Pool threads are started when first needed and then kept. After fork() the child starts with an empty
 * pool of its own.
 */
#ifndef ZBLOB_CODEC_BASE_THREADS_H
#define ZBLOB_CODEC_BASE_THREADS_H

#include "sync.h"

#include <stddef.h>

/* Call task(context, i) for every i < count, in any order, on the calling thread and up to threads - 1 others, and return
 * when all calls have returned. `threads` 0 means as many as the process may use. It cannot fail: if no other thread can
 * be had, the calling thread does all the work. After an interruption (interrupt.h), the calls that have not begun are
 * left out. */
void threads_run(size_t count, unsigned threads, void (*task)(void *context, size_t index), void *context);

/* Wait until the condition is signalled, or for a few milliseconds. */
void threads_wait_a_moment(sync_condition *changed, sync_mutex *held);

#endif
