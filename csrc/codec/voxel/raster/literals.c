/* literals.c: samples by their difference from a prediction, or by their value. */
#include "literals.h"

#include "arithmetic.h"

#include <stdlib.h>
#include <string.h>

enum {
    VALUE_NODES = 256,
    NODES = 32, /* of a difference: is there one, its sign, its length, and the two bits below the leading one */
    NODE_SIGN = 1,
    NODE_LENGTH = 2,
    NODE_BITS = 10,
    LENGTHS = 8, /* that have odds of their own */
    ACTIVITIES = 16,
    PLACES = 64, /* of a prediction among its neighbours */
    BIAS_MOST = 64,
    BIAS_LEAST = 4,
    ERROR_MAX = 64,
};

/* Contexts of the odds that are mixed. */
static const size_t difference_contexts[ODDS_MIXED] = {256, 4096, 1024, 1024};
static const size_t value_contexts[ODDS_MIXED] = {1, 256, 256, 256};

static size_t
context_size(const struct raster_literals *l, int i)
{
    return l->by_value ? value_contexts[i] * VALUE_NODES : difference_contexts[i] * NODES;
}

static size_t
weight_count(const struct raster_literals *l)
{
    return l->components * (l->by_value ? 8 : ACTIVITIES * NODES);
}

bool
raster_literals_open(struct raster_literals *l, size_t width)
{
    size_t count = 0;
    for (int i = 0; i < ODDS_MIXED; i++)
        count += l->components * context_size(l, i);
    odds_fill_tables(&l->tables);
    l->odds[0] = malloc(count * sizeof *l->odds[0]);
    l->weights = malloc(weight_count(l) * sizeof *l->weights);
    l->biases = calloc(l->components * ACTIVITIES * PLACES, sizeof *l->biases);
    l->error_rows = calloc(2 * width, l->components);
    if (l->odds[0] == NULL || l->weights == NULL || l->biases == NULL || l->error_rows == NULL)
        return false;
    l->errors[0] = l->error_rows;
    l->errors[1] = l->error_rows + width * l->components;
    odds_clear(l->odds[0], count);
    for (int i = 1; i < ODDS_MIXED; i++)
        l->odds[i] = l->odds[i - 1] + l->components * context_size(l, i - 1);
    odds_clear(l->same_odds, MEMORY_CONFIDENT + 1);
    odds_clear_weights(l->weights, weight_count(l));
    return true;
}

void
raster_literals_close(struct raster_literals *l)
{
    free(l->odds[0]);
    free(l->weights);
    free(l->biases);
    free(l->error_rows);
}

size_t
raster_literals_memory(size_t components, size_t width)
{
    size_t each = ACTIVITIES * (NODES * ODDS_MIXED * sizeof(int32_t) + PLACES * sizeof(struct raster_bias)) + 2 * width;
    for (int i = 0; i < ODDS_MIXED; i++)
        each += difference_contexts[i] * NODES * sizeof(struct odds);
    return sizeof(struct raster_literals) + components * each;
}

void
raster_literals_next_row(struct raster_literals *l, size_t width)
{
    uint8_t *above = l->errors[0];
    l->errors[0] = l->errors[1];
    l->errors[1] = above;
    memset(l->errors[0], 0, width * l->components);
}

/* The odds of a sample's contexts, by node. */
struct contexts {
    struct odds *odds[ODDS_MIXED];
    int32_t (*weights)[ODDS_MIXED];
};

static inline unsigned
decide(const struct raster_literals *l, struct odds_coder *coder, const struct contexts *contexts, int node,
       int32_t *weights, unsigned bit)
{
    struct odds *odds[ODDS_MIXED];
    for (int i = 0; i < ODDS_MIXED; i++)
        odds[i] = contexts->odds[i] + node;
    return odds_decide_mixed(coder, &l->tables, odds, weights, bit);
}

/* ---- By value ---------------------------------------------------------------------------------------------- */

static inline unsigned
sample_of(const struct raster_literals *l, uint32_t pixel, size_t component)
{
    return pixel >> (8 * component) & (l->sample_bits == 16 ? 65535 : 255);
}

/* The sample that comes first in a pixel of several: the second one, which is green where there are three. */
static inline size_t
component_of(const struct raster_literals *l, size_t k)
{
    return l->components == 1 || k > 1 ? k : 1 - k;
}

/* Is a pixel of several samples the latest one with the same first sample? Then that is *pixel. */
static bool
code_same(struct raster_literals *l, struct odds_coder *coder, unsigned first, uint32_t *pixel)
{
    const struct memory *memory = &l->same[first];
    if (l->components == 1 || memory->confidence == 0 ||
        odds_decide(coder, &l->tables, &l->same_odds[memory->confidence], *pixel != memory->pixel))
        return false;
    *pixel = memory->pixel;
    return true;
}

