/* arena.c: working memory in one piece. */
#include "arena.h"

#include "kept.h"

#include <stdlib.h>

_Static_assert((int)ARENA_ALIGNMENT == (int)KEPT_ALIGNMENT, "an arena begins where a part may begin");

bool
arena_open(struct arena *arena, size_t size)
{
    arena->memory = arena->at = kept_take(size + ARENA_ALIGNMENT);
    arena->end = arena->memory ? arena->memory + size + ARENA_ALIGNMENT : NULL;
    return arena->memory != NULL;
}

void *
arena_take(struct arena *arena, size_t size)
{
    size = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if ((size_t)(arena->end - arena->at) < size)
        abort();
    void *block = arena->at;
    arena->at += size;
    return block;
}

void
arena_close(struct arena *arena)
{
    kept_return(arena->memory);
    arena->memory = NULL;
}
