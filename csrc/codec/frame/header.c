/* header.c: writes, checks and reads the header of a frame (docs/format.md), all but the chunk index. */
#include "header.h"

#include "../base/bytes.h"
#include "../base/checksum.h"
#include "../base/error.h"
#include "compact.h"
#include "image_section.h"
#include "index.h"
#include "model_section.h"

#include <inttypes.h>

/* A zstd skippable frame, then our signature: `zstd -d` steps over the header. */
#define SKIPPABLE_MAGIC 0x184D2A5AU
#define SIGNATURE "ZBLB"
#define SKIPPABLE_PREFIX_SIZE 8

enum field_offset {
    AT_SKIPPABLE_MAGIC = 0,
    AT_SKIPPABLE_SIZE = 4,
    AT_SIGNATURE = 8,
    AT_VERSION = 12,
    AT_VALUE_TYPE = 13,
    AT_LEVEL = 14,
    AT_CODEC = 15,
    AT_RAW_SIZE = 16,
    AT_DICTIONARY_ID = 24,
    AT_CHUNK_COUNT = 28,
    AT_SECTION_SIZE = 32,
};

/* In the byte of the level: a compressed column has made the frame. */
enum { FOR_COLUMN = 128 };

/* The bound of zblob.h: a frame of one stored chunk without sections costs exactly the first overhead. */
_Static_assert(FRAME_FIXED_SIZE + FRAME_ENTRY_SIZE + FRAME_CHECKSUM_SIZE == ZBLOB_OVERHEAD_FIRST_CHUNK,
               "the header of one stored chunk");
_Static_assert(FRAME_ENTRY_SIZE <= ZBLOB_OVERHEAD_NEXT_CHUNK, "the header's growth by a chunk");

/* A section that an older reader cannot skip has this bit in its type. */
#define SECTION_CRITICAL 0x8000U

/* ---- Magic and extent ------------------------------------------------------------------------ */

bool
frame_has_ordinary_magic(const void *src, size_t src_size)
{
    const unsigned char *p = src;
    return src_size >= AT_VERSION && load_le32(p + AT_SKIPPABLE_MAGIC) == SKIPPABLE_MAGIC &&
           memcmp(p + AT_SIGNATURE, SIGNATURE, 4) == 0;
}

bool
frame_may_be_held(const unsigned char *src, size_t src_size)
{
    return frame_has_ordinary_magic(src, src_size) || compact_is_of_image(src, src_size);
}

bool
zblob_has_magic(const void *src, size_t src_size)
{
    return compact_has_magic(src, src_size) || frame_has_ordinary_magic(src, src_size);
}

/* As the bytes after the magic say. */
static uint64_t
stated_header_size(const unsigned char *src)
{
    return SKIPPABLE_PREFIX_SIZE + (uint64_t)load_le32(src + AT_SKIPPABLE_SIZE);
}

uint64_t
zblob_header_size(const void *src, size_t src_size)
{
    if (compact_has_magic(src, src_size))
        return compact_reach(src, src_size);
    return frame_has_ordinary_magic(src, src_size) ? stated_header_size(src) : 0;
}

/* What every version keeps: magic, sizes, and the header's checksum at its end, of all that stands between. True if that
 * one holds, whatever stands in the magic's place. */
static bool
checksum_holds(const unsigned char *src, size_t src_size)
{
    if (src_size < FRAME_FIXED_SIZE + FRAME_CHECKSUM_SIZE)
        return false;
    uint64_t header_size = stated_header_size(src);
    if (header_size < FRAME_FIXED_SIZE + FRAME_CHECKSUM_SIZE || header_size > src_size)
        return false;
    size_t checksum_at = (size_t)header_size - FRAME_CHECKSUM_SIZE;
    return load_le64(src + checksum_at) == checksum_xxh3(src + AT_VERSION, checksum_at - AT_VERSION);
}

bool
zblob_is_frame(const void *src, size_t src_size)
{
    if (compact_has_magic(src, src_size))
        return compact_checksum_holds(src, src_size);
    return frame_has_ordinary_magic(src, src_size) && checksum_holds(src, src_size);
}

