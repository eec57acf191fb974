/* runs.h: where the runs that a reader asks for lie, and what a range of the value has of them. Arithmetic alone. */
#ifndef ZBLOB_CODEC_FRAME_RUNS_H
#define ZBLOB_CODEC_FRAME_RUNS_H

#include "../../zblob.h"

/* Do all runs lie within a value of raw_size bytes? What follows is only for runs that do. */
bool runs_are_within(const struct zblob_runs *runs, uint64_t raw_size);

/* Where in the value the first run begins, and where the last one ends. */
uint64_t runs_start(const struct zblob_runs *runs);
uint64_t runs_end(const struct zblob_runs *runs);

/* Does any run have bytes of the value's range [start, end)? */
bool runs_touch(const struct zblob_runs *runs, uint64_t start, uint64_t end);

/* Does one run cover the whole range? Then *at is where the range begins in the gathered bytes. */
bool runs_cover(const struct zblob_runs *runs, uint64_t start, uint64_t end, uint64_t *at);

/* Copy what the runs have of the range [start, start + size), whose bytes are at `src`, to its place in the gathered
 * bytes at `dst`. */
void runs_copy(const struct zblob_runs *runs, uint64_t start, uint64_t size, const unsigned char *src,
               unsigned char *dst);

#endif
