/* model_section.c: writes and reads the section that holds an image's model. Only the voxel codec has models. */
#include "model_section.h"

#include "../base/bytes.h"
#include "../voxel/memory.h"

enum model_offset {
    AT_CODEC = 0,
    AT_IMAGE = 1,
    AT_RESERVED = 3, /* one byte of 0 */
    AT_MODEL = 4,
};

size_t
model_section_size(const struct voxel_model *model)
{
    return AT_MODEL + voxel_model_size(model);
}

void
model_section_write(const struct voxel_model *model, size_t image, unsigned char *dst)
{
    dst[AT_CODEC] = ZBLOB_CODEC_VOXEL;
    store_le16(dst + AT_IMAGE, (uint16_t)image);
    dst[AT_RESERVED] = 0;
    voxel_model_write(model, dst + AT_MODEL);
}

bool
model_section_is_valid(const unsigned char *src, size_t src_size)
{
    return src_size > AT_MODEL && src[AT_CODEC] == ZBLOB_CODEC_VOXEL && src[AT_RESERVED] == 0;
}

uint32_t
model_section_image(const unsigned char *src)
{
    return load_le16(src + AT_IMAGE);
}

enum zblob_result
model_section_read(struct voxel_model **model, const struct zblob_image *image, const unsigned char *src,
                   size_t src_size)
{
    return model_read(model, image, src + AT_MODEL, src_size - AT_MODEL);
}

enum zblob_result
model_read(struct voxel_model **model, const struct zblob_image *image, const unsigned char *src, size_t src_size)
{
    enum zblob_result result = voxel_model_read(model, &image->grid, src, src_size);
    if (result != ZBLOB_OK || voxel_chunks_are_allowed(*model))
        return result;
    voxel_model_free(*model);
    *model = NULL;
    return ZBLOB_DAMAGED;
}
