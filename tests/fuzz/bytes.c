/*
 * bytes.c: any bytes, compressed in every way and decompressed. Level, codec and way come from all bytes: a pickle's
 * last one is always the same.
 */
#include "target.h"

static void
write_back(const struct zblob_frame *frame, const uint8_t *data, size_t size, unsigned threads)
{
    struct zblob_error error;
    unsigned char *back = malloc(size + 1);
    require(back != NULL, "memory");
    require(frame->raw_size == size, "the size of a frame's value");
    require(zblob_decompress(frame, threads, back, NULL, &error) == ZBLOB_OK, error.message);
    require(size == 0 || memcmp(back, data, size) == 0, "a value has changed");
    free(back);
}

void
fuzz_round_trip(const struct zblob_options *options, const uint8_t *data, size_t size)
{
    struct zblob_error error;
    struct zblob_frame header;
    unsigned char *frame;
    size_t frame_size;
    require(zblob_compress(options, ZBLOB_BLOB, data, size, &frame, &frame_size, &error) == ZBLOB_OK, "compress");
    require(zblob_is_frame(frame, frame_size) && zblob_is_compressed(frame, frame_size), "a frame is none");
    require(zblob_frame_open(&header, frame, frame_size, frame_size, &error) == ZBLOB_OK, error.message);
    uint64_t more = header.chunk_count ? header.chunk_count - 1 : 0;
    require(frame_size <= size + ZBLOB_OVERHEAD_FIRST_CHUNK + more * ZBLOB_OVERHEAD_NEXT_CHUNK, "a frame is too large");
    header.dictionary = header.dictionary_id ? options->dictionary : NULL;
    write_back(&header, data, size, options->threads);
    zblob_free(frame);
}

/* What a sink gets. */
struct bytes {
    uint8_t *bytes;
    size_t size;
};

static enum zblob_result
append(void *context, const void *bytes, size_t size, struct zblob_error *error)
{
    struct bytes *all = context;
    (void)error;
    all->bytes = realloc(all->bytes, all->size + size + 1);
    require(all->bytes != NULL, "memory");
    memcpy(all->bytes + all->size, bytes, size);
    all->size += size;
    return ZBLOB_OK;
}

static enum zblob_result
restart(void *context, struct zblob_error *error)
{
    (void)error;
    ((struct bytes *)context)->size = 0;
    return ZBLOB_OK;
}

static void
write_to_sink(const struct zblob_options *options, const uint8_t *data, size_t size)
{
    struct bytes chunks = {0};
    struct zblob_sink sink = {append, restart, &chunks};
    struct zblob_error error;
    struct zblob_frame frame;
    unsigned char *header;
    size_t header_size;
    require(zblob_compress_to(options, ZBLOB_BLOB, data, size, &sink, &header, &header_size, &error) == ZBLOB_OK,
            error.message);
    uint8_t *whole = malloc(header_size + chunks.size);
    require(whole != NULL, "memory");
    memcpy(whole, header, header_size);
    if (chunks.size)
        memcpy(whole + header_size, chunks.bytes, chunks.size);
    size_t whole_size = header_size + chunks.size;
    require(zblob_frame_open(&frame, whole, whole_size, whole_size, &error) == ZBLOB_OK, error.message);
    write_back(&frame, data, size, 1);
    zblob_free(header);
    free(chunks.bytes);
    free(whole);
}

/* The first quarter is the dictionary of the rest. */
static void
use_dictionary(struct zblob_options *options, const uint8_t *data, size_t size)
{
    struct zblob_error error;
    if (zblob_dictionary_open(&options->dictionary, data, size / 4, &error) != ZBLOB_OK)
        return;
    options->dictionary_id = zblob_dictionary_id(options->dictionary);
    fuzz_round_trip(options, data + size / 4, size - size / 4);
    zblob_dictionary_close(options->dictionary);
}

static void
make_envelope(const struct zblob_options *options, const uint8_t *data, size_t size)
{
    struct zblob_error error;
    struct zblob_frame header;
    const unsigned char *frame = NULL;
    unsigned char *envelope;
    size_t envelope_size, frame_size;
    if (zblob_compress_pickle(options, data, size, &envelope, &envelope_size, &error) != ZBLOB_OK)
        return;
    require(zblob_find_frame(envelope, envelope_size, &frame, &frame_size, &error) == ZBLOB_OK && frame, "no frame");
    require(zblob_frame_open(&header, frame, frame_size, frame_size, &error) == ZBLOB_OK, error.message);
    write_back(&header, data, size, 1);
    zblob_free(envelope);
}

void
fuzz_bytes(const uint8_t *data, size_t size)
{
    static const enum zblob_codec codecs[] = {ZBLOB_CODEC_AUTO, ZBLOB_CODEC_PLANES, ZBLOB_CODEC_VOXEL,
                                              ZBLOB_CODEC_ZSTD};
    uint64_t choice = zblob_checksum(data, size);
    struct zblob_options options;
    struct zblob_error error;
    bool is_pickle = false;
    zblob_options_init(&options);
    options.level = (int)(choice % 9) + 1;
    options.codec = codecs[choice / 9 % 4];
    options.threads = choice / 36 % 8 ? 1 : 2;
    fuzz_round_trip(&options, data, size);
    switch (choice / 288 % 4) {
    case 0: write_to_sink(&options, data, size); break;
    case 1: use_dictionary(&options, data, size); break;
    default: break;
    }
    zblob_check_plain_pickle(data, size, &is_pickle, NULL, &error);
    if (is_pickle)
        make_envelope(&options, data, size);
}
