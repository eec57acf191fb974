/* runs.c: see runs.h. */
#include "runs.h"

#include "../base/sample_types.h"

#include <string.h>

/* ---- Gaps ------------------------------------------------------------------------------------ */

/* Slices of an image between which other bytes stand. Places in it are counted in the value, or without these bytes. */
struct slices {
    uint64_t start, size, count; /* of the first one in the value, bytes of each, their number */
    const struct zblob_image *image;
};

static struct slices
slices_of(const struct zblob_image *image)
{
    struct slices slices = {.start = image->value_offset, .count = grid_slices(&image->grid), .image = image};
    zblob_grid_size(&image->grid, &slices.size);
    slices.size /= slices.count;
    return slices;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
with_gaps(const struct slices *slices, uint64_t at)
{
    uint64_t slice = at < slices->start ? 0 : least((at - slices->start) / slices->size, slices->count - 1);
    return at + image_gaps_before(slices->image, slice);
}

/* Of the first byte of a slice that stands there or later. */
static uint64_t
without_gaps(const struct slices *slices, uint64_t place)
{
    uint64_t end = slices->start + slices->size, later = slices->size + slices->image->gap;
    if (place <= end)
        return place;
    if (place - end < slices->image->first_gap)
        return end;
    place -= end + slices->image->first_gap;
    return least(end + place / later * slices->size + least(place % later, slices->size),
                 slices->start + slices->count * slices->size);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static uint64_t
last_end(const struct zblob_runs *runs)
{
    return runs->offset + (runs->count - 1) * runs->pitch + runs->run;
}

bool
runs_are_within(const struct zblob_runs *runs, uint64_t raw_size)
{
    if (runs->count == 0 || runs->run == 0)
        return true;
    if (runs->offset > raw_size || runs->run > raw_size - runs->offset)
        return false;
    uint64_t room = raw_size - runs->offset - runs->run; /* for the distance between the first and the last start */
    if (runs->count > 1 && (runs->pitch < runs->run || runs->count - 1 > room / runs->pitch))
        return false;
    struct slices slices;
    if (!runs->image)
        return true;
    slices = slices_of(runs->image);
    return runs->offset >= slices.start && last_end(runs) - slices.start <= slices.count * slices.size &&
           runs_end(runs) <= raw_size;
}

uint64_t
runs_start(const struct zblob_runs *runs)
{
    if (!runs->image)
        return runs->offset;
    struct slices slices = slices_of(runs->image);
    return with_gaps(&slices, runs->offset);
}

uint64_t
runs_end(const struct zblob_runs *runs)
{
    if (!runs->image)
        return last_end(runs);
    struct slices slices = slices_of(runs->image);
    return with_gaps(&slices, last_end(runs) - 1) + 1;
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
    if (runs->image) {
        struct slices slices = slices_of(runs->image);
        start = without_gaps(&slices, start);
        end = without_gaps(&slices, end);
    }
    uint64_t number = first_after(runs, start);
    return start < end && number < runs->count && start_of(runs, number) < end;
}

bool
runs_cover(const struct zblob_runs *runs, uint64_t start, uint64_t end, uint64_t *at)
{
    if (runs->image) {
        struct slices slices = slices_of(runs->image);
        uint64_t size = end - start;
        start = without_gaps(&slices, start);
        end = without_gaps(&slices, end);
        if (end - start != size)
            return false;
    }
    uint64_t number = first_after(runs, start);
    if (number == runs->count || start_of(runs, number) > start || start_of(runs, number) + runs->run < end)
        return false;
    *at = number * runs->run + (start - start_of(runs, number));
    return true;
}

/* The same without gaps. */
static void
copy_runs(const struct zblob_runs *runs, uint64_t start, uint64_t size, const unsigned char *src, unsigned char *dst)
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

void
runs_copy(const struct zblob_runs *runs, uint64_t start, uint64_t size, const unsigned char *src, unsigned char *dst)
{
    uint64_t end = start + size;
    if (!runs->image) {
        copy_runs(runs, start, size, src, dst);
        return;
    }
    struct slices slices = slices_of(runs->image);
    uint64_t at = without_gaps(&slices, start > slices.start ? start : slices.start), place = with_gaps(&slices, at);
    while (place < end && at < slices.start + slices.count * slices.size) {
        uint64_t left = slices.size - (at - slices.start) % slices.size, piece = least(left, end - place);
        copy_runs(runs, at, piece, src + (place - start), dst);
        at += piece;
        place = with_gaps(&slices, at);
    }
}
