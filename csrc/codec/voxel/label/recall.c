/* recall.c: see recall.h. */
#include "recall.h"

#include <string.h>

/* A success allows for several failures. When all are used up, one literal in PROBE is looked for nevertheless. */
enum { FAILURES_PER_SUCCESS = 4, FAILURES_MAX = 256, PROBE = 16 };

void
label_remember(struct label_recent *recent, unsigned label)
{
    size_t at = 0;
    while (at < recent->count && recent->labels[at] != label)
        at++;
    if (at == recent->count)
        at = recent->count < LABEL_RECENT ? recent->count++ : LABEL_RECENT - 1;
    memmove(recent->labels + 1, recent->labels, at * sizeof *recent->labels);
    recent->labels[0] = (uint16_t)label;
}

void
label_looks_open(struct label_looks *looks)
{
    *looks = (struct label_looks){.failures_left = FAILURES_MAX};
}

bool
label_should_look(struct label_looks *looks)
{
    return looks->failures_left > 0 || ++looks->left_out % PROBE == 0;
}

void
label_has_looked(struct label_looks *looks, bool has_found)
{
    if (!has_found)
        looks->failures_left -= looks->failures_left > 0;
    else if (looks->failures_left < FAILURES_MAX)
        looks->failures_left += FAILURES_PER_SUCCESS;
}
