/* compact.c: see compact.h. */
#include "compact.h"

#include "../base/bytes.h"
#include "../base/checksum.h"
#include "../base/error.h"
#include "../chunk/block.h"
#include "../chunk/short_block.h"
#include "compact_image.h"
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>

/* No UTF-8 text begins so, nor any value of the msgpack format, which never uses the first byte. */
#define MAGIC "\xC1ZBS"

enum field_offset {
    AT_MAGIC = 0,
    AT_CHECKSUM = 4, /* of all bytes after it */
    AT_KIND = 8,     /* form, value type, for_column and level, in one number */
    AT_RAW_SIZE = 9, /* 1 to 3 bytes; then the dictionary's id, in forms that need one */
};

enum { MAGIC_SIZE = 4, FRAME_SIZE_MIN = AT_RAW_SIZE + 1, DICTIONARY_ID_SIZE = 3 };
enum { RAW_SIZE_BYTES_MAX = 3, HEADER_SIZE_MAX = AT_RAW_SIZE + RAW_SIZE_BYTES_MAX + DICTIONARY_ID_SIZE };

_Static_assert(HEADER_SIZE_MAX <= ZBLOB_PREFIX_SIZE, "readers of a prefix need all fields");
_Static_assert(FRAME_SIZE_MIN >= BLOCK_SLACK, "block_encode writes before the block");

/* How the value is stored. */
enum form { STORED, BLOCK, BLOCK_BY_DICTIONARY, SHORT_BLOCK, FORM_COUNT };
enum { VALUE_TYPE_COUNT = ZBLOB_TEXT_UTF16LE + 1 };
enum { KIND_COUNT = FORM_COUNT * VALUE_TYPE_COUNT * 2 * ZBLOB_LEVEL_MAX }; /* of these forms */

/* Of frames of one image, which hold BLOBs alone, the kind is IMAGE_KIND + for_column + 2 * (level - 1). */
enum { IMAGE_KIND = KIND_COUNT, KINDS_END = IMAGE_KIND + 2 * ZBLOB_LEVEL_MAX };

_Static_assert(KINDS_END < 256, "a kind is one byte, and one at least is left to later versions");

/* A size below ONE_BYTE_END takes one byte; one below TWO_BYTES_END two, the first of which is ONE_BYTE_END to 254; and
 * every other three, the first of which is 255. */
enum { ONE_BYTE_END = 240, TWO_BYTES_END = ONE_BYTE_END + (255 - ONE_BYTE_END) * 256 };

/* Compression that saves less than 1/128 of the value is not worth a decoder's time. */
#define SAVING_SHIFT 7

/* ---- Fields ---------------------------------------------------------------------------------- */

struct fields {
    enum form form;
    enum zblob_value_type value_type;
    bool for_column;
    int level;
    uint32_t raw_size, dictionary_id;
    size_t header_size;
};

static bool
needs_dictionary(enum form form)
{
    return form == BLOCK_BY_DICTIONARY || form == SHORT_BLOCK;
}

static unsigned
kind_of(const struct fields *fields)
{
    unsigned kind = (unsigned)(fields->level - ZBLOB_LEVEL_MIN) * 2 + fields->for_column;
    kind = kind * VALUE_TYPE_COUNT + (unsigned)fields->value_type;
    return kind * FORM_COUNT + (unsigned)fields->form;
}

static void
split_kind(struct fields *fields, unsigned kind)
{
    fields->form = (enum form)(kind % FORM_COUNT);
    kind /= FORM_COUNT;
    fields->value_type = (enum zblob_value_type)(kind % VALUE_TYPE_COUNT);
    kind /= VALUE_TYPE_COUNT;
    fields->for_column = kind % 2;
    fields->level = (int)(kind / 2) + ZBLOB_LEVEL_MIN;
}

static size_t
bytes_of_size(uint32_t raw_size)
{
    return raw_size < ONE_BYTE_END ? 1 : raw_size < TWO_BYTES_END ? 2 : 3;
}

static void
write_size(unsigned char *dst, uint32_t raw_size)
{
    switch (bytes_of_size(raw_size)) {
    case 1: dst[0] = (unsigned char)raw_size; break;
    case 2:
        raw_size -= ONE_BYTE_END;
        dst[0] = (unsigned char)(ONE_BYTE_END + (raw_size >> 8));
        dst[1] = (unsigned char)raw_size;
        break;
    default: dst[0] = 255; store_le16(dst + 1, (uint16_t)raw_size);
    }
}

