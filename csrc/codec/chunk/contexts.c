/* contexts.c: see contexts.h. */
#include "contexts.h"

#include <pthread.h>
#include <stdbool.h>

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

ZSTD_CCtx *
contexts_take_encoder(void)
{
    pthread_once(&keys_once, create_keys);
    ZSTD_CCtx *context = keys_exist ? pthread_getspecific(encoder_key) : NULL;
    if (context)
        pthread_setspecific(encoder_key, NULL);
    return context ? context : ZSTD_createCCtx();
}

void
contexts_return_encoder(ZSTD_CCtx *context)
{
    if (!keys_exist || ZSTD_sizeof_CCtx(context) > CONTEXT_SIZE_KEPT || pthread_setspecific(encoder_key, context) != 0)
        ZSTD_freeCCtx(context);
}

ZSTD_DCtx *
contexts_take_decoder(void)
{
    pthread_once(&keys_once, create_keys);
    ZSTD_DCtx *context = keys_exist ? pthread_getspecific(decoder_key) : NULL;
    if (context)
        pthread_setspecific(decoder_key, NULL);
    return context ? context : ZSTD_createDCtx();
}

void
contexts_return_decoder(ZSTD_DCtx *context)
{
    if (!keys_exist || pthread_setspecific(decoder_key, context) != 0)
        ZSTD_freeDCtx(context);
}
