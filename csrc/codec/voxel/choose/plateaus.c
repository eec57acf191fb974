/*
 * plateaus.c: which cells get tables and codes of their own, and which of them share a table: cells are merged for as
 * long as that saves bits, tables included.
 */
#include "plateaus.h"

#include "../../base/interrupt.h"
#include "../chunks.h"
#include "entropy.h"

#include <string.h>

enum {
    CELLS = VOXEL_PLATEAU_CELLS_ALL,
    TOKENS = 256,
    UNIT = 256, /* a bit */
    LOG_BITS = 11,
    TABLE_BITS = 12, /* of a table in a chunk, and of each of its tokens: about */
    TOKEN_BITS = 6,
    SHARE_UNIT = 256,
    PAIRED_MAX = 80 /* cells of which all pairs are compared */
};

/* What the prices depend on besides the counts. */
struct scale {
    uint64_t share, chunks; /* the image has so many times the samples that were counted, in units of 1/256 */
};

/* Raw bits that follow a token. */
static inline uint32_t
raw_bits_of(int token)
{
    return token < 64 ? 0 : token < VOXEL_ESCAPE ? (uint32_t)(token >> 4) - 2 : 16;
}

/* About log2, in units of 1/256: by a table of the leading bits. */
static inline uint64_t
log_of(const struct voxel_plateau_counts *counts, uint64_t n)
{
    int whole = 63 - __builtin_clzll(n);
    uint64_t lead = whole > LOG_BITS ? n >> (whole - LOG_BITS) : n << (LOG_BITS - whole);
    return (uint64_t)whole * UNIT + counts->logs[lead - (1 << LOG_BITS)];
}

void
voxel_price_tokens(struct voxel_plateau_counts *counts)
{
    for (int t = 0; t < 256; t++) {
        uint32_t total = 0;
        for (int s = 0; s < TOKENS; s++)
            total += counts->plain[t][s];
        uint64_t log = total ? voxel_log2(total) : 0;
        for (int s = 0; s < TOKENS; s++)
            if (counts->plain[t][s])
                counts->bits[t][s] = (uint16_t)(log - voxel_log2(counts->plain[t][s]) + UNIT * raw_bits_of(s));
    }
}

/* What these tokens take in the whole image, with their table in each chunk. */
static uint64_t
price_of(const struct voxel_plateau_counts *counts, const uint32_t *cell, struct scale scale)
{
    uint64_t total = 0, sum = 0, raw = 0, used = 0;
    for (int s = 0; s < counts->tokens; s++) {
        uint32_t n = cell[s];
        if (n == 0)
            continue;
        used++;
        total += n;
        raw += (uint64_t)n * raw_bits_of(s);
        sum += n * log_of(counts, n);
    }
    if (total == 0)
        return 0;
    uint64_t bits = total * log_of(counts, total) - sum + raw * UNIT;
    return bits * scale.share / SHARE_UNIT + (TABLE_BITS + TOKEN_BITS * used) * UNIT * scale.chunks;
}

static uint64_t
price_together(const struct voxel_plateau_counts *counts, int a, int b, struct scale scale)
{
    uint32_t sum[TOKENS];
    for (int s = 0; s < counts->tokens; s++)
        sum[s] = counts->cells[a][s] + counts->cells[b][s];
    return price_of(counts, sum, scale);
}

static void
merge(struct voxel_plateau_counts *counts, int to, int from, struct scale scale)
{
    for (int s = 0; s < TOKENS; s++)
        counts->cells[to][s] += counts->cells[from][s];
    counts->plain_bits[to] += counts->plain_bits[from];
    counts->prices[to] = price_of(counts, counts->cells[to], scale);
    counts->prices[from] = 0;
    for (int c = 0; c < CELLS; c++)
        if (counts->into[c] == from)
            counts->into[c] = (uint16_t)to;
}

/* Levels of energy of one pattern, first: they are alike, and all pairs of all cells would be too many. */
static void
merge_levels(struct voxel_plateau_counts *counts, struct scale scale)
{
    for (int c = 0; c < CELLS; c++) {
        int below = c - VOXEL_PLATEAU_PATTERNS, first = c / VOXEL_PLATEAU_CELLS * VOXEL_PLATEAU_CELLS;
        while (below >= first && counts->prices[below] == 0)
            below -= VOXEL_PLATEAU_PATTERNS;
        if (counts->prices[c] && below >= first &&
            price_together(counts, c, below, scale) < counts->prices[c] + counts->prices[below])
            merge(counts, c, below, scale);
    }
}

/* Rare cells of the same planes share one, so that few enough are left. */
static void
merge_rare(struct voxel_plateau_counts *counts, struct scale scale)
{
    uint64_t total[CELLS];
    int left = 0;
    for (int c = 0; c < CELLS; c++) {
        total[c] = 0;
        for (int s = 0; s < counts->tokens && counts->prices[c]; s++)
            total[c] += counts->cells[c][s];
        left += counts->prices[c] > 0;
    }
    for (uint64_t rare = counts->seen / 8192 + 1; left > PAIRED_MAX; rare *= 2)
        for (int first = 0; first < CELLS; first += VOXEL_PLATEAU_CELLS)
            for (int c = first, to = -1; c < first + VOXEL_PLATEAU_CELLS; c++) {
                if (counts->prices[c] == 0 || total[c] >= rare)
                    continue;
                if (to >= 0) {
                    merge(counts, to, c, scale);
                    total[to] += total[c];
                    left--;
                }
                to = to < 0 || total[to] >= rare ? c : to;
            }
}

