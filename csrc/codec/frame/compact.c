/* compact.c: see compact.h. */
#include "compact.h"

#include "../base/bytes.h"
#include "../base/checksum.h"
#include "../base/error.h"
#include "../chunk/block.h"

#include <inttypes.h>
#include <stdlib.h>

/* No UTF-8 text begins so, nor any value of the msgpack format, which never uses the first byte. */
#define MAGIC "\xC1ZBS"

enum field_offset {
    AT_MAGIC = 0,
    AT_CHECKSUM = 4, /* of all bytes after it */
    AT_KIND = 8,     /* version, value type, codec, whether there is a dictionary */
    AT_LEVEL = 9,    /* as in an ordinary frame: FOR_COLUMN is its bit 7 */
    AT_RAW_SIZE = 10,
    AT_DICTIONARY_ID = 12, /* only with HAS_DICTIONARY */
};

enum { MAGIC_SIZE = 4, HEADER_SIZE = 12, DICTIONARY_ID_SIZE = 4 };
enum { VALUE_TYPE = 3, IS_ZSTD = 4, HAS_DICTIONARY = 8, VERSION_SHIFT = 4 };
enum { LEVEL = 15, FOR_COLUMN = 128 };

_Static_assert(HEADER_SIZE <= ZBLOB_PREFIX_SIZE, "the fields that readers of a prefix need");

/* Compression that saves less than 1/128 of the value is not worth a decoder's time. */
#define SAVING_SHIFT 7

static size_t
header_size(const unsigned char *src)
{
    return HEADER_SIZE + (src[AT_KIND] & HAS_DICTIONARY ? DICTIONARY_ID_SIZE : 0);
}

/* ---- Recognition ----------------------------------------------------------------------------- */

bool
compact_has_magic(const void *src, size_t src_size)
{
    return src_size >= HEADER_SIZE && memcmp(src, MAGIC, MAGIC_SIZE) == 0;
}

uint64_t
compact_reach(const unsigned char *src)
{
    return header_size(src) + load_le16(src + AT_RAW_SIZE);
}

/* Do the fields of one byte have values that version 1 allows? */
static bool
fields_are_valid(const unsigned char *src)
{
    unsigned kind = src[AT_KIND], level = src[AT_LEVEL] & ~(unsigned)FOR_COLUMN;
    bool suits_dictionary = !(kind & HAS_DICTIONARY) || kind & IS_ZSTD;
    return kind >> VERSION_SHIFT == ZBLOB_FORMAT_VERSION && (kind & VALUE_TYPE) <= ZBLOB_TEXT_UTF16LE &&
           suits_dictionary && level >= ZBLOB_LEVEL_MIN && level <= ZBLOB_LEVEL_MAX;
}

uint64_t
compact_unmarked_reach(const void *src, size_t src_size)
{
    if (src_size < HEADER_SIZE || compact_has_magic(src, src_size) || !fields_are_valid(src))
        return 0;
    return compact_reach(src);
}

bool
compact_checksum_holds(const unsigned char *src, size_t src_size)
{
    return src_size >= HEADER_SIZE && src_size <= compact_reach(src) &&
           load_le32(src + AT_CHECKSUM) == (uint32_t)checksum_xxh3(src + AT_KIND, src_size - AT_KIND);
}

bool
compact_lacks_magic(const void *src, size_t src_size)
{
    return compact_unmarked_reach(src, src_size) && compact_checksum_holds(src, src_size);
}

