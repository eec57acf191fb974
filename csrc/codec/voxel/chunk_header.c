/* chunk_header.c: four u32 or, with few states, four varints. */
#include "chunk_header.h"

#include "../base/bytes.h"
#include "../base/integers.h"

#include <string.h>

size_t
voxel_shorten_header(unsigned char *dst, size_t size)
{
    unsigned char header[VOXEL_HEADER_FIELDS * VARINT_SIZE_MAX], *end = header;
    for (int i = 0; i < VOXEL_HEADER_FIELDS; i++)
        end = put_varint(end, load_le32(dst + 4 * i));
    size_t header_size = (size_t)(end - header);
    if (size == 0 || header_size > VOXEL_HEADER_SIZE) /* larger than any chunk of a small image */
        return 0;
    memmove(dst + header_size, dst + VOXEL_HEADER_SIZE, size - VOXEL_HEADER_SIZE);
    memcpy(dst, header, header_size);
    return size - VOXEL_HEADER_SIZE + header_size;
}

bool
voxel_read_header(bool is_short, const unsigned char **src, const unsigned char *end,
                  uint64_t fields[VOXEL_HEADER_FIELDS])
{
    if (!is_short && end - *src < VOXEL_HEADER_SIZE)
        return false;
    for (int i = 0; i < VOXEL_HEADER_FIELDS; i++) {
        if (!is_short) {
            fields[i] = load_le32(*src);
            *src += 4;
        } else if (!get_varint(src, end, &fields[i]) || fields[i] > UINT32_MAX)
            return false;
    }
    return true;
}