/* The size in at least RAW_SIZE_BYTES_MAX readable bytes. */
static uint32_t
read_size(const unsigned char *src)
{
    if (src[0] < ONE_BYTE_END)
        return src[0];
    if (src[0] < 255)
        return ONE_BYTE_END + ((uint32_t)(src[0] - ONE_BYTE_END) << 8) + src[1];
    return load_le16(src + 1);
}

/* Of a value of `raw_size` bytes in this form. */
static size_t
header_size_of(enum form form, uint32_t raw_size)
{
    return AT_RAW_SIZE + bytes_of_size(raw_size) + (needs_dictionary(form) ? DICTIONARY_ID_SIZE : 0);
}

static bool
is_of_image(const unsigned char *src)
{
    return src[AT_KIND] >= IMAGE_KIND && src[AT_KIND] < KINDS_END;
}

/* Read the fields of a frame of FRAME_SIZE_MIN bytes or more, given the first src_size of them, or all. False: version 1
 * has no such fields, or the frame is one of an image. */
static bool
read_fields(struct fields *fields, const unsigned char *src, size_t src_size)
{
    unsigned char head[HEADER_SIZE_MAX] = {0};
    memcpy(head, src, src_size < sizeof head ? src_size : sizeof head);
    if (head[AT_KIND] >= KIND_COUNT)
        return false;
    split_kind(fields, head[AT_KIND]);
    fields->raw_size = read_size(head + AT_RAW_SIZE);
    fields->header_size = header_size_of(fields->form, fields->raw_size);
    bool is_shortest = head[AT_RAW_SIZE] < 255 || bytes_of_size(fields->raw_size) == RAW_SIZE_BYTES_MAX;
    const unsigned char *id = head + fields->header_size - DICTIONARY_ID_SIZE;
    fields->dictionary_id = needs_dictionary(fields->form) ? load_le16(id) | (uint32_t)id[2] << 16 : 0;
    return is_shortest && fields->header_size <= src_size &&
           (fields->dictionary_id != 0) == needs_dictionary(fields->form);
}

/* ---- Recognition ----------------------------------------------------------------------------- */

bool
compact_has_magic(const void *src, size_t src_size)
{
    return src_size >= FRAME_SIZE_MIN && memcmp(src, MAGIC, MAGIC_SIZE) == 0;
}

uint64_t
compact_reach(const unsigned char *src, size_t src_size)
{
    struct fields fields;
    if (!read_fields(&fields, src, src_size))
        return HEADER_SIZE_MAX + BLOCK_RAW_MAX;
    return fields.header_size + fields.raw_size;
}

uint64_t
compact_unmarked_reach(const void *src, size_t src_size)
{
    struct fields fields;
    if (src_size < FRAME_SIZE_MIN || compact_has_magic(src, src_size))
        return 0;
    if (is_of_image(src))
        return compact_image_is_likely(src, src_size) ? COMPACT_IMAGE_FRAME_MAX : 0;
    if (!read_fields(&fields, src, src_size))
        return 0;
    return fields.header_size + fields.raw_size;
}

bool
compact_checksum_holds(const unsigned char *src, size_t src_size)
{
    return src_size >= FRAME_SIZE_MIN && src_size <= compact_reach(src, src_size) &&
           load_le32(src + AT_CHECKSUM) == (uint32_t)checksum_xxh3(src + AT_KIND, src_size - AT_KIND);
}

bool
compact_lacks_magic(const void *src, size_t src_size)
{
    return compact_unmarked_reach(src, src_size) && compact_checksum_holds(src, src_size);
}

bool
compact_is_of_image(const unsigned char *src, size_t src_size)
{
    return compact_has_magic(src, src_size) && is_of_image(src);
}

