/* train.c: makes a dictionary of sample values, by zstd's trainer, and as large as pays for the values that will need it. */
#include "../base/errand.h"
#include "../base/error.h"
#include "block.h"
#include "short_block.h"

#include <stdlib.h>
#include <string.h>

#define ZDICT_STATIC_LINKING_ONLY /* it is linked statically */
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

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
    uint64_t rows;
    bool failed, lacks_memory;
    const char *reason;
    size_t *sizes;
    unsigned char *samples, *dictionary;
    unsigned char bytes[]; /* what the three pointers point to */
};

/* ---- The size that pays ---------------------------------------------------------------------- */

/* The trainer takes the first of this share of the samples alone. On the others, sizes of a dictionary can be compared. */
#define TRAINED_SHARE 0.75
#define TEST_LEVEL ZBLOB_LEVEL_DEFAULT
#define FITTED_SIZE_MIN 1024
#define TABLES_SIZE_MAX 1024 /* of a dictionary, before its content */

static size_t
trained_count(const struct training *t)
{
    return (size_t)((double)t->count * TRAINED_SHARE);
}

/* Bytes that all rows and the dictionary take together, by the samples that it was not trained from. */
static double
cost_of(struct training *t, const unsigned char *bytes, size_t size)
{
    struct zblob_dictionary *dictionary = NULL;
    struct zblob_error error;
    size_t trained = trained_count(t), total = 0;
    const unsigned char *sample = t->samples;
    unsigned char *block = malloc(BLOCK_SLACK + ZBLOB_TRAIN_SAMPLE_MAX);
    enum zblob_result result = block ? zblob_dictionary_open(&dictionary, bytes, size, &error) : ZBLOB_NO_MEMORY;
    for (size_t i = 0; i < t->count && result == ZBLOB_OK; sample += t->sizes[i++]) {
        size_t stored = 0;
        if (i < trained)
            continue;
        result = block_encode(TEST_LEVEL, dictionary, sample, t->sizes[i], block + BLOCK_SLACK, &stored);
        size_t shortened = stored ? block_shorten(block + BLOCK_SLACK, stored) : 0;
        total += shortened ? shortened : stored ? stored : t->sizes[i];
    }
    zblob_dictionary_close(dictionary);
    free(block);
    t->lacks_memory |= result != ZBLOB_OK; /* as the bytes are zstd's own, nothing else can be wrong */
    return (double)size + (double)total / (double)(t->count - trained) * (double)t->rows;
}

/* Into `dst`, a dictionary of the last `content_size` bytes of the content that t's dictionary has: the trainer puts first
 * what is worth most, from the end on. Returns its size; 0: there is none. */
static size_t
cut(struct training *t, size_t content_size, unsigned char *dst)
{
    ZDICT_params_t parameters = {.compressionLevel = ENTROPY_LEVEL};
    size_t size = ZDICT_finalizeDictionary(dst, content_size + TABLES_SIZE_MAX, t->dictionary + t->size - content_size,
                                           content_size, t->samples, t->sizes, (unsigned)trained_count(t), parameters);
    t->lacks_memory |= ZSTD_getErrorCode(size) == ZSTD_error_memory_allocation;
    return ZDICT_isError(size) ? 0 : size;
}

/* Take half of the dictionary, half of that, and so on, if that takes fewer bytes with all rows. */
static void
fit_size(struct training *t)
{
    size_t head = ZDICT_getDictHeaderSize(t->dictionary, t->size), best_size = 0;
    unsigned char *best = malloc(2 * (t->capacity + TABLES_SIZE_MAX));
    t->lacks_memory |= !best;
    if (!best || ZDICT_isError(head) || head > FITTED_SIZE_MIN / 2) {
        free(best);
        return;
    }
    unsigned char *next = best + t->capacity + TABLES_SIZE_MAX;
    double least = cost_of(t, t->dictionary, t->size);
    for (size_t whole = t->size / 2; whole >= FITTED_SIZE_MIN; whole /= 2) {
        size_t size = cut(t, whole - head, next);
        double cost = size ? cost_of(t, next, size) : least;
        if (cost < least) {
            least = cost;
            best_size = size;
            memcpy(best, next, size);
        }
    }
    if (best_size && best_size <= t->size) {
        memcpy(t->dictionary, best, best_size);
        t->size = best_size;
    }
    free(best);
}

/* ---- Training -------------------------------------------------------------------------------- */

static void
run_training(struct errand *errand)
{
    struct training *t = (struct training *)errand;
    size_t samples_size = (size_t)(t->dictionary - t->samples), steps = STEPS_MAX;
    if (samples_size > STEPS_MAX_SAMPLES)
        steps = STEPS_MAX_SAMPLES * STEPS_MAX / samples_size;
    if (steps < STEPS_MIN)
        steps = STEPS_MIN;
    ZDICT_fastCover_params_t parameters = {
        .d = WORD_SIZES_ALL, .f = TABLE_BITS, .steps = (unsigned)steps, .accel = 1, .splitPoint = TRAINED_SHARE};
    parameters.zParams.compressionLevel = ENTROPY_LEVEL;
    t->size = ZDICT_optimizeTrainFromBuffer_fastCover(t->dictionary, t->capacity, t->samples, t->sizes,
                                                      (unsigned)t->count, &parameters);
    t->failed = ZDICT_isError(t->size);
    t->lacks_memory = ZSTD_getErrorCode(t->size) == ZSTD_error_memory_allocation;
    if (t->failed)
        t->reason = ZDICT_getErrorName(t->size);
    else if (t->rows && t->size > FITTED_SIZE_MIN)
        fit_size(t);
}

static void
release_training(struct errand *errand)
{
    free(errand);
}

static enum zblob_result
take_result(struct training *t, unsigned char **dictionary, size_t *dictionary_size, struct zblob_error *error)
{
    if (t->lacks_memory)
        return zblob_fail_memory(error, t->capacity);
    if (t->failed)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "no dictionary can be trained from these %zu values (zstd: %s): give more of them", t->count,
                          t->reason);
    if (t->size < ZBLOB_DICTIONARY_SIZE_MIN) /* which nobody could open */
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "no dictionary can be trained from these %zu values: they have so little in common or are so "
                          "short that it would have %zu bytes: give more of them",
                          t->count, t->size);
    *dictionary = malloc(t->size);
    if (!*dictionary)
        return zblob_fail_memory(error, t->size);
    memcpy(*dictionary, t->dictionary, t->size);
    *dictionary_size = t->size;
    return ZBLOB_OK;
}

static enum zblob_result
train(const void *samples, const size_t *sizes, size_t count, size_t capacity, uint64_t rows,
      unsigned char **dictionary, size_t *dictionary_size, struct zblob_error *error)
{
    size_t total = 0, sizes_size = count * sizeof *sizes;
    for (size_t i = 0; i < count; i++)
        total += sizes[i];
    struct training *t = malloc(sizeof *t + sizes_size + total + capacity);
    if (!t)
        return zblob_fail_memory(error, sizeof *t + sizes_size + total + capacity);
    *t = (struct training){.count = count, .capacity = capacity, .rows = rows};
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
zblob_train(const void *samples, const size_t *sizes, size_t count, size_t capacity, uint64_t rows,
            unsigned char **dictionary, size_t *dictionary_size, const struct zblob_interrupt *interrupt,
            struct zblob_error *error)
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
    enum zblob_result result = train(samples, sizes, count, capacity, rows, dictionary, dictionary_size, error);
    result = interrupt_close(&scope, result, error);
    if (result != ZBLOB_OK) {
        free(*dictionary);
        *dictionary = NULL;
    }
    return result;
}
