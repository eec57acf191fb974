/*
 * general.c: asks whether codec "zstd" is to be tried on a whole value. Chunk by chunk, rivals.c has asked already; but
 * a value with several images is cut where they begin and end, and what repeats across these cuts is lost on chunks.
 * Equal chunks are known by their checksums. Everything else shows where a piece of the value, images and all, is
 * compressed as a whole.
 */
#include "general.h"

#include "../chunk/zstd.h"
#include "../voxel/choose/repeats.h"
#include "../voxel/model.h"

#include <stdlib.h>
#include <string.h>

#define EQUAL_SHARE 64 /* equal chunks count if they take so much of the frame */
#define EQUAL_SIZE_MIN 64

#define REPEATS_ROWS 2048 /* rows that are looked at, in all images */

#define PIECES 4
#define PIECES_SHARE 8 /* the part of a value on which zstd is tried */
#define PIECE_MIN ((uint64_t)64 << 10)
#define PIECE_MAX ((uint64_t)256 << 10)

#define LOWEST_ZSTD_LEVEL 1
#define DEEP_LEVEL 7
/* Sizes that zstd may reach on the pieces, in sixteenths of what the frame spends on them. Above them, it is not tried on
 * the whole value. */
#define LOWEST_MARGIN 20 /* the lowest level, where a middle one is wanted, */
#define DEEP_MARGIN 40   /* and where one of the deepest is */
#define WHOLE_MARGIN 17  /* the wanted level, if it is a middle one, */
#define DEEP_WHOLE_MARGIN 20
#define TINY_FRAME 512
#define LITTLE_FRAME (16 << 10)
#define LITTLE_SHARE 32
#define SLOW_LEVEL 8           /* from here on, zstd is not tried again on what it has been tried on, */
#define ENDS_MAX 1024          /* but for so many bytes around it, */
#define CUT_SIZE 32            /* each of which takes so much in the header and in a frame of zstd's, */
#define GAIN_SHARE 128         /* unless that spares more than this part of the frame */
#define SMALL_FRAME (64 << 10) /* in larger frames the cuts around one image do not count */

/* ---- Equal chunks ---------------------------------------------------------------------------- */

static int
compare_chunks(const void *left, const void *right)
{
    const struct zblob_chunk *a = *(const struct zblob_chunk *const *)left;
    const struct zblob_chunk *b = *(const struct zblob_chunk *const *)right;
    if (a->checksum != b->checksum)
        return a->checksum < b->checksum ? -1 : 1;
    return (a > b) - (a < b);
}

/* Do chunks that are equal to others make up much of the frame? */
static bool
has_equal_chunks(const struct plan *plan, uint64_t frame_size)
{
    const struct zblob_chunk **sorted = malloc(plan->chunk_count * sizeof *sorted);
    uint64_t equal = 0;
    if (!sorted)
        return false;
    for (size_t i = 0; i < plan->chunk_count; i++)
        sorted[i] = &plan->index[i];
    qsort(sorted, plan->chunk_count, sizeof *sorted, compare_chunks);
    for (size_t i = 1; i < plan->chunk_count; i++)
        if (sorted[i]->checksum == sorted[i - 1]->checksum && sorted[i]->stored_size >= EQUAL_SIZE_MIN)
            equal += sorted[i]->stored_size;
    free(sorted);
    return equal * EQUAL_SHARE > frame_size;
}

/* Do rows of images repeat, also those of other images? */
static bool
has_equal_rows(const struct plan *plan)
{
    struct repeats seen = {.varied = 0};
    size_t each = REPEATS_ROWS / plan->image_count + 1;
    for (size_t i = 0; i < plan->image_count; i++) {
        const struct zblob_image *image = &plan->images[i];
        uint64_t size;
        const unsigned char *samples = plan_samples(plan, image);
        if (samples && zblob_grid_size(&image->grid, &size))
            repeats_look(&seen, &image->grid, samples, (size_t)size, each);
    }
    return repeats_are_many(&seen);
}

/* ---- Pieces of the value --------------------------------------------------------------------- */

/* What the frame spends on the bytes first..last - 1 of the value, with their share of the header. */
static uint64_t
spent_on(const struct plan *plan, uint64_t first, uint64_t last, uint64_t frame_size)
{
    uint64_t spent = 0, stored = 0;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        const struct chunk_place *place = &plan->chunks[i].place;
        uint64_t from = place->raw_offset > first ? place->raw_offset : first;
        uint64_t to = place->raw_offset + place->raw_size;
        to = to < last ? to : last;
        stored += plan->index[i].stored_size;
        if (from < to)
            spent += plan->index[i].stored_size * (to - from) / place->raw_size;
    }
    return spent + (frame_size - stored) * (last - first) / plan->src_size;
}

