/*
 * threads.h: one small pool of threads for the whole process.
 *
 * Pool threads are started when first needed and then kept. After fork() the child starts with an empty
 * pool of its own. The library must stay mapped while they live (link with -z nodelete).
 */
#ifndef ZBLOB_CODEC_BASE_THREADS_H
#define ZBLOB_CODEC_BASE_THREADS_H

#include <stddef.h>

/* Call task(context, i) for every i < count, in any order, on the calling thread and up to threads - 1 others, and return
 * when all calls have returned. `threads` 0 means as many as the process may use. It cannot fail: if no other thread can
 * be had, the calling thread does all the work. */
void threads_run(size_t count, unsigned threads, void (*task)(void *context, size_t index), void *context);

#endif
