/* odds.c: the beginning and the end of decisions. */
#include "odds.h"

enum { CODE_SIZE = 4 /* bytes */ };
enum { KNOTS = 33, BETWEEN = 128 /* logits from one knot to the next */ };

/* 65536 / (1 + e^-x) for x = -8, -7.5 ... 8 */
static const uint16_t knots[KNOTS] = {22,    36,    60,    98,    162,   267,   439,   720,   1179,  1921,  3108,
                                      4971,  7812,  11955, 17625, 24743, 32768, 40793, 47911, 53581, 57724, 60565,
                                      62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514};

void
odds_fill_tables(struct odds_tables *tables)
{
    for (uint32_t seen = 0; seen <= ODDS_SEEN_MAX; seen++)
        tables->share[seen] = (uint16_t)(327680 / (10 * seen + 16));
    for (int32_t i = 0; i <= 2 * ODDS_LOGIT_MAX; i++) {
        int32_t place = i + 1, knot = place / BETWEEN, rest = place % BETWEEN;
        tables->squashed[i] = (uint16_t)((knots[knot] * (BETWEEN - rest) + knots[knot + 1] * rest) / BETWEEN);
    }
    for (int32_t odds = 0, i = 0; odds < 4096; odds++) { /* the lowest logit with at least such odds */
        while (i < 2 * ODDS_LOGIT_MAX && tables->squashed[i] >> 4 < odds)
            i++;
        tables->logit[odds] = (int16_t)(i - ODDS_LOGIT_MAX);
    }
}

void
odds_clear(struct odds *odds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        odds[i] = (struct odds){ODDS_HALF, 0};
}

void
odds_clear_weights(int32_t (*weights)[ODDS_MIXED], size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < ODDS_MIXED; k++)
            weights[i][k] = ODDS_WEIGHT;
}

void
odds_write_to(struct odds_coder *coder, unsigned char *dst, size_t capacity)
{
    *coder = (struct odds_coder){.high = UINT32_MAX, .dst = dst, .dst_end = dst + capacity};
}

static void
read_from(struct odds_coder *coder, const unsigned char *src, size_t size, int lacking_most)
{
    *coder =
        (struct odds_coder){.decodes = true, .low = 0, .src = src, .src_end = src + size, .lacking_most = lacking_most};
    for (int i = 0; i < CODE_SIZE; i++)
        odds_shift_out(coder); /* ends with the highest number in `high` */
}

void
odds_read_from(struct odds_coder *coder, const unsigned char *src, size_t size)
{
    read_from(coder, src, size, 0);
}

void
odds_read_from_short(struct odds_coder *coder, const unsigned char *src, size_t size)
{
    read_from(coder, src, size, CODE_SIZE);
}

unsigned char *
odds_finish(struct odds_coder *coder)
{
    for (int i = 0; i < CODE_SIZE; i++) {
        coder->high = coder->low; /* any number from low to high would do */
        odds_shift_out(coder);
    }
    return coder->dst;
}

bool
odds_are_used_up(const struct odds_coder *coder)
{
    return !coder->failed && coder->src == coder->src_end && coder->code == coder->low;
}

/* The number from low to high that has the fewest bytes without zeros at its end, and how many these are. */
static int
shortest(const struct odds_coder *coder, uint32_t *number)
{
    int bytes = 0;
    for (uint32_t rest = UINT32_MAX;; rest >>= 8, bytes++) {
        *number = coder->high & ~rest;
        if (*number >= coder->low)
            return bytes;
    }
}

unsigned char *
odds_finish_short(struct odds_coder *coder)
{
    uint32_t number;
    for (int bytes = shortest(coder, &number); bytes > 0; bytes--, number <<= 8) {
        coder->high = number;
        odds_shift_out(coder);
    }
    return coder->dst;
}

bool
odds_are_used_up_short(const struct odds_coder *coder)
{
    uint32_t number;
    int bytes = shortest(coder, &number);
    return !coder->failed && coder->src == coder->src_end && coder->code == number &&
           coder->lacking == CODE_SIZE - bytes;
}
