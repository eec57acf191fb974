/* head.c: see head.h. */
#include "head.h"

#include "../values.h"

#define TEXT_MAX 96

/* Is it a BLOB that is a frame or an envelope, whole or damaged? */
static bool
take_marked(sqlite3_context *context, sqlite3_value *argument, struct value *value)
{
    return sqlite3_value_type(argument) == SQLITE_BLOB && value_take(context, argument, value) &&
           value_is_marked(value);
}

void
sqlite_zblob_head(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct value value;
    struct zblob_frame frame;
    struct zblob_error error;
    char text[TEXT_MAX];
    (void)count;
    if (!take_marked(context, arguments[0], &value))
        return;
    struct value inner = value;
    const char *envelope = zblob_is_envelope(value.bytes, value.size) ? "pickle" : "frame";
    bool for_column = zblob_is_for_column(value.bytes, value.size);
    if (value_find_frame(&inner, &frame, &error))
        sqlite3_snprintf(sizeof text, text, "%llu %s %u %s %d %u", (unsigned long long)frame.raw_size,
                         zblob_codec_name(frame.codec), frame.level, envelope, for_column, frame.dictionary_id);
    else
        sqlite3_snprintf(sizeof text, text, "%llu - 0 frame %d 0", (unsigned long long)value.size, for_column);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

struct check {
    sqlite3_int64 frames, saved, damaged;
};

void
check_step(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct check *check = sqlite3_aggregate_context(context, sizeof *check);
    struct value value;
    struct zblob_frame frame;
    struct zblob_error error;
    uint32_t damaged_count;
    (void)count;
    if (!check || !take_marked(context, arguments[0], &value))
        return;
    check->frames++;
    enum zblob_result result = value_verify(sqlite3_context_db_handle(context), value_connection(context), &value,
                                            false, &damaged_count, &error);
    if (result == ZBLOB_NO_MEMORY || result == ZBLOB_INTERRUPTED) /* which says nothing about the value */
        value_fail(context, &error);
    else if (result != ZBLOB_OK)
        check->damaged++;
    else if (value_find_frame(&(struct value){.bytes = value.bytes, .size = value.size}, &frame, &error))
        check->saved += (sqlite3_int64)(frame.raw_size - value.size);
}

void
check_final(sqlite3_context *context)
{
    static const struct check none;
    const struct check *check = sqlite3_aggregate_context(context, 0);
    char text[TEXT_MAX];
    if (!check)
        check = &none;
    sqlite3_snprintf(sizeof text, text, "%lld %lld %lld", check->frames, check->saved, check->damaged);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}
