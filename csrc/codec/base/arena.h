/* arena.h: working memory that is allocated as one piece and handed out in parts. */
#ifndef ZBLOB_CODEC_BASE_ARENA_H
#define ZBLOB_CODEC_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

enum { ARENA_ALIGNMENT = 64 };

struct arena {
    unsigned char *memory, *at, *end;
};

/* Room for `size` bytes in total. A part that is taken uses up its size rounded up to a multiple of ARENA_ALIGNMENT.
 * False: no memory. An arena may be closed whether it was opened or not, if it is all zeros at first. */
bool arena_open(struct arena *arena, size_t size);
/* The next `size` bytes, aligned to ARENA_ALIGNMENT and not cleared. Aborts if they are not there: then the program
 * added up its sizes wrongly, whatever its input was. */
void *arena_take(struct arena *arena, size_t size);
void arena_close(struct arena *arena);

#endif