/* Does zstd at our `level` (0: at its lowest) compress the pieces to less than `margin` sixteenths of what the frame spends
 * on them? */
static bool
pieces_are_smaller(const struct plan *plan, uint64_t frame_size, int level, uint64_t margin)
{
    uint64_t size = plan->src_size / PIECES / PIECES_SHARE, spent = 0, all = 0;
    size = size < PIECE_MIN ? PIECE_MIN : size > PIECE_MAX ? PIECE_MAX : size;
    uint64_t pieces = size * PIECES < plan->src_size ? PIECES : 1;
    size = pieces > 1 ? size : plan->src_size;
    size_t capacity = zstd_bound((size_t)size);
    unsigned char *dst = malloc(capacity);
    for (uint64_t i = 0; dst && i < pieces; i++) {
        uint64_t first = (plan->src_size - size) * (2 * i + 1) / (2 * pieces);
        size_t encoded = 0;
        if (level)
            zstd_encode_best(zstd_level_of(level), ZSTD_BYTES, plan->src + first, (size_t)size, dst, capacity,
                             &encoded);
        else
            zstd_encode(LOWEST_ZSTD_LEVEL, plan->src + first, (size_t)size, dst, capacity, &encoded);
        all += encoded ? encoded : size;
        spent += spent_on(plan, first, first + size, frame_size);
    }
    free(dst);
    return all * 16 < spent * margin;
}

static bool
pieces_promise_less(const struct plan *plan, uint64_t frame_size)
{
    int level = plan->options->level;
    bool is_deep = level >= DEEP_LEVEL, is_lowest = zstd_level_of(level) == LOWEST_ZSTD_LEVEL;
    uint64_t margin = is_deep ? DEEP_WHOLE_MARGIN : WHOLE_MARGIN;
    if (is_lowest)
        return pieces_are_smaller(plan, frame_size, 0, margin);
    return pieces_are_smaller(plan, frame_size, 0, is_deep ? DEEP_MARGIN : LOWEST_MARGIN) &&
           pieces_are_smaller(plan, frame_size, level, margin);
}

/* ---- The question ---------------------------------------------------------------------------- */

/* rivals.c found out about what zstd makes of an image's chunks: without the image's cuts, is that less? */
static bool
chunks_are_smaller(const struct plan *plan, uint64_t frame_size)
{
    uint64_t expected = 0;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        bool is_image = plan->chunks[i].place.image;
        if (is_image && !plan->trials[i].size)
            return false;
        expected += is_image ? plan->trials[i].size : plan->index[i].stored_size;
    }
    return expected <= frame_size;
}

/* Is so little left of intensities that zstd is quick, and excerpts say nothing? */
static bool
is_nearly_nothing(const struct plan *plan, uint64_t frame_size)
{
    bool is_label = plan->models[0] && plan->models[0]->is_label;
    return frame_size < (is_label ? TINY_FRAME : LITTLE_FRAME) && frame_size < plan->src_size / LITTLE_SHARE;
}

/* Has zstd been tried, at a slow level, on a chunk that is all of the value but its ends? Then it would make about the same
 * of the whole. What that spares are the cuts at those ends. */
static bool
has_been_tried(const struct plan *plan, uint64_t frame_size)
{
    if (plan->options->level < SLOW_LEVEL)
        return false;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        const struct voxel_model *model = plan->chunks[i].place.model;
        uint64_t now = plan->index[i].stored_size + CUT_SIZE * (plan->chunk_count - 1);
        now += plan->index[i].codec == ZBLOB_CODEC_VOXEL ? voxel_model_size(model) : 0;
        if (plan->src_size - plan->index[i].raw_size <= ENDS_MAX)
            return plan->trials[i].is_wanted && plan->trials[i].size + frame_size / GAIN_SHARE > now;
    }
    return false;
}

bool
general_may_win(const struct plan *plan, uint64_t frame_size)
{
    if (plan->options->codec != ZBLOB_CODEC_AUTO || !plan->has_image_chunks)
        return false;
    if (has_been_tried(plan, frame_size))
        return false;
    if (plan->image_count == 1 && is_nearly_nothing(plan, frame_size))
        return true;
    if (plan->image_count == 1 && frame_size < SMALL_FRAME && chunks_are_smaller(plan, frame_size))
        return true;
    if (plan->image_count == 1)
        return has_equal_chunks(plan, frame_size);
    if (plan->image_count == ZBLOB_IMAGES_MAX) /* there may be more, which go to zstd in any case */
        return true;
    return has_equal_chunks(plan, frame_size) || has_equal_rows(plan) || pieces_promise_less(plan, frame_size);
}
