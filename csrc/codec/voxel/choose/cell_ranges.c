/* cell_ranges.c: runs of cells that cover all keys. */
#include "cell_ranges.h"

#include "../../base/integers.h"
#include "../../base/sample_types.h"

#include <stdlib.h>

enum { INDEX_BITS = 13 };

/* ---- From a key to its cell ------------------------------------------------------------------------ */

static bool
build_index(struct cell_index *index, const struct voxel_wide *wide)
{
    size_t buckets = (size_t)1 << INDEX_BITS;
    if (index->runs == NULL)
        index->runs = malloc((buckets + 1) * sizeof *index->runs);
    if (index->runs == NULL)
        return false;
    int bits = wide_key_bits(wide);
    index->shift = (uint8_t)(bits > INDEX_BITS ? bits - INDEX_BITS : 0);
    uint32_t run = 0;
    for (uint64_t bucket = 0; bucket <= buckets; bucket++) {
        /* up to the last run that begins at or before the bucket's first key */
        while (run + 1 < wide->run_count && (bucket == buckets || wide->runs[run + 1].start <= bucket << index->shift))
            run++;
        index->runs[bucket] = run;
    }
    return true;
}

uint32_t
wide_find_cell(const struct voxel_wide *wide, const struct cell_index *index, uint64_t key, uint32_t *run_number)
{
    uint64_t bucket = key >> index->shift;
    uint32_t low = index->runs[bucket], high = index->runs[bucket + 1];
    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        if (wide->runs[middle].start <= key)
            low = middle;
        else
            high = middle - 1;
    }
    const struct cell_run *run = &wide->runs[low];
    *run_number = low;
    return run->first + (uint32_t)((key - run->start) >> run->width);
}

/* ---- Ranges ------------------------------------------------------------------------------------------ */

struct builder {
    struct voxel_wide *wide;
    const struct cell_survey *survey;
    uint64_t pending; /* from here to the next range no keys are expected */
    bool has_pending, with_halos, full;
};

static void
add_run(struct builder *b, uint64_t from, uint64_t last, int width)
{
    struct voxel_wide *wide = b->wide;
    uint64_t count = ((last - from) >> width) + 1;
    if (b->full || wide->run_count == CELL_RUNS_MAX || count > CELLS_MAX || wide->cell_count + count > CELLS_MAX) {
        b->full = true;
        return;
    }
    wide->runs[wide->run_count++] = (struct cell_run){from, (uint32_t)count, wide->cell_count, (uint8_t)width};
    wide->cell_count += (uint32_t)count;
}

/* A halo is what surrounds an atom: narrow cells next to it, then twice as many keys in cells twice as wide, and so
 * on up to `width`. These are the keys in cells of width `own`. */
static uint64_t
halo_size(int own)
{
    return own ? UINT64_C(16) << own : 32;
}

static void
add_away(struct builder *b, uint64_t from, uint64_t last, int width)
{
    for (int own = 0; own < width && !b->full; own++) {
        if (last - from < halo_size(own)) {
            add_run(b, from, last, own);
            return;
        }
        add_run(b, from, from + halo_size(own) - 1, own);
        from += halo_size(own);
    }
    add_run(b, from, last, width);
}

static void
add_toward(struct builder *b, uint64_t from, uint64_t last, int width, int own)
{
    if (own == width || last - from < halo_size(own)) {
        add_run(b, from, last, own);
        return;
    }
    add_toward(b, from, last - halo_size(own), width, own + 1);
    add_run(b, last - halo_size(own) + 1, last, own);
}

/* Keys from..last in cells of that width, with halos where they touch atoms that have one. */
static void
add_between(struct builder *b, uint64_t from, uint64_t last, int width, bool halo_before, bool halo_after)
{
    uint64_t middle = from + (last - from) / 2;
    if (halo_before && halo_after && from < last) {
        add_away(b, from, middle, width);
        add_toward(b, middle + 1, last, width, 0);
    } else if (halo_before)
        add_away(b, from, last, width);
    else if (halo_after)
        add_toward(b, from, last, width, 0);
    else
        add_run(b, from, last, width);
}

