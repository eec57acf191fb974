/*
 * envelope.c: frames that are pickles.
 *
 * An envelope is one pickle of protocol 4 that, when loaded, calls sqlite_zblob.unpickle.load_v1(frame):
 *
 *   PROTO 4 | SHORT_BINUNICODE module | SHORT_BINUNICODE function | STACK_GLOBAL
 *   BINBYTES8 size (64 bit) | the frame | TUPLE1 | REDUCE | STOP
 *
 * Only exactly these bytes are an envelope: any other pickle that calls the same function is a plain value.
 */
#include "../base/bytes.h"
#include "../base/error.h"
#include "../base/interrupt.h"
#include "compress.h"
#include "header.h"

#include <inttypes.h>
#include <stdlib.h>

#define OPENING "\x80\x04\x8c\x15sqlite_zblob.unpickle\x8c\x07load_v1\x93\x8e"
#define CLOSING "\x85R."

#define OPENING_SIZE (sizeof OPENING - 1)
#define PREFIX_SIZE (OPENING_SIZE + 8)
#define CLOSING_SIZE (sizeof CLOSING - 1)

_Static_assert(PREFIX_SIZE == ZBLOB_ENVELOPE_PREFIX_SIZE, "what readers of a value's first bytes need");
_Static_assert(PREFIX_SIZE + CLOSING_SIZE == ZBLOB_ENVELOPE_OVERHEAD, "the bound of zblob.h");

bool
zblob_is_envelope(const void *src, size_t src_size)
{
    return src_size >= PREFIX_SIZE && memcmp(src, OPENING, OPENING_SIZE) == 0;
}

/* How many of the opening's bytes may be wrong in what is a damaged envelope, and no other pickle. */
#define DAMAGED_BYTES_MAX 4

static bool
is_nearly_opening(const unsigned char *p, size_t size)
{
    int wrong = 0;
    if (size < PREFIX_SIZE)
        return false;
    for (size_t i = 0; i < OPENING_SIZE; i++)
        wrong += p[i] != (unsigned char)OPENING[i];
    return wrong > 0 && wrong <= DAMAGED_BYTES_MAX;
}

/* An envelope but for its opening: nearly that, and then a frame with a valid header. */
static bool
lacks_opening(const unsigned char *p, size_t size)
{
    if (!is_nearly_opening(p, size) || !frame_may_be_held(p + PREFIX_SIZE, size - PREFIX_SIZE))
        return false;
    bool is_ordinary = frame_has_ordinary_magic(p + PREFIX_SIZE, size - PREFIX_SIZE);
    size_t after = is_ordinary || size < ZBLOB_ENVELOPE_OVERHEAD ? 0 : CLOSING_SIZE;
    return zblob_is_frame(p + PREFIX_SIZE, size - PREFIX_SIZE - after);
}

bool
zblob_is_marked(const void *src, size_t src_size)
{
    return zblob_has_magic(src, src_size) || zblob_is_envelope(src, src_size) || frame_lacks_magic(src, src_size) ||
           lacks_opening(src, src_size);
}