bool
compact_is_for_column(const unsigned char *src, size_t src_size)
{
    return src_size > AT_LEVEL && src[AT_LEVEL] & FOR_COLUMN;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void
read_fields(struct zblob_frame *frame, const unsigned char *src, size_t src_size)
{
    unsigned kind = src[AT_KIND];
    frame->is_compact = true;
    frame->header_size = header_size(src);
    frame->frame_size = src_size;
    frame->value_type = (enum zblob_value_type)(kind & VALUE_TYPE);
    frame->codec = kind & IS_ZSTD ? ZBLOB_CODEC_ZSTD : ZBLOB_CODEC_STORE;
    frame->level = src[AT_LEVEL] & LEVEL;
    frame->for_column = src[AT_LEVEL] & FOR_COLUMN;
    frame->raw_size = load_le16(src + AT_RAW_SIZE);
    frame->chunk_count = frame->raw_size > 0;
    if (kind & HAS_DICTIONARY && src_size >= frame->header_size)
        frame->dictionary_id = load_le32(src + AT_DICTIONARY_ID);
}

/* Do the fields go together? */
static bool
is_consistent(const struct zblob_frame *frame, const unsigned char *src, size_t src_size)
{
    bool has_dictionary = src[AT_KIND] & HAS_DICTIONARY;
    if (!fields_are_valid(src) || src_size < frame->header_size || has_dictionary != (frame->dictionary_id != 0))
        return false;
    uint64_t stored = src_size - frame->header_size;
    return frame->codec == ZBLOB_CODEC_STORE ? stored == frame->raw_size : stored > 0 && stored < frame->raw_size;
}

enum zblob_result
compact_open(struct zblob_frame *frame, const unsigned char *src, size_t src_size, struct zblob_error *error)
{
    frame->header = src;
    frame->version = src[AT_KIND] >> VERSION_SHIFT;
    if (load_le32(src + AT_CHECKSUM) != (uint32_t)checksum_xxh3(src + AT_KIND, src_size - AT_KIND))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: its checksum is wrong");
    if (frame->version != ZBLOB_FORMAT_VERSION)
        return zblob_fail(error, ZBLOB_UNSUPPORTED,
                          "the frame has format version %" PRIu32 ", this build reads version %d: "
                          "read it with a newer sqlite_zblob",
                          frame->version, ZBLOB_FORMAT_VERSION);
    read_fields(frame, src, src_size);
    if (!is_consistent(frame, src, src_size))
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: the fields of its header contradict each other");
    return ZBLOB_OK;
}

uint32_t
compact_checksum(const struct zblob_frame *frame)
{
    return load_le32(frame->header + AT_CHECKSUM);
}

enum zblob_result
compact_decode(const struct zblob_frame *frame, const unsigned char *stored, void *dst, struct zblob_error *error)
{
    struct zblob_dictionary *dictionary = frame->dictionary_id ? frame->dictionary : NULL;
    size_t raw_size = (size_t)frame->raw_size;
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
    enum zblob_result result = block_decode(dictionary, stored, stored_size, dst, raw_size);
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
write_header(unsigned char *dst, const struct zblob_options *options, enum zblob_value_type value_type, size_t raw_size,
             unsigned kind, size_t frame_size)
{
    memcpy(dst, MAGIC, MAGIC_SIZE);
    dst[AT_KIND] = (unsigned char)(kind | (unsigned)value_type | ZBLOB_FORMAT_VERSION << VERSION_SHIFT);
    dst[AT_LEVEL] = (unsigned char)(options->level | (options->for_column ? FOR_COLUMN : 0));
    store_le16(dst + AT_RAW_SIZE, (uint16_t)raw_size);
    if (kind & HAS_DICTIONARY)
        store_le32(dst + AT_DICTIONARY_ID, zblob_dictionary_id(options->dictionary));
    store_le32(dst + AT_CHECKSUM, (uint32_t)checksum_xxh3(dst + AT_KIND, frame_size - AT_KIND));
}

enum zblob_result
compact_compress(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                 size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    size_t capacity = HEADER_SIZE + DICTIONARY_ID_SIZE + src_size, stored_size = 0;
    unsigned kind = options->dictionary ? IS_ZSTD | HAS_DICTIONARY : IS_ZSTD;
    size_t start = HEADER_SIZE + (options->dictionary ? DICTIONARY_ID_SIZE : 0);
    unsigned char *p = *frame = malloc(capacity);
    if (!p)
        return zblob_fail_memory(error, capacity);
    enum zblob_result result = ZBLOB_OK;
    if (src_size > 0)
        result = block_encode(options->level, options->dictionary, src, src_size, p + start, &stored_size);
    if (result != ZBLOB_OK)
        return zblob_fail_memory(error, capacity);
    if (stored_size == 0 || stored_size + (start - HEADER_SIZE) + (src_size >> SAVING_SHIFT) >= src_size) {
        kind = 0;
        start = HEADER_SIZE;
        stored_size = src_size;
        if (src_size > 0) /* src may be NULL otherwise */
            memcpy(p + start, src, src_size);
    }
    *frame_size = start + stored_size;
    write_header(p, options, value_type, src_size, kind, *frame_size);
    return ZBLOB_OK;
}