static uint32_t
code_values(struct raster_literals *l, struct odds_coder *coder, const struct raster_site *site, uint32_t pixel)
{
    uint32_t result = 0, before = 0, first = 0;
    for (size_t k = 0; k < l->components; k++) {
        size_t c = component_of(l, k);
        uint32_t around[ODDS_MIXED] = {0, sample_of(l, site->w, c), sample_of(l, site->n, c),
                                       k ? before : sample_of(l, site->ne, c)};
        struct contexts contexts;
        for (int i = 0; i < ODDS_MIXED; i++)
            contexts.odds[i] = l->odds[i] + (k * value_contexts[i] + around[i]) * VALUE_NODES;
        unsigned value = sample_of(l, pixel, c), node = 1;
        for (int bit = 7; bit >= 0; bit--)
            node =
                node << 1 | decide(l, coder, &contexts, (int)node, l->weights[k * 8 + (size_t)bit], value >> bit & 1);
        before = node & 255;
        first = k ? first : before;
        result |= before << (8 * c);
        if (k == 0 && code_same(l, coder, first, &pixel)) {
            result = pixel;
            break;
        }
    }
    remember(&l->same[first], result);
    return result;
}

/* ---- By difference ----------------------------------------------------------------------------------------- */

/* 0, 1, 2, then two steps to each doubling; at most 15. */
static inline int32_t
step_of(int32_t magnitude)
{
    if (magnitude < 3)
        return magnitude;
    int length = 31 - __builtin_clz((unsigned)magnitude), step = 2 * length + (magnitude >> (length - 1) & 1);
    return step < 15 ? step : 15;
}

static inline int32_t
signed_step_of(int32_t n)
{
    return n < 0 ? 16 - step_of(-n) : 16 + step_of(n);
}

/* One component of the pixels around. */
struct around {
    int32_t w, n, nw, ne, ww, nn, nne;
};

static inline struct around
around_of(const struct raster_literals *l, const struct raster_site *site, size_t c)
{
    return (struct around){(int32_t)sample_of(l, site->w, c),  (int32_t)sample_of(l, site->n, c),
                           (int32_t)sample_of(l, site->nw, c), (int32_t)sample_of(l, site->ne, c),
                           (int32_t)sample_of(l, site->ww, c), (int32_t)sample_of(l, site->nn, c),
                           (int32_t)sample_of(l, site->nne, c)};
}

struct guess {
    int32_t value, activity;
};

/* From the changes in both directions. */
static inline struct guess
guess_alone(struct around a, int32_t most)
{
    int32_t along = magnitude_of(a.w - a.ww) + magnitude_of(a.n - a.nw) + magnitude_of(a.n - a.ne);
    int32_t down = magnitude_of(a.w - a.nw) + magnitude_of(a.n - a.nn) + magnitude_of(a.ne - a.nne);
    int32_t difference = down - along, middle = (a.w + a.n) / 2 + (a.ne - a.nw) / 4;
    if (difference > 80)
        middle = a.w;
    else if (difference < -80)
        middle = a.n;
    else if (difference > 32)
        middle = (middle + a.w) / 2;
    else if (difference < -32)
        middle = (middle + a.n) / 2;
    else if (difference > 8)
        middle = (3 * middle + a.w) / 4;
    else if (difference < -8)
        middle = (3 * middle + a.n) / 4;
    return (struct guess){clamp(middle, most), (along + down) / 2};
}

/* From the component that came first: how far the two are apart is what is guessed. */
static inline struct guess
guess_beside(struct around a, struct around first, int32_t value)
{
    int32_t w = a.w - first.w, n = a.n - first.n, nw = a.nw - first.nw, ne = a.ne - first.ne;
    int32_t least = w < n ? w : n, most = w < n ? n : w;
    int32_t apart = nw >= most ? least : nw <= least ? most : w + n - nw;
    return (struct guess){apart + value, 2 * (magnitude_of(w - nw) + magnitude_of(n - nw) + magnitude_of(ne - n))};
}

