/*
 * planes_template.h: the loops of planes.c over samples of one size. planes.c includes it once for each size, after
 * struct transform, and defines before each time
 *
 *   SAMPLE    the unsigned type of that size, such as uint16_t
 *   NAME(x)   the name of function x for that size, such as x##_16
 *
 * Both are undefined again at the end. Samples lie in aligned scratch memory.
 */
#ifndef SAMPLE
#error "define SAMPLE, an unsigned integer type, before including planes_template.h"
#endif
#ifndef NAME
#error "define NAME(x), which gives each function a name of its own, before including planes_template.h"
#endif

/* dst[i] = src[i] - src[i - distance]; samples before the first count as 0. */
static void
NAME(difference)(SAMPLE *restrict dst, const SAMPLE *restrict src, size_t count, size_t distance)
{
    size_t head = distance < count ? distance : count;
    memcpy(dst, src, head * sizeof *dst);
    for (size_t i = head; i < count; i++)
        dst[i] = (SAMPLE)(src[i] - src[i - distance]);
}

static void
NAME(add)(SAMPLE *restrict to, const SAMPLE *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (SAMPLE)(to[i] + from[i]);
}

/* The inverse of `difference`, in place. Runs of `distance` samples do not overlap those before them, so that compilers
 * make vectors of them. */
static void
NAME(accumulate)(SAMPLE *samples, size_t count, size_t distance)
{
    if (distance == 1) {
        SAMPLE sum = 0;
        for (size_t i = 0; i < count; i++)
            samples[i] = sum = (SAMPLE)(sum + samples[i]);
        return;
    }
    for (size_t start = distance; start < count; start += distance) {
        size_t run = count - start < distance ? count - start : distance;
        NAME(add)(samples + start, samples + start - distance, run);
    }
}

/* Residuals -> byte planes, the least significant bytes first. `fold` moves the sign into bit 0. */
static void
NAME(split)(unsigned char *restrict planes, const SAMPLE *restrict residuals, size_t count, bool fold)
{
    for (size_t i = 0; i < count; i++) {
        SAMPLE r = residuals[i];
        if (fold)
            r = (SAMPLE)((SAMPLE)(r << 1) ^ (SAMPLE)(0 - (r >> (8 * sizeof r - 1))));
        for (size_t plane = 0; plane < sizeof r; plane++)
            planes[plane * count + i] = (unsigned char)(r >> (8 * plane));
    }
}

static void
NAME(join)(SAMPLE *restrict residuals, const unsigned char *restrict planes, size_t count, bool fold)
{
    for (size_t i = 0; i < count; i++) {
        SAMPLE r = 0;
        for (size_t plane = 0; plane < sizeof r; plane++)
            r = (SAMPLE)(r | (SAMPLE)((SAMPLE)planes[plane * count + i] << (8 * plane)));
        residuals[i] = fold ? (SAMPLE)((r >> 1) ^ (SAMPLE)(0 - (r & 1))) : r;
    }
}

static void
NAME(swap_bytes)(SAMPLE *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SAMPLE in = samples[i], out = 0;
        for (size_t byte = 0; byte < sizeof in; byte++)
            out = (SAMPLE)(out | (SAMPLE)((in >> (8 * byte) & 0xFF) << (8 * (sizeof in - 1 - byte))));
        samples[i] = out;
    }
}

/* Samples in `work` -> planes, and back. Both blocks hold `count` samples; `forward` overwrites both of them. */
static void
NAME(forward)(unsigned char *planes, SAMPLE *work, size_t count, const struct transform *t)
{
    SAMPLE *from = work, *to = (SAMPLE *)(void *)planes;
    if (t->swap)
        NAME(swap_bytes)(from, count);
    for (int axis = 0; axis < AXIS_COUNT; axis++) {
        if (!(t->axes & 1U << axis))
            continue;
        NAME(difference)(to, from, count, t->distance[axis]);
        SAMPLE *other = from;
        from = to;
        to = other;
    }
    if (from != work)
        memcpy(work, from, count * sizeof *work);
    NAME(split)(planes, work, count, t->axes != 0);
}

static void
NAME(backward)(SAMPLE *work, const unsigned char *planes, size_t count, const struct transform *t)
{
    NAME(join)(work, planes, count, t->axes != 0);
    for (int axis = AXIS_COUNT - 1; axis >= 0; axis--) {
        if (t->axes & 1U << axis)
            NAME(accumulate)(work, count, t->distance[axis]);
    }
    if (t->swap)
        NAME(swap_bytes)(work, count);
}

#undef NAME
#undef SAMPLE