bool
frame_lacks_magic(const void *src, size_t src_size)
{
    return !zblob_has_magic(src, src_size) && (checksum_holds(src, src_size) || compact_lacks_magic(src, src_size));
}

static bool
level_exists(uint32_t level)
{
    return level >= ZBLOB_LEVEL_MIN && level <= ZBLOB_LEVEL_MAX;
}

/* Of a value without any magic: could its first bytes be those of an ordinary frame otherwise? */
static bool
is_likely_ordinary(const unsigned char *p, size_t size)
{
    return size >= ZBLOB_PREFIX_SIZE && p[AT_VERSION] == ZBLOB_FORMAT_VERSION &&
           p[AT_VALUE_TYPE] <= ZBLOB_TEXT_UTF16LE && level_exists(p[AT_LEVEL] & ~(uint32_t)FOR_COLUMN) &&
           p[AT_CODEC] <= ZBLOB_CODEC_VOXEL;
}

uint64_t
frame_unmarked_header_size(const void *src, size_t src_size)
{
    if (zblob_has_magic(src, src_size))
        return 0;
    uint64_t ordinary = is_likely_ordinary(src, src_size) ? stated_header_size(src) : 0;
    uint64_t compact = compact_unmarked_reach(src, src_size);
    return ordinary > compact ? ordinary : compact;
}

bool
frame_is_for_column(const unsigned char *src, size_t src_size)
{
    bool is_compact = compact_has_magic(src, src_size) ||
                      (!frame_has_ordinary_magic(src, src_size) && !is_likely_ordinary(src, src_size) &&
                       compact_unmarked_reach(src, src_size));
    if (is_compact)
        return compact_is_for_column(src, src_size);
    return src_size > AT_LEVEL && src[AT_LEVEL] & FOR_COLUMN;
}

/* ---- Writing --------------------------------------------------------------------------------- */

size_t
frame_header_size(size_t section_size, size_t chunk_count)
{
    return FRAME_FIXED_SIZE + section_size + chunk_count * FRAME_ENTRY_SIZE + FRAME_CHECKSUM_SIZE;
}

unsigned char *
frame_write_section_prefix(unsigned char *dst, enum frame_section_type type, size_t size)
{
    store_le16(dst, (uint16_t)type);
    store_le16(dst + 2, 0);
    store_le32(dst + 4, (uint32_t)size);
    return dst + FRAME_SECTION_PREFIX_SIZE;
}

void
frame_write_header(unsigned char *dst, const struct zblob_frame *frame, size_t section_size,
                   const struct zblob_chunk *chunks)
{
    size_t header_size = frame_header_size(section_size, frame->chunk_count);
    store_le32(dst + AT_SKIPPABLE_MAGIC, SKIPPABLE_MAGIC);
    store_le32(dst + AT_SKIPPABLE_SIZE, (uint32_t)(header_size - SKIPPABLE_PREFIX_SIZE));
    memcpy(dst + AT_SIGNATURE, SIGNATURE, 4);
    dst[AT_VERSION] = ZBLOB_FORMAT_VERSION;
    dst[AT_VALUE_TYPE] = (unsigned char)frame->value_type;
    dst[AT_LEVEL] = (unsigned char)(frame->level | (frame->for_column ? FOR_COLUMN : 0));
    dst[AT_CODEC] = (unsigned char)frame->codec;
    store_le64(dst + AT_RAW_SIZE, frame->raw_size);
    store_le32(dst + AT_DICTIONARY_ID, frame->dictionary_id);
    store_le32(dst + AT_CHUNK_COUNT, frame->chunk_count);
    store_le32(dst + AT_SECTION_SIZE, (uint32_t)section_size);
    unsigned char *end = index_write(dst + FRAME_FIXED_SIZE + section_size, chunks, frame->chunk_count);
    store_le64(end, checksum_xxh3(dst + AT_VERSION, header_size - FRAME_CHECKSUM_SIZE - AT_VERSION));
}

