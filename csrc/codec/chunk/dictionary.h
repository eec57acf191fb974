/* dictionary.h: a dictionary of zstd's, and what libzstd prepares of it for each level and for decoding. */
#ifndef ZBLOB_CODEC_CHUNK_DICTIONARY_H
#define ZBLOB_CODEC_CHUNK_DICTIONARY_H

#include "../../zblob.h"

#include <zstd.h>

/* In place of a level of zstd's: parameters that suit values of some hundred bytes. */
#define SMALL_ZSTD_LEVEL 0

/* Prepared when first asked for, and kept; NULL: out of memory. Any number of threads may ask at once. */
const ZSTD_CDict *dictionary_for_encoder(struct zblob_dictionary *dictionary, int zstd_level);

/* Prepared since the dictionary was opened. */
const ZSTD_DDict *dictionary_for_decoder(const struct zblob_dictionary *dictionary);

#endif
