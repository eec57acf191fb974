/* zstd.c: calls libzstd, and can be interrupted between two blocks. */
#include "zstd.h"

#include "../base/errand.h"
#include "contexts.h"

#include <stdlib.h>
#include <string.h>

#include <zstd_errors.h>

/* Frames whose window is larger are not read: `zstd -d` does not read them either, unless it is told to. */
#define WINDOW_MAX (UINT64_C(1) << 27)

/* Our levels 1 and 2 are zstd's level 1, the fastest that still codes literals: scans gain little from anything else. */
int
zstd_level_of(int level)
{
    static const int zstd_levels[ZBLOB_LEVEL_MAX + 1] = {0, 1, 1, 2, 3, 3, 6, 9, 15, 19};
    return zstd_levels[level];
}

size_t
zstd_chunk_size(int level)
{
    return level >= 7 ? (size_t)4 << 20 : (size_t)1 << 20;
}

size_t
zstd_bound(size_t src_size)
{
    return ZSTD_compressBound(src_size);
}

/* ZSTD_compressCCtx in pieces of one block, with the same bytes as its result: between two blocks the work can be
 * interrupted. Returns a size (0: interrupted), or an error of zstd's. */
static size_t
encode_blocks(ZSTD_CCtx *context, ZSTD_parameters parameters, const unsigned char *src, size_t src_size,
              unsigned char *dst, size_t dst_capacity)
{
    size_t result = ZSTD_compressBegin_advanced(context, NULL, 0, parameters, src_size), size = 0;
    while (!ZSTD_isError(result) && src_size > ZSTD_BLOCKSIZE_MAX && !interrupt_is_set()) {
        result = ZSTD_compressContinue(context, dst + size, dst_capacity - size, src, ZSTD_BLOCKSIZE_MAX);
        size += ZSTD_isError(result) ? 0 : result;
        src += ZSTD_BLOCKSIZE_MAX;
        src_size -= ZSTD_BLOCKSIZE_MAX;
    }
    if (ZSTD_isError(result) || src_size > ZSTD_BLOCKSIZE_MAX)
        return ZSTD_isError(result) ? result : 0;
    result = ZSTD_compressEnd(context, dst + size, dst_capacity - size, src, src_size);
    return ZSTD_isError(result) ? result : size + result;
}

