/* compress.c: a value becomes a frame in three steps: plan, encode, assemble. What saves too little is stored. */
#include "compress.h"
#include "../base/error.h"
#include "../base/interrupt.h"
#include "../chunk/zstd.h"
#include "../sniff/pickle_ops.h"
#include "compact.h"
#include "general.h"
#include "header.h"
#include "image_section.h"
#include "model_section.h"

#include <stdlib.h>
#include <string.h>

/* Compression that saves less than 1/128 of the value is not worth a decoder's time. */
#define SAVING_SHIFT 7

/* A frame of the general path may be larger by so much: its chunks are smaller, which suits who reads a part. */
#define CUTS_SHARE 256

/* ---- Sections -------------------------------------------------------------------------------- */

static size_t
sections_size(const struct plan *plan)
{
    size_t size = 0;
    for (size_t i = 0; i < plan->image_count; i++) {
        size += FRAME_SECTION_PREFIX_SIZE + image_section_size(&plan->images[i]);
        if (plan->models[i])
            size += FRAME_SECTION_PREFIX_SIZE + model_section_size(plan->models[i]);
    }
    return size;
}

static unsigned char *
write_image(unsigned char *dst, const struct zblob_image *image)
{
    size_t size = image_section_size(image);
    dst = frame_write_section_prefix(dst, FRAME_SECTION_IMAGE, size);
    image_section_write(image, dst);
    return dst + size;
}

static unsigned char *
write_model(unsigned char *dst, const struct voxel_model *model, size_t image)
{
    size_t size = model_section_size(model);
    dst = frame_write_section_prefix(dst, FRAME_SECTION_MODEL, size);
    model_section_write(model, image, dst);
    return dst + size;
}

static void
write_sections(const struct plan *plan, unsigned char *dst)
{
    for (size_t i = 0; i < plan->image_count; i++)
        dst = write_image(dst, &plan->images[i]);
    for (size_t i = 0; i < plan->image_count; i++) {
        if (plan->models[i])
            dst = write_model(dst, plan->models[i], i);
    }
}

/* ---- Frame ----------------------------------------------------------------------------------- */

static uint64_t
stored_total(const struct plan *plan)
{
    uint64_t total = 0;
    for (size_t i = 0; i < plan->chunk_count; i++)
        total += plan->index[i].stored_size;
    return total;
}

static enum zblob_codec
richest_codec(const struct plan *plan)
{
    enum zblob_codec richest = ZBLOB_CODEC_STORE;
    for (size_t i = 0; i < plan->chunk_count; i++) {
        if (plan->index[i].codec > richest)
            richest = plan->index[i].codec;
    }
    return richest;
}

unsigned char *
compress_write_header(const struct plan *plan, enum zblob_value_type value_type, uint64_t room, size_t *header_size,
                      struct zblob_error *error)
{
    size_t section_size = sections_size(plan);
    *header_size = frame_header_size(section_size, plan->chunk_count);
    uint64_t total = *header_size + room;
    unsigned char *p = total <= SIZE_MAX ? malloc((size_t)total) : NULL;
    if (!p) {
        zblob_fail_memory(error, total);
        return NULL;
    }
    struct zblob_frame fields = {.value_type = value_type,
                                 .codec = richest_codec(plan),
                                 .level = (uint32_t)plan->options->level,
                                 .for_column = plan->options->for_column,
                                 .raw_size = plan->src_size,
                                 .chunk_count = (uint32_t)plan->chunk_count};
    write_sections(plan, p + FRAME_FIXED_SIZE);
    frame_write_header(p, &fields, section_size, plan->index);
    return p;
}

static enum zblob_result
assemble(struct plan *plan, enum zblob_value_type value_type, unsigned char **frame, size_t *frame_size,
         struct zblob_error *error)
{
    size_t header_size;
    uint64_t room = stored_total(plan);
    unsigned char *p = compress_write_header(plan, value_type, room, &header_size, error);
    if (!p)
        return ZBLOB_NO_MEMORY;
    *frame = p;
    *frame_size = header_size + (size_t)room;
    p += header_size;
    for (size_t i = 0; i < plan->chunk_count && !interrupt_is_set(); i++) {
        memcpy(p, plan->scratch + plan->chunks[i].slot, plan->index[i].stored_size);
        p += plan->index[i].stored_size;
    }
    return ZBLOB_OK;
}

