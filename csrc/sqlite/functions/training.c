/*
 * training.c: see training.h.
 *
 * Each value is kept with the same probability, which halves whenever the kept ones take too much memory; those that a
 * lower one would not have kept are dropped then. The dice are thrown in the same order each time, so that the same rows
 * in the same order give the same dictionary.
 */
#include "training.h"

#include "../interrupt.h"
#include "../values.h"

#include <stdlib.h>
#include <string.h>

/* zstd's trainer wants about a hundred times as many bytes of samples as of dictionary. */
#define SAMPLES_PER_BYTE 100
#define SAMPLES_MIN ((size_t)1 << 20)
#define SAMPLES_MAX ((size_t)16 << 20)

/* A column's dictionary serves until it has so many times the rows that it was trained from (zb.maintain). */
#define GROWTH 2

struct sample {
    uint64_t dice;
    size_t size;
    unsigned char *bytes;
};

struct training {
    bool is_begun;
    size_t capacity; /* of the dictionary */
    size_t budget;   /* for the bytes of samples */
    bool is_fitted;  /* the size is chosen, by the rows that it is for */
    uint64_t rows;   /* likewise, if the caller knows */
    uint64_t random, highest;
    struct sample *samples;
    size_t count, room, total;
};

/* xorshift64*, whose upper bits are good enough to throw dice. */
static uint64_t
throw_dice(struct training *t)
{
    t->random ^= t->random >> 12;
    t->random ^= t->random << 25;
    t->random ^= t->random >> 27;
    return t->random * 2685821657736338717U;
}

static void
forget_all(struct training *t)
{
    for (size_t i = 0; i < t->count; i++)
        sqlite3_free(t->samples[i].bytes);
    sqlite3_free(t->samples);
    t->samples = NULL;
    t->count = t->room = t->total = 0;
}

static void
keep_fewer(struct training *t)
{
    size_t kept = 0;
    t->highest /= 2;
    t->total = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct sample *sample = &t->samples[i];
        if (sample->dice > t->highest) {
            sqlite3_free(sample->bytes);
            continue;
        }
        t->total += sample->size;
        t->samples[kept++] = *sample;
    }
    t->count = kept;
}

static bool
keep(struct training *t, const struct value *value, uint64_t dice)
{
    if (t->count == t->room) {
        size_t room = t->room ? 2 * t->room : 256;
        struct sample *grown = sqlite3_realloc64(t->samples, room * sizeof *grown);
        if (!grown)
            return false;
        t->samples = grown;
        t->room = room;
    }
    unsigned char *bytes = sqlite3_malloc64(value->size);
    if (!bytes)
        return false;
    memcpy(bytes, value->bytes, value->size);
    t->samples[t->count++] = (struct sample){.dice = dice, .size = value->size, .bytes = bytes};
    t->total += value->size;
    while (t->total > t->budget)
        keep_fewer(t);
    return true;
}

static bool
begin(sqlite3_context *context, struct training *t, int count, sqlite3_value **arguments)
{
    sqlite3_int64 size = count > 1 ? sqlite3_value_int64(arguments[1]) : ZBLOB_DICTIONARY_SIZE_DEFAULT;
    if (size < ZBLOB_DICTIONARY_SIZE_MIN || size > ZBLOB_DICTIONARY_SIZE_MAX) {
        sqlite3_result_error(context, "ztrain: the size of a dictionary must be from 256 to 1048576 bytes", -1);
        return false;
    }
    sqlite3_int64 rows = count > 2 ? sqlite3_value_int64(arguments[2]) : 0;
    t->is_begun = true;
    t->is_fitted = count != 2;
    t->rows = rows > 0 ? (uint64_t)rows : 0;
    t->capacity = (size_t)size;
    t->budget = SAMPLES_PER_BYTE * t->capacity;
    t->budget = t->budget < SAMPLES_MIN ? SAMPLES_MIN : t->budget > SAMPLES_MAX ? SAMPLES_MAX : t->budget;
    t->random = 88172645463325252U;
    t->highest = UINT64_MAX;
    return true;
}

