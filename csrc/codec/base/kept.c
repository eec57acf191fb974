/* kept.c: see kept.h. */
#include "kept.h"

#include "sync.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECES = 12,
    LEAST = 16 << 10, /* smaller pieces are the C library's business, */
    MOST = 8 << 20,   /* and so is what exceeds this together */
    ROUND = 16 << 10, /* sizes are multiples of this, so that images of nearly the same size share pieces */
};

/* AddressSanitizer shall see the end of every piece, and what is used after it was returned. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_NOTHING
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_NOTHING
#endif

#ifdef KEEPS_NOTHING
enum { KEEPS = 0 };
#else
enum { KEEPS = 1 };
#endif

/* For tests (docs/testing.md): what is read before it was written, or after it was returned, shall not be by chance what
 * it should be. */
static void
spoil(void *memory, int byte, size_t size)
{
#ifdef KEPT_SPOILS
    memset(memory, byte, size);
#else
    (void)memory, (void)byte, (void)size;
#endif
}

/* Before each piece. */
struct head {
    size_t size;
    void *block; /* of the C library */
};

_Static_assert(sizeof(struct head) <= KEPT_ALIGNMENT, "a head fits before an aligned piece");

struct keeper {
    size_t size; /* of all pieces */
    unsigned count;
    unsigned char *pieces[PIECES];
};

static sync_once key_once = SYNC_ONCE_INITIALIZER;
static sync_key keeper_key;
static bool key_exists;

static struct head
head_of(const unsigned char *piece)
{
    struct head head;
    memcpy(&head, piece - sizeof head, sizeof head);
    return head;
}

static void
free_keeper(void *value)
{
    struct keeper *keeper = value;
    for (unsigned i = 0; i < keeper->count; i++)
        free(head_of(keeper->pieces[i]).block);
    free(keeper);
}

static void
create_key(void)
{
    key_exists = sync_key_create(&keeper_key, free_keeper);
}

/* NULL: nothing is kept. */
static struct keeper *
keeper_of_thread(void)
{
    if (!KEEPS)
        return NULL;
    sync_call_once(&key_once, create_key);
    return key_exists ? sync_key_get(keeper_key) : NULL;
}

static unsigned char *
take_from(struct keeper *keeper, unsigned i)
{
    unsigned char *piece = keeper->pieces[i];
    keeper->size -= head_of(piece).size;
    keeper->pieces[i] = keeper->pieces[--keeper->count];
    return piece;
}

/* The smallest piece that is large enough, or NULL. */
static unsigned char *
find_piece(struct keeper *keeper, size_t size)
{
    unsigned best = PIECES;
    size_t best_size = SIZE_MAX;
    for (unsigned i = 0; i < keeper->count; i++) {
        size_t own = head_of(keeper->pieces[i]).size;
        if (own >= size && own < best_size) {
            best = i;
            best_size = own;
        }
    }
    return best < PIECES ? take_from(keeper, best) : NULL;
}

static void
free_smallest(struct keeper *keeper)
{
    unsigned least = 0;
    for (unsigned i = 1; i < keeper->count; i++)
        if (head_of(keeper->pieces[i]).size < head_of(keeper->pieces[least]).size)
            least = i;
    free(head_of(take_from(keeper, least)).block);
}

void *
kept_take(size_t size)
{
    if (size > SIZE_MAX - ROUND - 2 * KEPT_ALIGNMENT)
        return NULL;
    struct keeper *keeper = size >= LEAST && size <= MOST ? keeper_of_thread() : NULL;
    unsigned char *piece = keeper ? find_piece(keeper, size) : NULL;
    if (piece) {
        spoil(piece, 0xA5, head_of(piece).size);
        return piece;
    }
    if (KEEPS && size >= LEAST && size <= MOST)
        size = (size + ROUND - 1) / ROUND * ROUND;
    unsigned char *block = malloc(size + 2 * KEPT_ALIGNMENT);
    if (!block)
        return NULL;
    piece = block + KEPT_ALIGNMENT;
    piece += -(uintptr_t)piece & (KEPT_ALIGNMENT - 1);
    struct head head = {.size = size, .block = block};
    memcpy(piece - sizeof head, &head, sizeof head);
    spoil(piece, 0xA5, size);
    return piece;
}

void *
kept_take_zeros(size_t count, size_t size)
{
    void *memory = size == 0 || count <= SIZE_MAX / size ? kept_take(count * size) : NULL;
    return memory ? memset(memory, 0, count * size) : NULL;
}

/* Larger pieces stay rather than smaller ones: they serve for whatever is smaller. */
static bool
keep(unsigned char *piece, size_t size)
{
    struct keeper *keeper = keeper_of_thread();
    if (!keeper && KEEPS && key_exists) {
        keeper = calloc(1, sizeof *keeper);
        if (keeper && !sync_key_set(keeper_key, keeper)) {
            free(keeper);
            keeper = NULL;
        }
    }
    if (!keeper)
        return false;
    while (keeper->count == PIECES || keeper->size + size > MOST)
        free_smallest(keeper);
    keeper->pieces[keeper->count++] = piece;
    keeper->size += size;
    return true;
}

void
kept_return(void *memory)
{
    if (!memory)
        return;
    struct head head = head_of(memory);
    spoil(memory, 0x5A, head.size);
    if (head.size < LEAST || head.size > MOST || !keep(memory, head.size))
        free(head.block);
}
