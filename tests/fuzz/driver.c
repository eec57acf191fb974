/*
 * driver.c: runs a target where there is no libFuzzer.
 *
 *   fuzz TARGET MUTATIONS FILE...    each file as it is, and with so many random mutations; with many of them, small
 *                                    files also cut at every length and with every bit flipped
 *
 * The variable ZBLOB_FUZZ_THREADS has so many threads do so at once, each with all files: for ThreadSanitizer. Without
 * it, standard error says how long the longest run took; cut and flipped files are not timed.
 */
#include "target.h"

#include <pthread.h>
#include <time.h>

enum {
    SMALL = 1500, /* bytes */
    MANY = 20,    /* mutations */
};

static _Thread_local uint64_t random_state = 88172645463325252ULL;

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
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

/* Numbers that headers do not expect, of 1 to 8 bytes, in either byte order. */
static void
write_number(uint8_t *data, size_t size, size_t at)
{
    const uint64_t numbers[] = {0,          1,          3,         9,          0x7fff, 0xffff,
                                0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, size,   size - at};
    uint64_t number = numbers[next_random() % (sizeof numbers / sizeof *numbers)] + next_random() % 3 - 1;
    size_t width = (size_t)1 << next_random() % 4;
    bool is_big = next_random() % 2;
    for (size_t i = 0; i < width && at + i < size; i++)
        data[at + i] = (uint8_t)(number >> 8 * (is_big ? width - 1 - i : i));
}

/* The next digits from `at` on become others: those of a header in words are its sizes. */
static void
write_digits(uint8_t *data, size_t size, size_t at)
{
    static const char others[] = "0123456789-. e";
    while (at < size && !(data[at] >= '0' && data[at] <= '9'))
        at++;
    for (; at < size && data[at] >= '0' && data[at] <= '9'; at++)
        data[at] = (uint8_t)others[next_random() % (sizeof others - 1)];
}

/* A piece is copied to another place. */
static void
move_piece(uint8_t *data, size_t size, size_t at)
{
    enum { LONGEST = 64 };
    size_t from = next_place(size), length = (size_t)(next_random() % LONGEST), larger = from > at ? from : at;
    memmove(data + at, data + from, length < size - larger ? length : size - larger);
}

static void
mutate(const struct fuzz_target *target, uint8_t *data, size_t size)
{
    for (uint64_t count = next_random() % 4 + 1; count; count--) {
        size_t at = next_place(size);
        switch (next_random() % 7) {
        case 0: data[at] ^= (uint8_t)(1U << next_random() % 8); break;
        case 1: data[at] = (uint8_t)next_random(); break;
        case 2: data[at] = next_random() % 2 ? 0 : 0xff; break;
        case 3: write_number(data, size, at); break;
        case 4: write_digits(data, size, at); break;
        case 5: move_piece(data, size, at); break;
        default: data[at] = data[next_place(size)]; break;
        }
    }
    if (target->mend && next_random() % 2)
        target->mend(data, size);
}

static _Thread_local clock_t longest;

static clock_t
time_of(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
    clock_t start = clock();
    target->run(data, size);
    return clock() - start;
}

/* What seems to take longest runs twice more: once may be the allocator's time, or the system's. */
static void
run_timed(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
    clock_t taken = time_of(target, data, size);
    for (int again = 0; again < 2 && taken > longest; again++) {
        clock_t next = time_of(target, data, size);
        taken = next < taken ? next : taken;
    }
    longest = taken > longest ? taken : longest;
}

static void
exhaust_small(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = fuzz_copy(data, cut);
        target->run(copy, cut);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        uint8_t *copy = fuzz_copy(data, size);
        copy[bit / 8] ^= (uint8_t)(1U << bit % 8);
        target->run(copy, size);
        free(copy);
    }
}

static void
run_file(const struct fuzz_target *target, const char *name, long mutations)
{
    FILE *file = fopen(name, "rb");
    require(file != NULL, name);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(size ? size : 1);
    require(data != NULL && fread(data, 1, size, file) == size, name);
    fclose(file);
    run_timed(target, data, size);
    if (size <= SMALL && mutations >= MANY)
        exhaust_small(target, data, size);
    for (long i = 0; i < mutations && size; i++) {
        size_t cut = next_random() % 8 ? size : (size_t)(next_random() % size) + 1;
        uint8_t *copy = fuzz_copy(data, cut);
        mutate(target, copy, cut);
        run_timed(target, copy, cut);
        free(copy);
    }
    free(data);
}

struct job {
    const struct fuzz_target *target;
    char **names;
    int count;
    long mutations;
};

static void *
run_files(void *context)
{
    const struct job *job = context;
    for (int i = 0; i < job->count; i++)
        run_file(job->target, job->names[i], job->mutations);
    return NULL;
}

static void
run_in_threads(struct job *job, int count)
{
    enum { THREADS_MAX = 64 };
    pthread_t threads[THREADS_MAX];
    require(count > 0 && count <= THREADS_MAX, "ZBLOB_FUZZ_THREADS is 1 to 64");
    for (int i = 0; i < count; i++)
        require(pthread_create(&threads[i], NULL, run_files, job) == 0, "a thread cannot be created");
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int
main(int argc, char **argv)
{
    struct job job = {.target = NULL};
    const char *threads = getenv("ZBLOB_FUZZ_THREADS");
    require(argc > 2, "usage: fuzz TARGET MUTATIONS FILE...");
    for (size_t i = 0; i < fuzz_target_count; i++) {
        if (strcmp(argv[1], fuzz_targets[i].name) == 0)
            job.target = &fuzz_targets[i];
    }
    require(job.target != NULL, "there is no such target");
    job.names = argv + 3;
    job.count = argc - 3;
    job.mutations = atol(argv[2]);
    if (threads)
        run_in_threads(&job, atoi(threads));
    else
        run_files(&job);
    if (!threads)
        fprintf(stderr, "longest run: %.2f ms of CPU time\n", 1e3 * (double)longest / CLOCKS_PER_SEC);
    printf("%d files, no fault\n", job.count);
    return 0;
}
