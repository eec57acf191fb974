/* block.c: lets libzstd make a frame of one block, and takes the block out of it; or puts the headers before it again. */
#include "block.h"

#include "../base/bytes.h"
#include "../base/interrupt.h"
#include "contexts.h"
#include "dictionary.h"
#include "short_block.h"
#include "zstd.h"

#include <stdlib.h>
#include <string.h>

#include <zstd_errors.h>

/* What libzstd writes before the block: the magic, a descriptor of 0, the window's size, and the block's header. */
enum { AT_DESCRIPTOR = 4, AT_BLOCK_HEADER = 6 };
enum { BLOCK_HEADER_SIZE = 3, BLOCK_IS_LAST = 1, BLOCK_IS_COMPRESSED = 2 << 1 };
_Static_assert(AT_BLOCK_HEADER + BLOCK_HEADER_SIZE == BLOCK_SLACK, "what block_encode writes before dst");

/* ---- Levels ---------------------------------------------------------------------------------- */

/* With a dictionary, zstd's levels make more or less of small values without an order: the one that suits most is the
 * dictionary's own, at SMALL_ZSTD_LEVEL (docs/decisions/small.md). Others, which make less of some values and more of
 * others, are tried beside it. */
enum { LEVELS_TRIED_MAX = 3 };

struct levels {
    int count;
    int zstd_levels[LEVELS_TRIED_MAX];
};

/* Values of at most this size, of which more than LETTERS_FIFTHS fifths are letters, are compressed by zstd's level 3 alone
 * at levels 1 to 5: tables, which every level makes, take most of the time, and nothing else makes such values clearly smaller
 * (docs/decisions/small.md). */
#define WORDS_SIZE_MAX 4096
#define WORDS_LEVEL_MAX 5
#define WORDS_ZSTD_LEVEL 3
#define LETTERS_FIFTHS 2

static bool
is_words(const unsigned char *src, size_t src_size)
{
    size_t letters = 0;
    if (src_size > WORDS_SIZE_MAX)
        return false;
    for (size_t i = 0; i < src_size; i++)
        letters += (unsigned char)((src[i] | 0x20) - 'a') < 26;
    return letters * 5 > src_size * LETTERS_FIFTHS;
}

/* Longer values take most of their time in the search, which level 3 does twice as fast, to make 5 % more of them. */
#define SMALL_SIZE_MAX 4096

/* Of shorter ones, level 3 beside that search makes up to 2 % less, but INSERT takes 1.7 times as long. */
#define TINY_SIZE_MAX 512
#define TINY_LEVEL_MIN 6

static void
add(struct levels *levels, int zstd_level)
{
    levels->zstd_levels[levels->count++] = zstd_level;
}

static struct levels
levels_with_dictionary(int level, size_t src_size)
{
    static const int slow[ZBLOB_LEVEL_MAX + 1] = {[6] = 12, 15, 17, 19};
    bool is_small = src_size <= SMALL_SIZE_MAX;
    struct levels levels = {0};
    add(&levels, level <= 2 ? 1 : is_small ? SMALL_ZSTD_LEVEL : 3);
    if (level >= TINY_LEVEL_MIN && src_size <= TINY_SIZE_MAX)
        add(&levels, 3);
    if (slow[level])
        add(&levels, slow[level]);
    return levels;
}

static struct levels
levels_without_dictionary(int level, const unsigned char *src, size_t src_size)
{
    int zstd_level = zstd_level_of(level);
    struct levels levels = {0};
    if (level <= WORDS_LEVEL_MAX && is_words(src, src_size)) {
        add(&levels, WORDS_ZSTD_LEVEL);
        return levels;
    }
    add(&levels, zstd_level);
    if (zstd_level > 1)
        add(&levels, zstd_level > 3 ? 3 : 1);
    return levels;
}

/* ---- Encoding -------------------------------------------------------------------------------- */

/* Size of the block in a frame of libzstd's, or 0 where the frame is not what block_decode puts together again. */
static size_t
block_size_in(const unsigned char *frame, size_t frame_size)
{
    if (frame_size <= BLOCK_SLACK || frame[AT_DESCRIPTOR] != 0)
        return 0;
    const unsigned char *p = frame + AT_BLOCK_HEADER;
    size_t header = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16, size = frame_size - BLOCK_SLACK;
    return header == (size << 3 | BLOCK_IS_COMPRESSED | BLOCK_IS_LAST) ? size : 0;
}

static bool
set_up(ZSTD_CCtx *context, int zstd_level, struct zblob_dictionary *dictionary)
{
    const ZSTD_CDict *prepared = dictionary ? dictionary_for_encoder(dictionary, zstd_level) : NULL;
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(context, ZSTD_c_dictIDFlag, 0);
    if (dictionary)
        return prepared && !ZSTD_isError(ZSTD_CCtx_refCDict(context, prepared));
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, zstd_level);
    return true;
}

