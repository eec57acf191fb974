/* decisions.c: see decisions.h. */
#include "decisions.h"

#include "../../base/integers.h"

void
mixed_numbers_clear(struct mixed_numbers *numbers)
{
    odds_clear(numbers->length, 1 << MIXED_LENGTH_BITS);
    odds_clear(numbers->below[0], sizeof numbers->below / sizeof(struct odds));
}

/* The highest bit comes first. */
uint64_t
mixed_plain(struct mixed_decisions *d, int bits, uint64_t number)
{
    uint64_t found = 0;
    while (bits-- > 0)
        found = found << 1 | odds_code(&d->coder, ODDS_HALF, number >> bits & 1);
    return found;
}

uint64_t
mixed_number(struct mixed_decisions *d, struct mixed_numbers *numbers, uint64_t number)
{
    unsigned length = (unsigned)bit_length(number), node = 1;
    for (int bit = MIXED_LENGTH_BITS; bit-- > 0;)
        node = node << 1 | mixed_decide(d, &numbers->length[node], length >> bit & 1);
    length = node - (1 << MIXED_LENGTH_BITS);
    if (length > MIXED_LENGTH_MAX) {
        d->failed = true;
        return 0;
    }
    if (length < 2)
        return length;
    int left = (int)length - 1;
    for (node = 1; left > 0 && node < 4; left--)
        node = node << 1 | mixed_decide(d, &numbers->below[length][node], number >> (left - 1) & 1);
    uint64_t rest = left ? number & ((UINT64_C(1) << left) - 1) : 0;
    return (uint64_t)node << left | mixed_plain(d, left, rest);
}