/* Keys from..last in cells of that width, except that each frequent value among them has a cell of its own. */
static void
add_range(struct builder *b, uint64_t from, uint64_t last, int width)
{
    bool halo = false;
    width = width < 0 ? 0 : width > CELL_WIDTH_MAX ? CELL_WIDTH_MAX : width;
    for (uint32_t a = 0; a < b->survey->atom_count; a++) {
        uint64_t atom = b->survey->atoms[a].key;
        bool own_halo = b->with_halos && b->survey->atoms[a].is_heavy;
        if (atom < from || atom > last || width == 0)
            continue;
        if (atom > from)
            add_between(b, from, atom - 1, width, halo, own_halo);
        add_run(b, atom, atom, 0);
        if (atom == last)
            return;
        from = atom + 1;
        halo = own_halo;
    }
    add_between(b, from, last, width, halo, false);
}

/* The keys that are not expected, up to `last`, in as few cells as possible. */
static void
flush_pending(struct builder *b, uint64_t last)
{
    if (b->has_pending)
        add_range(b, b->pending, last, bit_length(last - b->pending));
    b->has_pending = false;
}

static void
add_expected(struct builder *b, uint64_t from, uint64_t last, int width)
{
    if (b->has_pending && from > b->pending)
        flush_pending(b, from - 1);
    b->has_pending = false;
    add_range(b, from, last, width);
}

static void
add_unexpected(struct builder *b, uint64_t from)
{
    if (!b->has_pending)
        b->pending = from;
    b->has_pending = true;
}

/* A range whose keys are expected only within low..high. */
static void
add_clipped(struct builder *b, uint64_t from, uint64_t last, uint64_t low, uint64_t high, int width)
{
    if (last < low || from > high) {
        add_unexpected(b, from);
        return;
    }
    if (from < low)
        add_unexpected(b, from);
    add_expected(b, from < low ? low : from, last > high ? high : last, width);
    if (last > high)
        add_unexpected(b, high + 1);
}

/* Where keys are expected: those of the survey, with a margin. */
static void
expected_range(const struct cell_survey *s, uint64_t *low, uint64_t *high)
{
    uint64_t mask = wide_key_mask(s->wide), first = s->keys[0], last = s->keys[s->count - 1];
    uint64_t margin = (last - first) / 8 + 16;
    *low = first > margin ? first - margin : 0;
    *high = mask - last > margin ? last + margin : mask;
}

/* Floats: how many samples of the survey have each exponent, and the largest that is not rare. */
bool
wide_count_exponents(struct cell_survey *s)
{
    struct cell_exponents *e = &s->exponents;
    const struct voxel_wide *wide = s->wide;
    e->mantissa_bits = sample_type_of(wide->sample_type)->mantissa_bits - wide->shift;
    e->count = 1 << (wide_key_bits(wide) - 1 - e->mantissa_bits);
    e->counts = calloc(2 * (size_t)e->count, sizeof *e->counts);
    if (e->counts == NULL)
        return false;
    uint64_t top = wide_key_mask(wide) / 2 + 1;
    for (uint32_t i = 0; i < s->count; i++) {
        bool negative = s->keys[i] < top;
        uint64_t magnitude = negative ? top - 1 - s->keys[i] : s->keys[i] - top;
        e->counts[(size_t)negative * (size_t)e->count + (magnitude >> e->mantissa_bits)]++;
    }
    uint32_t above = 0;
    for (e->largest = e->count - 2; e->largest > 0; e->largest--) { /* infinities and NaN do not count */
        above += e->counts[e->largest] + e->counts[e->count + e->largest];
        if (above * 512 > s->count)
            break;
    }
    return true;
}

/* The width of cells for an exponent. For `linear` exponents below the largest, cells are as fine as the values' own
 * precision. Below these, all cells span an equal range of values, so that finally one cell has all that is smaller. */
static int
float_width(const struct cell_exponents *e, int exponent, int linear, int width)
{
    if (exponent > e->largest)
        return e->mantissa_bits - 6;
    if (exponent >= e->largest - linear)
        return width;
    return width + (e->largest - linear - exponent);
}

