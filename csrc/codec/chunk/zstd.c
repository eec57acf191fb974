/* zstd.c: calls libzstd. Each thread keeps one context for encoding and one for decoding. */
#include "zstd.h"

#include <pthread.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A context that has grown beyond this size (it does at the highest levels) is released after use. */
#define CONTEXT_SIZE_KEPT ((size_t)8 << 20)

static pthread_once_t keys_once = PTHREAD_ONCE_INIT;
static pthread_key_t encoder_key, decoder_key;
static bool keys_exist;

static void
free_encoder(void *context)
{
    ZSTD_freeCCtx(context);
}

static void
free_decoder(void *context)
{
    ZSTD_freeDCtx(context);
}

static void
create_keys(void)
{
    keys_exist =
        pthread_key_create(&encoder_key, free_encoder) == 0 && pthread_key_create(&decoder_key, free_decoder) == 0;
}

static ZSTD_CCtx *
take_encoder(void)
{
    pthread_once(&keys_once, create_keys);
    ZSTD_CCtx *context = keys_exist ? pthread_getspecific(encoder_key) : NULL;
    if (context)
        pthread_setspecific(encoder_key, NULL);
    return context ? context : ZSTD_createCCtx();
}

static void
return_encoder(ZSTD_CCtx *context)
{
    if (!keys_exist || ZSTD_sizeof_CCtx(context) > CONTEXT_SIZE_KEPT || pthread_setspecific(encoder_key, context) != 0)
        ZSTD_freeCCtx(context);
}

static ZSTD_DCtx *
take_decoder(void)
{
    pthread_once(&keys_once, create_keys);
    ZSTD_DCtx *context = keys_exist ? pthread_getspecific(decoder_key) : NULL;
    if (context)
        pthread_setspecific(decoder_key, NULL);
    return context ? context : ZSTD_createDCtx();
}

static void
return_decoder(ZSTD_DCtx *context)
{
    if (!keys_exist || pthread_setspecific(decoder_key, context) != 0)
        ZSTD_freeDCtx(context);
}

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

enum zblob_result
zstd_encode(int zstd_level, const void *src, size_t src_size, void *dst, size_t dst_capacity, size_t *dst_size)
{
    ZSTD_CCtx *context = take_encoder();
    if (!context)
        return ZBLOB_NO_MEMORY;
    size_t size = ZSTD_compressCCtx(context, dst, dst_capacity, src, src_size, zstd_level);
    return_encoder(context);
    *dst_size = ZSTD_isError(size) ? 0 : size;
    if (ZSTD_isError(size) && ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation)
        return ZBLOB_NO_MEMORY;
    return ZBLOB_OK;
}

enum zblob_result
zstd_decode(const void *src, size_t src_size, void *dst, size_t dst_size)
{
    ZSTD_DCtx *context = take_decoder();
    if (!context)
        return ZBLOB_NO_MEMORY;
    size_t size = ZSTD_decompressDCtx(context, dst, dst_size, src, src_size);
    return_decoder(context);
    return ZSTD_isError(size) || size != dst_size ? ZBLOB_DAMAGED : ZBLOB_OK;
}
