/*
 * plateaus_template.h: contexts and codes where many samples equal one of their neighbours, in plain C that compilers
 * vectorise. Included once by target_template.h for each target. Section 7 of docs/voxel-format.md.
 *
 * A sample has three candidates, which are neighbours' values. Its code says which of them it equals; other codes of
 * residuals follow after those, in their order. So codes are a permutation of what they are without plateaus.
 */
#include "../layouts.h"
#include "ops.h"

/* The code of the residual that gives this value. */
static inline uint16_t
code_of_value(uint16_t value, uint16_t prediction, uint16_t fraction)
{
    uint16_t mask = turn(fraction), r = (uint16_t)(value - prediction);
    uint16_t turned = (uint16_t)((r ^ mask) - mask);
    return (uint16_t)((uint16_t)(turned << 1) ^ (uint16_t)((int16_t)turned >> 15));
}

/* Which neighbours are equal, and the energy. */
static inline void
find_cells(const struct voxel_row *row, uint16_t modal, size_t at, size_t count, struct voxel_segment *segment)
{
    const uint16_t *site[VOXEL_PLATEAU_SITES];
    for (int i = 0; i < VOXEL_PLATEAU_SITES; i++)
        site[i] = voxel_plateau_site(row, i) + at;
    const uint16_t *restrict a = site[0], *restrict b = site[1], *restrict c = site[2];
    const uint16_t *restrict energy = segment->energy;
    for (size_t i = 0; i < voxel_whole_vectors(count); i++) {
        uint16_t ab = a[i] == b[i], ac = a[i] == c[i], bc = b[i] == c[i];
        uint16_t same = (uint16_t)((ab & ac) ? 4 : ab + 2 * ac + 3 * bc);
        uint16_t pairs =
            (uint16_t)((site[3][i] == site[4][i]) + 2 * (site[5][i] == site[6][i]) + 4 * (site[7][i] == site[8][i]));
        uint16_t level = (uint16_t)((energy[i] >= 1) + (energy[i] >= 16) + (energy[i] >= 64));
        segment->cell[i] = (uint16_t)(VOXEL_PLATEAU_PATTERNS * level + 40 * (a[i] == modal) + 8 * same + pairs);
        segment->is_candidate[1][i] = !ab;
        segment->is_candidate[2][i] = !ac && !bc;
    }
}

/* After `model`: cells, and in those that have a table of their own, this table and the codes of the candidates. */
static void
find_plateaus(const struct voxel_row *row, const struct voxel_plateaus *plateaus, int parity, size_t at, size_t count,
              struct voxel_segment *segment)
{
    const uint8_t *map = plateaus->map[parity];
    const uint16_t *restrict prediction = (const uint16_t *)segment->prediction;
    find_cells(row, plateaus->modal, at, count, segment);
    for (size_t i = 0; i < voxel_whole_vectors(count); i++)
        segment->is_candidate[0][i] = map[segment->cell[i]];
    for (size_t i = 0; i < voxel_whole_vectors(count); i++) {
        uint16_t number = segment->is_candidate[0][i], has_table = number > 0;
        uint16_t own = (uint16_t)(plateaus->first_table + number - 1);
        segment->table[i] = has_table ? own : segment->table[i];
        segment->is_candidate[0][i] = has_table;
        segment->is_candidate[1][i] &= has_table;
        segment->is_candidate[2][i] &= has_table;
    }
    for (int k = 0; k < VOXEL_CANDIDATES; k++) {
        const uint16_t *restrict values = voxel_plateau_site(row, k) + at;
        uint16_t *restrict candidate = segment->candidate[k];
        for (size_t i = 0; i < voxel_whole_vectors(count); i++)
            candidate[i] = code_of_value(values[i], prediction[i], segment->fraction[i]);
    }
}

/* After `residual`: other codes, and the symbols that they give. */
static void
encode_plateaus(const struct voxel_segment *segment, size_t count, uint16_t *restrict symbols, uint16_t *restrict codes)
{
    for (size_t i = 0; i < voxel_whole_vectors(count); i++) {
        uint16_t z = codes[i];
        uint16_t a = segment->candidate[0][i], b = segment->candidate[1][i], c = segment->candidate[2][i];
        uint16_t is_a = segment->is_candidate[0][i], is_b = segment->is_candidate[1][i];
        uint16_t is_c = segment->is_candidate[2][i];
        uint16_t code = (uint16_t)(z + (is_a & (a > z)) + (is_b & (b > z)) + (is_c & (c > z)));
        code = (is_c & (z == c)) ? (uint16_t)(is_a + is_b) : code;
        code = (is_b & (z == b)) ? is_a : code;
        code = (is_a & (z == a)) ? 0 : code;
        codes[i] = code;
        symbols[i] = (uint16_t)(segment->table[i] << 8 | token_of(code));
    }
}

/* After `rans_decode`: the codes of residuals again. */
static void
decode_plateaus(size_t count, struct voxel_segment *segment)
{
    for (size_t i = 0; i < voxel_whole_vectors(count); i++) {
        uint16_t code = segment->code[i];
        uint16_t a = segment->candidate[0][i], b = segment->candidate[1][i], c = segment->candidate[2][i];
        uint16_t is_a = segment->is_candidate[0][i], is_b = segment->is_candidate[1][i];
        uint16_t is_c = segment->is_candidate[2][i], all = (uint16_t)(is_a + is_b + is_c);
        /* ascending; what is no candidate comes last, and changes nothing there */
        uint16_t x = is_a ? a : 0xFFFF, y = is_b ? b : 0xFFFF, w = is_c ? c : 0xFFFF;
        uint16_t low = x < y ? x : y, high = x < y ? y : x;
        uint16_t first = low < w ? low : w, rest = low < w ? w : low;
        uint16_t second = high < rest ? high : rest, third = high < rest ? rest : high;
        uint16_t z = (uint16_t)(code - all);
        z = (uint16_t)(z + ((z >= first) & (z != 0xFFFF)));
        z = (uint16_t)(z + ((z >= second) & (z != 0xFFFF)));
        z = (uint16_t)(z + ((z >= third) & (z != 0xFFFF)));
        uint16_t equal = code == 0 ? a : (code == 1) & is_b ? b : c;
        segment->code[i] = code < all ? equal : z;
    }
}

/* Of two cells that share a table. */
static void
sum_pair(const uint32_t *restrict x, const uint32_t *restrict y, const uint32_t *restrict width,
         struct voxel_pair_sums *sums)
{
    uint64_t logs = 0;
    uint32_t total = 0, used = 0; /* boxes have less than 2^32 samples, by their weights */
    for (int g = 0; g < VOXEL_PLATEAU_GROUPS; g++) {
        uint32_t n = x[g] + y[g], most = (n + VOXEL_PLATEAU_WEIGHT - 1) / VOXEL_PLATEAU_WEIGHT;
        total += n;
        logs += (uint64_t)n * voxel_quick_log(n);
        used += most < width[g] ? most : width[g];
    }
    *sums = (struct voxel_pair_sums){total, logs, used};
}
