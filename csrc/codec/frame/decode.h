/* decode.h: a decoder for other files of this folder, which go from chunk to chunk by its map. */
#ifndef ZBLOB_CODEC_FRAME_DECODE_H
#define ZBLOB_CODEC_FRAME_DECODE_H

#include "chunk_map.h"

const struct chunk_map *decoder_map(const struct zblob_decoder *decoder);

/* zblob_decoder_chunk for a chunk that has been located. */
enum zblob_result decoder_decode(const struct zblob_decoder *decoder, const struct located_chunk *located,
                                 const void *stored, void *dst, struct zblob_error *error);

/* About how much memory decoding the chunk takes, apart from its raw bytes. */
size_t decoder_memory(const struct zblob_decoder *decoder, const struct located_chunk *located);

/* All threads together may take so much memory; one chunk may take a little more. */
#define DECODER_MEMORY_MAX ((size_t)40 << 20)

/* How many threads may decode chunks at once that take so much memory each; at most `threads`, of which 0 means all. */
unsigned decoder_threads(unsigned threads, size_t memory);

#endif
