/*
 * frames.c: every reader of frames on hostile bytes, as they are and with all their checksums mended. Since checksums
 * are mended here, files of a corpus stay what they are when the format's checksum changes.
 */
#include "target.h"

#define RAW_MAX ((uint64_t)8 << 20)
enum {
    CHUNKS_MAX = 64,      /* that are mended */
    AT_FIRST_ENTRY = 36,  /* of the index, if there are no sections (docs/format.md) */
    AT_SECTION_SIZE = 32, /* of 4 bytes */
    ENTRY_SIZE = 20,
    ENTRY_CHECKSUM = 8,
    COMPACT_CHECKSUM = 4,
    COMPACT_COVERED = 8,
    HEADER_MIN = 44,
    HEADER_COVERED = 12, /* from here on by the header's checksum */
};

/* A source that hands out pieces, never outside itself. */
static enum zblob_result
read_piece(void *context, uint64_t offset, void *dst, size_t size, struct zblob_error *error)
{
    const struct zblob_source *whole = context;
    (void)error;
    require(offset <= whole->size && size <= whole->size - offset, "a read outside the source");
    if (size > 0)
        memcpy(dst, whole->bytes + offset, size);
    return ZBLOB_OK;
}

/* Runs of the value, read from memory and piece by piece. `raw` is the value; NULL: it cannot be decoded. */
static void
gather(const uint8_t *data, size_t size, const unsigned char *raw, uint64_t raw_size,
       struct zblob_dictionary *dictionary)
{
    struct zblob_source whole = {.bytes = data, .size = size};
    struct zblob_source pieces = {.size = size, .read = read_piece, .context = &whole};
    struct zblob_runs runs = {.offset = raw_size / 3, .run = raw_size / 50 + 1, .pitch = raw_size / 9 + 2};
    runs.count = raw_size / 2 / runs.pitch;
    unsigned char *part = malloc((size_t)(runs.run * runs.count) + 1);
    require(part != NULL, "memory");
    for (int i = 0; i < 2; i++) {
        struct zblob_reader *reader;
        struct zblob_error error;
        enum zblob_result result = zblob_reader_open(&reader, i ? &pieces : &whole, &error);
        if (result == ZBLOB_OK && dictionary)
            zblob_reader_set_dictionary(reader, dictionary);
        if (result == ZBLOB_OK)
            result = zblob_reader_gather(reader, &runs, 1, part, NULL, &error);
        require(result == ZBLOB_OK || !raw, "parts of a good value cannot be read");
        for (uint64_t j = 0; raw && j < runs.count; j++)
            require(memcmp(part + j * runs.run, raw + runs.offset + j * runs.pitch, (size_t)runs.run) == 0,
                    "a part differs from the whole");
        zblob_reader_close(reader);
    }
    free(part);
}

static void
describe(const uint8_t *data, size_t size)
{
    struct zblob_error error;
    char *json = NULL;
    if (zblob_describe(data, size, ZBLOB_BLOB, &json, NULL, &error) == ZBLOB_OK)
        require(strlen(json) > 2, "empty description");
    zblob_free(json);
    json = NULL;
    uint64_t head = zblob_head_size(data, size);
    if (head && head <= size)
        zblob_describe_head(data, (size_t)head, size, &json, &error);
    zblob_free(json);
    zblob_is_marked(data, size);
    zblob_is_compressed(data, size);
    zblob_is_for_column(data, size);
}

void
fuzz_read_frame(const uint8_t *data, size_t size, struct zblob_dictionary *dictionary)
{
    struct zblob_error error;
    struct zblob_frame frame;
    uint32_t damaged_count;
    const unsigned char *found = NULL;
    size_t found_size = 0;
    describe(data, size);
    if (zblob_find_frame(data, size, &found, &found_size, &error) != ZBLOB_OK || !found ||
        zblob_frame_open(&frame, found, found_size, found_size, &error) != ZBLOB_OK) {
        gather(data, size, NULL, size, dictionary);
        return;
    }
    if (frame.raw_size > RAW_MAX)
        return;
    frame.dictionary = frame.dictionary_id ? dictionary : NULL;
    enum zblob_result verdict = zblob_verify(&frame, &damaged_count, NULL, &error);
    unsigned char *raw = malloc((size_t)frame.raw_size + 1);
    require(raw != NULL, "memory");
    enum zblob_result result = zblob_decompress(&frame, 1, raw, NULL, &error);
    /* By a dictionary, libzstd 1.5.4 decodes what it has just seen by another loop, which refuses more of what nobody
     * writes: docs/format.md, section 8. */
    bool is_certain = !frame.dictionary_id;
    require(!is_certain || (result == ZBLOB_OK) == (verdict == ZBLOB_OK), "verify and decompress disagree");
    gather(data, size, is_certain && result == ZBLOB_OK ? raw : NULL, frame.raw_size, dictionary);
    free(raw);
}