/* The cells that are left, and with which earlier one of them each is best merged. */
struct pairs {
    int count, left;
    uint16_t cell[CELLS], partner[CELLS];
    int64_t gain[CELLS]; /* INT64_MIN: merged, or the first */
    bool is_gone[CELLS];
};

static void
try_pair(const struct voxel_plateau_counts *counts, struct pairs *pairs, int i, int j, struct scale scale)
{
    int a = pairs->cell[i], b = pairs->cell[j];
    int64_t apart = (int64_t)(counts->prices[a] + counts->prices[b]);
    int64_t gain = apart - (int64_t)price_together(counts, a, b, scale);
    if (gain > pairs->gain[i]) {
        pairs->gain[i] = gain;
        pairs->partner[i] = (uint16_t)j;
    }
}

static void
find_partner(const struct voxel_plateau_counts *counts, struct pairs *pairs, int i, struct scale scale)
{
    pairs->gain[i] = INT64_MIN;
    for (int j = 0; j < i; j++)
        if (!pairs->is_gone[j])
            try_pair(counts, pairs, i, j, scale);
}

/* Merges the best pair, for as long as it gains or there are too many tables. */
static void
merge_pairs(struct voxel_plateau_counts *counts, struct pairs *pairs, struct scale scale)
{
    for (int i = 0; i < pairs->count && !interrupt_is_set(); i++)
        find_partner(counts, pairs, i, scale);
    while (!interrupt_is_set()) {
        int from = 0;
        for (int i = 1; i < pairs->count; i++)
            from = pairs->gain[i] > pairs->gain[from] ? i : from;
        if (pairs->gain[from] == INT64_MIN || (pairs->gain[from] <= 0 && pairs->left <= VOXEL_PLATEAU_TABLES_MAX))
            return;
        int to = pairs->partner[from];
        merge(counts, pairs->cell[to], pairs->cell[from], scale);
        pairs->is_gone[from] = true;
        pairs->gain[from] = INT64_MIN;
        pairs->left--;
        for (int i = 0; i < pairs->count; i++) {
            if (pairs->is_gone[i])
                continue;
            if (i == to || pairs->partner[i] == from || pairs->partner[i] == to)
                find_partner(counts, pairs, i, scale);
            else if (i > to)
                try_pair(counts, pairs, i, to, scale);
        }
    }
}

/* Numbers the tables that cost less than what their samples take without. Returns the bits that they save. */
static uint64_t
number_tables(struct voxel_model *model, const struct voxel_plateau_counts *counts, const struct pairs *pairs,
              struct scale scale)
{
    uint8_t number[CELLS] = {0}, last = 0;
    uint64_t saved = 0;
    model->plateau_count = 0;
    for (int i = 0; i < pairs->count; i++) {
        int c = pairs->cell[i];
        uint64_t plain = counts->plain_bits[c] * scale.share / SHARE_UNIT;
        if (!pairs->is_gone[i] && counts->prices[c] < plain) {
            saved += plain - counts->prices[c];
            number[c] = (uint8_t)++model->plateau_count; /* too many at the quick look, which uses no numbers */
        }
    }
    for (int c = 0; c < CELLS; c++) { /* cells that were not met: whatever makes runs longer */
        bool was_met = counts->prices[c] || counts->into[c] != c;
        model->plateau_map[c] = last = was_met ? number[counts->into[c]] : last;
    }
    return saved;
}

void
voxel_choose_plateaus(struct voxel_model *model, struct voxel_plateau_counts *counts, uint64_t samples, bool quickly)
{
    struct scale scale = {SHARE_UNIT * samples / (counts->seen ? counts->seen : 1), voxel_chunk_count(model)};
    struct pairs pairs = {0}; /* 40 kB of stack */
    uint64_t plain = 0;
    for (uint32_t i = 0; i < 1 << LOG_BITS; i++)
        counts->logs[i] = (uint16_t)(voxel_log2(i + (1 << LOG_BITS)) - LOG_BITS * UNIT);
    for (int c = 0; c < CELLS; c++)
        for (int s = counts->tokens; s < TOKENS; s++)
            counts->tokens = counts->cells[c][s] ? s + 1 : counts->tokens;
    for (int c = 0; c < CELLS; c++) {
        counts->into[c] = (uint16_t)c;
        counts->prices[c] = price_of(counts, counts->cells[c], scale);
        plain += counts->plain_bits[c] * scale.share / SHARE_UNIT;
    }
    merge_levels(counts, scale);
    if (!quickly)
        merge_rare(counts, scale);
    for (int c = 0; c < CELLS; c++)
        if (counts->prices[c])
            pairs.cell[pairs.count++] = (uint16_t)c;
    pairs.left = pairs.count;
    if (!quickly)
        merge_pairs(counts, &pairs, scale);
    if (number_tables(model, counts, &pairs, scale) < plain / VOXEL_PLATEAU_GAIN)
        model->plateau_count = 0;
}
