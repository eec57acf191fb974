/* options.c: sets the encoder's options by name. Each is checked, and errors say what is allowed. */
#include "../base/error.h"
#include "../base/sample_types.h"
#include "codecs.h"

#include <inttypes.h>
#include <string.h>

void
zblob_options_init(struct zblob_options *options)
{
    *options = (struct zblob_options){.level = ZBLOB_LEVEL_DEFAULT, .codec = ZBLOB_CODEC_AUTO};
}

static bool
is_known(const char *name)
{
    static const char *const names[] = {"codec", "level", "min_size",   "threads",
                                        "dtype", "shape", "for_column", "dictionary"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static const char *
taken_by(const char *name)
{
    if (strcmp(name, "codec") == 0 || strcmp(name, "dtype") == 0)
        return "text";
    return strcmp(name, "shape") == 0 ? "a list of integers" : "an integer";
}

enum zblob_result
zblob_options_refuse(const char *name, const char *given, struct zblob_error *error)
{
    if (is_known(name))
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "option \"%s\" does not take %s: it takes %s", name, given,
                          taken_by(name));
    return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                      "unknown option \"%.40s\": the options are codec, level, min_size, threads, dtype, "
                      "shape, for_column and dictionary",
                      name);
}

static enum zblob_result
fail_range(const char *name, int64_t least, int64_t most, int64_t value, struct zblob_error *error)
{
    return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "option \"%s\" must be from %" PRId64 " to %" PRId64 ", not %" PRId64,
                      name, least, most, value);
}

enum zblob_result
zblob_options_set_integer(struct zblob_options *options, const char *name, int64_t value, struct zblob_error *error)
{
    if (strcmp(name, "level") == 0) {
        if (value < ZBLOB_LEVEL_MIN || value > ZBLOB_LEVEL_MAX)
            return fail_range(name, ZBLOB_LEVEL_MIN, ZBLOB_LEVEL_MAX, value, error);
        options->level = (int)value;
    } else if (strcmp(name, "threads") == 0) {
        if (value < 0 || value > ZBLOB_THREADS_MAX)
            return fail_range(name, 0, ZBLOB_THREADS_MAX, value, error);
        options->threads = (unsigned)value;
    } else if (strcmp(name, "min_size") == 0) {
        if (value < 0)
            return fail_range(name, 0, INT64_MAX, value, error);
        options->min_size = (uint64_t)value;
    } else if (strcmp(name, "for_column") == 0) {
        if (value < 0 || value > 1)
            return fail_range(name, 0, 1, value, error);
        options->for_column = value;
    } else if (strcmp(name, "dictionary") == 0) {
        if (value < 0 || value > UINT32_MAX)
            return fail_range(name, 0, UINT32_MAX, value, error);
        options->dictionary_id = (uint32_t)value;
    } else {
        return zblob_options_refuse(name, "an integer", error);
    }
    return ZBLOB_OK;
}

static enum zblob_result
set_codec(struct zblob_options *options, const char *value, struct zblob_error *error)
{
    char names[80];
    if (codec_parse_name(value, &options->codec))
        return ZBLOB_OK;
    codec_list_names(names, sizeof names);
    return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "option \"codec\" must be %s, not \"%.40s\"", names, value);
}

enum zblob_result
zblob_options_set_text(struct zblob_options *options, const char *name, const char *value, struct zblob_error *error)
{
    if (strcmp(name, "codec") == 0)
        return set_codec(options, value, error);
    if (strcmp(name, "dtype") != 0)
        return zblob_options_refuse(name, "text", error);
    struct zblob_image image = {0};
    if (!pixel_type_parse(value, &image))
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT,
                          "option \"dtype\" must be a NumPy integer, float, complex or bool type such as uint8, int16, "
                          "float32 or \">i2\", not \"%.40s\"",
                          value);
    options->grid.sample_type = image.grid.sample_type;
    options->grid.big_endian = image.grid.big_endian;
    options->is_complex = image.is_complex;
    options->is_bool = image.is_bool;
    return ZBLOB_OK;
}

enum zblob_result
zblob_options_set_shape(struct zblob_options *options, const int64_t *extents, size_t count, struct zblob_error *error)
{
    if (count < 1 || count > ZBLOB_DIMENSION_MAX)
        return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "option \"shape\" must have 1 to %d axes, not %zu",
                          ZBLOB_DIMENSION_MAX, count);
    options->grid.dimension = (uint32_t)count;
    options->grid.components = 1;
    for (size_t axis = 0; axis < count; axis++) {
        if (extents[axis] < 1)
            return zblob_fail(error, ZBLOB_BAD_ARGUMENT, "option \"shape\" must hold positive integers, not %" PRId64,
                              extents[axis]);
        options->grid.size[count - 1 - axis] = (uint64_t)extents[axis];
    }
    return ZBLOB_OK;
}
