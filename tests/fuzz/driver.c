/*
 * driver.c: runs a target where there is no libFuzzer.
 *
 *   fuzz TARGET MUTATIONS FILE...    each file as it is, and with so many random mutations; with mutations, small files
 *                                    also cut at every length and with every bit flipped
 */
#include "target.h"

enum { SMALL = 1500 };

static uint64_t random_state = 88172645463325252ULL;

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
    if (size <= SMALL && mutations)
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

int
main(int argc, char **argv)
{
    const struct fuzz_target *target = NULL;
    require(argc > 2, "usage: fuzz TARGET MUTATIONS FILE...");
    for (size_t i = 0; i < fuzz_target_count; i++) {
        if (strcmp(argv[1], fuzz_targets[i].name) == 0)
            target = &fuzz_targets[i];
    }
    require(target != NULL, "there is no such target");
    for (int i = 3; i < argc; i++)
        run_file(target, argv[i], atol(argv[2]));
    printf("%d files, no fault\n", argc - 3);
    return 0;
}
