/*
 * options.c: options by name, as a hint, and as SQL's JSON, for a value of a few bytes. The input's lines are options
 * "name=value", a line "dtype shape" without "=" is a hint, and the first line from "{" on goes to SQL.
 */
#include "sql.h"

enum { VALUE_SIZE = 4096, LINE_MAX_SIZE = 200, AXES_MAX = 10 };

static void
set_shape(struct zblob_options *options, const char *text)
{
    int64_t extents[AXES_MAX];
    struct zblob_error error;
    size_t count = 0;
    char *end = NULL;
    for (; count < AXES_MAX; text = end) {
        extents[count] = strtoll(text, &end, 10);
        if (end == text)
            break;
        count++;
        end += *end == ',';
    }
    zblob_options_set_shape(options, extents, count, &error);
}

static void
take_line(struct zblob_options *options, char *line)
{
    struct zblob_error error;
    char *value = strchr(line, '='), *shape = strchr(line, ' '), *end;
    if (value) {
        *value++ = '\0';
        long long number = strtoll(value, &end, 10);
        if (strcmp(line, "shape") == 0)
            set_shape(options, value);
        else if (*value && !*end)
            zblob_options_set_integer(options, line, number, &error);
        else
            zblob_options_set_text(options, line, value, &error);
    } else if (shape) {
        *shape++ = '\0';
        zblob_options_hint(options, line, shape, VALUE_SIZE);
    } else
        zblob_options_refuse(line, "text", &error);
}

static void
compress(const struct zblob_options *options, const uint8_t *value)
{
    struct zblob_error error;
    struct zblob_frame header;
    unsigned char *frame = NULL;
    uint8_t back[VALUE_SIZE];
    size_t size;
    enum zblob_result result = zblob_compress(options, ZBLOB_BLOB, value, VALUE_SIZE, &frame, &size, &error);
    require(result == ZBLOB_OK || result == ZBLOB_BAD_ARGUMENT, "options fail in an unknown way");
    if (result == ZBLOB_OK) {
        require(zblob_frame_open(&header, frame, size, size, &error) == ZBLOB_OK, error.message);
        require(header.raw_size == VALUE_SIZE && zblob_decompress(&header, 1, back, NULL, &error) == ZBLOB_OK,
                error.message);
        require(memcmp(back, value, VALUE_SIZE) == 0, "a value has changed");
    } else
        require(strlen(error.message) > 5, "an error without a message");
    zblob_free(frame);
}

/* What SQL refuses it refuses with an error, and what it takes comes back. */
static void
compress_by_sql(const char *json, const uint8_t *value)
{
    sqlite3 *db = fuzz_open();
    sqlite3_stmt *statement = NULL;
    require(sqlite3_prepare_v2(db, "SELECT zdecompress(zcompress(?1, ?2)) IS ?1", -1, &statement, NULL) == SQLITE_OK,
            sqlite3_errmsg(db));
    sqlite3_bind_blob(statement, 1, value, VALUE_SIZE, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, json, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        require(sqlite3_column_int(statement, 0), "a value has changed");
    sqlite3_finalize(statement);
    fuzz_close(db);
}

void
fuzz_options(const uint8_t *data, size_t size)
{
    struct zblob_options options;
    uint8_t value[VALUE_SIZE];
    char line[LINE_MAX_SIZE + 1];
    for (size_t i = 0; i < VALUE_SIZE; i++)
        value[i] = (uint8_t)(i / 64 + i % 64);
    zblob_options_init(&options);
    for (size_t at = 0, used; at < size; at += used + 1) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        used = end ? (size_t)(end - data) - at : size - at;
        size_t kept = used < LINE_MAX_SIZE ? used : LINE_MAX_SIZE;
        memcpy(line, data + at, kept);
        line[kept] = '\0';
        if (*line == '{')
            compress_by_sql(line, value);
        else
            take_line(&options, line);
    }
    options.threads = options.threads > 2 ? 2 : options.threads;
    compress(&options, value);
}
