/*
 * plateaus.c: which cells get tables and codes of their own, and which of them share a table: cells are merged for as
 * long as that saves bits, tables included.
 */
#include "plateaus.h"

#include "../../base/interrupt.h"
#include "../chunks.h"
#include "../kernels/dispatch.h"
#include "entropy.h"

#include <stdlib.h>
#include <string.h>

enum {
    CELLS = VOXEL_PLATEAU_CELLS_ALL,
    GROUPS = VOXEL_PLATEAU_GROUPS,
    ALONE = 32, /* tokens that are groups of their own; wider groups follow, of 8 and of 16 */
    UNIT = 256, /* a bit */
    /* a table in a chunk takes about so many bits, and each of its tokens */
    TABLE_BITS = 12,
    TOKEN_BITS = 6,
    SHARE_UNIT = 256,
    NEAR = 10,    /* places */
    RARE = 32768, /* a cell is rare if it has less than 1 / RARE of the samples */
};

/* What the prices depend on besides the counts. */
struct scale {
    uint64_t share, chunks; /* the image has so many times the samples that were counted, in units of 1/256 */
};

int
voxel_plateau_group(int token)
{
    return token < ALONE ? token : token < 64 ? ALONE + (token - ALONE) / 8 : 32 + token / 16;
}

static uint32_t
width_of(int group)
{
    return group < ALONE ? 1 : group < ALONE + 4 ? 8 : 16;
}

/* Raw bits that follow a token. */
static uint32_t
raw_bits_of(int token)
{
    return token < 64 ? 0 : token < VOXEL_ESCAPE ? (uint32_t)(token >> 4) - 2 : 16;
}

void
voxel_clear_plateau_counts(struct voxel_plateau_counts *counts, const struct voxel_model *model)
{
    size_t tables = (size_t)voxel_plain_tables(model), kinds = VOXEL_PLATEAU_KINDS;
    if (model->shape.components == 1)
        kinds = model->shape.slices == 1 ? VOXEL_PLATEAU_ALONE + 1 : VOXEL_PLATEAU_REFERENCE + 1;
    memset(counts->cells, 0, kinds * 2 * VOXEL_PLATEAU_CELLS * sizeof *counts->cells);
    memset(counts->cells[VOXEL_PLATEAU_NONE], 0, sizeof *counts->cells);
    memset(counts->totals, 0, sizeof counts->totals);
    memset(counts->plain_bits, 0, sizeof counts->plain_bits);
    memset(counts->fixed_bits, 0, sizeof counts->fixed_bits);
    memset(counts->plain, 0, tables * sizeof *counts->plain);
    memset(counts->bits, 0, tables * sizeof *counts->bits);
    memset(counts->inside, 0, sizeof counts->inside);
    counts->sample_count = 0;
    counts->seen = 0;
    counts->kernels = voxel_kernels();
}

void
voxel_price_tokens(struct voxel_plateau_counts *counts, int tables)
{
    uint64_t each[256] = {0}, inside[GROUPS] = {0};
    for (int t = 0; t < tables; t++) {
        uint32_t total = 0;
        for (int s = 0; s < 256; s++)
            total += counts->plain[t][s];
        uint64_t log = total ? voxel_log2(total) : 0;
        for (int s = 0; s < 256; s++)
            if (counts->plain[t][s]) {
                counts->bits[t][s] = (uint16_t)(log - voxel_log2(counts->plain[t][s]) + UNIT * raw_bits_of(s));
                each[s] += counts->plain[t][s];
            }
    }
    for (int s = 0; s < 256; s++)
        inside[voxel_plateau_group(s)] += each[s];
    for (int s = 0; s < 256; s++) { /* wide groups: what says which token it is, on the average */
        int group = voxel_plateau_group(s);
        uint64_t sum = inside[group];
        if (each[s])
            counts->inside[group] += each[s] * (voxel_log2((uint32_t)sum) - voxel_log2((uint32_t)each[s])) / sum;
    }
    for (int s = 0; s < 256; s += s < ALONE ? 1 : s < 64 ? 8 : 16)
        counts->inside[voxel_plateau_group(s)] += UNIT * raw_bits_of(s);
}

