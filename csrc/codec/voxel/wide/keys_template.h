/*
 * keys_template.h: the decoder's loops of codec.c for keys of one width, which includes it for 32 and for 64 bits.
 * Arithmetic is modulo 2^(bits of KEY).
 */

/* An unsigned type for keys, and a function's name for this width of them. */
#ifndef KEY
#error "KEY: uint32_t or uint64_t"
#endif
#ifndef NAME
#error "NAME(x): x##_32 or x##_64"
#endif

static void
NAME(fill_table)(const struct cell_table *table, const struct voxel_wide *wide)
{
    KEY *low = table->low;
    uint8_t *width = table->width;
    for (uint32_t r = 0; r < wide->run_count; r++) {
        const struct cell_run *run = &wide->runs[r];
        for (uint32_t i = 0; i < run->count; i++) {
            *low++ = (KEY)(run->start + ((uint64_t)i << run->width));
            *width++ = run->width;
        }
    }
}

/* Cells and the bits within them -> keys. `near_end`: the bits may end before the last cell. */
static inline __attribute__((always_inline)) void
NAME(join_some)(KEY *restrict keys, const uint16_t *restrict cells, size_t count, const struct cell_table *table,
                struct tail *tail, bool near_end)
{
    const KEY *restrict low = table->low;
    const uint8_t *restrict widths = table->width;
    uint64_t position = tail->position;
    for (size_t i = 0; i < count; i++) {
        uint32_t cell = cells[i] < table->count ? cells[i] : 0; /* damaged input may name cells that do not exist */
        unsigned width = widths[cell];
        uint64_t word;
        if (near_end)
            word = tail_word(tail, position >> 3);
        else
            memcpy(&word, tail->bytes + (position >> 3), 8);
        keys[i] = (KEY)(low[cell] + (KEY)(word >> (position & 7) & ((UINT64_C(1) << width) - 1)));
        position += width;
    }
    tail->position = position;
}

static void
NAME(join)(KEY *restrict keys, const uint16_t *restrict cells, size_t count, const struct cell_table *table,
           struct tail *tail)
{
    for (size_t i = 0; i < count; i += BATCH) {
        size_t n = count - i < BATCH ? count - i : BATCH;
        uint64_t reach = (tail->position >> 3) + BATCH * CELL_WIDTH_MAX / 8 + 8;
        if (reach <= tail->size)
            NAME(join_some)(keys + i, cells + i, n, table, tail, false);
        else
            NAME(join_some)(keys + i, cells + i, n, table, tail, true);
    }
}

/* Cells that are values: no bits follow. */
static void
NAME(look_up)(KEY *restrict keys, const uint16_t *restrict cells, size_t count, const struct cell_table *table)
{
    const KEY *restrict low = table->low;
    for (size_t i = 0; i < count; i++)
        keys[i] = low[cells[i] < table->count ? cells[i] : 0];
}

static void
NAME(add)(KEY *restrict to, const KEY *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (KEY)(to[i] + from[i]);
}

/* keys[i] += keys[i - distance], except for the first `distance` of each period. */
static void
NAME(add_before)(KEY *keys, size_t count, size_t period, size_t distance)
{
    for (size_t start = 0; start < count; start += period) {
        if (distance < 8) {
            for (size_t i = start + distance; i < start + period; i++)
                keys[i] = (KEY)(keys[i] + keys[i - distance]);
            continue;
        }
        for (size_t i = start + distance; i < start + period; i += distance)
            NAME(add)(keys + i, keys + i - distance, distance);
    }
}

/* Differences -> keys, over the whole box. */
static void
NAME(integrate)(KEY *keys, const struct voxel_wide *wide, const struct wide_layout *l)
{
    KEY mask = (KEY)wide_key_mask(wide), half = (KEY)(wide_key_mask(wide) / 2 + 1);
    for (size_t i = 0; i < l->count; i++)
        keys[i] = (KEY)(keys[i] - half);
    if (wide->axes & WIDE_AXIS_Z)
        NAME(add_before)(keys, l->count, l->count, l->plane);
    if (wide->axes & WIDE_AXIS_Y)
        NAME(add_before)(keys, l->count, l->plane, l->row);
    if (wide->axes & WIDE_AXIS_X)
        NAME(add_before)(keys, l->count, l->row, l->components);
    for (size_t i = 0; i < l->count; i++)
        keys[i] &= mask;
}

/* Keys -> samples of `size` bytes, at most sizeof(KEY), in the machine's byte order. */
static inline __attribute__((always_inline)) void
NAME(samples_of)(const KEY *restrict keys, unsigned char *restrict dst, size_t count, size_t size, int shift,
                 enum key_order order)
{
    int bits = (int)(8 * size);
    KEY sign = (KEY)((KEY)1 << (bits - 1)), top = (KEY)(sign >> shift);
    for (size_t i = 0; i < count; i++) {
        KEY key = keys[i], sample = (KEY)(key << shift);
        if (order == ORDER_SIGNED)
            sample ^= sign;
        if (order == ORDER_FLOAT) {
            KEY centred = (KEY)(key - top), negative = (KEY)(0 - (KEY)(key < top)); /* all bits, or none */
            sample = (KEY)((KEY)((centred ^ negative) << shift) | (negative & sign));
        }
        memcpy(dst + i * size, &sample, size);
    }
}

static void
NAME(store_keys)(const struct voxel_wide *wide, const KEY *keys, unsigned char *dst, size_t count, enum key_order order)
{
    size_t size = wide->sample_size;
    if (size == 1)
        NAME(samples_of)(keys, dst, count, 1, wide->shift, order);
    else if (size == 2 && order == ORDER_FLOAT)
        NAME(samples_of)(keys, dst, count, 2, wide->shift, ORDER_FLOAT);
    else if (size == 2)
        NAME(samples_of)(keys, dst, count, 2, wide->shift, order);
    else if (order == ORDER_FLOAT)
        NAME(samples_of)(keys, dst, count, sizeof(KEY), wide->shift, ORDER_FLOAT);
    else
        NAME(samples_of)(keys, dst, count, sizeof(KEY), wide->shift, order);
    if (!wide->big_endian)
        return;
    for (size_t i = 0; i < count; i++)
        for (size_t a = i * size, b = (i + 1) * size - 1; a < b; a++, b--) {
            unsigned char swap = dst[a];
            dst[a] = dst[b];
            dst[b] = swap;
        }
}

#undef NAME
#undef KEY
