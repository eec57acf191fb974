/* libfuzzer.c: the targets for libFuzzer, which clang links in. The variable ZBLOB_FUZZ_TARGET names one. */
#include "target.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

static const struct fuzz_target *target;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("ZBLOB_FUZZ_TARGET");
    (void)argc, (void)argv;
    for (size_t i = 0; i < fuzz_target_count; i++) {
        if (name && strcmp(name, fuzz_targets[i].name) == 0)
            target = &fuzz_targets[i];
    }
    require(target != NULL, "ZBLOB_FUZZ_TARGET names no target");
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    target->run(data, size);
    return 0;
}

/* Two of three mutations get their checksums mended, and so reach what checksums protect. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, capacity);
    if (target->mend && seed % 3)
        target->mend(data, size);
    return size;
}
