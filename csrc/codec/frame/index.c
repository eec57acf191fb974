/* index.c: writes, checks and reads the chunk index. Offsets are not stored: they are sums of the sizes before. */
#include "index.h"

#include "../base/bytes.h"
#include "../base/error.h"
#include "codecs.h"
#include "compact.h"

#include <inttypes.h>

enum entry_offset {
    AT_ENTRY_RAW_SIZE = 0,
    AT_ENTRY_STORED_SIZE = 4,
    AT_ENTRY_CHECKSUM = 8,
    AT_ENTRY_CODEC = 16,
    AT_ENTRY_RESERVED = 17, /* three bytes of 0 */
};

static unsigned char *
write_entry(unsigned char *dst, const struct zblob_chunk *chunk)
{
    memset(dst, 0, FRAME_ENTRY_SIZE);
    store_le32(dst + AT_ENTRY_RAW_SIZE, chunk->raw_size);
    store_le32(dst + AT_ENTRY_STORED_SIZE, chunk->stored_size);
    store_le64(dst + AT_ENTRY_CHECKSUM, chunk->checksum);
    dst[AT_ENTRY_CODEC] = (unsigned char)chunk->codec;
    return dst + FRAME_ENTRY_SIZE;
}

unsigned char *
index_write(unsigned char *dst, const struct zblob_chunk *chunks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        dst = write_entry(dst, &chunks[i]);
    return dst;
}

static const unsigned char *
first_entry(const struct zblob_frame *frame)
{
    return frame->header + frame->header_size - FRAME_CHECKSUM_SIZE - (size_t)frame->chunk_count * FRAME_ENTRY_SIZE;
}

static void
read_entry(const unsigned char *entry, struct zblob_chunk *chunk)
{
    chunk->raw_size = load_le32(entry + AT_ENTRY_RAW_SIZE);
    chunk->stored_size = load_le32(entry + AT_ENTRY_STORED_SIZE);
    chunk->checksum = load_le64(entry + AT_ENTRY_CHECKSUM);
    chunk->codec = (enum zblob_codec)entry[AT_ENTRY_CODEC];
}

void
zblob_frame_next_chunk(const struct zblob_frame *frame, uint32_t index, const struct zblob_chunk *previous,
                       struct zblob_chunk *chunk)
{
    uint64_t raw_offset = previous->raw_offset + previous->raw_size;
    uint64_t stored_offset = previous->stored_offset + previous->stored_size;
    read_entry(first_entry(frame) + (size_t)index * FRAME_ENTRY_SIZE, chunk);
    chunk->raw_offset = raw_offset;
    chunk->stored_offset = stored_offset;
}

void
zblob_frame_chunk(const struct zblob_frame *frame, uint32_t index, struct zblob_chunk *chunk)
{
    if (frame->is_compact) {
        *chunk = (struct zblob_chunk){
            .stored_offset = frame->header_size,
            .raw_size = (uint32_t)frame->raw_size,
            .stored_size = (uint32_t)(frame->frame_size - frame->header_size),
            .checksum = compact_checksum(frame),
            .codec = frame->codec,
        };
        return;
    }
    read_entry(first_entry(frame), chunk);
    chunk->raw_offset = 0;
    chunk->stored_offset = frame->header_size;
    for (uint32_t i = 1; i <= index; i++)
        zblob_frame_next_chunk(frame, i, chunk, chunk);
}

static enum zblob_result
check_entry(uint32_t index, const unsigned char *entry, struct zblob_error *error)
{
    struct zblob_chunk chunk;
    read_entry(entry, &chunk);
    if (!codec_of(chunk.codec))
        return zblob_fail(error, ZBLOB_UNSUPPORTED,
                          "chunk %" PRIu32 " uses codec %d, which this build does not know: read it with a "
                          "newer sqlite_zblob",
                          index, (int)chunk.codec);
    bool reserved_is_zero = load_le32(entry + AT_ENTRY_CODEC) >> 8 == 0;
    bool stored_agrees = chunk.codec != ZBLOB_CODEC_STORE || chunk.raw_size == chunk.stored_size;
    if (chunk.raw_size == 0 || chunk.raw_size > ZBLOB_CHUNK_RAW_MAX || chunk.stored_size == 0 || !reserved_is_zero ||
        !stored_agrees)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: index entry of chunk %" PRIu32, index);
    return ZBLOB_OK;
}

enum zblob_result
index_check(struct zblob_frame *frame, uint64_t value_size, struct zblob_error *error)
{
    const unsigned char *entry = first_entry(frame);
    uint64_t raw_size = 0;
    enum zblob_codec richest = ZBLOB_CODEC_STORE;
    frame->frame_size = frame->header_size;
    for (uint32_t i = 0; i < frame->chunk_count; i++, entry += FRAME_ENTRY_SIZE) {
        enum zblob_result result = check_entry(i, entry, error);
        if (result != ZBLOB_OK)
            return result;
        raw_size += load_le32(entry + AT_ENTRY_RAW_SIZE); /* 2^32 entries of 2^24 cannot overflow */
        frame->frame_size += load_le32(entry + AT_ENTRY_STORED_SIZE);
        richest = entry[AT_ENTRY_CODEC] > richest ? (enum zblob_codec)entry[AT_ENTRY_CODEC] : richest;
    }
    if (frame->codec != richest)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: its chunks have codecs up to %d, its header says %d",
                          (int)richest, (int)frame->codec);
    if (raw_size != frame->raw_size)
        return zblob_fail(error, ZBLOB_DAMAGED,
                          "damaged frame: its chunks hold %" PRIu64 " bytes, its header says %" PRIu64, raw_size,
                          frame->raw_size);
    if (frame->frame_size != value_size)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged frame: it should be %" PRIu64 " bytes long and is %" PRIu64,
                          frame->frame_size, value_size);
    return ZBLOB_OK;
}
