/*
 * fuzz_codec.c: every reader and the encoder on hostile bytes, for sanitizers.
 *
 *   fuzz_codec MUTATIONS FILE...     each file as it is, cut at every length, with every bit flipped (small
 *                                    files), and with so many random mutations
 * With -DLIBFUZZER the same function is libFuzzer's target.
 */
#include "../../csrc/codec/base/checksum.h"
#include "../../csrc/zblob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IMAGES_MAX 4
#define SNIFF_SECONDS_MAX 0.5
#define RAW_MAX ((uint64_t)8 << 20)
#define SMALL 1500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "wrong: %s\n", what);
        abort();
    }
}

/* Images are found at once, and lie within the value, one after another. */
static void
sniff(const uint8_t *data, size_t size)
{
    struct zblob_image images[IMAGES_MAX];
    uint64_t at = 0, image_size = 0;
    clock_t start = clock();
    size_t count = zblob_sniff(data, size, images, IMAGES_MAX);
    require((double)(clock() - start) / CLOCKS_PER_SEC < SNIFF_SECONDS_MAX, "a slow search for images");
    require(count <= IMAGES_MAX, "too many images");
    for (size_t i = 0; i < count; i++) {
        require(zblob_grid_size(&images[i].grid, &image_size), "an image without a size");
        require(images[i].value_offset >= at && images[i].value_offset <= size, "an image in a wrong place");
        require(image_size <= size - images[i].value_offset, "an image that is too large");
        at = images[i].value_offset + image_size;
    }
    require(count == 0 || zblob_may_have_images(data, size), "images in a value that may have none");
    zblob_compressed_format(data, size);
}

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
gather(const uint8_t *data, size_t size, const unsigned char *raw, uint64_t raw_size)
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
read_everything(const uint8_t *data, size_t size)
{
    struct zblob_error error;
    struct zblob_frame frame;
    uint32_t damaged_count;
    char *json = NULL;
    if (zblob_describe(data, size, ZBLOB_BLOB, &json, NULL, &error) == ZBLOB_OK)
        require(strlen(json) > 2, "empty description");
    zblob_free(json);
    sniff(data, size);
    zblob_is_complete_pickle(data, size);
    if (zblob_frame_open(&frame, data, size, size, &error) != ZBLOB_OK) {
        gather(data, size, NULL, size);
        return;
    }
    if (frame.raw_size > RAW_MAX)
        return;
    enum zblob_result verdict = zblob_verify(&frame, &damaged_count, NULL, &error);
    unsigned char *raw = malloc((size_t)frame.raw_size + 1);
    require(raw != NULL, "memory");
    enum zblob_result result = zblob_decompress(&frame, 1, raw, NULL, &error);
    require((result == ZBLOB_OK) == (verdict == ZBLOB_OK), "verify and decompress disagree");
    gather(data, size, result == ZBLOB_OK ? raw : NULL, frame.raw_size);
    free(raw);
}

static void
round_trip(const uint8_t *data, size_t size, int level, enum zblob_codec codec)
{
    struct zblob_error error;
    struct zblob_options options;
    struct zblob_frame header;
    unsigned char *frame;
    size_t frame_size;
    zblob_options_init(&options);
    options.level = level;
    options.codec = codec;
    options.threads = 1;
    require(zblob_compress(&options, ZBLOB_BLOB, data, size, &frame, &frame_size, &error) == ZBLOB_OK, "compress");
    unsigned char *back = malloc(size + 1);
    require(back != NULL, "memory");
    require(zblob_frame_open(&header, frame, frame_size, frame_size, &error) == ZBLOB_OK, error.message);
    require(zblob_decompress(&header, 1, back, NULL, &error) == ZBLOB_OK, error.message);
    require(size == 0 || memcmp(back, data, size) == 0, "round trip");
    free(back);
    zblob_free(frame);
}

/* Level and codec come from all bytes: a pickle's last one is always the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum zblob_codec codecs[] = {ZBLOB_CODEC_AUTO, ZBLOB_CODEC_PLANES, ZBLOB_CODEC_VOXEL};
    uint64_t choice = checksum_xxh3(data, size);
    read_everything(data, size);
    round_trip(data, size, (int)(choice % 9) + 1, codecs[choice / 9 % 3]);
    return 0;
}

#ifndef LIBFUZZER

static uint64_t random_state = 88172645463325252ULL;

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* A header with a valid checksum lets a mutation through to what lies behind it. */
static void
mend_header(uint8_t *data, size_t size)
{
    uint64_t header_size = zblob_header_size(data, size);
    if (header_size < 52 || header_size > size)
        return;
    uint64_t checksum = checksum_xxh3(data + 12, (size_t)header_size - 20);
    for (int i = 0; i < 8; i++)
        data[header_size - 8 + (size_t)i] = (uint8_t)(checksum >> (8 * i));
}

/* Half of the places lie near the beginning or the end, where headers are. */
static size_t
next_place(size_t size)
{
    enum { NEAR = 1024 };
    size_t near = size < NEAR ? size : NEAR;
    switch (next_random() % 4) {
    case 0: return (size_t)(next_random() % near);
    case 1: return size - 1 - (size_t)(next_random() % near);
    default: return (size_t)(next_random() % size);
    }
}

static void
mutate(uint8_t *data, size_t size)
{
    for (uint64_t count = next_random() % 4 + 1; count; count--) {
        size_t at = next_place(size);
        switch (next_random() % 4) {
        case 0: data[at] ^= (uint8_t)(1U << next_random() % 8); break;
        case 1: data[at] = (uint8_t)next_random(); break;
        case 2: data[at] = next_random() % 2 ? 0 : 0xff; break;
        default: data[at] = data[next_place(size)]; break;
        }
    }
    if (next_random() % 2)
        mend_header(data, size);
}

/* An exact-size copy, so that a sanitizer sees one byte too far. */
static uint8_t *
copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    require(copy != NULL, "memory");
    memcpy(copy, data, size);
    return copy;
}

static void
exhaust_small(const uint8_t *data, size_t size)
{
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = copy_of(data, cut);
        read_everything(copy, cut);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *copy = copy_of(data, size);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        read_everything(copy, size);
        mend_header(copy, size);
        read_everything(copy, size);
        free(copy);
    }
}

static void
fuzz_file(const char *name, long mutations)
{
    FILE *file = fopen(name, "rb");
    require(file != NULL, name);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(size + 1);
    require(data != NULL && fread(data, 1, size, file) == size, name);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    if (size <= SMALL)
        exhaust_small(data, size);
    for (long i = 0; i < mutations && size; i++) {
        size_t cut = next_random() % 8 ? size : (size_t)(next_random() % size) + 1;
        uint8_t *copy = copy_of(data, cut);
        mutate(copy, cut);
        if (i % 10 == 0)
            LLVMFuzzerTestOneInput(copy, cut);
        else
            read_everything(copy, cut);
        free(copy);
    }
    free(data);
}

int
main(int argc, char **argv)
{
    require(argc > 2, "usage: fuzz_codec MUTATIONS FILE...");
    for (int i = 2; i < argc; i++)
        fuzz_file(argv[i], atol(argv[1]));
    printf("%d files, no fault\n", argc - 2);
    return 0;
}

#endif
