/*
 * driver.c: runs a target where there is no libFuzzer.
 *
 *   fuzz TARGET MUTATIONS FILE...    each file as it is, and with so many random mutations; with many of them, small
 *                                    files also cut at every length and with every bit flipped
 *
 * The variable ZBLOB_FUZZ_THREADS has so many threads do so at once, each with all files: for ThreadSanitizer.
 */
#include "target.h"

#include <pthread.h>

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

static void
mutate(const struct fuzz_target *target, uint8_t *data, size_t size)
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
    if (target->mend && next_random() % 2)
        target->mend(data, size);
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
    target->run(data, size);
    if (size <= SMALL && mutations >= MANY)
        exhaust_small(target, data, size);
    for (long i = 0; i < mutations && size; i++) {
        size_t cut = next_random() % 8 ? size : (size_t)(next_random() % size) + 1;
        uint8_t *copy = fuzz_copy(data, cut);
        mutate(target, copy, cut);
        target->run(copy, cut);
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
    printf("%d files, no fault\n", job.count);
    return 0;
}
