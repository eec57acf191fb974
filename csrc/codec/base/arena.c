/* arena.c: working memory in one piece. */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

void *
arena_piece_new(size_t size)
{
    unsigned char *memory = malloc(sizeof memory + size + ARENA_ALIGNMENT);
    if (!memory)
        return NULL;
    unsigned char *piece = memory + sizeof memory;
    piece += -(uintptr_t)piece & (ARENA_ALIGNMENT - 1);
    memcpy(piece - sizeof memory, &memory, sizeof memory);
    return piece;
}

void
arena_piece_free(void *piece)
{
    unsigned char *memory;
    if (!piece)
        return;
    memcpy(&memory, (unsigned char *)piece - sizeof memory, sizeof memory);
    free(memory);
}
