/*
 * digest_codec.c: what the codec makes of files, as text that can be compared between CPUs.
 *
 *   digest_codec FILE...     for each file and level: the frame's size and checksum, once it was seen to decode
 *                            to the file's bytes
 */
#include "../../csrc/zblob.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
require(int condition, const char *path, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s: %s\n", path, what);
        exit(1);
    }
}

static unsigned char *
read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    require(file != NULL && fseek(file, 0, SEEK_END) == 0, path, "cannot be read");
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size + 1);
    require(data != NULL && fread(data, 1, *size, file) == *size, path, "cannot be read");
    fclose(file);
    return data;
}

static void
print_digest(const char *path, const unsigned char *data, size_t size, int level)
{
    struct zblob_error error;
    struct zblob_options options;
    struct zblob_frame header;
    unsigned char *frame, *back = malloc(size + 1);
    size_t frame_size;
    zblob_options_init(&options);
    options.level = level;
    options.threads = 1;
    require(back != NULL, path, "no memory");
    enum zblob_result result = zblob_compress(&options, ZBLOB_BLOB, data, size, &frame, &frame_size, &error);
    require(result == ZBLOB_OK, path, error.message);
    result = zblob_frame_open(&header, frame, frame_size, frame_size, &error);
    if (result == ZBLOB_OK)
        result = zblob_decompress(&header, 1, back, NULL, &error);
    require(result == ZBLOB_OK, path, error.message);
    require(memcmp(back, data, size) == 0, path, "comes back changed");
    printf("%s level %d: %zu bytes, %016" PRIx64 "\n", path, level, frame_size, zblob_checksum(frame, frame_size));
    free(back);
    zblob_free(frame);
}

int
main(int argc, char **argv)
{
    static const int levels[] = {1, 2, 5, 9};
    for (int i = 1; i < argc; i++) {
        size_t size;
        unsigned char *data = read_file(argv[i], &size);
        for (size_t k = 0; k < sizeof levels / sizeof *levels; k++)
            print_digest(argv[i], data, size, levels[k]);
        free(data);
    }
    return 0;
}
