/*
 * target.h: what a fuzz target is. Each takes any bytes, and ends the process if something is wrong: by `require`, or
 * because a sanitizer says so. libfuzzer.c and driver.c run them.
 */
#ifndef ZBLOB_TESTS_FUZZ_TARGET_H
#define ZBLOB_TESTS_FUZZ_TARGET_H

#include "../../csrc/zblob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fuzz_target {
    const char *name;
    void (*run)(const uint8_t *data, size_t size);
    void (*mend)(uint8_t *data,
                 size_t size); /* makes checksums right that a mutation has broken; NULL: there are none */
};

extern const struct fuzz_target fuzz_targets[];
extern const size_t fuzz_target_count;

void fuzz_frames(const uint8_t *data, size_t size);
void fuzz_mend_frame(uint8_t *data, size_t size);
void fuzz_dictionaries(const uint8_t *data, size_t size);
void fuzz_mend_dictionary(uint8_t *data, size_t size);
void fuzz_bytes(const uint8_t *data, size_t size);
void fuzz_arrays(const uint8_t *data, size_t size);
void fuzz_sniff(const uint8_t *data, size_t size);
void fuzz_options(const uint8_t *data, size_t size);
void fuzz_statements(const uint8_t *data, size_t size);
void fuzz_programs(const uint8_t *data, size_t size);
void fuzz_backing(const uint8_t *data, size_t size);

static inline void
require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "wrong: %s\n", what);
        abort();
    }
}

/* An exact-size copy, so that a sanitizer sees one byte too far. */
static inline uint8_t *
fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    require(copy != NULL, "memory");
    if (size)
        memcpy(copy, data, size);
    return copy;
}

/* Compress with these options, check the bound of the size, decompress, compare. */
void fuzz_round_trip(const struct zblob_options *options, const uint8_t *data, size_t size);

/* Describe, verify, decompress and read parts of what may be a frame. `dictionary`: for frames that need one; or NULL. */
void fuzz_read_frame(const uint8_t *data, size_t size, struct zblob_dictionary *dictionary);

/* The bytes of an input, one decision after the other; zeros after its end. */
struct fuzz_input {
    const uint8_t *at, *end;
};

static inline unsigned
fuzz_byte(struct fuzz_input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static inline unsigned
fuzz_below(struct fuzz_input *input, unsigned count)
{
    return fuzz_byte(input) % count;
}

#endif