static enum zblob_result
encode(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity, size_t *dst_size)
{
    ZSTD_CCtx *context = contexts_take_encoder();
    if (!context)
        return ZBLOB_NO_MEMORY;
    size_t size = encode_blocks(context, ZSTD_getParams(zstd_level, src_size, 0), src, src_size, dst, dst_capacity);
    contexts_return_encoder(context);
    *dst_size = ZSTD_isError(size) ? 0 : size;
    if (ZSTD_isError(size) && ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
        return ZBLOB_NO_MEMORY;
    return ZBLOB_OK;
}

/* ---- Archive levels -------------------------------------------------------------------------- */

/* From here on a single block of noisy data can take a second, so that it takes an errand to be interruptible. */
#define ARCHIVE_ZSTD_LEVEL 10
#define ARCHIVE_SIZE_MIN 4096

struct archive_errand {
    struct errand errand; /* first: that is what `run` and `release` get */
    int zstd_level;
    size_t src_size, dst_capacity, dst_size;
    enum zblob_result result;
    unsigned char bytes[]; /* a copy of the source, then the result */
};

static void
run_archive(struct errand *errand)
{
    struct archive_errand *e = (struct archive_errand *)errand;
    e->result = encode(e->zstd_level, e->bytes, e->src_size, e->bytes + e->src_size, e->dst_capacity, &e->dst_size);
}

static void
release_archive(struct errand *errand)
{
    free(errand);
}

static enum zblob_result
encode_by_errand(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity, size_t *dst_size)
{
    struct archive_errand *e = malloc(sizeof *e + src_size + dst_capacity);
    if (!e)
        return ZBLOB_NO_MEMORY;
    e->errand.run = run_archive;
    e->errand.release = release_archive;
    e->zstd_level = zstd_level;
    e->src_size = src_size;
    e->dst_capacity = dst_capacity;
    e->dst_size = 0;
    memcpy(e->bytes, src, src_size);
    if (!errand_run(&e->errand))
        return ZBLOB_INTERRUPTED;
    enum zblob_result result = e->result;
    *dst_size = e->dst_size;
    memcpy(dst, e->bytes + src_size, e->dst_size);
    errand_release(&e->errand);
    return result;
}

/* ---- Encode and decode ----------------------------------------------------------------------- */

enum zblob_result
zstd_encode(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity, size_t *dst_size)
{
    *dst_size = 0;
    if (interrupt_is_set())
        return ZBLOB_INTERRUPTED;
    bool takes_long = zstd_level >= ARCHIVE_ZSTD_LEVEL && src_size >= ARCHIVE_SIZE_MIN;
    if (takes_long && interrupt_scope())
        return encode_by_errand(zstd_level, src, src_size, dst, dst_capacity, dst_size);
    return encode(zstd_level, src, src_size, dst, dst_capacity, dst_size);
}

/* A search that is longer can make more of tables, noisy masks and repeats than a short one does. So a level is held
 * against lower ones: on a piece of the chunk, or, where they cost little beside it, on the whole. */
static const int lower_levels[][6] = {[ZSTD_BYTES] = {1, 2, 3, 9}, [ZSTD_IMAGE] = {1, 2, 3, 5, 9}};
#define QUICK_ZSTD_LEVEL 3
#define SLOW_ZSTD_LEVEL 15
#define WHOLE_MAX ((size_t)64 << 10)
#define PIECE_SHARE 8

/* Replace dst by the encoding at another level, if that is smaller. */
static enum zblob_result
encode_if_smaller(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity, size_t *dst_size)
{
    size_t capacity = *dst_size ? *dst_size : dst_capacity, size = 0;
    unsigned char *aside = malloc(capacity);
    enum zblob_result result = aside ? zstd_encode(zstd_level, src, src_size, aside, capacity, &size) : ZBLOB_OK;
    if (result == ZBLOB_OK && size && (size < *dst_size || !*dst_size)) {
        memcpy(dst, aside, size);
        *dst_size = size;
    }
    free(aside);
    return result;
}

/* A piece's size when it is compressed with the parameters for the size of the whole; SIZE_MAX where that fails. */
static size_t
size_of_piece(int zstd_level, size_t whole, const unsigned char *src, size_t src_size, unsigned char *dst,
              size_t dst_capacity)
{
    ZSTD_CCtx *context = contexts_take_encoder();
    if (!context)
        return SIZE_MAX;
    size_t size = encode_blocks(context, ZSTD_getParams(zstd_level, whole, 0), src, src_size, dst, dst_capacity);
    contexts_return_encoder(context);
    return ZSTD_isError(size) || size == 0 ? SIZE_MAX : size;
}

/* The level that is best on a piece from the chunk's middle; one of the lower ones only if it is so clearly. */
static int
best_on_piece(int zstd_level, const int *lower, const unsigned char *src, size_t src_size)
{
    size_t piece = src_size / PIECE_SHARE > WHOLE_MAX ? src_size / PIECE_SHARE : WHOLE_MAX;
    size_t capacity = zstd_bound(piece);
    unsigned char *dst = malloc(capacity);
    int best = zstd_level;
    if (!dst)
        return zstd_level;
    const unsigned char *middle = src + (src_size - piece) / 2;
    size_t least = size_of_piece(zstd_level, src_size, middle, piece, dst, capacity);
    least -= least / 256; /* a lower level has to be clearly better */
    for (size_t i = 0; lower[i] && lower[i] < zstd_level; i++) {
        size_t size = size_of_piece(lower[i], src_size, middle, piece, dst, capacity);
        if (size < least) {
            least = size;
            best = lower[i];
        }
    }
    free(dst);
    return best;
}

enum zblob_result
zstd_encode_best(int zstd_level, enum zstd_search search, const void *src, size_t src_size, void *dst,
                 size_t dst_capacity, size_t *dst_size)
{
    const int *lower = lower_levels[search == ZSTD_BYTES ? ZSTD_BYTES : ZSTD_IMAGE];
    bool is_quick = search == ZSTD_IMAGE && zstd_level <= QUICK_ZSTD_LEVEL;
    bool tries_whole = is_quick || search == ZSTD_REPEATS || zstd_level >= SLOW_ZSTD_LEVEL || src_size <= WHOLE_MAX;
    if (zstd_level > lower[0] && !tries_whole)
        zstd_level = best_on_piece(zstd_level, lower, src, src_size);
    enum zblob_result result = zstd_encode(zstd_level, src, src_size, dst, dst_capacity, dst_size);
    for (size_t i = 0; tries_whole && lower[i] && lower[i] < zstd_level && result == ZBLOB_OK; i++)
        result = encode_if_smaller(lower[i], src, src_size, dst, dst_capacity, dst_size);
    return result;
}

/* Is it one frame, and nothing else, whose header says that it holds `dst_size` bytes? */
static bool
is_one_frame(const void *src, size_t src_size, size_t dst_size)
{
    ZSTD_frameHeader header;
    return ZSTD_getFrameHeader(&header, src, src_size) == 0 && header.frameType == ZSTD_frame && header.dictID == 0 &&
           header.frameContentSize == dst_size && header.windowSize <= WINDOW_MAX &&
           ZSTD_findFrameCompressedSize(src, src_size) == src_size;
}

enum zblob_result
zstd_decode(const void *src, size_t src_size, void *dst, size_t dst_size)
{
    if (!is_one_frame(src, src_size, dst_size))
        return ZBLOB_DAMAGED;
    ZSTD_DCtx *context = contexts_take_decoder();
    if (!context)
        return ZBLOB_NO_MEMORY;
    size_t size = ZSTD_decompressDCtx(context, dst, dst_size, src, src_size);
    contexts_return_decoder(context);
    return ZSTD_isError(size) || size != dst_size ? ZBLOB_DAMAGED : ZBLOB_OK;
}