static void
store(uint8_t *at, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

static void
mend_header(uint8_t *data, size_t size, uint64_t header_size)
{
    if (header_size >= HEADER_MIN && header_size <= size)
        store(data + header_size - 8, zblob_checksum(data + HEADER_COVERED, (size_t)header_size - 8 - HEADER_COVERED),
              8);
}

/* A chunk gets the checksum of what it decodes to, so that bytes that mean something count as right. */
static void
mend_chunks(uint8_t *data, size_t size, const struct zblob_frame *frame)
{
    struct zblob_decoder *decoder;
    struct zblob_error error;
    uint32_t sections = data[AT_SECTION_SIZE] | (uint32_t)data[AT_SECTION_SIZE + 1] << 8;
    sections |= (uint32_t)data[AT_SECTION_SIZE + 2] << 16 | (uint32_t)data[AT_SECTION_SIZE + 3] << 24;
    unsigned char *raw = malloc((size_t)frame->raw_size + 1);
    require(raw != NULL, "memory");
    enum zblob_result result = zblob_decoder_open(&decoder, frame, &error);
    for (uint32_t i = 0; result == ZBLOB_OK && i < frame->chunk_count && i < CHUNKS_MAX; i++) {
        struct zblob_chunk chunk;
        zblob_decoder_locate(decoder, i, &chunk);
        if (chunk.stored_offset + chunk.stored_size > size)
            continue;
        if (zblob_decoder_chunk(decoder, i, data + chunk.stored_offset, raw, NULL, &error) == ZBLOB_DAMAGED &&
            strstr(error.message, "wrong checksum"))
            store(data + AT_FIRST_ENTRY + sections + (size_t)i * ENTRY_SIZE + ENTRY_CHECKSUM,
                  zblob_checksum(raw, chunk.raw_size), 8);
    }
    zblob_decoder_close(decoder);
    free(raw);
}

void
fuzz_mend_frame(uint8_t *data, size_t size)
{
    static const uint8_t compact[4] = {0xC1, 'Z', 'B', 'S'};
    struct zblob_error error;
    struct zblob_frame frame;
    if (zblob_is_envelope(data, size) && size > ZBLOB_ENVELOPE_PREFIX_SIZE) {
        data += ZBLOB_ENVELOPE_PREFIX_SIZE;
        size -= size > ZBLOB_ENVELOPE_OVERHEAD ? ZBLOB_ENVELOPE_OVERHEAD : ZBLOB_ENVELOPE_PREFIX_SIZE;
    }
    if (size > COMPACT_COVERED && memcmp(data, compact, 4) == 0) {
        store(data + COMPACT_CHECKSUM, zblob_checksum(data + COMPACT_COVERED, size - COMPACT_COVERED), 4);
        return;
    }
    uint64_t header_size = zblob_header_size(data, size);
    mend_header(data, size, header_size);
    if (zblob_frame_open(&frame, data, size, size, &error) != ZBLOB_OK || frame.is_compact || frame.raw_size > RAW_MAX)
        return;
    mend_chunks(data, size, &frame);
    mend_header(data, size, header_size);
}

void
fuzz_frames(const uint8_t *data, size_t size)
{
    fuzz_read_frame(data, size, NULL);
    uint8_t *mended = fuzz_copy(data, size);
    fuzz_mend_frame(mended, size);
    if (size && memcmp(mended, data, size) != 0)
        fuzz_read_frame(mended, size, NULL);
    free(mended);
}
