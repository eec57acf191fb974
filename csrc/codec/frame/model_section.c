/* model_section.c: writes and reads the section that holds an image's model. Only the voxel codec has models. */
#include "model_section.h"

#include "../base/bytes.h"
#include "../base/error.h"
#include "../voxel/model.h"

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

enum zblob_result
model_section_read(struct voxel_model **models, const struct zblob_image *images, size_t image_count,
                   const unsigned char *src, size_t src_size, struct zblob_error *error)
{
    size_t image = src_size >= AT_MODEL ? load_le16(src + AT_IMAGE) : SIZE_MAX;
    if (image >= image_count || src[AT_CODEC] != ZBLOB_CODEC_VOXEL || src[AT_RESERVED] || models[image])
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: a model belongs to no image");
    enum zblob_result result =
        voxel_model_read(&models[image], &images[image].grid, src + AT_MODEL, src_size - AT_MODEL);
    if (result == ZBLOB_NO_MEMORY)
        return zblob_fail_memory(error, src_size);
    if (result != ZBLOB_OK)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: the model of image %zu", image);
    return ZBLOB_OK;
}