/* ---- Reading --------------------------------------------------------------------------------- */

static uint32_t
section_area_size(const struct zblob_frame *frame)
{
    return frame->is_compact ? 0 : load_le32(frame->header + AT_SECTION_SIZE);
}

bool
frame_next_section(const struct zblob_frame *frame, uint32_t *cursor, struct frame_section *section)
{
    if (*cursor == section_area_size(frame))
        return false;
    const unsigned char *p = frame->header + FRAME_FIXED_SIZE + *cursor;
    section->type = (enum frame_section_type)load_le16(p);
    section->size = load_le32(p + 4);
    section->body = p + FRAME_SECTION_PREFIX_SIZE;
    *cursor += FRAME_SECTION_PREFIX_SIZE + section->size;
    return true;
}

void
zblob_frame_image(const struct zblob_frame *frame, uint32_t index, struct zblob_image *image)
{
    struct frame_section section;
    uint32_t cursor = 0, seen = 0;
    if (frame->is_compact)
        compact_read_image(frame, image);
    while (frame_next_section(frame, &cursor, &section)) {
        if (section.type == FRAME_SECTION_IMAGE && seen++ == index) {
            image_section_read(image, section.body, section.size);
            return;
        }
    }
}

void
frame_images(const struct zblob_frame *frame, struct zblob_image *images)
{
    struct frame_section section;
    uint32_t cursor = 0;
    if (frame->is_compact && frame->image_count)
        compact_read_image(frame, images);
    while (frame_next_section(frame, &cursor, &section)) {
        if (section.type == FRAME_SECTION_IMAGE)
            image_section_read(images++, section.body, section.size);
    }
}

/* ---- Validation ------------------------------------------------------------------------------ */

static enum zblob_result
check_fixed_fields(struct zblob_frame *frame, struct zblob_error *error)
{
    const unsigned char *p = frame->header;
    frame->value_type = (enum zblob_value_type)p[AT_VALUE_TYPE];
    frame->level = p[AT_LEVEL] & ~(uint32_t)FOR_COLUMN;
    frame->for_column = p[AT_LEVEL] & FOR_COLUMN;
    frame->codec = (enum zblob_codec)p[AT_CODEC];
    frame->raw_size = load_le64(p + AT_RAW_SIZE);
    frame->dictionary_id = load_le32(p + AT_DICTIONARY_ID);
    frame->chunk_count = load_le32(p + AT_CHUNK_COUNT);
    if (p[AT_VALUE_TYPE] > ZBLOB_TEXT_UTF16LE)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: value type %d does not exist", p[AT_VALUE_TYPE]);
    if (!level_exists(frame->level))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: level %" PRIu32 " does not exist", frame->level);
    if (frame->dictionary_id)
        return zblob_fail(error, ZBLOB_UNSUPPORTED,
                          "the frame needs dictionary %" PRIu32
                          ", and this build takes dictionaries for compact frames "
                          "alone: read it with a newer sqlite_zblob",
                          frame->dictionary_id);
    uint64_t expected = FRAME_FIXED_SIZE + (uint64_t)section_area_size(frame) +
                        (uint64_t)frame->chunk_count * FRAME_ENTRY_SIZE + FRAME_CHECKSUM_SIZE;
    if (expected != frame->header_size)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: a header of %zu bytes does not hold %" PRIu32 " chunks",
                          frame->header_size, frame->chunk_count);
    return ZBLOB_OK;
}

/* Do the image's samples lie within the value? */
static bool
lies_in_value(const struct zblob_image *image, uint64_t raw_size)
{
    uint64_t span;
    return zblob_image_span(image, &span) && image->value_offset <= raw_size && span <= raw_size - image->value_offset;
}

/* What the sections before the one at hand leave to those after it. */
struct section_walk {
    unsigned type;       /* of the last section: they ascend */
    uint64_t image_end;  /* where the last image's samples end: images ascend, and do not overlap */
    uint32_t next_model; /* the first image that can still have a model: models ascend as well */
};