enum zblob_result
block_encode_at(int zstd_level, struct zblob_dictionary *dictionary, const void *src, size_t src_size,
                unsigned char *dst, size_t *dst_size)
{
    ZSTD_CCtx *context = contexts_take_encoder();
    bool is_ready = context && set_up(context, zstd_level, dictionary);
    unsigned char *frame = dst - BLOCK_SLACK;
    size_t size = is_ready ? ZSTD_compress2(context, frame, src_size + BLOCK_SLACK, src, src_size) : 0;
    if (context) {
        ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters); /* the dictionary may not live on */
        contexts_return_encoder(context);
    }
    *dst_size = ZSTD_isError(size) ? 0 : block_size_in(frame, size);
    return is_ready && ZSTD_getErrorCode(size) != ZSTD_error_memory_allocation ? ZBLOB_OK : ZBLOB_NO_MEMORY;
}

/* Encode at the other levels, each into `other`, and take what is smaller. */
static enum zblob_result
encode_at_others(const struct levels *levels, struct zblob_dictionary *dictionary, const void *src, size_t src_size,
                 unsigned char *other, unsigned char *dst, size_t *dst_size)
{
    enum zblob_result result = ZBLOB_OK;
    for (int i = 1; i < levels->count && result == ZBLOB_OK && !interrupt_is_set(); i++) {
        size_t size = 0;
        result = block_encode_at(levels->zstd_levels[i], dictionary, src, src_size, other + BLOCK_SLACK, &size);
        if (result == ZBLOB_OK && size && (size < *dst_size || !*dst_size)) {
            memcpy(dst, other + BLOCK_SLACK, size);
            *dst_size = size;
        }
    }
    return result;
}

enum zblob_result
block_encode(int level, struct zblob_dictionary *dictionary, const void *src, size_t src_size, unsigned char *dst,
             size_t *dst_size)
{
    unsigned char local[BLOCK_SLACK + SMALL_SIZE_MAX];
    struct levels levels =
        dictionary ? levels_with_dictionary(level, src_size) : levels_without_dictionary(level, src, src_size);
    enum zblob_result result = block_encode_at(levels.zstd_levels[0], dictionary, src, src_size, dst, dst_size);
    if (result != ZBLOB_OK || levels.count == 1)
        return result;
    unsigned char *other = src_size <= SMALL_SIZE_MAX ? local : malloc(BLOCK_SLACK + src_size);
    if (!other)
        return ZBLOB_OK; /* the first is good enough */
    result = encode_at_others(&levels, dictionary, src, src_size, other, dst, dst_size);
    if (other != local)
        free(other);
    return result;
}

/* ---- Decoding -------------------------------------------------------------------------------- */

#define HEADERS_MAX 10 /* magic, descriptor, content size, block header */
#define LOCAL_SIZE 4096

static size_t
headers_size(size_t raw_size)
{
    return raw_size < 256 ? HEADERS_MAX - 1 : HEADERS_MAX;
}

/* A frame's header that says its content's size, and that its window is as large; then the block's header. */
static void
write_headers(unsigned char *dst, size_t raw_size, size_t block_size)
{
    unsigned char *p = dst;
    store_le32(p, ZSTD_MAGICNUMBER);
    p += 4;
    if (raw_size < 256) {
        *p++ = 0x20; /* a single segment, whose size has one byte */
        *p++ = (unsigned char)raw_size;
    } else {
        *p++ = 0x60; /* two bytes, which count from 256 */
        store_le16(p, (uint16_t)(raw_size - 256));
        p += 2;
    }
    size_t header = block_size << 3 | BLOCK_IS_COMPRESSED | BLOCK_IS_LAST;
    *p++ = (unsigned char)header;
    *p++ = (unsigned char)(header >> 8);
    *p++ = (unsigned char)(header >> 16);
}

/* The block itself from what is stored. */
static size_t
take_block(unsigned char *dst, bool is_short, const void *src, size_t src_size)
{
    if (is_short)
        return block_expand(src, src_size, dst);
    memcpy(dst, src, src_size);
    return src_size;
}

enum zblob_result
block_decode(struct zblob_dictionary *dictionary, bool is_short, const void *src, size_t src_size, void *dst,
             size_t dst_size)
{
    unsigned char local[LOCAL_SIZE];
    if (src_size > BLOCK_RAW_MAX || dst_size > BLOCK_RAW_MAX)
        return ZBLOB_DAMAGED;
    size_t capacity = HEADERS_MAX + src_size + SHORT_BLOCK_SAVES_MAX;
    unsigned char *buffer = capacity <= sizeof local ? local : malloc(capacity);
    const ZSTD_DDict *prepared = dictionary ? dictionary_for_decoder(dictionary) : NULL;
    ZSTD_DCtx *context = contexts_take_decoder();
    enum zblob_result result = ZBLOB_NO_MEMORY;
    if (buffer && context) {
        size_t block_size = take_block(buffer + HEADERS_MAX, is_short, src, src_size);
        unsigned char *frame = buffer + HEADERS_MAX - headers_size(dst_size);
        write_headers(frame, dst_size, block_size);
        size_t size =
            ZSTD_decompress_usingDDict(context, dst, dst_size, frame, headers_size(dst_size) + block_size, prepared);
        result = block_size == 0 || ZSTD_isError(size) || size != dst_size ? ZBLOB_DAMAGED : ZBLOB_OK;
    }
    if (context)
        contexts_return_decoder(context);
    if (buffer != local)
        free(buffer);
    return result;
}
