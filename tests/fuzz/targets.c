/* targets.c: the table of all targets. */
#include "target.h"

const struct fuzz_target fuzz_targets[] = {
    {"frames", fuzz_frames, fuzz_mend_frame},
    {"dictionaries", fuzz_dictionaries, fuzz_mend_dictionary},
    {"bytes", fuzz_bytes, NULL},
    {"arrays", fuzz_arrays, NULL},
    {"sniff", fuzz_sniff, NULL},
    {"options", fuzz_options, NULL},
    {"statements", fuzz_statements, NULL},
    {"programs", fuzz_programs, NULL},
    {"backing", fuzz_backing, NULL},
};

const size_t fuzz_target_count = sizeof fuzz_targets / sizeof *fuzz_targets;
