/* arena.c: working memory in one piece. */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>

bool
arena_open(struct arena *arena, size_t size)
{
    arena->memory = arena->at = malloc(size + ARENA_ALIGNMENT);
    if (arena->memory == NULL)
        return false;
    arena->at += (ARENA_ALIGNMENT - (uintptr_t)arena->at % ARENA_ALIGNMENT) % ARENA_ALIGNMENT;
    arena->end = arena->memory + size + ARENA_ALIGNMENT;
    return true;
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
    free(arena->memory);
    arena->memory = NULL;
}
