/* runs.c: see runs.h. */
#include "runs.h"

#include <string.h>

bool
runs_are_within(const struct zblob_runs *runs, uint64_t raw_size)
{
    if (runs->count == 0 || runs->run == 0)
        return true;
    if (runs->offset > raw_size || runs->run > raw_size - runs->offset)
        return false;
    uint64_t room = raw_size - runs->offset - runs->run; /* for the distance between the first and the last start */
    return runs->count == 1 || (runs->pitch >= runs->run && runs->count - 1 <= room / runs->pitch);
}

/* The number of the first run that ends after `start`; `count` if there is none. */
static uint64_t
first_after(const struct zblob_runs *runs, uint64_t start)
{
    if (start < runs->offset + runs->run)
        return 0;
    if (runs->count == 1)
        return 1;
    uint64_t number = (start - runs->offset - runs->run) / runs->pitch + 1;
    return number < runs->count ? number : runs->count;
}

static uint64_t
start_of(const struct zblob_runs *runs, uint64_t number)
{
    return runs->offset + number * runs->pitch;
}

bool
runs_touch(const struct zblob_runs *runs, uint64_t start, uint64_t end)
{
    if (runs->run == 0 || runs->count == 0)
        return false;
    uint64_t number = first_after(runs, start);
    return number < runs->count && start_of(runs, number) < end;
}

bool
runs_cover(const struct zblob_runs *runs, uint64_t start, uint64_t end, uint64_t *at)
{
    uint64_t number = first_after(runs, start);
    if (number == runs->count || start_of(runs, number) > start || start_of(runs, number) + runs->run < end)
        return false;
    *at = number * runs->run + (start - start_of(runs, number));
    return true;
}

void
runs_copy(const struct zblob_runs *runs, uint64_t start, uint64_t size, const unsigned char *src, unsigned char *dst)
{
    uint64_t end = start + size;
    for (uint64_t number = first_after(runs, start); number < runs->count; number++) {
        uint64_t run_start = start_of(runs, number), run_end = run_start + runs->run;
        if (run_start >= end)
            break;
        uint64_t from = run_start > start ? run_start : start, to = run_end < end ? run_end : end;
        memcpy(dst + number * runs->run + (from - run_start), src + (from - start), (size_t)(to - from));
    }
}
