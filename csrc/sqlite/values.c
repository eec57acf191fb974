/* values.c: see values.h. */
#include "values.h"

#include "dictionaries.h"
#include "interrupt.h"

#include <string.h>

static const struct value_registration *
registration_of(sqlite3_context *context)
{
    return sqlite3_user_data(context);
}

struct zblob_connection *
value_connection(sqlite3_context *context)
{
    return registration_of(context)->connection;
}

int
value_result_code(const struct zblob_error *error)
{
    static const int codes[] = {
        [ZBLOB_OK] = SQLITE_INTERNAL,           [ZBLOB_DAMAGED] = SQLITE_CORRUPT,
        [ZBLOB_UNSUPPORTED] = SQLITE_ERROR,     [ZBLOB_TOO_LARGE] = SQLITE_TOOBIG,
        [ZBLOB_NO_MEMORY] = SQLITE_NOMEM,       [ZBLOB_BAD_ARGUMENT] = SQLITE_ERROR,
        [ZBLOB_INTERRUPTED] = SQLITE_INTERRUPT, [ZBLOB_NEEDS_DICTIONARY] = SQLITE_ERROR,
    };
    return codes[error->code];
}

void
value_fail(sqlite3_context *context, const struct zblob_error *error)
{
    if (error->code == ZBLOB_NO_MEMORY) {
        sqlite3_result_error_nomem(context);
        return;
    }
    sqlite3_result_error(context, error->message, -1); /* first the text: it resets the code */
    sqlite3_result_error_code(context, value_result_code(error));
}

bool
value_is_bytes(sqlite3_value *argument)
{
    int type = sqlite3_value_type(argument);
    return type == SQLITE_BLOB || type == SQLITE_TEXT;
}

bool
value_take_as(sqlite3_value *argument, enum zblob_value_type text_type, struct value *value)
{
    if (sqlite3_value_type(argument) == SQLITE_BLOB) {
        value->type = ZBLOB_BLOB;
        value->bytes = sqlite3_value_blob(argument);
        value->size = (size_t)sqlite3_value_bytes(argument);
    } else if (text_type == ZBLOB_TEXT_UTF8) {
        value->type = ZBLOB_TEXT_UTF8;
        value->bytes = sqlite3_value_text(argument);
        value->size = (size_t)sqlite3_value_bytes(argument);
    } else {
        value->type = ZBLOB_TEXT_UTF16LE;
        value->bytes = sqlite3_value_text16le(argument);
        value->size = (size_t)sqlite3_value_bytes16(argument);
    }
    return value->bytes || value->size == 0;
}

bool
value_take(sqlite3_context *context, sqlite3_value *argument, struct value *value)
{
    if (value_take_as(argument, registration_of(context)->text_type, value))
        return true;
    sqlite3_result_error_nomem(context);
    return false;
}

bool
value_is_marked(const struct value *value)
{
    return value->type == ZBLOB_BLOB && zblob_is_marked(value->bytes, value->size);
}

bool
value_is_compressed(const struct value *value)
{
    return value->type == ZBLOB_BLOB && zblob_is_compressed(value->bytes, value->size);
}

/* The room that a row's other columns and its record's header may take: a share of what SQLite allows. */
#define ROOM_SHARE 64

bool
value_is_too_tight(sqlite3 *db, const struct value *value, size_t frame_size)
{
    size_t most = (size_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1);
    return frame_size > value->size && frame_size > most - most / ROOM_SHARE && !value_is_marked(value);
}

bool
value_is_better_plain(sqlite3 *db, const struct value *value, size_t frame_size)
{
    bool gains_nothing = value->size <= ZBLOB_TRAIN_SAMPLE_MAX && frame_size >= value->size;
    return (gains_nothing && !value_is_marked(value)) || value_is_too_tight(db, value, frame_size);
}

bool
value_find_frame(struct value *value, struct zblob_frame *frame, struct zblob_error *error)
{
    return zblob_find_frame(value->bytes, value->size, &value->bytes, &value->size, error) == ZBLOB_OK &&
           zblob_frame_open(frame, value->bytes, value->size, value->size, error) == ZBLOB_OK;
}

bool
value_open_frame(sqlite3_context *context, struct value *value, struct zblob_frame *frame)
{
    struct zblob_error error;
    if (value_find_frame(value, frame, &error))
        return true;
    value_fail(context, &error);
    return false;
}

bool
value_check_size(sqlite3 *db, const struct zblob_connection *connection, uint64_t size, struct zblob_error *error)
{
    sqlite3_int64 most = sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1);
    const char *name = "SQLITE_LIMIT_LENGTH";
    if (connection->max_size > 0 && connection->max_size < most) {
        most = connection->max_size;
        name = "zblob_config('max_size')";
    }
    if (size <= (uint64_t)most)
        return true;
    sqlite3_snprintf(sizeof error->message, error->message,
                     "the value has %llu bytes before compression, more than %s allows (%lld)",
                     (unsigned long long)size, name, most);
    error->code = ZBLOB_TOO_LARGE;
    return false;
}