static enum zblob_result
check_image(struct zblob_frame *frame, struct section_walk *walk, const struct frame_section *section,
            struct zblob_error *error)
{
    struct zblob_image image;
    if (frame->image_count == ZBLOB_IMAGES_MAX)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: it names more than %d images", ZBLOB_IMAGES_MAX);
    if (!image_section_read(&image, section->body, section->size) || !lies_in_value(&image, frame->raw_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: geometry of image %" PRIu32, frame->image_count);
    if (image.value_offset < walk->image_end)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: image %" PRIu32 " begins before the end of the last",
                          frame->image_count);
    uint64_t span;
    zblob_image_span(&image, &span);
    walk->image_end = image.value_offset + span;
    frame->image_count++;
    return ZBLOB_OK;
}

static enum zblob_result
check_model(const struct zblob_frame *frame, struct section_walk *walk, const struct frame_section *section,
            struct zblob_error *error)
{
    bool is_valid = model_section_is_valid(section->body, section->size);
    uint32_t image = is_valid ? model_section_image(section->body) : 0;
    if (!is_valid || image >= frame->image_count || image < walk->next_model)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: a model belongs to no image, or is out of order");
    walk->next_model = image + 1;
    return ZBLOB_OK;
}

static enum zblob_result
check_section(struct zblob_frame *frame, struct section_walk *walk, const struct frame_section *section,
              struct zblob_error *error)
{
    unsigned type = section->type;
    if (type < walk->type || load_le16(section->body - FRAME_SECTION_PREFIX_SIZE + 2))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: a section of type %u is out of order", type);
    walk->type = type;
    if (type == FRAME_SECTION_IMAGE)
        return check_image(frame, walk, section, error);
    if (type == FRAME_SECTION_MODEL)
        return check_model(frame, walk, section, error);
    if (type & SECTION_CRITICAL)
        return zblob_fail(error, ZBLOB_UNSUPPORTED,
                          "the frame has a section of type %u that this build does not know: "
                          "read it with a newer sqlite_zblob",
                          type);
    return ZBLOB_OK;
}

static enum zblob_result
check_sections(struct zblob_frame *frame, struct zblob_error *error)
{
    struct section_walk walk = {0};
    uint32_t end = section_area_size(frame), cursor = 0;
    while (cursor < end) {
        struct frame_section section;
        uint32_t left = end - cursor;
        if (left < FRAME_SECTION_PREFIX_SIZE ||
            left - FRAME_SECTION_PREFIX_SIZE < load_le32(frame->header + FRAME_FIXED_SIZE + cursor + 4))
            return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: a header section runs over its end");
        frame_next_section(frame, &cursor, &section);
        enum zblob_result result = check_section(frame, &walk, &section, error);
        if (result != ZBLOB_OK)
            return result;
    }
    return ZBLOB_OK;
}

enum zblob_result
zblob_frame_open(struct zblob_frame *frame, const void *src, size_t src_size, uint64_t value_size,
                 struct zblob_error *error)
{
    const unsigned char *p = src;
    *frame = (struct zblob_frame){.header = p};
    if (compact_has_magic(src, src_size) && src_size >= value_size)
        return compact_open(frame, src, (size_t)value_size, error);
    if (!zblob_has_magic(src, src_size))
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "not a frame: the magic is missing");
    if (!zblob_is_frame(src, src_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: the header is cut off or its checksum is wrong");
    frame->header_size = (size_t)zblob_header_size(src, src_size);
    frame->version = p[AT_VERSION];
    if (frame->version != ZBLOB_FORMAT_VERSION)
        return zblob_fail(error, ZBLOB_UNSUPPORTED,
                          "the frame has format version %" PRIu32 ", this build reads version %d: "
                          "read it with a newer sqlite_zblob",
                          frame->version, ZBLOB_FORMAT_VERSION);
    enum zblob_result result = check_fixed_fields(frame, error);
    if (result == ZBLOB_OK)
        result = check_sections(frame, error);
    if (result == ZBLOB_OK)
        result = index_check(frame, value_size, error);
    return result;
}