void
voxel_count_cells(struct voxel_plateau_counts *counts)
{
    for (size_t i = 0; i < counts->sample_count; i++) {
        struct voxel_plateau_sample s = counts->samples[i];
        counts->cells[s.cell][s.group] += s.weight;
        counts->totals[s.cell] += s.weight;
        counts->plain_bits[s.cell] += (uint64_t)counts->bits[s.plain >> 8][s.plain & 255] * s.weight;
        counts->seen += s.weight;
    }
}

/* What the tokens of two cells take in the whole image if they share a table, which each chunk has. */
static uint64_t
price_together(const struct voxel_plateau_counts *counts, int a, int b, struct scale scale)
{
    struct voxel_pair_sums sums;
    counts->kernels->sum_pair(counts->cells[a], counts->cells[b], counts->width, &sums);
    if (sums.total == 0)
        return 0;
    uint64_t bits = (sums.total * voxel_quick_log((uint32_t)sums.total) - sums.logs) / (VOXEL_QUICK_LOG / UNIT);
    bits += counts->fixed_bits[a] + counts->fixed_bits[b];
    return bits * scale.share / SHARE_UNIT + (TABLE_BITS + TOKEN_BITS * sums.used) * UNIT * scale.chunks;
}

static uint64_t
price_of(const struct voxel_plateau_counts *counts, int cell, struct scale scale)
{
    return price_together(counts, cell, VOXEL_PLATEAU_NONE, scale);
}