/* A difference that is not 0: its sign, its magnitude's length in bits minus one, and the bits below the leading one. */
static int32_t
code_difference(const struct raster_literals *l, struct odds_coder *coder, const struct contexts *contexts,
                int32_t difference)
{
    int32_t(*weights)[ODDS_MIXED] = contexts->weights;
    if (!decide(l, coder, contexts, 0, weights[0], difference != 0))
        return 0;
    bool is_negative = decide(l, coder, contexts, NODE_SIGN, weights[NODE_SIGN], difference < 0);
    uint32_t magnitude = (uint32_t)magnitude_of(difference), result = 1;
    int wanted = difference ? 31 - __builtin_clz(magnitude) : 0, length = 0;
    while (length < l->sample_bits - 1) {
        int node = NODE_LENGTH + (length < LENGTHS ? length : LENGTHS - 1);
        if (!decide(l, coder, contexts, node, weights[node], length < wanted))
            break;
        length++;
    }
    for (int bit = length - 1; bit >= 0; bit--) {
        unsigned is_set = magnitude >> bit & 1;
        int node = NODE_BITS + 3 * length + (int)(bit == length - 1 ? 0 : 1 + (result & 1));
        if (bit < length - 2 || length >= LENGTHS)
            is_set = odds_code(coder, ODDS_HALF, is_set);
        else
            is_set = decide(l, coder, contexts, node < NODES ? node : NODES - 1,
                            weights[node < NODES ? node : NODES - 1], is_set);
        result = result << 1 | is_set;
    }
    return is_negative ? -(int32_t)result : (int32_t)result;
}

/* Samples wrap around. */
static inline int32_t
wrap(const struct raster_literals *l, int32_t difference)
{
    return l->sample_bits == 16 ? (int16_t)difference : (int8_t)difference;
}

/* What differences in such a place are on average. */
static inline int32_t
mean_of(const struct raster_bias *bias)
{
    return bias->count >= BIAS_LEAST ? bias->sum / bias->count : 0;
}

static inline void
add_to(struct raster_bias *bias, int32_t difference)
{
    bias->sum += difference;
    if (++bias->count >= BIAS_MOST) {
        bias->sum /= 2;
        bias->count /= 2;
    }
}

static uint32_t
code_differences(struct raster_literals *l, struct odds_coder *coder, const struct raster_site *site, size_t x,
                 uint32_t pixel)
{
    struct around first = {0};
    int32_t most = (1 << l->sample_bits) - 1, first_value = 0, before = 0;
    uint32_t result = 0;
    for (size_t k = 0; k < l->components; k++) {
        size_t c = component_of(l, k);
        struct around a = around_of(l, site, c);
        struct guess guess = k == 0 || k == 3 ? guess_alone(a, most) : guess_beside(a, first, first_value);
        uint8_t *error = l->errors[0] + x * l->components + c;
        int32_t near = (x ? error[-(ptrdiff_t)l->components] : 0) + l->errors[1][x * l->components + c];
        int32_t activity = step_of(guess.activity + 2 * near), guessed = guess.value;
        int32_t place = (a.w > guessed) + 2 * (a.n > guessed) + 4 * (a.nw > guessed) + 8 * (a.ne > guessed) +
                        16 * (a.ww > guessed) + 32 * (a.nn > guessed);
        struct raster_bias *bias = &l->biases[((int32_t)k * ACTIVITIES + activity) * PLACES + place];
        guessed = clamp(guessed + mean_of(bias), most);
        int32_t wide = l->sample_bits == 16, beyond[ODDS_MIXED];
        beyond[0] = activity + 16 * step_of(magnitude_of(before));
        beyond[1] = k ? (before & 255) << 4 | activity : guessed >> (8 * wide);
        beyond[2] = k ? guessed & 255 : signed_step_of(a.w - guessed) * 32 + signed_step_of(a.n - guessed);
        beyond[3] = signed_step_of(a.ne - guessed) * 32 + signed_step_of(a.nw - guessed);
        struct contexts contexts = {.weights = l->weights + ((int32_t)k * ACTIVITIES + activity) * NODES};
        for (int i = 0; i < ODDS_MIXED; i++)
            contexts.odds[i] = l->odds[i] + (k * difference_contexts[i] + (size_t)beyond[i]) * NODES;
        int32_t value = (int32_t)sample_of(l, pixel, c);
        before = code_difference(l, coder, &contexts, wrap(l, value - guessed));
        value = (guessed + before) & most;
        before = wrap(l, before);
        add_to(bias, before);
        *error = (uint8_t)(magnitude_of(before) < ERROR_MAX ? magnitude_of(before) : ERROR_MAX);
        if (k == 0) {
            first = a;
            first_value = value;
        }
        result |= (uint32_t)value << (8 * c);
        if (k == 0 && code_same(l, coder, (unsigned)value & 255, &pixel)) {
            result = pixel;
            break;
        }
    }
    remember(&l->same[first_value & 255], result);
    return result;
}

uint32_t
raster_literal(struct raster_literals *l, struct odds_coder *coder, const struct raster_site *site, size_t x,
               uint32_t pixel)
{
    return l->by_value ? code_values(l, coder, site, pixel) : code_differences(l, coder, site, x, pixel);
}
