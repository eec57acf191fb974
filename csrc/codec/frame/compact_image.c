/* compact_image.c: see compact_image.h. */
#include "compact_image.h"

#include "../base/bytes.h"
#include "../base/checksum.h"
#include "../base/error.h"
#include "../base/integers.h"
#include "../chunk/block.h"
#include "../voxel/model.h"
#include "codecs.h"
#include "compact_ends.h"
#include "image_section.h"
#include "model_section.h"
#include "plan.h"

#include <stdlib.h>

/* The first byte after the value's checksum. */
enum {
    CODEC_BITS = 2,
    DIMENSION_BITS = 3, /* of the dimension less one */
    HAS_FLAGS = 32,
    HAS_COMPONENTS = 64,
    HAS_SPACE = 128,
};

/* Among the flags: the text's size, and a reading, follow the place of the samples. */
enum { IS_TEXT = 64, HAS_READING = 128 };

enum { SAMPLE_TYPES = ZBLOB_FLOAT64, PIXELS_END = SAMPLE_TYPES * IMAGE_SOURCES }; /* the second byte is below */

/* How a number of spacing, origin or direction is given, in two bits. */
enum space_tag { TAG_ZERO, TAG_ONE, TAG_AS_BEFORE, TAG_FOLLOWS };

enum { SPACE_MAX = ZBLOB_DIMENSION_MAX * (2 + ZBLOB_DIMENSION_MAX), TAGS_PER_BYTE = 4 };
enum {
    HEADER_MAX =
        COMPACT_IMAGE_FIELDS + 8 + IMAGE_READING_MAX + VARINT_SIZE_MAX * (ZBLOB_DIMENSION_MAX + 6) + 9 * SPACE_MAX
};

/* ---- Reading fields -------------------------------------------------------------------------- */

struct cursor {
    const unsigned char *at, *end;
    bool failed; /* the bytes end too soon, or are no number as the format writes it */
};

static uint32_t
take_byte(struct cursor *c)
{
    if (c->at == c->end) {
        c->failed = true;
        return 0;
    }
    return *c->at++;
}

/* A varint that is no longer than it must be. */
static uint64_t
take_number(struct cursor *c)
{
    const unsigned char *start = c->at;
    uint64_t value;
    if (!get_varint(&c->at, c->end, &value) || (c->at - start > 1 && c->at[-1] == 0)) {
        c->failed = true;
        return 0;
    }
    return value;
}

static const unsigned char *
take_bytes(struct cursor *c, uint64_t size)
{
    const unsigned char *start = c->at;
    if (size > (uint64_t)(c->end - c->at)) {
        c->failed = true;
        return start;
    }
    c->at += size;
    return start;
}

/* The places of the numbers of an image's space, in the order of the format. Returns how many they are. */
static size_t
list_space(struct zblob_image *image, double *places[SPACE_MAX])
{
    size_t dimension = image->grid.dimension, count = 0;
    for (size_t i = 0; i < dimension; i++)
        places[count++] = &image->spacing[i];
    for (size_t i = 0; i < dimension; i++)
        places[count++] = &image->origin[i];
    for (size_t i = 0; i < dimension * dimension; i++)
        places[count++] = &image->direction[i];
    return count;
}

static void
take_space(struct cursor *c, struct zblob_image *image)
{
    double *places[SPACE_MAX], before = 0;
    size_t count = list_space(image, places), tags_size = (count + TAGS_PER_BYTE - 1) / TAGS_PER_BYTE;
    const unsigned char *tags = take_bytes(c, tags_size);
    for (size_t i = 0; i < count && !c->failed; i++) {
        switch ((enum space_tag)(tags[i / TAGS_PER_BYTE] >> i % TAGS_PER_BYTE * 2 & 3)) {
        case TAG_ZERO: before = 0; break;
        case TAG_ONE: before = 1; break;
        case TAG_AS_BEFORE: break;
        case TAG_FOLLOWS: {
            const unsigned char *p = take_bytes(c, 8);
            before = c->failed ? 0 : load_le_double(p);
        }
        }
        *places[i] = before;
    }
    if (!c->failed && count % TAGS_PER_BYTE && tags[tags_size - 1] >> count % TAGS_PER_BYTE * 2)
        c->failed = true;
}

