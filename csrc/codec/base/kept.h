/*
 * kept.h: memory that a thread keeps for its next use. The C library returns large pieces to the system, which clears
 * every page of them anew: for an image of one slice this took a quarter of the time.
 */
#ifndef ZBLOB_CODEC_BASE_KEPT_H
#define ZBLOB_CODEC_BASE_KEPT_H

#include <stddef.h>

enum { KEPT_ALIGNMENT = 64 };

/* Room for `size` bytes, which are not cleared. Whoever takes it returns it, in whatever thread. NULL: no memory. */
void *kept_take(size_t size);
/* The same, and all zeros. */
void *kept_take_zeros(size_t count, size_t size);
/* NULL is no memory. */
void kept_return(void *memory);

#endif