/* The same, and the scratch block becomes the frame: there is no second copy of what is stored. */
static enum zblob_result
assemble_in_place(struct plan *plan, enum zblob_value_type value_type, unsigned char **frame, size_t *frame_size,
                  struct zblob_error *error)
{
    size_t header_size, stored = plan_pack(plan, 0, plan->chunk_count, 0);
    unsigned char *header = compress_write_header(plan, value_type, 0, &header_size, error);
    unsigned char *p = header ? realloc(plan->scratch, header_size + stored) : NULL;
    if (p) {
        memmove(p + header_size, p, stored);
        memcpy(p, header, header_size);
        plan->scratch = NULL;
        *frame = p;
        *frame_size = header_size + stored;
    }
    free(header);
    return p ? ZBLOB_OK : zblob_fail_memory(error, stored);
}

static uint64_t
frame_size_of(const struct plan *plan)
{
    return frame_header_size(sections_size(plan), plan->chunk_count) + stored_total(plan);
}

static bool
pays(const struct plan *plan)
{
    return frame_size_of(plan) + (plan->src_size >> SAVING_SHIFT) < plan->src_size;
}

/* Is a chunk larger than codec "zstd" cuts them? */
static bool
has_large_chunk(const struct plan *plan)
{
    for (size_t i = 0; i < plan->chunk_count; i++)
        if (plan->index[i].raw_size > zstd_chunk_size(plan->options->level))
            return true;
    return false;
}

/* A guessed image that compresses little better than zstd would may be none; zstd may find more in a value than what is
 * coded image by image; and an image that is left to zstd may be cut as suits zstd. */
static bool
is_doubtful(const struct plan *plan)
{
    if (plan->image_count && plan->zstd_estimate && stored_total(plan) * 8 > plan->zstd_estimate * 7)
        return true;
    return (richest_codec(plan) == ZBLOB_CODEC_ZSTD && has_large_chunk(plan)) ||
           general_may_win(plan, frame_size_of(plan));
}

enum zblob_codec
compress_settle(const struct plan *plan)
{
    if (plan->options->codec == ZBLOB_CODEC_STORE || pays(plan))
        return plan->options->codec;
    return is_doubtful(plan) ? ZBLOB_CODEC_ZSTD : ZBLOB_CODEC_STORE;
}

/* One image in a small frame: most of its header can be left out. */
static bool
write_compact(const struct plan *plan, enum zblob_value_type value_type, unsigned char **frame, size_t *frame_size)
{
    return plan->options->codec == ZBLOB_CODEC_AUTO && value_type == ZBLOB_BLOB &&
           compact_write_image(plan, frame_size_of(plan), frame, frame_size);
}

/* Plan and encode until codec and result suit each other, then assemble the frame. size_limit is that of struct plan.
 * *doubtful: by codec "zstd" alone the frame might be smaller. */
static enum zblob_result
compress_by(struct zblob_options current, enum zblob_value_type value_type, const void *src, size_t src_size,
            size_t size_limit, unsigned char **frame, size_t *frame_size, bool *doubtful, struct zblob_error *error)
{
    for (;;) {
        struct plan plan = {.options = &current, .src = src, .src_size = src_size, .size_limit = size_limit};
        enum zblob_result result = plan_make(&plan, error);
        if (result == ZBLOB_OK)
            result = plan_encode(&plan, error);
        if (result == ZBLOB_OK && interrupt_is_set())
            result = ZBLOB_INTERRUPTED;
        enum zblob_codec settled = result == ZBLOB_OK ? compress_settle(&plan) : current.codec;
        *doubtful = result == ZBLOB_OK && settled == current.codec && is_doubtful(&plan);
        if (result == ZBLOB_OK && settled == current.codec && !write_compact(&plan, value_type, frame, frame_size))
            result =
                (plan_is_packed(&plan) ? assemble_in_place : assemble)(&plan, value_type, frame, frame_size, error);
        plan_free(&plan);
        if (settled == current.codec)
            return result;
        current.codec = settled;
    }
}

/* By the plan for the options, or, where that leaves doubts, by the general path if that makes less. */
static enum zblob_result
compress_ordinary(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                  size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    bool doubtful;
    enum zblob_result result = compress_by(*options, value_type, src, src_size, 0, frame, frame_size, &doubtful, error);
    if (result != ZBLOB_OK || !doubtful)
        return result;
    struct zblob_options zstd = *options;
    unsigned char *other;
    size_t other_size, most = *frame_size + *frame_size / CUTS_SHARE;
    zstd.codec = ZBLOB_CODEC_ZSTD;
    if (compress_by(zstd, value_type, src, src_size, most, &other, &other_size, &doubtful, error) != ZBLOB_OK)
        return ZBLOB_OK; /* the first frame is good enough */
    if (other_size <= most) {
        unsigned char *larger = *frame;
        *frame = other;
        *frame_size = other_size;
        other = larger;
    }
    free(other);
    return ZBLOB_OK;
}

