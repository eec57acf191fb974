/*
 * arena.h: working memory in one piece, of which parts are taken one after the other. The C library keeps a large piece
 * that is freed for the next one of that size, where many small ones would return their pages to the system.
 */
#ifndef ZBLOB_CODEC_BASE_ARENA_H
#define ZBLOB_CODEC_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

enum { ARENA_ALIGNMENT = 64 };

struct arena {
    unsigned char *memory, *at, *end;
};

/* Room for `size` bytes in all; each part that is taken may need up to ARENA_ALIGNMENT - 1 of them besides its own.
 * False: no memory. Close an arena in either case; one that is all zeros may be closed, too. */
bool arena_open(struct arena *arena, size_t size);
/* The next `size` bytes, aligned to ARENA_ALIGNMENT, not cleared. It is a fault of the program if they are not there:
 * then it aborts. */
void *arena_take(struct arena *arena, size_t size);
void arena_close(struct arena *arena);

#endif