static void
merge(struct voxel_plateau_counts *counts, int to, int from, struct scale scale)
{
    for (int g = 0; g < GROUPS; g++)
        counts->cells[to][g] += counts->cells[from][g];
    counts->totals[to] += counts->totals[from];
    counts->fixed_bits[to] += counts->fixed_bits[from];
    counts->plain_bits[to] += counts->plain_bits[from];
    counts->prices[to] = price_of(counts, to, scale);
    counts->prices[from] = 0;
    counts->into[from] = (uint16_t)to;
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

/* A cell in the list of those that are left, which are sorted by what a sample takes. */
struct place {
    uint64_t key;
    int64_t gain; /* by merging it with its partner, one of the next few places */
    uint16_t cell, previous, next, partner;
};

struct list {
    int count, left;
    struct place places[CELLS + 2]; /* the ends are places of no cell */
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->key != y->key ? (x->key < y->key ? -1 : 1) : (int)x->cell - (int)y->cell;
}

static void
try_pair(const struct voxel_plateau_counts *counts, struct list *list, int i, int j, struct scale scale)
{
    struct place *place = &list->places[i];
    int a = place->cell, b = list->places[j].cell;
    int64_t apart = (int64_t)(counts->prices[a] + counts->prices[b]);
    int64_t gain = apart - (int64_t)price_together(counts, a, b, scale);
    if (gain > place->gain) {
        place->gain = gain;
        place->partner = (uint16_t)j;
    }
}

static void
find_partner(const struct voxel_plateau_counts *counts, struct list *list, int i, struct scale scale)
{
    int j = list->places[i].next;
    list->places[i].gain = INT64_MIN;
    for (int k = 0; k < NEAR && j <= list->count; k++, j = list->places[j].next)
        try_pair(counts, list, i, j, scale);
}

/* The place has changed, or is gone: those before it that may have wanted to be merged with it look again. */
static void
look_again(const struct voxel_plateau_counts *counts, struct list *list, int changed, bool is_gone, struct scale scale)
{
    struct place *places = list->places;
    for (int i = places[changed].previous, k = 0; i > 0 && k < NEAR; i = places[i].previous, k++)
        if (places[i].partner == changed)
            find_partner(counts, list, i, scale);
        else if (!is_gone)
            try_pair(counts, list, i, changed, scale);
}

/* Cells of few samples are merged with those beside them at once. */
static void
sort_cells(struct voxel_plateau_counts *counts, struct list *list, struct scale scale)
{
    struct place *places = list->places;
    int count = 0;
    for (int c = 0; c < CELLS; c++)
        if (counts->prices[c])
            places[++count] = (struct place){.key = counts->prices[c] / counts->totals[c], .cell = (uint16_t)c};
    qsort(places + 1, (size_t)count, sizeof *places, compare_places);
    for (int i = 1; i <= count; i++) {
        int last = places[list->count].cell;
        if (list->count && counts->totals[last] * RARE < counts->seen)
            merge(counts, last, places[i].cell, scale);
        else
            places[++list->count] = places[i];
    }
    for (int i = 0; i <= list->count + 1; i++) {
        places[i].previous = (uint16_t)(i ? i - 1 : 0);
        places[i].next = (uint16_t)(i + 1);
    }
    list->left = list->count;
}

/* Merges the best pair, for as long as it gains or there are too many tables. False: no memory. */
static bool
merge_near(struct voxel_plateau_counts *counts, struct scale scale)
{
    struct list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return false;
    sort_cells(counts, list, scale);
    struct place *places = list->places;
    for (int i = 1; i <= list->count; i++)
        find_partner(counts, list, i, scale);
    while (list->left > 1 && !interrupt_is_set()) {
        int to = places[0].next;
        for (int i = to; i <= list->count; i = places[i].next)
            to = places[i].gain > places[to].gain ? i : to;
        if (places[to].gain <= 0 && list->left <= VOXEL_PLATEAU_TABLES_MAX)
            break;
        int from = places[to].partner;
        merge(counts, places[to].cell, places[from].cell, scale);
        places[places[from].previous].next = places[from].next;
        places[places[from].next].previous = places[from].previous;
        list->left--;
        find_partner(counts, list, to, scale);
        look_again(counts, list, to, false, scale);
        look_again(counts, list, from, true, scale);
    }
    free(list);
    return true;
}

/* Numbers the tables that cost less than what their samples take without. Returns the bits that they save. */
static uint64_t
number_tables(struct voxel_model *model, const struct voxel_plateau_counts *counts, struct scale scale)
{
    uint8_t number[CELLS] = {0}, last = 0;
    uint64_t saved = 0;
    model->plateau_count = 0;
    for (int c = 0; c < CELLS; c++) {
        uint64_t plain = counts->plain_bits[c] * scale.share / SHARE_UNIT;
        if (counts->prices[c] && counts->prices[c] < plain) {
            saved += plain - counts->prices[c];
            number[c] = (uint8_t)++model->plateau_count; /* too many at the quick look, which uses no numbers */
        }
    }
    for (int c = 0; c < CELLS; c++) { /* cells that were not met: whatever makes runs longer */
        int into = c;
        while (counts->into[into] != into)
            into = counts->into[into];
        model->plateau_map[c] = last = counts->totals[into] ? number[into] : last;
    }
    return saved;
}

bool
voxel_choose_plateaus(struct voxel_model *model, struct voxel_plateau_counts *counts, uint64_t samples, int gain,
                      bool quickly)
{
    struct scale scale = {SHARE_UNIT * samples / (counts->seen ? counts->seen : 1), voxel_chunk_count(model)};
    uint64_t plain = 0;
    for (int g = 0; g < GROUPS; g++)
        counts->width[g] = width_of(g);
    for (int c = 0; c < CELLS; c++) {
        counts->into[c] = (uint16_t)c;
        counts->prices[c] = 0;
        if (counts->totals[c] == 0)
            continue;
        for (int g = 0; g < GROUPS; g++)
            counts->fixed_bits[c] += (uint64_t)counts->cells[c][g] * counts->inside[g];
        counts->prices[c] = price_of(counts, c, scale);
        plain += counts->plain_bits[c] * scale.share / SHARE_UNIT;
    }
    merge_levels(counts, scale);
    if (!quickly && !merge_near(counts, scale))
        return false;
    if (number_tables(model, counts, scale) < plain / (uint64_t)gain)
        model->plateau_count = 0;
    return true;
}
