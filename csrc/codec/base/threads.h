/*
 * threads.h: one small pool of threads for the whole process. Knows nothing of frames.
 *
 * Pool threads are started when first needed and then kept. After fork() the child starts with an empty
 * pool of its own. The library must stay mapped while they live (link with -z nodelete).
 */
#ifndef ZBLOB_CODEC_BASE_THREADS_H
#define ZBLOB_CODEC_BASE_THREADS_H

#include <stddef.h>

/* How many threads the process may use at once. */
unsigned threads_available(void);

/* Call task(context, i) for every i < count, in any order, on the calling thread and up to threads - 1
 * others (0: as many as available), and return when all calls have returned. Cannot fail: where no
 * thread can be had, the caller does all the work. */
void threads_run(size_t count, unsigned threads, void (*task)(void *context, size_t index), void *context);

#endif