/* Does an error say nothing about the value? Then the next values would not fare better. */
static bool
is_failure(const struct zblob_connection *connection, const struct zblob_error *error)
{
    return error->code == ZBLOB_NO_MEMORY || error->code == ZBLOB_INTERRUPTED || connection->failure != SQLITE_OK;
}

/* Frames count as what they hold. Values that no compact frame could hold are passed over, and frames that are damaged or
 * need a dictionary that nobody has. */
void
ztrain_step(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct training *t = sqlite3_aggregate_context(context, sizeof *t);
    struct value value, original = {NULL, 0, ZBLOB_BLOB};
    struct zblob_error error;
    if (!t) {
        sqlite3_result_error_nomem(context);
        return;
    }
    if (!value_is_bytes(arguments[0]) || (!t->is_begun && !begin(context, t, count, arguments)))
        return;
    uint64_t dice = throw_dice(t);
    if (dice > t->highest || !value_take(context, arguments[0], &value))
        return;
    if (value_is_marked(&value)) {
        struct zblob_connection *connection = value_connection(context);
        connection->failure = SQLITE_OK;
        if (!value_unpack(sqlite3_context_db_handle(context), connection, &value, &original, &error)) {
            if (is_failure(connection, &error))
                value_fail(context, &error);
            return;
        }
        value = original;
    }
    bool is_sample = value.size >= ZBLOB_TRAIN_SAMPLE_MIN && value.size <= ZBLOB_TRAIN_SAMPLE_MAX;
    if (is_sample && !keep(t, &value, dice))
        sqlite3_result_error_nomem(context);
    sqlite3_free((void *)original.bytes);
}

/* For how many rows the dictionary is: by all that were seen, of which the kept ones are a share that the dice tell. 0: its
 * size is given. */
static uint64_t
rows_of(const struct training *t)
{
    uint64_t seen = t->count * (UINT64_MAX / t->highest);
    return !t->is_fitted ? 0 : t->rows ? t->rows : GROWTH * seen;
}

static int
compare_dice(const void *one, const void *other)
{
    const struct sample *a = one, *b = other;
    return (a->dice > b->dice) - (a->dice < b->dice);
}

/* The trainer takes the first three quarters of the samples, and tries dictionaries on the others: they are shuffled, so that
 * rows in the order of their kinds are in both. */
static void
train(sqlite3_context *context, const struct training *t)
{
    struct zblob_interrupt interrupt = interrupt_of(sqlite3_context_db_handle(context));
    struct zblob_error error;
    unsigned char *bytes = sqlite3_malloc64(t->total + 1), *dictionary;
    size_t *sizes = sqlite3_malloc64((t->count + 1) * sizeof *sizes), at = 0, size;
    if (!bytes || !sizes) {
        sqlite3_result_error_nomem(context);
    } else {
        if (t->count > 0)
            qsort(t->samples, t->count, sizeof *t->samples, compare_dice);
        for (size_t i = 0; i < t->count; at += sizes[i++]) {
            sizes[i] = t->samples[i].size;
            memcpy(bytes + at, t->samples[i].bytes, sizes[i]);
        }
        if (zblob_train(bytes, sizes, t->count, t->capacity, rows_of(t), &dictionary, &size, &interrupt, &error) ==
            ZBLOB_OK)
            sqlite3_result_blob64(context, dictionary, size, zblob_free);
        else
            value_fail(context, &error);
    }
    sqlite3_free(bytes);
    sqlite3_free(sizes);
}

/* Of no rows, or of rows without bytes: NULL. */
void
ztrain_final(sqlite3_context *context)
{
    struct training *t = sqlite3_aggregate_context(context, 0);
    if (!t)
        return;
    if (t->is_begun)
        train(context, t);
    forget_all(t);
}
