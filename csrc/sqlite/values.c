/* values.c: see values.h. */
#include "values.h"

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

void
value_fail(sqlite3_context *context, const struct zblob_error *error)
{
    static const int codes[] = {
        [ZBLOB_OK] = SQLITE_INTERNAL,      [ZBLOB_DAMAGED] = SQLITE_CORRUPT, [ZBLOB_UNSUPPORTED] = SQLITE_ERROR,
        [ZBLOB_TOO_LARGE] = SQLITE_TOOBIG, [ZBLOB_NO_MEMORY] = SQLITE_NOMEM, [ZBLOB_BAD_ARGUMENT] = SQLITE_ERROR,
    };
    if (error->code == ZBLOB_NO_MEMORY) {
        sqlite3_result_error_nomem(context);
        return;
    }
    sqlite3_result_error(context, error->message, -1); /* first the text: it resets the code */
    sqlite3_result_error_code(context, codes[error->code]);
}

bool
value_is_bytes(sqlite3_value *argument)
{
    int type = sqlite3_value_type(argument);
    return type == SQLITE_BLOB || type == SQLITE_TEXT;
}

bool
value_take(sqlite3_context *context, sqlite3_value *argument, struct value *value)
{
    if (sqlite3_value_type(argument) == SQLITE_BLOB) {
        value->type = ZBLOB_BLOB;
        value->bytes = sqlite3_value_blob(argument);
        value->size = (size_t)sqlite3_value_bytes(argument);
    } else if (registration_of(context)->text_type == ZBLOB_TEXT_UTF8) {
        value->type = ZBLOB_TEXT_UTF8;
        value->bytes = sqlite3_value_text(argument);
        value->size = (size_t)sqlite3_value_bytes(argument);
    } else {
        value->type = ZBLOB_TEXT_UTF16LE;
        value->bytes = sqlite3_value_text16le(argument);
        value->size = (size_t)sqlite3_value_bytes16(argument);
    }
    if (!value->bytes && value->size) {
        sqlite3_result_error_nomem(context);
        return false;
    }
    return true;
}

bool
value_has_magic(const struct value *value)
{
    return value->type == ZBLOB_BLOB &&
           (zblob_has_magic(value->bytes, value->size) || zblob_is_envelope(value->bytes, value->size));
}

bool
value_is_compressed(const struct value *value)
{
    return value->type == ZBLOB_BLOB && zblob_is_compressed(value->bytes, value->size);
}

bool
value_open_frame(sqlite3_context *context, struct value *value, struct zblob_frame *frame)
{
    struct zblob_error error;
    if (zblob_find_frame(value->bytes, value->size, &value->bytes, &value->size, &error) == ZBLOB_OK &&
        zblob_frame_open(frame, value->bytes, value->size, value->size, &error) == ZBLOB_OK)
        return true;
    value_fail(context, &error);
    return false;
}

bool
value_check_size(sqlite3_context *context, uint64_t size)
{
    sqlite3_int64 most = sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1);
    const char *name = "SQLITE_LIMIT_LENGTH";
    sqlite3_int64 configured = value_connection(context)->max_size;
    if (configured > 0 && configured < most) {
        most = configured;
        name = "zblob_config('max_size')";
    }
    if (size <= (uint64_t)most)
        return true;
    char *text = sqlite3_mprintf("the value has %llu bytes before compression, more than %s allows (%lld)",
                                 (unsigned long long)size, name, most);
    sqlite3_result_error(context, text ? text : "value too large", -1);
    sqlite3_result_error_code(context, SQLITE_TOOBIG);
    sqlite3_free(text);
    return false;
}

unsigned char *
value_decode(sqlite3_context *context, const struct value *frame, uint64_t offset, uint64_t count)
{
    struct zblob_error error;
    unsigned char *bytes = sqlite3_malloc64(count + 2);
    if (!bytes) {
        sqlite3_result_error_nomem(context);
        return NULL;
    }
    if (zblob_decompress_range(frame->bytes, frame->size, value_connection(context)->options.threads, offset, bytes,
                               count, &error) != ZBLOB_OK) {
        value_fail(context, &error);
        sqlite3_free(bytes);
        return NULL;
    }
    bytes[count] = bytes[count + 1] = 0;
    return bytes;
}
