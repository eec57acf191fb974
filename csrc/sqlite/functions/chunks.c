/*
 * chunks.c: the table-valued function zblob_chunks(X): how a frame is cut, a row a chunk.
 *
 *   chunk, raw_offset, raw_size, stored_offset, stored_size, codec, checksum
 *
 * Offsets count from the original's first byte, and from the frame's, which in an envelope is not the value's. The
 * checksum is the raw bytes' XXH3, in hexadecimal. Looks at the header alone. What is no frame has no row.
 */
#include "../values.h"
#include "table_valued.h"

#include <string.h>

enum column { CHUNK, RAW_OFFSET, RAW_SIZE, STORED_OFFSET, STORED_SIZE, CODEC, CHECKSUM, VALUE };

struct chunk_cursor {
    sqlite3_vtab_cursor base; /* first: SQLite sees only this */
    unsigned char *header;    /* a copy; NULL: no frame */
    struct zblob_frame frame;
    uint32_t index;
    struct zblob_chunk chunk;
};

static int
chunks_connect(sqlite3 *db, void *context, int count, const char *const *arguments, sqlite3_vtab **vtab, char **message)
{
    (void)context;
    (void)count;
    (void)arguments;
    (void)message;
    int result = sqlite3_declare_vtab(db, "CREATE TABLE x(chunk INTEGER, raw_offset INTEGER, raw_size INTEGER, "
                                          "stored_offset INTEGER, stored_size INTEGER, codec TEXT, checksum TEXT, "
                                          "value HIDDEN)");
    if (result == SQLITE_OK)
        result = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    if (result != SQLITE_OK)
        return result;
    *vtab = sqlite3_malloc(sizeof **vtab);
    if (!*vtab)
        return SQLITE_NOMEM;
    memset(*vtab, 0, sizeof **vtab);
    return SQLITE_OK;
}

static int
chunks_disconnect(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);
    return SQLITE_OK;
}

static int
chunks_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    return table_valued_plan(vtab, info, VALUE, "zblob_chunks needs a value: zblob_chunks(X)");
}

static int
chunks_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    (void)vtab;
    struct chunk_cursor *new = sqlite3_malloc(sizeof *new);
    if (!new)
        return SQLITE_NOMEM;
    memset(new, 0, sizeof *new);
    *cursor = &new->base;
    return SQLITE_OK;
}

static int
chunks_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(((struct chunk_cursor *)cursor)->header);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int
chunks_filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int count, sqlite3_value **arguments)
{
    struct chunk_cursor *cursor = (struct chunk_cursor *)base;
    struct value value = {NULL, 0, ZBLOB_BLOB};
    struct zblob_error error;
    (void)plan;
    (void)plan_text;
    (void)count;
    sqlite3_free(cursor->header);
    cursor->header = NULL;
    cursor->index = 0;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB)
        return SQLITE_OK;
    if (!value_take_as(arguments[0], ZBLOB_TEXT_UTF8, &value))
        return SQLITE_NOMEM;
    if (!value_is_marked(&value))
        return SQLITE_OK;
    if (!value_find_frame(&value, &cursor->frame, &error))
        return table_valued_fail(base->pVtab, &error);
    cursor->header = sqlite3_malloc64(cursor->frame.header_size);
    if (!cursor->header)
        return SQLITE_NOMEM;
    memcpy(cursor->header, cursor->frame.header, cursor->frame.header_size);
    cursor->frame.header = cursor->header;
    if (cursor->frame.chunk_count > 0) /* an empty value has none */
        zblob_frame_chunk(&cursor->frame, 0, &cursor->chunk);
    return SQLITE_OK;
}

static int
chunks_eof(sqlite3_vtab_cursor *base)
{
    const struct chunk_cursor *cursor = (const struct chunk_cursor *)base;
    return !cursor->header || cursor->index == cursor->frame.chunk_count;
}

static int
chunks_next(sqlite3_vtab_cursor *base)
{
    struct chunk_cursor *cursor = (struct chunk_cursor *)base;
    if (++cursor->index < cursor->frame.chunk_count)
        zblob_frame_next_chunk(&cursor->frame, cursor->index, &cursor->chunk, &cursor->chunk);
    return SQLITE_OK;
}

static int
chunks_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const struct chunk_cursor *cursor = (const struct chunk_cursor *)base;
    const struct zblob_chunk *chunk = &cursor->chunk;
    char checksum[17];
    switch ((enum column)column) {
    case CHUNK: sqlite3_result_int64(context, cursor->index); break;
    case RAW_OFFSET: sqlite3_result_int64(context, (sqlite3_int64)chunk->raw_offset); break;
    case RAW_SIZE: sqlite3_result_int64(context, chunk->raw_size); break;
    case STORED_OFFSET: sqlite3_result_int64(context, (sqlite3_int64)chunk->stored_offset); break;
    case STORED_SIZE: sqlite3_result_int64(context, chunk->stored_size); break;
    case CODEC: sqlite3_result_text(context, zblob_codec_name(chunk->codec), -1, SQLITE_STATIC); break;
    case CHECKSUM:
        sqlite3_snprintf(sizeof checksum, checksum, "%016llx", (unsigned long long)chunk->checksum);
        sqlite3_result_text(context, checksum, -1, SQLITE_TRANSIENT);
        break;
    case VALUE: break; /* given, not kept */
    }
    return SQLITE_OK;
}

static int
chunks_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = ((const struct chunk_cursor *)base)->index;
    return SQLITE_OK;
}

/* Without xCreate: there is one such table, and no CREATE VIRTUAL TABLE. */
static const sqlite3_module chunks_module = {
    .xConnect = chunks_connect,
    .xBestIndex = chunks_best_index,
    .xDisconnect = chunks_disconnect,
    .xOpen = chunks_open,
    .xClose = chunks_close,
    .xFilter = chunks_filter,
    .xNext = chunks_next,
    .xEof = chunks_eof,
    .xColumn = chunks_column,
    .xRowid = chunks_rowid,
};

int
chunks_register(sqlite3 *db)
{
    return sqlite3_create_module(db, "zblob_chunks", &chunks_module, NULL);
}
