/* describe.c: what is known about a value, as JSON. Numbers look the same in every locale. */
#include "../base/error.h"
#include "../base/interrupt.h"
#include "../base/sample_types.h"
#include "compact.h"
#include "header.h"
#include "plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    char *text;
    size_t size, capacity;
    bool failed;
};

static bool
reserve(struct writer *w, size_t size)
{
    if (w->capacity - w->size > size)
        return true;
    size_t capacity = 2 * w->capacity + size + 1;
    char *text = w->failed ? NULL : realloc(w->text, capacity);
    if (!text) {
        w->failed = true;
        return false;
    }
    w->text = text;
    w->capacity = capacity;
    return true;
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
put(struct writer *w, const char *format, ...)
{
    char piece[160];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (size >= 0 && reserve(w, (size_t)size)) {
        memcpy(w->text + w->size, piece, (size_t)size + 1);
        w->size += (size_t)size;
    }
}

/* The fewest digits that give the same double back. The decimal sign of the locale is replaced by a point. */
static void
put_double(struct writer *w, double value)
{
    char digits[40];
    if (value - value != 0) {
        put(w, "null"); /* JSON has no infinities */
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    char *out = digits;
    for (const char *in = digits; *in; in++) {
        if (strchr("0123456789+-e", *in))
            *out++ = *in;
        else if (out > digits && out[-1] != '.')
            *out++ = '.';
    }
    *out = '\0';
    put(w, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
}

static void
put_doubles(struct writer *w, const char *name, const double *values, uint32_t count)
{
    put(w, ", \"%s\": [", name);
    for (uint32_t i = 0; i < count; i++) {
        put(w, i ? ", " : "");
        put_double(w, values[i]);
    }
    put(w, "]");
}

static void
put_reading(struct writer *w, const struct zblob_image *image)
{
    if (image->row_padding)
        put(w, ", \"row_padding\": %" PRIu32, image->row_padding);
    if (image->tile_width)
        put(w, ", \"tile\": [%" PRIu32 ", %" PRIu32 "]", image->tile_width, image->tile_height);
    if (image->first_gap || image->gap)
        put(w, ", \"gaps\": [%" PRIu32 ", %" PRIu32 "]", image->first_gap, image->gap);
    if (image->bits)
        put(w, ", \"bits\": %d", image->bits);
    if (image->vector_axis)
        put(w, ", \"vector_axis\": %d%s", image->vector_axis, image->is_mirrored ? ", \"mirrored\": true" : "");
    if (image->has_scale) {
        put(w, ", \"slope\": ");
        put_double(w, image->slope);
        put(w, ", \"intercept\": ");
        put_double(w, image->intercept);
    }
}

static void
put_image(struct writer *w, const struct zblob_image *image)
{
    static const char *const sources[ZBLOB_SOURCE_END] = {
        "options",   "SimpleITK", "NumPy", "npy", "array", "guess", "DICOM", "NIfTI", "NRRD",
        "MetaImage", "MRC",       "TIFF",  "PNM", "BMP",   "FITS",  "torch", "ITK",   "other",
    };
    const struct zblob_grid *grid = &image->grid;
    put(w, "{\"source\": \"%s\", \"pixel_type\": \"%s\", \"byte_order\": \"%s\", \"dimension\": %" PRIu32,
        sources[image->source], pixel_type_name(image), grid->big_endian ? "big" : "little", grid->dimension);
    put(w, ", \"components\": %" PRIu32 ", \"size\": [", grid->components / (image->is_complex ? 2 : 1));
    for (uint32_t axis = 0; axis < grid->dimension; axis++)
        put(w, "%s%" PRIu64, axis ? ", " : "", grid->size[axis]);
    put(w, "], \"order\": \"%s\", \"value_offset\": %" PRIu64,
        image->is_permuted  ? "K"
        : image->is_fortran ? "F"
                            : "C",
        image->value_offset);
    if (image->text_size)
        put(w, ", \"text_size\": %" PRIu64, image->text_size);
    put_reading(w, image);
    if (image->has_space) {
        put_doubles(w, "spacing", image->spacing, grid->dimension);
        put_doubles(w, "origin", image->origin, grid->dimension);
        put_doubles(w, "direction", image->direction, grid->dimension * grid->dimension);
    }
    put(w, "}");
}

static void
put_images(struct writer *w, const struct zblob_image *images, size_t count)
{
    put(w, ", \"images\": [");
    for (size_t i = 0; i < count; i++) {
        put(w, i ? ", " : "");
        put_image(w, &images[i]);
    }
    put(w, "]}");
}

static const char *
value_type_name(enum zblob_value_type type)
{
    return type == ZBLOB_BLOB ? "blob" : "text";
}

static void
put_frame(struct writer *w, const struct zblob_frame *frame, bool in_envelope)
{
    put(w, "{\"frame\": true, \"envelope\": %s, \"version\": %" PRIu32, in_envelope ? "\"pickle\"" : "null",
        frame->version);
    put(w, ", \"value_type\": \"%s\", \"codec\": \"%s\"", value_type_name(frame->value_type),
        zblob_codec_name(frame->codec));
    put(w,
        ", \"level\": %" PRIu32 ", \"raw_size\": %" PRIu64 ", \"frame_size\": %" PRIu64 ", \"ratio\": ", frame->level,
        frame->raw_size, frame->frame_size);
    put_double(w, (double)frame->raw_size / (double)frame->frame_size);
    put(w, ", \"compact\": %s, \"header_size\": %zu, \"chunk_count\": %" PRIu32 ", \"checksum\": \"%s\"",
        frame->is_compact ? "true" : "false", frame->header_size, frame->chunk_count,
        frame->is_compact ? "xxh3/32" : "xxh3");
    put(w, ", \"dictionary_id\": %" PRIu32 ", \"for_column\": %s", frame->dictionary_id,
        frame->for_column ? "true" : "false");
}

static void
put_plain(struct writer *w, size_t size, enum zblob_value_type type)
{
    put(w, "{\"frame\": false, \"envelope\": null, \"version\": null");
    put(w, ", \"value_type\": \"%s\", \"codec\": null", value_type_name(type));
    put(w, ", \"level\": null, \"raw_size\": %zu, \"frame_size\": %zu, \"ratio\": 1.0", size, size);
    put(w, ", \"compact\": false, \"header_size\": 0, \"chunk_count\": 0, \"checksum\": null, \"dictionary_id\": 0, "
           "\"for_column\": false");
}

/* An image in a value takes more bytes than this. */
#define IMAGE_BYTES_MIN 8

struct images {
    struct zblob_image *list;
    size_t count;
};

static bool
make_room(struct images *images, size_t count)
{
    images->list = calloc(count + 1, sizeof *images->list);
    return images->list != NULL;
}

/* Search a value; false: out of memory. */
static bool
sniff(struct images *images, const void *value, size_t size)
{
    size_t room = size / IMAGE_BYTES_MIN;
    if (!zblob_may_have_images(value, size))
        return true;
    if (room > ZBLOB_IMAGES_MAX)
        room = ZBLOB_IMAGES_MAX;
    if (!make_room(images, room))
        return false;
    images->count = zblob_sniff(value, size, images->list, room);
    return true;
}

/* The image that an encoder would guess, where none is found; false: out of memory. */
static bool
guess(struct images *images, const void *value, size_t size)
{
    if (images->count)
        return true;
    free(images->list);
    if (!make_room(images, 1))
        return false;
    images->count = plan_guess(value, size, images->list);
    return true;
}

/* Most frames of small values name no images: of compact ones only those of an image, others not where images are too small
 * to be coded as such. The value is small enough to be searched for them each time, unless that takes a dictionary. */
static bool
find_in_small(struct images *images, const struct zblob_frame *frame)
{
    bool is_fine = true;
    unsigned char *value = frame->dictionary_id ? NULL : malloc((size_t)frame->raw_size + 1);
    if (value && zblob_decompress(frame, 1, value, NULL, NULL) == ZBLOB_OK)
        is_fine = sniff(images, value, (size_t)frame->raw_size);
    free(value);
    return is_fine;
}

/* A stored value is searched for images as a plain one is: its frame has no IMAGE sections, which would make it larger
 * than the bound on frames allows. */
static bool
find_in_frame(struct images *images, const struct zblob_frame *frame, bool is_whole)
{
    if (!frame->image_count && (frame->is_compact || (is_whole && compact_may_hold((size_t)frame->raw_size))))
        return find_in_small(images, frame);
    /* a damaged frame may claim that stored chunks hold more bytes than are stored */
    bool is_there = is_whole && frame->raw_size <= frame->frame_size - frame->header_size;
    if (!frame->image_count && frame->codec == ZBLOB_CODEC_STORE && is_there)
        return sniff(images, frame->header + frame->header_size, (size_t)frame->raw_size);
    if (!make_room(images, frame->image_count))
        return false;
    images->count = frame->image_count;
    frame_images(frame, images->list);
    return true;
}

/* Hand over the text, or free it if there was an error. */
static enum zblob_result
finish(struct writer *w, enum zblob_result result, char **json, struct zblob_error *error)
{
    if (result == ZBLOB_OK && w->failed)
        result = zblob_fail_memory(error, w->capacity);
    if (result == ZBLOB_OK)
        *json = w->text;
    else
        free(w->text);
    return result;
}

/* src holds the frame's first src_size bytes, which include its header. */
static enum zblob_result
describe_frame(const void *src, size_t src_size, uint64_t frame_size, bool in_envelope, char **json,
               struct zblob_error *error)
{
    struct writer w = {0};
    struct zblob_frame frame;
    enum zblob_result result = zblob_frame_open(&frame, src, src_size, frame_size, error);
    if (result != ZBLOB_OK)
        return result;
    struct images images = {NULL, 0};
    if (!find_in_frame(&images, &frame, src_size == frame_size))
        return zblob_fail_memory(error, ZBLOB_IMAGES_MAX * sizeof *images.list);
    put_frame(&w, &frame, in_envelope);
    put_images(&w, images.list, images.count);
    free(images.list);
    return finish(&w, result, json, error);
}

static enum zblob_result
describe_plain(const void *src, size_t src_size, enum zblob_value_type value_type, bool guesses, char **json,
               struct zblob_error *error)
{
    struct writer w = {0};
    struct images images = {NULL, 0};
    if (!sniff(&images, src, src_size) || (guesses && !guess(&images, src, src_size)))
        return zblob_fail_memory(error, ZBLOB_IMAGES_MAX * sizeof *images.list);
    put_plain(&w, src_size, value_type);
    put_images(&w, images.list, images.count);
    free(images.list);
    return finish(&w, ZBLOB_OK, json, error);
}

static enum zblob_result
describe(const void *src, size_t src_size, enum zblob_value_type value_type, bool guesses, char **json,
         struct zblob_error *error)
{
    const unsigned char *frame;
    size_t frame_size;
    enum zblob_result result = zblob_find_frame(src, src_size, &frame, &frame_size, error);
    if (result != ZBLOB_OK)
        return result;
    if (!frame)
        return describe_plain(src, src_size, value_type, guesses, json, error);
    return describe_frame(frame, frame_size, frame_size, frame != src, json, error);
}

static enum zblob_result
describe_in_scope(const void *src, size_t src_size, enum zblob_value_type value_type, bool guesses, char **json,
                  const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    struct interrupt_scope scope;
    *json = NULL;
    interrupt_open(&scope, interrupt);
    enum zblob_result result = describe(src, src_size, value_type, guesses, json, error);
    result = interrupt_close(&scope, result, error);
    if (result != ZBLOB_OK) {
        free(*json);
        *json = NULL;
    }
    return result;
}

enum zblob_result
zblob_describe(const void *src, size_t src_size, enum zblob_value_type value_type, char **json,
               const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    return describe_in_scope(src, src_size, value_type, false, json, interrupt, error);
}

enum zblob_result
zblob_describe_guess(const void *src, size_t src_size, enum zblob_value_type value_type, char **json,
                     const struct zblob_interrupt *interrupt, struct zblob_error *error)
{
    return describe_in_scope(src, src_size, value_type, true, json, interrupt, error);
}

enum zblob_result
zblob_describe_head(const void *src, size_t src_size, uint64_t value_size, char **json, struct zblob_error *error)
{
    bool in_envelope = zblob_is_envelope(src, src_size);
    size_t before = in_envelope ? ZBLOB_ENVELOPE_PREFIX_SIZE : 0;
    uint64_t around = in_envelope ? ZBLOB_ENVELOPE_OVERHEAD : 0;
    *json = NULL;
    const unsigned char *frame;
    size_t frame_size;
    if (!in_envelope && zblob_find_frame(src, src_size, &frame, &frame_size, error) != ZBLOB_OK)
        return ZBLOB_DAMAGED;
    if (value_size < around)
        return zblob_fail(error, ZBLOB_DAMAGED, "damaged pickle envelope: %" PRIu64 " bytes", value_size);
    return describe_frame((const unsigned char *)src + before, src_size - before, value_size - around, in_envelope,
                          json, error);
}
