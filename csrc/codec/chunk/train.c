/* train.c: makes a dictionary of sample values, by zstd's trainer. */
#include "../base/errand.h"
#include "../base/error.h"

#include <stdlib.h>
#include <string.h>

#define ZDICT_STATIC_LINKING_ONLY /* it is linked statically */
#include <zdict.h>

/* Of the trainer: words of 6 and of 8 bytes are tried, each with a number of lengths of segments that falls as the samples
 * grow, so that the time does not grow with their square; and the table of all words has 2^TABLE_BITS entries. */
#define WORD_SIZES_ALL 0
#define STEPS_MIN 4
#define STEPS_MAX 40
#define STEPS_MAX_SAMPLES ((size_t)2 << 20)
#define TABLE_BITS 20
#define ENTROPY_LEVEL 3 /* the level that most values are encoded at decides which entropy tables suit them */

#ifdef __linux__
/* The trainer's stderr, to which it prints nothing at the level of messages that it is called with. Debian's libzstd.a is
 * compiled so that a shared object cannot use the C library's: the build has the linker take this in its place. */
void *__wrap_stderr; /* NOLINT: the linker's name for it */
#endif

struct training {
    struct errand errand; /* first: that is what `run` and `release` get */
    size_t count, capacity, size;
    bool failed;
    const char *reason;
    size_t *sizes;
    unsigned char *samples, *dictionary;
    unsigned char bytes[]; /* what the three pointers point to */
};

static void
run_training(struct errand *errand)
{
    struct training *t = (struct training *)errand;
    size_t samples_size = (size_t)(t->dictionary - t->samples), steps = STEPS_MAX;
    if (samples_size > STEPS_MAX_SAMPLES)
        steps = STEPS_MAX_SAMPLES * STEPS_MAX / samples_size;
    if (steps < STEPS_MIN)
        steps = STEPS_MIN;
    ZDICT_fastCover_params_t parameters = {.d = WORD_SIZES_ALL, .f = TABLE_BITS, .steps = (unsigned)steps, .accel = 1};
    parameters.zParams.compressionLevel = ENTROPY_LEVEL;
    t->size = ZDICT_optimizeTrainFromBuffer_fastCover(t->dictionary, t->capacity, t->samples, t->sizes,
                                                      (unsigned)t->count, &parameters);
    t->failed = ZDICT_isError(t->size);
    if (t->failed)
        t->reason = ZDICT_getErrorName(t->size);
}

static void
release_training(struct errand *errand)
{
    free(errand);
}

static enum zblob_result
take_result(struct training *t, unsigned char **dictionary, size_t *dictionary_size, struct zblob_error *error)
{
    if (t->failed)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "no dictionary can be trained from these %zu values (zstd: %s): give more of them", t->count,
                          t->reason);
    *dictionary = malloc(t->size);
    if (!*dictionary)
        return zblob_fail_memory(error, t->size);
    memcpy(*dictionary, t->dictionary, t->size);
    *dictionary_size = t->size;
    return ZBLOB_OK;
}

static enum zblob_result
train(const void *samples, const size_t *sizes, size_t count, size_t capacity, unsigned char **dictionary,
      size_t *dictionary_size, struct zblob_error *error)
{
    size_t total = 0, sizes_size = count * sizeof *sizes;
    for (size_t i = 0; i < count; i++)
        total += sizes[i];
    struct training *t = malloc(sizeof *t + sizes_size + total + capacity);
    if (!t)
        return zblob_fail_memory(error, sizeof *t + sizes_size + total + capacity);
    *t = (struct training){.count = count, .capacity = capacity};
    t->errand.run = run_training;
    t->errand.release = release_training;
    t->sizes = (size_t *)(void *)t->bytes;
    t->samples = t->bytes + sizes_size;
    t->dictionary = t->samples + total;
    memcpy(t->sizes, sizes, sizes_size);
    memcpy(t->samples, samples, total);
    if (!interrupt_scope())
        run_training(&t->errand);
    else if (!errand_run(&t->errand))
        return ZBLOB_INTERRUPTED;
    enum zblob_result result = take_result(t, dictionary, dictionary_size, error);
    if (interrupt_scope())
        errand_release(&t->errand);
    else
        free(t);
    return result;
}

enum zblob_result
zblob_train(const void *samples, const size_t *sizes, size_t count, size_t capacity, unsigned char **dictionary,
            size_t *dictionary_size, const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct interrupt_scope scope;
    *dictionary = NULL;
    if (capacity < ZBLOB_DICTIONARY_SIZE_MIN || capacity > ZBLOB_DICTIONARY_SIZE_MAX)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "a dictionary has %d to %d bytes, not %zu",
                          ZBLOB_DICTIONARY_SIZE_MIN, ZBLOB_DICTIONARY_SIZE_MAX, capacity);
    if (count < ZBLOB_TRAIN_COUNT_MIN)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "a dictionary is trained from %d values or more of 8 to %d bytes, not from %zu",
                          ZBLOB_TRAIN_COUNT_MIN, ZBLOB_TRAIN_SAMPLE_MAX, count);
    interrupt_open(&scope, interrupt);
    enum zblob_result result = train(samples, sizes, count, capacity, dictionary, dictionary_size, error);
    result = interrupt_close(&scope, result, error);
    if (result != ZBLOB_OK) {
        free(*dictionary);
        *dictionary = NULL;
    }
    return result;
}