static void
float_ranges(struct builder *b, const struct cell_exponents *e, int linear, int width)
{
    uint64_t top = wide_key_mask(b->wide) / 2 + 1, low, high;
    expected_range(b->survey, &low, &high);
    for (int side = 1; side >= 0; side--) {
        for (int i = 0; i < e->count && !b->full; i++) {
            int exponent = side ? e->count - 1 - i : i;
            uint64_t below = (uint64_t)exponent << e->mantissa_bits, size = UINT64_C(1) << e->mantissa_bits;
            uint64_t from = side ? top - below - size : top + below;
            int own = float_width(e, exponent, linear, width);
            if (e->counts[side * e->count + exponent] && own <= e->mantissa_bits)
                add_clipped(b, from, from + size - 1, low, high, own);
            else
                add_unexpected(b, from);
        }
        flush_pending(b, side ? top - 1 : wide_key_mask(b->wide));
    }
}

/* Keys outside low..high: in ranges that double in size, each of 2^precision cells of at least that width. */
static void
add_above(struct builder *b, uint64_t from, uint64_t size, int width, int precision)
{
    uint64_t mask = wide_key_mask(b->wide);
    for (; from - 1 != mask && !b->full; size = size > mask / 2 ? mask : size * 2) {
        uint64_t last = mask - from < size - 1 ? mask : from + size - 1;
        int own = bit_length(size) - 1 - precision;
        add_range(b, from, last, own > width ? own : width);
        from = last + 1;
    }
}

static void
add_below(struct builder *b, uint64_t end, uint64_t size, int width, int precision)
{
    uint64_t mask = wide_key_mask(b->wide);
    if (end == 0)
        return;
    uint64_t from = end > size ? end - size : 0;
    add_below(b, from, size > mask / 2 ? mask : size * 2, width, precision);
    int own = bit_length(size) - 1 - precision;
    add_range(b, from, end - 1, own > width ? own : width);
}

/* Integers, and differences: cells of one width in low..high, and wider ones outside. */
static void
centred_ranges(struct builder *b, uint64_t low, uint64_t high, int width, int precision)
{
    int bits = bit_length((high - low) / 2 + 1); /* 64 if all keys of 64 bits are expected */
    uint64_t size = bits < 64 ? UINT64_C(1) << bits : UINT64_MAX;
    add_below(b, low, size, width, precision);
    add_range(b, low, high, width);
    if (high != wide_key_mask(b->wide))
        add_above(b, high + 1, size, width, precision);
}

static struct builder
begin_cells(struct cell_survey *s)
{
    s->wide->run_count = s->wide->cell_count = 0;
    return (struct builder){.wide = s->wide, .survey = s};
}

static bool
direct_cells(struct cell_survey *s, int linear, bool with_halos, int width)
{
    uint64_t low, high;
    struct builder b = begin_cells(s);
    b.with_halos = with_halos;
    if (s->exponents.counts)
        float_ranges(&b, &s->exponents, linear, width);
    else {
        expected_range(s, &low, &high);
        centred_ranges(&b, low, high, width, 6);
    }
    return !b.full;
}

bool
wide_build_direct(struct cell_survey *s, int linear, bool with_halos, int wider)
{
    int least = 0, most = CELL_WIDTH_MAX;
    while (least < most) {
        int middle = (least + most) / 2;
        if (direct_cells(s, linear, with_halos, middle))
            most = middle;
        else
            least = middle + 1;
    }
    least = least + wider < CELL_WIDTH_MAX ? least + wider : CELL_WIDTH_MAX;
    return direct_cells(s, linear, with_halos, least) && build_index(&s->index, s->wide);
}

bool
wide_build_differences(struct cell_survey *s, uint64_t typical)
{
    uint64_t top = wide_key_mask(s->wide) / 2 + 1;
    int precision = wide_key_bits(s->wide) > 40 ? 9 : 10, width = bit_length(typical) - 7;
    struct cell_survey plain = {.wide = s->wide}; /* without atoms: frequent values are no frequent differences */
    for (width = width < 0 ? 0 : width; width <= 40; width++) {
        uint64_t half = UINT64_C(1) << (width + 11);
        if (half >= top)
            return false;
        struct builder b = begin_cells(&plain);
        centred_ranges(&b, top - half, top + half - 1, width, precision);
        if (!b.full)
            return build_index(&s->index, s->wide);
    }
    return false;
}
