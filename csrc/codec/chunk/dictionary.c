/* dictionary.c: see dictionary.h. */
#include "dictionary.h"

#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/sync.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* it is linked statically: these functions are those of the build */
#include <zstd.h>

#define ZSTD_LEVELS 23 /* SMALL_ZSTD_LEVEL, and zstd's levels 1 to 22 */

struct zblob_dictionary {
    uint32_t id;
    sync_mutex mutex; /* held while something is prepared */
    _Atomic(ZSTD_CDict *) encoders[ZSTD_LEVELS];
    _Atomic(ZSTD_DDict *) decoder;
    size_t size;
    unsigned char bytes[];
};

uint32_t
zblob_dictionary_id_of(const void *src, size_t src_size)
{
    uint32_t id = (uint32_t)checksum_xxh3(src, src_size) & ZBLOB_DICTIONARY_ID_MAX;
    return id ? id : 1;
}

uint32_t
zblob_dictionary_id(const struct zblob_dictionary *dictionary)
{
    return dictionary->id;
}

enum zblob_result
zblob_dictionary_open(struct zblob_dictionary **dictionary, const void *src, size_t src_size, struct zblob_error *error)
{
    *dictionary = NULL;
    if (src_size < ZBLOB_DICTIONARY_SIZE_MIN || src_size > ZBLOB_DICTIONARY_SIZE_MAX)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "a dictionary has %d to %d bytes, not %zu",
                          ZBLOB_DICTIONARY_SIZE_MIN, ZBLOB_DICTIONARY_SIZE_MAX, src_size);
    struct zblob_dictionary *made = calloc(1, sizeof *made + src_size);
    if (!made || !sync_mutex_init(&made->mutex)) {
        free(made);
        return zblob_fail_memory(error, sizeof *made + src_size);
    }
    made->id = zblob_dictionary_id_of(src, src_size);
    made->size = src_size;
    memcpy(made->bytes, src, src_size);
    if (!dictionary_for_decoder(made)) { /* libzstd has read the tables that the bytes begin with */
        zblob_dictionary_close(made);
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "these %zu bytes are no dictionary: zstd cannot read them",
                          src_size);
    }
    *dictionary = made;
    return ZBLOB_OK;
}

void
zblob_dictionary_close(struct zblob_dictionary *dictionary)
{
    if (!dictionary)
        return;
    for (int i = 0; i < ZSTD_LEVELS; i++)
        ZSTD_freeCDict(dictionary->encoders[i]);
    ZSTD_freeDDict(dictionary->decoder);
    sync_mutex_destroy(&dictionary->mutex);
    free(dictionary);
}

/* Most of what small values gain by the slower levels, in little more time than level 3 takes: a search that stops at the
 * first match of MIN_MATCH bytes or more, the longest of 2^SEARCH_LOG candidates. From ZSTD_lazy on, libzstd weighs
 * tables of a value's own against those of the dictionary, and takes them where they cost more. */
static ZSTD_CDict *
create_small_encoder(const struct zblob_dictionary *dictionary)
{
    enum { WINDOW_LOG = 21, SEARCH_LOG = 5, MIN_MATCH = 5, HASH_LOG_MIN = 10 };
    unsigned hash_log = HASH_LOG_MIN;
    while (dictionary->size >> hash_log) /* an entry or more for each byte */
        hash_log++;
    ZSTD_compressionParameters parameters = {WINDOW_LOG, hash_log, hash_log, SEARCH_LOG, MIN_MATCH, 0, ZSTD_greedy};
    return ZSTD_createCDict_advanced(dictionary->bytes, dictionary->size, ZSTD_dlm_byRef, ZSTD_dct_auto, parameters,
                                     ZSTD_defaultCMem);
}

const ZSTD_CDict *
dictionary_for_encoder(struct zblob_dictionary *dictionary, int zstd_level)
{
    _Atomic(ZSTD_CDict *) *place = &dictionary->encoders[zstd_level];
    if (!*place) {
        sync_mutex_lock(&dictionary->mutex);
        if (!*place)
            *place = zstd_level == SMALL_ZSTD_LEVEL
                         ? create_small_encoder(dictionary)
                         : ZSTD_createCDict_byReference(dictionary->bytes, dictionary->size, zstd_level);
        sync_mutex_unlock(&dictionary->mutex);
    }
    return *place;
}

const ZSTD_DDict *
dictionary_for_decoder(struct zblob_dictionary *dictionary)
{
    if (!dictionary->decoder) {
        sync_mutex_lock(&dictionary->mutex);
        if (!dictionary->decoder)
            dictionary->decoder = ZSTD_createDDict_byReference(dictionary->bytes, dictionary->size);
        sync_mutex_unlock(&dictionary->mutex);
    }
    return dictionary->decoder;
}