static void
take_reading(struct cursor *c, struct zblob_image *image)
{
    size_t size = c->failed ? 0 : image_reading_size_at(c->at, (size_t)(c->end - c->at));
    const unsigned char *reading = take_bytes(c, size);
    if (c->failed || size == 0 || !image_reading_read(image, reading, size))
        c->failed = true;
}

static void
take_grid(struct cursor *c, struct zblob_image *image, uint32_t head)
{
    struct zblob_grid *grid = &image->grid;
    uint32_t pixels = take_byte(c);
    if (pixels >= PIXELS_END) {
        c->failed = true;
        return;
    }
    image->source = image_source(pixels / SAMPLE_TYPES);
    grid->sample_type = (enum zblob_sample_type)(pixels % SAMPLE_TYPES + 1);
    grid->dimension = (head >> CODEC_BITS) % (1 << DIMENSION_BITS) + 1;
    uint32_t flags = head & HAS_FLAGS ? take_byte(c) : 0;
    uint64_t components = head & HAS_COMPONENTS ? take_number(c) : 1;
    if ((head & HAS_FLAGS && !flags) || !image_flags_set(image, flags & ~(uint32_t)(IS_TEXT | HAS_READING)) ||
        (head & HAS_COMPONENTS && (components < 2 || components > UINT32_MAX)))
        c->failed = true;
    grid->components = (uint32_t)components;
    for (uint32_t axis = 0; axis < grid->dimension; axis++)
        grid->size[axis] = take_number(c);
    image->value_offset = take_number(c);
    image->text_size = flags & IS_TEXT ? take_number(c) : 0;
    if (flags & IS_TEXT && !image->text_size)
        c->failed = true;
    if (flags & HAS_READING)
        take_reading(c, image);
    image->has_space = head & HAS_SPACE;
}

/* Are the three parts of the value within its limits, and those around the samples small enough for a block? */
static bool
parts_are_allowed(const struct compact_image *fields, uint64_t span, uint64_t tail)
{
    uint64_t before = fields->image.value_offset;
    return before <= BLOCK_RAW_MAX && tail <= BLOCK_RAW_MAX - before && span <= ZBLOB_CHUNK_RAW_MAX - before - tail;
}

bool
compact_image_read(struct compact_image *fields, const unsigned char *src, size_t src_size)
{
    struct cursor c = {.at = src + COMPACT_IMAGE_FIELDS, .end = src + src_size};
    uint64_t span;
    *fields = (struct compact_image){0};
    const unsigned char *checksum = take_bytes(&c, 4);
    uint32_t head = take_byte(&c);
    if (c.failed || src_size > COMPACT_IMAGE_FRAME_MAX)
        return false;
    fields->checksum = load_le32(checksum);
    fields->codec = (enum zblob_codec)(head % (1 << CODEC_BITS));
    take_grid(&c, &fields->image, head);
    uint64_t tail = take_number(&c);
    if (c.failed || !image_flags_suit(&fields->image) || !zblob_image_span(&fields->image, &span) ||
        !parts_are_allowed(fields, span, tail))
        return false;
    fields->samples_size = (size_t)span;
    fields->tail_size = (size_t)tail;
    if (fields->image.has_space)
        take_space(&c, &fields->image);
    if (fields->codec == ZBLOB_CODEC_VOXEL) {
        fields->model_size = (size_t)take_number(&c);
        fields->model = take_bytes(&c, fields->model_size);
    }
    fields->header_size = (size_t)(c.at - src);
    return !c.failed && c.at < c.end && (fields->model_size > 0) == (fields->codec == ZBLOB_CODEC_VOXEL);
}

bool
compact_image_is_likely(const unsigned char *src, size_t src_size)
{
    enum { AT_PIXELS = COMPACT_IMAGE_FIELDS + 5 };
    return src_size > AT_PIXELS && src[AT_PIXELS] < PIXELS_END;
}

/* ---- Decoding -------------------------------------------------------------------------------- */

/* What stands around the samples; *stored moves on to those. */
static enum zblob_result
decode_ends(const struct compact_image *fields, struct cursor *stored, unsigned char *dst)
{
    size_t before = (size_t)fields->image.value_offset, size = before + fields->tail_size;
    if (size == 0)
        return ZBLOB_OK;
    uint64_t ends_size = take_number(stored);
    const unsigned char *ends = take_bytes(stored, ends_size);
    if (stored->failed || ends_size == 0 || ends_size > size)
        return ZBLOB_DAMAGED;
    if (ends_size == size)
        memcpy(dst, ends, size);
    else {
        enum zblob_result result = compact_ends_decode(ends, (size_t)ends_size, dst, size);
        if (result != ZBLOB_OK)
            return result;
    }
    memmove(dst + before + fields->samples_size, dst + before, fields->tail_size);
    return ZBLOB_OK;
}