bool
compact_is_for_column(const unsigned char *src, size_t src_size)
{
    struct fields fields;
    if (src_size < FRAME_SIZE_MIN)
        return false;
    if (is_of_image(src))
        return (src[AT_KIND] - IMAGE_KIND) % 2;
    return read_fields(&fields, src, src_size) && fields.for_column;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static bool
stored_size_is_possible(const struct fields *fields, size_t frame_size)
{
    size_t stored_size = frame_size - fields->header_size;
    return fields->form == STORED ? stored_size == fields->raw_size : stored_size > 0 && stored_size < fields->raw_size;
}

static enum zblob_result
open_image(struct zblob_frame *frame, const unsigned char *src, size_t src_size, struct zblob_error *error)
{
    struct compact_image fields;
    unsigned kind = src[AT_KIND] - (unsigned)IMAGE_KIND;
    if (!compact_image_read(&fields, src, src_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: the fields of its image contradict each other");
    *frame = (struct zblob_frame){.header = src,
                                  .header_size = fields.header_size,
                                  .frame_size = src_size,
                                  .raw_size = fields.image.value_offset + fields.samples_size + fields.tail_size,
                                  .value_type = ZBLOB_BLOB,
                                  .codec = fields.codec,
                                  .version = ZBLOB_FORMAT_VERSION,
                                  .level = kind / 2 + ZBLOB_LEVEL_MIN,
                                  .for_column = kind % 2,
                                  .is_compact = true,
                                  .chunk_count = 1,
                                  .image_count = 1};
    return ZBLOB_OK;
}

enum zblob_result
compact_open(struct zblob_frame *frame, const unsigned char *src, size_t src_size, struct zblob_error *error)
{
    struct fields fields;
    if (load_le32(src + AT_CHECKSUM) != (uint32_t)checksum_xxh3(src + AT_KIND, src_size - AT_KIND))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: its checksum is wrong");
    if (is_of_image(src))
        return open_image(frame, src, src_size, error);
    if (src[AT_KIND] >= KINDS_END)
        return zblob_fail(error, ZBLOB_UNSUPPORTED,
                          "the frame is of a later format version than %d (it is a compact frame of kind %u): "
                          "read it with a newer sqlite_zblob",
                          ZBLOB_FORMAT_VERSION, src[AT_KIND]);
    if (!read_fields(&fields, src, src_size) || !stored_size_is_possible(&fields, src_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: the fields of its header contradict each other");
    *frame = (struct zblob_frame){.header = src,
                                  .header_size = fields.header_size,
                                  .frame_size = src_size,
                                  .raw_size = fields.raw_size,
                                  .value_type = fields.value_type,
                                  .codec = fields.form == STORED ? ZBLOB_CODEC_STORE : ZBLOB_CODEC_ZSTD,
                                  .version = ZBLOB_FORMAT_VERSION,
                                  .level = (uint32_t)fields.level,
                                  .for_column = fields.for_column,
                                  .is_compact = true,
                                  .dictionary_id = fields.dictionary_id,
                                  .chunk_count = fields.raw_size > 0};
    return ZBLOB_OK;
}

uint32_t
compact_checksum(const struct zblob_frame *frame)
{
    return load_le32(frame->header + AT_CHECKSUM);
}

void
compact_read_image(const struct zblob_frame *frame, struct zblob_image *image)
{
    struct compact_image fields;
    compact_image_read(&fields, frame->header, (size_t)frame->frame_size);
    *image = fields.image;
}

enum zblob_result
compact_decode(const struct zblob_frame *frame, const unsigned char *stored, void *dst, struct zblob_error *error)
{
    struct zblob_dictionary *dictionary = frame->dictionary_id ? frame->dictionary : NULL;
    size_t raw_size = (size_t)frame->raw_size;
    if (frame->image_count)
        return compact_image_decode(frame, stored, dst, error);
    if (frame->codec == ZBLOB_CODEC_STORE) {
        memcpy(dst, stored, raw_size);
        return ZBLOB_OK;
    }
    if (frame->dictionary_id && !dictionary)
        return zblob_fail(error, ZBLOB_NEEDS_DICTIONARY,
                          "the frame needs dictionary %" PRIu32 ", which is not at hand: copy its row from table "
                          "zblob_dictionaries of the database that the frame comes from",
                          frame->dictionary_id);
    if (dictionary && zblob_dictionary_id(dictionary) != frame->dictionary_id)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "the frame needs dictionary %" PRIu32 ", and was given dictionary %" PRIu32,
                          frame->dictionary_id, zblob_dictionary_id(dictionary));
    size_t stored_size = (size_t)(frame->frame_size - frame->header_size);
    struct fields fields;
    split_kind(&fields, frame->header[AT_KIND]);
    bool is_short = fields.form == SHORT_BLOCK;
    enum zblob_result result = block_decode(dictionary, is_short, stored, stored_size, dst, raw_size);
    if (result == ZBLOB_NO_MEMORY)
        return zblob_fail_memory(error, raw_size);
    if (result != ZBLOB_OK)
        return zblob_fail(error, result, "damaged frame: chunk 1 of 1 (zstd) cannot be decoded");
    return ZBLOB_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

bool
compact_may_hold(size_t src_size)
{
    return src_size <= BLOCK_RAW_MAX;
}

static void
write_header(unsigned char *dst, const struct fields *fields, size_t frame_size)
{
    memcpy(dst, MAGIC, MAGIC_SIZE);
    dst[AT_KIND] = (unsigned char)kind_of(fields);
    write_size(dst + AT_RAW_SIZE, fields->raw_size);
    if (needs_dictionary(fields->form)) {
        unsigned char *id = dst + fields->header_size - DICTIONARY_ID_SIZE;
        store_le16(id, (uint16_t)fields->dictionary_id);
        id[2] = (unsigned char)(fields->dictionary_id >> 16);
    }
    store_le32(dst + AT_CHECKSUM, (uint32_t)checksum_xxh3(dst + AT_KIND, frame_size - AT_KIND));
}

/* Encode into a frame that has room for src_size bytes after the header; *stored_size = 0: the value is to be stored. */
static enum zblob_result
encode(struct fields *fields, struct zblob_dictionary *dictionary, const void *src, size_t src_size,
       unsigned char *frame, size_t *stored_size)
{
    fields->form = dictionary ? BLOCK_BY_DICTIONARY : BLOCK;
    fields->header_size = header_size_of(fields->form, fields->raw_size);
    unsigned char *block = frame + fields->header_size;
    enum zblob_result result = block_encode(fields->level, dictionary, src, src_size, block, stored_size);
    size_t short_size = dictionary && result == ZBLOB_OK ? block_shorten(block, *stored_size) : 0;
    if (short_size) {
        fields->form = SHORT_BLOCK;
        *stored_size = short_size;
    }
    size_t extra = fields->header_size - header_size_of(STORED, fields->raw_size);
    if (*stored_size + extra + (src_size >> SAVING_SHIFT) >= src_size)
        *stored_size = 0;
    return result;
}

enum zblob_result
compact_compress(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                 size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    size_t capacity = HEADER_SIZE_MAX + src_size, stored_size = 0;
    struct fields fields = {
        .value_type = value_type,
        .for_column = options->for_column,
        .level = options->level,
        .raw_size = (uint32_t)src_size,
        .dictionary_id = options->dictionary ? zblob_dictionary_id(options->dictionary) : 0,
    };
    unsigned char *p = *frame = malloc(capacity);
    if (!p)
        return zblob_fail_memory(error, capacity);
    if (src_size > 0 && encode(&fields, options->dictionary, src, src_size, p, &stored_size) != ZBLOB_OK)
        return zblob_fail_memory(error, capacity);
    if (stored_size == 0) {
        fields.form = STORED;
        fields.header_size = header_size_of(STORED, fields.raw_size);
        stored_size = src_size;
        if (src_size > 0) /* src may be NULL otherwise */
            memcpy(p + fields.header_size, src, src_size);
    }
    *frame_size = fields.header_size + stored_size;
    write_header(p, &fields, *frame_size);
    return ZBLOB_OK;
}

bool
compact_write_image(const struct plan *plan, uint64_t most, unsigned char **frame, size_t *frame_size)
{
    const struct zblob_options *options = plan->options;
    unsigned char *p = compact_image_write(plan, most, frame_size);
    if (!p)
        return false;
    memcpy(p, MAGIC, MAGIC_SIZE);
    p[AT_KIND] = (unsigned char)(IMAGE_KIND + options->for_column + 2 * (options->level - ZBLOB_LEVEL_MIN));
    store_le32(p + AT_CHECKSUM, (uint32_t)checksum_xxh3(p + AT_KIND, *frame_size - AT_KIND));
    *frame = p;
    return true;
}
