/* values.h: SQL values as the codec's bytes, and codec results as SQL results. */
#ifndef ZBLOB_SQLITE_VALUES_H
#define ZBLOB_SQLITE_VALUES_H

#include "slot.h"

#define value_connection ZBLOB_IN_SLOT(value_connection)
#define value_fail ZBLOB_IN_SLOT(value_fail)
#define value_is_bytes ZBLOB_IN_SLOT(value_is_bytes)
#define value_result_code ZBLOB_IN_SLOT(value_result_code)
#define value_take ZBLOB_IN_SLOT(value_take)
#define value_take_as ZBLOB_IN_SLOT(value_take_as)
#define value_unpack ZBLOB_IN_SLOT(value_unpack)
#define value_return ZBLOB_IN_SLOT(value_return)
#define value_bind ZBLOB_IN_SLOT(value_bind)
#define value_is_compressed ZBLOB_IN_SLOT(value_is_compressed)
#define value_is_marked ZBLOB_IN_SLOT(value_is_marked)
#define value_open_frame ZBLOB_IN_SLOT(value_open_frame)
#define value_find_frame ZBLOB_IN_SLOT(value_find_frame)
#define value_is_too_tight ZBLOB_IN_SLOT(value_is_too_tight)
#define value_check_size ZBLOB_IN_SLOT(value_check_size)
#define value_gather ZBLOB_IN_SLOT(value_gather)
#define value_is_better_plain ZBLOB_IN_SLOT(value_is_better_plain)
#define value_verify ZBLOB_IN_SLOT(value_verify)

/* A function's user data: which text encoding SQLite hands it, and its connection. */
struct value_registration {
    struct zblob_connection *connection;
    enum zblob_value_type text_type;
};

struct value {
    const unsigned char *bytes;
    size_t size;
    enum zblob_value_type type;
};

struct zblob_connection *value_connection(sqlite3_context *context);

/* The SQLite result code for a codec error. */
int value_result_code(const struct zblob_error *error);

/* Make a codec error the function's result. */
void value_fail(sqlite3_context *context, const struct zblob_error *error);

/* Is it a BLOB or a TEXT? */
bool value_is_bytes(sqlite3_value *argument);

/* The bytes of a BLOB, or of anything else as text. The functions that return bool have set an error
 * result where they return false. */
bool value_take(sqlite3_context *context, sqlite3_value *argument, struct value *value);

/* The same where there is no context, with TEXT in the given encoding. False: out of memory. */
bool value_take_as(sqlite3_value *argument, enum zblob_value_type text_type, struct value *value);

/* Only a BLOB can be a frame, or an envelope around one. Is it one, whole or damaged? Is its header valid, too? */
bool value_is_marked(const struct value *value);
bool value_is_compressed(const struct value *value);

/* Is a value better stored as it is, because its frame, which is larger, may not fit where the value itself does? */
bool value_is_too_tight(sqlite3 *db, const struct value *value, size_t frame_size);

/* Does a column rather store a value as it is? A small one whose frame is not smaller, or one that is too tight. */
bool value_is_better_plain(sqlite3 *db, const struct value *value, size_t frame_size);

/* Open the frame of a marked value, and narrow an envelope's value to the frame that it holds. */
bool value_open_frame(sqlite3_context *context, struct value *value, struct zblob_frame *frame);

/* The same where there is no context: the error is the caller's. */
bool value_find_frame(struct value *value, struct zblob_frame *frame, struct zblob_error *error);

/* May a value of that many bytes be decoded? The connection's limits decide. */
bool value_check_size(sqlite3 *db, const struct zblob_connection *connection, uint64_t size, struct zblob_error *error);

/* Runs of what a reader reads, in a new block (sqlite3_free) with a terminator after them; NULL: see *error. */
unsigned char *value_gather(sqlite3_context *context, struct zblob_reader *reader, const struct zblob_runs *runs,
                            struct zblob_error *error);

/* What a frame or an envelope holds, as far as SQLite and zblob_config('max_size') allow that size; to be passed to value_return. */
bool value_unpack(sqlite3 *db, struct zblob_connection *connection, const struct value *frame, struct value *original,
                  struct zblob_error *error);

/* Decode all of a frame or an envelope and drop the result; with headers_only, look at its header. A plain value is as it
 * should be. *damaged_count as zblob_verify gives it. */
enum zblob_result value_verify(sqlite3 *db, struct zblob_connection *connection, const struct value *value,
                               bool headers_only, uint32_t *damaged_count, struct zblob_error *error);

/* Make an unpacked value the result, and SQLite its owner. */
void value_return(sqlite3_context *context, const struct value *original);

/* Without a copy: the bytes outlive the statement. A BLOB of no bytes may have no address, which would bind NULL. */
int value_bind(sqlite3_stmt *statement, int parameter, const struct value *value);

#endif