/* `tail`: the value's last CLOSING_SIZE bytes; NULL: they are not looked at. */
static enum zblob_result
locate(const void *src, size_t src_size, const void *tail, uint64_t value_size, uint64_t *offset, uint64_t *size,
       struct zblob_error *error)
{
    const unsigned char *head = src;
    bool is_frame = zblob_has_magic(src, src_size);
    *offset = 0;
    *size = is_frame ? value_size : 0;
    if (is_frame)
        return ZBLOB_OK;
    if (frame_lacks_magic(src, src_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: its magic is wrong");
    if (lacks_opening(src, src_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged pickle envelope: its first bytes are wrong");
    if (!zblob_is_envelope(src, src_size))
        return ZBLOB_OK;
    uint64_t held = load_le64(head + OPENING_SIZE);
    if (value_size < ZBLOB_ENVELOPE_OVERHEAD || held != value_size - ZBLOB_ENVELOPE_OVERHEAD)
        return zblob_fail(error, ZBLOB_DAMAGED,
                          "damaged pickle envelope: it says that it holds %" PRIu64 " bytes, the value has %" PRIu64,
                          held, value_size);
    size_t held_here = src_size - PREFIX_SIZE;
    if ((tail && memcmp(tail, CLOSING, CLOSING_SIZE) != 0) ||
        !frame_may_be_held(head + PREFIX_SIZE, held_here < held ? held_here : (size_t)held))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged pickle envelope: what it holds is no frame");
    *offset = PREFIX_SIZE;
    *size = held;
    return ZBLOB_OK;
}

enum zblob_result
zblob_locate_frame(const void *src, size_t src_size, uint64_t value_size, uint64_t *offset, uint64_t *size,
                   struct zblob_error *error)
{
    return locate(src, src_size, NULL, value_size, offset, size, error);
}

enum zblob_result
zblob_find_frame(const void *src, size_t src_size, const unsigned char **frame, size_t *frame_size,
                 struct zblob_error *error)
{
    const unsigned char *p = src;
    const unsigned char *tail = src_size < CLOSING_SIZE ? p : p + src_size - CLOSING_SIZE;
    uint64_t offset, size;
    enum zblob_result result = locate(p, src_size, tail, src_size, &offset, &size, error);
    *frame = result == ZBLOB_OK && size > 0 ? p + offset : NULL;
    *frame_size = *frame ? (size_t)size : src_size;
    return result;
}

uint64_t
zblob_head_size(const void *src, size_t src_size)
{
    size_t before = zblob_is_envelope(src, src_size) || is_nearly_opening(src, src_size) ? PREFIX_SIZE : 0;
    uint64_t size = zblob_header_size((const unsigned char *)src + before, src_size - before);
    return size ? before + size : before ? 0 : frame_unmarked_header_size(src, src_size);
}

bool
zblob_is_for_column(const void *src, size_t src_size)
{
    size_t before = zblob_is_envelope(src, src_size) || is_nearly_opening(src, src_size) ? PREFIX_SIZE : 0;
    return frame_is_for_column((const unsigned char *)src + before, src_size - before);
}

bool
zblob_is_compressed(const void *src, size_t src_size)
{
    const unsigned char *frame;
    size_t frame_size;
    return zblob_find_frame(src, src_size, &frame, &frame_size, NULL) == ZBLOB_OK && frame &&
           zblob_is_frame(frame, frame_size);
}

enum zblob_result
zblob_check_plain_pickle(const void *src, size_t src_size, bool *is_plain_pickle,
                         const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct interrupt_scope scope;
    interrupt_open(&scope, interrupt);
    *is_plain_pickle = zblob_is_complete_pickle(src, src_size) && !zblob_is_marked(src, src_size);
    return interrupt_close(&scope, ZBLOB_OK, error);
}

void
zblob_envelope_ends(uint64_t frame_size, unsigned char *prefix, unsigned char *suffix)
{
    memcpy(prefix, OPENING, OPENING_SIZE);
    store_le64(prefix + OPENING_SIZE, frame_size);
    memcpy(suffix, CLOSING, CLOSING_SIZE);
}

enum zblob_result
zblob_compress_pickle(const struct zblob_options *options, const void *src, size_t src_size, unsigned char **envelope,
                      size_t *envelope_size, struct zblob_error *error)
{
    unsigned char *frame;
    size_t frame_size;
    enum zblob_result result = compress_for_envelope(options, ZBLOB_BLOB, src, src_size, &frame, &frame_size, error);
    if (result != ZBLOB_OK)
        return result;
    unsigned char *p = realloc(frame, frame_size + ZBLOB_ENVELOPE_OVERHEAD);
    if (!p) {
        free(frame);
        return zblob_fail_memory(error, frame_size + ZBLOB_ENVELOPE_OVERHEAD);
    }
    memmove(p + PREFIX_SIZE, p, frame_size);
    zblob_envelope_ends(frame_size, p, p + PREFIX_SIZE + frame_size);
    *envelope = p;
    *envelope_size = frame_size + ZBLOB_ENVELOPE_OVERHEAD;
    return ZBLOB_OK;
}
