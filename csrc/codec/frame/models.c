/* models.c: see models.h. */
#include "models.h"

#include "../base/sync.h"
#include "../voxel/model.h"
#include "model_section.h"

#include <stdlib.h>

#define KEPT_MAX ((size_t)8 << 20) /* bytes of models that are kept while others are read */

struct slot {
    struct frame_section section; /* of an image that has a model */
    struct voxel_model *model;    /* NULL: not read, or dropped again */
    uint32_t users;
};

struct models {
    const struct zblob_image *images;
    uint32_t count;
    sync_mutex lock;    /* of all that follows */
    size_t kept;        /* bytes of all models */
    struct slot *slots; /* one per image */
    bool *present;
};

struct models *
models_open(const struct zblob_frame *frame, const struct zblob_image *images)
{
    struct models *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    sync_mutex_init(&m->lock);
    m->images = images;
    m->count = frame->image_count;
    m->slots = calloc((size_t)m->count + 1, sizeof *m->slots);
    m->present = calloc((size_t)m->count + 1, sizeof *m->present);
    if (!m->slots || !m->present) {
        models_close(m);
        return NULL;
    }
    struct frame_section section;
    uint32_t cursor = 0;
    while (frame_next_section(frame, &cursor, &section)) {
        if (section.type == FRAME_SECTION_MODEL) {
            uint32_t image = model_section_image(section.body);
            m->slots[image].section = section;
            m->present[image] = true;
        }
    }
    return m;
}

void
models_close(struct models *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; m->slots && i < m->count; i++)
        voxel_model_free(m->slots[i].model);
    sync_mutex_destroy(&m->lock);
    free(m->slots);
    free(m->present);
    free(m);
}

const bool *
models_present(const struct models *m)
{
    return m->present;
}

/* Drop all models that nobody uses. */
static void
drop_idle(struct models *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        struct slot *slot = &m->slots[i];
        if (!slot->model || slot->users)
            continue;
        m->kept -= voxel_model_memory(slot->model);
        voxel_model_free(slot->model);
        slot->model = NULL;
    }
}

static enum zblob_result
read_slot(struct models *m, uint32_t image)
{
    struct slot *slot = &m->slots[image];
    if (m->kept > KEPT_MAX)
        drop_idle(m);
    enum zblob_result result =
        model_section_read(&slot->model, &m->images[image], slot->section.body, slot->section.size);
    if (result == ZBLOB_OK)
        m->kept += voxel_model_memory(slot->model);
    return result;
}

enum zblob_result
models_acquire(struct models *m, uint32_t image, const struct voxel_model **model)
{
    enum zblob_result result = ZBLOB_OK;
    *model = NULL;
    if (!m->present[image])
        return ZBLOB_OK;
    sync_mutex_lock(&m->lock);
    struct slot *slot = &m->slots[image];
    if (!slot->model)
        result = read_slot(m, image);
    if (result == ZBLOB_OK) {
        slot->users++;
        *model = slot->model;
    }
    sync_mutex_unlock(&m->lock);
    return result;
}

void
models_release(struct models *m, uint32_t image)
{
    sync_mutex_lock(&m->lock);
    m->slots[image].users--;
    sync_mutex_unlock(&m->lock);
}
