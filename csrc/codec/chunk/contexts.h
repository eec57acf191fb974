/* contexts.h: libzstd's contexts. Each thread keeps one for encoding and one for decoding for its next use. */
#ifndef ZBLOB_CODEC_CHUNK_CONTEXTS_H
#define ZBLOB_CODEC_CHUNK_CONTEXTS_H

#define ZSTD_STATIC_LINKING_ONLY /* it is linked statically: these functions are those of the build */
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#include <zstd.h>

/* NULL: out of memory. Whoever takes a context gives it back with the parameters of a new one, or says in each call
 * which parameters count. */
ZSTD_CCtx *contexts_take_encoder(void);
void contexts_return_encoder(ZSTD_CCtx *context);

ZSTD_DCtx *contexts_take_decoder(void);
void contexts_return_decoder(ZSTD_DCtx *context);

#endif
