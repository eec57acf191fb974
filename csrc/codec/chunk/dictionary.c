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
    _Atomic(const ZSTD_CDict *) encoders[ZSTD_LEVELS];
    _Atomic(const ZSTD_DDict *) decoder;
    void *memory_of_encoders[ZSTD_LEVELS], *memory_of_decoder;
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

/* What libzstd prepares is put into memory of our own: libzstd 1.5.4 writes to address 0 where it finds none itself, and its
 * other versions do not say whether memory or the dictionary was at fault. */
static enum zblob_result
prepare_decoder(struct zblob_dictionary *dictionary)
{
    size_t size = ZSTD_estimateDDictSize(dictionary->size, ZSTD_dlm_byRef);
    void *memory = malloc(size);
    if (!memory)
        return ZBLOB_NO_MEMORY;
    dictionary->memory_of_decoder = memory;
    dictionary->decoder =
        ZSTD_initStaticDDict(memory, size, dictionary->bytes, dictionary->size, ZSTD_dlm_byRef, ZSTD_dct_auto);
    return dictionary->decoder ? ZBLOB_OK : ZBLOB_BAD_ARGUMENT;
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
    enum zblob_result result = prepare_decoder(made); /* libzstd reads the tables that the bytes begin with */
    if (result != ZBLOB_OK)
        zblob_dictionary_close(made);
    if (result == ZBLOB_NO_MEMORY)
        return zblob_fail_memory(error, sizeof *made + src_size);
    if (result != ZBLOB_OK)
        return zblob_fail(error, result, "these %zu bytes are no dictionary: zstd cannot read them", src_size);
    *dictionary = made;
    return ZBLOB_OK;
}

void
zblob_dictionary_close(struct zblob_dictionary *dictionary)
{
    if (!dictionary)
        return;
    for (int i = 0; i < ZSTD_LEVELS; i++)
        free(dictionary->memory_of_encoders[i]);
    free(dictionary->memory_of_decoder);
    sync_mutex_destroy(&dictionary->mutex);
    free(dictionary);
}

#define SMALL_VALUE_SIZE 513 /* of the values that ZSTD_createCDict chooses parameters for */

/* Most of what small values gain by the slower levels, in little more time than level 3 takes: a search that stops at the
 * first match of MIN_MATCH bytes or more, the longest of 2^SEARCH_LOG candidates. From ZSTD_lazy on, libzstd weighs
 * tables of a value's own against those of the dictionary, and takes them where they cost more. */
static ZSTD_compressionParameters
small_parameters(size_t dictionary_size)
{
    enum { WINDOW_LOG = 21, SEARCH_LOG = 5, MIN_MATCH = 5, HASH_LOG_MIN = 10 };
    unsigned hash_log = HASH_LOG_MIN;
    while (dictionary_size >> hash_log) /* an entry or more for each byte */
        hash_log++;
    ZSTD_compressionParameters made = {WINDOW_LOG, hash_log, hash_log, SEARCH_LOG, MIN_MATCH, 0, ZSTD_greedy};
    return ZSTD_adjustCParams(made, SMALL_VALUE_SIZE, dictionary_size);
}

/* Of memory that is not zero libzstd takes what it finds for entries of its tables: it then makes less of values, and not
 * the same each time. */
static void
prepare_encoder(struct zblob_dictionary *dictionary, int zstd_level)
{
    ZSTD_compressionParameters parameters = zstd_level == SMALL_ZSTD_LEVEL
                                                ? small_parameters(dictionary->size)
                                                : ZSTD_getCParams(zstd_level, SMALL_VALUE_SIZE, dictionary->size);
    size_t size = ZSTD_estimateCDictSize_advanced(dictionary->size, parameters, ZSTD_dlm_byRef);
    void *memory = calloc(1, size);
    const ZSTD_CDict *made = memory ? ZSTD_initStaticCDict(memory, size, dictionary->bytes, dictionary->size,
                                                           ZSTD_dlm_byRef, ZSTD_dct_auto, parameters)
                                    : NULL;
    if (!made) {
        free(memory);
        return;
    }
    dictionary->memory_of_encoders[zstd_level] = memory;
    dictionary->encoders[zstd_level] = made;
}

const ZSTD_CDict *
dictionary_for_encoder(struct zblob_dictionary *dictionary, int zstd_level)
{
    if (!dictionary->encoders[zstd_level]) {
        sync_mutex_lock(&dictionary->mutex);
        if (!dictionary->encoders[zstd_level])
            prepare_encoder(dictionary, zstd_level);
        sync_mutex_unlock(&dictionary->mutex);
    }
    return dictionary->encoders[zstd_level];
}

const ZSTD_DDict *
dictionary_for_decoder(const struct zblob_dictionary *dictionary)
{
    return dictionary->decoder;
}
