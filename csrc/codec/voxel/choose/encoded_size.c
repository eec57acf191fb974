/* encoded_size.c: encodes chunks only to see how large they become. */
#include "encoded_size.h"

#include "../chunks.h"
#include "../codec.h"

#include <stdlib.h>

enum zblob_result
voxel_encoded_size(const struct voxel_model *model, const unsigned char *samples, uint64_t enough, uint64_t *size,
                   uint64_t *seen)
{
    enum zblob_result result = ZBLOB_OK;
    *size = *seen = 0;
    for (size_t i = 0; i < voxel_chunk_count(model) && *seen < enough && result == ZBLOB_OK; i++) {
        uint64_t offset;
        size_t raw_size, encoded = 0;
        voxel_chunk_range(model, i, &offset, &raw_size);
        unsigned char *dst = malloc(raw_size + VOXEL_ENCODE_SLACK);
        result = dst ? voxel_encode_chunk(model, i, samples, dst, raw_size, &encoded) : ZBLOB_NO_MEMORY;
        free(dst);
        *size += encoded ? encoded : raw_size;
        *seen += raw_size;
    }
    return result;
}
