/* contexts.c: see contexts.h. */
#include "contexts.h"

#include "../base/sync.h"

#include <stdbool.h>

/* A context that has grown beyond this size (it does at the highest levels) is released after use. */
#define CONTEXT_SIZE_KEPT ((size_t)8 << 20)

static sync_once keys_once = SYNC_ONCE_INITIALIZER;
static sync_key encoder_key, decoder_key;
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
    keys_exist = sync_key_create(&encoder_key, free_encoder) && sync_key_create(&decoder_key, free_decoder);
}

ZSTD_CCtx *
contexts_take_encoder(void)
{
    sync_call_once(&keys_once, create_keys);
    ZSTD_CCtx *context = keys_exist ? sync_key_get(encoder_key) : NULL;
    if (context)
        sync_key_set(encoder_key, NULL);
    return context ? context : ZSTD_createCCtx();
}

void
contexts_return_encoder(ZSTD_CCtx *context)
{
    if (!keys_exist || ZSTD_sizeof_CCtx(context) > CONTEXT_SIZE_KEPT || !sync_key_set(encoder_key, context))
        ZSTD_freeCCtx(context);
}

ZSTD_DCtx *
contexts_take_decoder(void)
{
    sync_call_once(&keys_once, create_keys);
    ZSTD_DCtx *context = keys_exist ? sync_key_get(decoder_key) : NULL;
    if (context)
        sync_key_set(decoder_key, NULL);
    return context ? context : ZSTD_createDCtx();
}

void
contexts_return_decoder(ZSTD_DCtx *context)
{
    if (!keys_exist || !sync_key_set(decoder_key, context))
        ZSTD_freeDCtx(context);
}