static enum zblob_result
decode_samples(const struct compact_image *fields, const struct cursor *stored, unsigned char *dst)
{
    struct chunk_place place = {
        .raw_offset = fields->image.value_offset, .raw_size = fields->samples_size, .image = &fields->image};
    struct voxel_model *model = NULL;
    enum zblob_result result = ZBLOB_OK;
    if (stored->at == stored->end)
        return ZBLOB_DAMAGED;
    if (fields->model)
        result = model_read(&model, &fields->image, fields->model, fields->model_size);
    place.model = model;
    if (result == ZBLOB_OK)
        result = codec_of(fields->codec)->decode(&place, stored->at, (size_t)(stored->end - stored->at), dst);
    voxel_model_free(model);
    return result;
}

enum zblob_result
compact_image_decode(const struct zblob_frame *frame, const unsigned char *stored, void *dst, struct zblob_error *error)
{
    struct compact_image fields;
    struct cursor rest = {.at = stored, .end = stored + (frame->frame_size - frame->header_size)};
    enum zblob_result result = ZBLOB_DAMAGED;
    if (compact_image_read(&fields, frame->header, (size_t)frame->frame_size))
        result = decode_ends(&fields, &rest, dst);
    if (result == ZBLOB_OK)
        result = decode_samples(&fields, &rest, (unsigned char *)dst + fields.image.value_offset);
    if (result == ZBLOB_NO_MEMORY)
        return zblob_fail_memory(error, frame->raw_size);
    if (result != ZBLOB_OK)
        return zblob_fail(error, result, "damaged frame: chunk 1 of 1 (%s) cannot be decoded",
                          zblob_codec_name(frame->codec));
    if ((uint32_t)checksum_xxh3(dst, (size_t)frame->raw_size) != fields.checksum)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: chunk 1 of 1 (%s): wrong checksum",
                          zblob_codec_name(frame->codec));
    return ZBLOB_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The plan's one chunk of samples, if it has one image that this chunk is all of; otherwise chunk_count. */
static size_t
find_samples(const struct plan *plan)
{
    uint64_t span;
    if (plan->image_count != 1 || plan->src_size > ZBLOB_CHUNK_RAW_MAX || !zblob_image_span(plan->images, &span) ||
        plan->images->value_offset > BLOCK_RAW_MAX || plan->src_size - span > BLOCK_RAW_MAX)
        return plan->chunk_count;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        const struct zblob_chunk *chunk = &plan->index[i];
        if (plan->chunks[i].place.image && chunk->raw_size == span)
            return i;
    }
    return plan->chunk_count;
}

static unsigned char *
put_space(unsigned char *dst, const struct zblob_image *image)
{
    struct zblob_image copy = *image;
    double *places[SPACE_MAX];
    size_t count = list_space(&copy, places), tags_size = (count + TAGS_PER_BYTE - 1) / TAGS_PER_BYTE;
    unsigned char *at = dst + tags_size;
    uint64_t before = 0;
    memset(dst, 0, tags_size);
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[8], one[8];
        store_le_double(bytes, *places[i]);
        store_le_double(one, 1);
        uint64_t now = load_le64(bytes);
        enum space_tag tag = now == 0                 ? TAG_ZERO
                             : now == load_le64(one)  ? TAG_ONE
                             : i > 0 && now == before ? TAG_AS_BEFORE
                                                      : TAG_FOLLOWS;
        dst[i / TAGS_PER_BYTE] |= (unsigned char)(tag << i % TAGS_PER_BYTE * 2);
        if (tag == TAG_FOLLOWS) {
            memcpy(at, bytes, 8);
            at += 8;
        }
        before = now;
    }
    return at;
}