/* A new block with room for a terminator of either encoding, which is set. */
static unsigned char *
new_block(uint64_t size, struct zblob_error *error)
{
    unsigned char *bytes = sqlite3_malloc64(size + 2);
    if (bytes)
        bytes[size] = bytes[size + 1] = 0;
    else
        error->code = ZBLOB_NO_MEMORY;
    return bytes;
}

unsigned char *
value_gather(sqlite3_context *context, struct zblob_reader *reader, const struct zblob_runs *runs,
             struct zblob_error *error)
{
    sqlite3 *db = sqlite3_context_db_handle(context);
    const struct zblob_connection *connection = value_connection(context);
    struct zblob_interrupt interrupt = interrupt_of(db);
    uint64_t size = runs->run * runs->count;
    unsigned char *bytes = value_check_size(db, connection, size, error) ? new_block(size, error) : NULL;
    if (bytes && zblob_reader_gather(reader, runs, connection->options.threads, bytes, &interrupt, error) != ZBLOB_OK) {
        sqlite3_free(bytes);
        return NULL;
    }
    return bytes;
}

bool
value_unpack(sqlite3 *db, struct zblob_connection *connection, const struct value *value, struct value *original,
             struct zblob_error *error)
{
    struct zblob_frame header;
    struct value frame = *value;
    if (!value_find_frame(&frame, &header, error) || !value_check_size(db, connection, header.raw_size, error))
        return false;
    struct zblob_interrupt interrupt = interrupt_of(db);
    if (!dictionaries_complete(db, connection, &header, error))
        return false;
    unsigned char *bytes = new_block(header.raw_size, error);
    if (bytes && zblob_decompress(&header, connection->options.threads, bytes, &interrupt, error) != ZBLOB_OK) {
        sqlite3_free(bytes);
        return false;
    }
    *original = (struct value){.bytes = bytes, .size = (size_t)header.raw_size, .type = header.value_type};
    return bytes;
}

enum zblob_result
value_verify(sqlite3 *db, struct zblob_connection *connection, const struct value *value, bool headers_only,
             uint32_t *damaged_count, struct zblob_error *error)
{
    struct zblob_interrupt interrupt = interrupt_of(db);
    struct zblob_frame header;
    const unsigned char *frame;
    size_t frame_size;
    *damaged_count = 0;
    enum zblob_result result = zblob_find_frame(value->bytes, value->size, &frame, &frame_size, error);
    if (result != ZBLOB_OK || !frame)
        return result;
    result = zblob_frame_open(&header, frame, frame_size, frame_size, error);
    if (result != ZBLOB_OK || headers_only)
        return result;
    if (!value_check_size(db, connection, header.raw_size, error) ||
        !dictionaries_complete(db, connection, &header, error))
        return error->code;
    return zblob_verify(&header, damaged_count, &interrupt, error);
}

/* A byte order mark, of either order. */
static bool
begins_with_mark(const struct value *text)
{
    return text->size >= 2 && (memcmp(text->bytes, "\xff\xfe", 2) == 0 || memcmp(text->bytes, "\xfe\xff", 2) == 0);
}

/* SQLite takes a mark away from UTF-16 that it is given, and reads what follows by it: give it one more. NULL: out of memory. */
static char *
with_mark(const struct value *text)
{
    char *marked = sqlite3_malloc64(text->size + 4);
    if (!marked)
        return NULL;
    memcpy(marked, "\xff\xfe", 2);
    memcpy(marked + 2, text->bytes, text->size);
    memset(marked + 2 + text->size, 0, 2); /* the terminator */
    return marked;
}

static void
return_marked(sqlite3_context *context, const struct value *original)
{
    char *marked = with_mark(original);
    sqlite3_free((void *)original->bytes);
    if (marked)
        sqlite3_result_text64(context, marked, original->size + 2, sqlite3_free, SQLITE_UTF16LE);
    else
        sqlite3_result_error_nomem(context);
}

int
value_bind(sqlite3_stmt *statement, int parameter, const struct value *value)
{
    if (value->type == ZBLOB_BLOB)
        return sqlite3_bind_blob64(statement, parameter, value->size ? (const void *)value->bytes : "", value->size,
                                   SQLITE_STATIC);
    if (value->type == ZBLOB_TEXT_UTF16LE && begins_with_mark(value)) {
        char *marked = with_mark(value);
        return marked ? sqlite3_bind_text64(statement, parameter, marked, value->size + 2, sqlite3_free, SQLITE_UTF16LE)
                      : SQLITE_NOMEM;
    }
    return sqlite3_bind_text64(statement, parameter, (const char *)value->bytes, value->size, SQLITE_STATIC,
                               value->type == ZBLOB_TEXT_UTF8 ? SQLITE_UTF8 : SQLITE_UTF16LE);
}

void
value_return(sqlite3_context *context, const struct value *original)
{
    if (original->type == ZBLOB_BLOB)
        sqlite3_result_blob64(context, original->bytes, original->size, sqlite3_free);
    else if (original->type == ZBLOB_TEXT_UTF16LE && begins_with_mark(original))
        return_marked(context, original);
    else
        sqlite3_result_text64(context, (const char *)original->bytes, original->size, sqlite3_free,
                              original->type == ZBLOB_TEXT_UTF8 ? SQLITE_UTF8 : SQLITE_UTF16LE);
}