/* ---- Small values ---------------------------------------------------------------------------- */

/* Has the value an image that is large enough to be coded as one? Its frame then lists it. */
static bool
has_image(const struct zblob_options *options, const void *src, size_t src_size)
{
    struct zblob_image image;
    uint64_t size;
    if (options->codec != ZBLOB_CODEC_AUTO || src_size < PLAN_IMAGE_SIZE_MIN || !zblob_may_have_images(src, src_size) ||
        !pickle_may_hold_array(src, src_size, PLAN_IMAGE_SIZE_MIN))
        return false;
    return zblob_sniff(src, src_size, &image, 1) && zblob_grid_size(&image.grid, &size) && size >= PLAN_IMAGE_SIZE_MIN;
}

/* Who asks for a codec gets it as an ordinary frame, which by codec "zstd" is a .zst file, unless there is a dictionary. */
static bool
may_be_compact(const struct zblob_options *options, size_t src_size)
{
    bool is_open = options->codec == ZBLOB_CODEC_AUTO || (options->codec == ZBLOB_CODEC_ZSTD && options->dictionary);
    return is_open && compact_may_hold(src_size) && !options->grid.dimension && !options->grid.sample_type;
}

/* An image's frame gives way to a compact one where it has gained nothing, or where there is a dictionary that knows
 * more of such values. */
static enum zblob_result
compress_small_image(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                     size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    unsigned char *other;
    size_t other_size;
    enum zblob_result result = compress_ordinary(options, value_type, src, src_size, frame, frame_size, error);
    if (result != ZBLOB_OK || (*frame_size < src_size && !options->dictionary))
        return result;
    result = compact_compress(options, value_type, src, src_size, &other, &other_size, error);
    if (result != ZBLOB_OK) {
        free(other);
        return ZBLOB_OK; /* the first frame is good enough */
    }
    if (other_size < *frame_size) {
        unsigned char *larger = *frame;
        *frame = other;
        *frame_size = other_size;
        other = larger;
    }
    free(other);
    return ZBLOB_OK;
}

static enum zblob_result
compress(const struct zblob_options *options, enum zblob_value_type value_type, const void *src, size_t src_size,
         unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    if (!may_be_compact(options, src_size))
        return compress_ordinary(options, value_type, src, src_size, frame, frame_size, error);
    if (has_image(options, src, src_size))
        return compress_small_image(options, value_type, src, src_size, frame, frame_size, error);
    return compact_compress(options, value_type, src, src_size, frame, frame_size, error);
}

/* ---- Entry points ---------------------------------------------------------------------------- */

typedef enum zblob_result compress_function(const struct zblob_options *options, enum zblob_value_type value_type,
                                            const void *src, size_t src_size, unsigned char **frame, size_t *frame_size,
                                            struct zblob_error *error);

static enum zblob_result
run(compress_function *function, const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
    size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    struct interrupt_scope scope;
    *frame = NULL;
    if (options->level < ZBLOB_LEVEL_MIN || options->level > ZBLOB_LEVEL_MAX)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "level %d does not exist", options->level);
    interrupt_open(&scope, &options->interrupt);
    enum zblob_result result = function(options, value_type, src, src_size, frame, frame_size, error);
    result = interrupt_close(&scope, result, error);
    if (result != ZBLOB_OK) {
        free(*frame);
        *frame = NULL;
    }
    return result;
}

enum zblob_result
compress_for_envelope(const struct zblob_options *options, enum zblob_value_type value_type, const void *src,
                      size_t src_size, unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    return run(compress_ordinary, options, value_type, src, src_size, frame, frame_size, error);
}

enum zblob_result
zblob_compress(const struct zblob_options *options, enum zblob_value_type value_type, const void *src, size_t src_size,
               unsigned char **frame, size_t *frame_size, struct zblob_error *error)
{
    return run(compress, options, value_type, src, src_size, frame, frame_size, error);
}

void
zblob_free(void *block)
{
    free(block);
}