static unsigned char *
put_fields(unsigned char *dst, const struct plan *plan, const struct zblob_chunk *samples)
{
    const struct zblob_image *image = plan->images;
    const struct zblob_grid *grid = &image->grid;
    size_t reading = image_reading_size(image);
    uint32_t flags = image_flags(image) | (image->text_size ? IS_TEXT : 0) | (reading ? HAS_READING : 0);
    uint32_t components = grid->components;
    store_le32(dst, (uint32_t)checksum_xxh3(plan->src, (size_t)plan->src_size));
    dst[4] = (unsigned char)(samples->codec | (grid->dimension - 1) << CODEC_BITS | (flags ? HAS_FLAGS : 0) |
                             (components > 1 ? HAS_COMPONENTS : 0) | (image->has_space ? HAS_SPACE : 0));
    dst[5] = (unsigned char)(image->source * SAMPLE_TYPES + grid->sample_type - 1);
    unsigned char *at = dst + 6;
    if (flags)
        *at++ = (unsigned char)flags;
    if (components > 1)
        at = put_varint(at, components);
    for (uint32_t axis = 0; axis < grid->dimension; axis++)
        at = put_varint(at, grid->size[axis]);
    at = put_varint(at, image->value_offset);
    if (image->text_size)
        at = put_varint(at, image->text_size);
    if (reading)
        image_reading_write(image, at);
    at += reading;
    at = put_varint(at, plan->src_size - image->value_offset - samples->raw_size);
    if (image->has_space)
        at = put_space(at, image);
    if (samples->codec == ZBLOB_CODEC_VOXEL) {
        size_t size = voxel_model_size(plan->models[0]);
        at = put_varint(at, size);
        voxel_model_write(plan->models[0], at);
        at += size;
    }
    return at;
}

/* What stands around the samples, for which dst has room, and before it BLOCK_SLACK bytes that may be written. */
static unsigned char *
put_ends(unsigned char *dst, const struct plan *plan, size_t samples_size)
{
    size_t before = (size_t)plan->images->value_offset, size = (size_t)plan->src_size - samples_size;
    if (size == 0)
        return dst;
    unsigned char *ends = malloc(2 * size + BLOCK_SLACK);
    if (!ends)
        return NULL;
    unsigned char *block = ends + size + BLOCK_SLACK;
    size_t block_size = 0;
    memcpy(ends, plan->src, before);
    memcpy(ends + before, plan->src + before + samples_size, size - before);
    bool is_made = compact_ends_encode(ends, size, block, &block_size) == ZBLOB_OK;
    bool is_block = is_made && block_size > 0 && block_size < size;
    unsigned char *at = put_varint(dst, is_block ? block_size : size);
    memcpy(at, is_block ? block : ends, is_block ? block_size : size);
    free(ends);
    return is_made ? at + (is_block ? block_size : size) : NULL;
}

/* Would a reader find the same image? Fields of an image that only ordinary frames can tell are then missing. */
static bool
tells_image(const struct compact_image *fields, const struct zblob_image *image)
{
    enum { MOST = 1024 };
    unsigned char told[MOST], wanted[MOST];
    size_t size = image_section_size(image);
    if (size > MOST || image_section_size(&fields->image) != size)
        return false;
    image_section_write(&fields->image, told);
    image_section_write(image, wanted);
    return memcmp(told, wanted, size) == 0;
}

unsigned char *
compact_image_write(const struct plan *plan, uint64_t most, size_t *frame_size)
{
    size_t number = find_samples(plan);
    if (number == plan->chunk_count)
        return NULL;
    const struct zblob_chunk *samples = &plan->index[number];
    size_t model = samples->codec == ZBLOB_CODEC_VOXEL ? voxel_model_size(plan->models[0]) : 0;
    size_t capacity = HEADER_MAX + model + (size_t)plan->src_size - samples->raw_size + samples->stored_size;
    if (most > COMPACT_IMAGE_FRAME_MAX)
        most = COMPACT_IMAGE_FRAME_MAX;
    if (model + samples->stored_size > most)
        return NULL;
    unsigned char *p = malloc(capacity);
    if (!p)
        return NULL;
    unsigned char *at = put_ends(put_fields(p + COMPACT_IMAGE_FIELDS, plan, samples), plan, samples->raw_size);
    struct compact_image fields;
    if (!at || (size_t)(at - p) + samples->stored_size > most) {
        free(p);
        return NULL;
    }
    memcpy(at, plan->scratch + plan->chunks[number].slot, samples->stored_size);
    *frame_size = (size_t)(at - p) + samples->stored_size;
    if (!compact_image_read(&fields, p, *frame_size) || !tells_image(&fields, plan->images)) {
        free(p);
        return NULL;
    }
    return p;
}
