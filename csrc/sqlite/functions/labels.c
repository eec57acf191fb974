/*
 * labels.c: the table-valued function zlabels(X): what is in a label map, a row for each label in ascending order.
 *
 *   label, voxels, start, stop
 *
 * start and stop are the label's bounding box as JSON, with the axes in NumPy's order and as NumPy's slices take them: stop is
 * one more than the last voxel's place. X is a frame, an envelope or a plain value; its largest image counts, whose samples
 * are integers. What has no image has no row. Voxels are looked at piece by piece, so that the memory is that of the labels.
 */
#include "label_counts.h"
#include "table_valued.h"

#include <string.h>

enum column { LABEL, VOXELS, START, STOP, VALUE };

struct labels_table {
    sqlite3_vtab base; /* first: SQLite sees only this */
    sqlite3 *db;
    struct zblob_connection *connection;
};

struct labels_cursor {
    sqlite3_vtab_cursor base;
    struct label_counts counts;
    size_t row;
};

static int
labels_connect(sqlite3 *db, void *context, int count, const char *const *arguments, sqlite3_vtab **vtab, char **message)
{
    (void)count;
    (void)arguments;
    (void)message;
    int result = sqlite3_declare_vtab(db, "CREATE TABLE x(label INTEGER, voxels INTEGER, start TEXT, stop TEXT, "
                                          "value HIDDEN)");
    if (result == SQLITE_OK)
        result = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    if (result != SQLITE_OK)
        return result;
    struct labels_table *table = sqlite3_malloc(sizeof *table);
    if (!table)
        return SQLITE_NOMEM;
    *table = (struct labels_table){.db = db, .connection = context};
    *vtab = &table->base;
    return SQLITE_OK;
}

static int
labels_disconnect(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);
    return SQLITE_OK;
}

static int
labels_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    return table_valued_plan(vtab, info, VALUE, "zlabels needs a value: zlabels(X)");
}

static int
labels_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    (void)vtab;
    struct labels_cursor *new = sqlite3_malloc(sizeof *new);
    if (!new)
        return SQLITE_NOMEM;
    *new = (struct labels_cursor){.row = 0};
    *cursor = &new->base;
    return SQLITE_OK;
}

static int
labels_close(sqlite3_vtab_cursor *base)
{
    label_counts_free(&((struct labels_cursor *)base)->counts);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
labels_filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int count, sqlite3_value **arguments)
{
    struct labels_cursor *cursor = (struct labels_cursor *)base;
    struct labels_table *table = (struct labels_table *)base->pVtab;
    struct opened_image opened;
    struct zblob_error error;
    struct value value;
    (void)plan;
    (void)plan_text;
    (void)count;
    label_counts_free(&cursor->counts);
    cursor->row = 0;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB)
        return SQLITE_OK;
    if (!value_take_as(arguments[0], ZBLOB_TEXT_UTF8, &value))
        return SQLITE_NOMEM;
    bool good = image_open(table->db, table->connection, &value, &opened, &error) &&
                (!opened.is_there || label_counts_make(&cursor->counts, &opened, &error));
    image_close(&opened);
    return good ? SQLITE_OK : table_valued_fail(base->pVtab, &error);
}

static int
labels_eof(sqlite3_vtab_cursor *base)
{
    const struct labels_cursor *cursor = (const struct labels_cursor *)base;
    return cursor->row == cursor->counts.count;
}

static int
labels_next(sqlite3_vtab_cursor *base)
{
    ((struct labels_cursor *)base)->row++;
    return SQLITE_OK;
}

/* Places along the axes, the slowest first, as a JSON array. */
static void
return_place(sqlite3_context *context, uint32_t dimension, const uint64_t *place, unsigned more)
{
    char text[ZBLOB_DIMENSION_MAX * 24 + 3];
    int at = 0;
    for (uint32_t axis = dimension; axis-- > 0;) {
        sqlite3_snprintf((int)sizeof text - at, text + at, "%s%llu", axis + 1 == dimension ? "[" : ",",
                         (unsigned long long)place[axis] + more);
        at += (int)strlen(text + at);
    }
    sqlite3_snprintf((int)sizeof text - at, text + at, "]");
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static int
labels_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const struct labels_cursor *cursor = (const struct labels_cursor *)base;
    const struct label_counts *counts = &cursor->counts;
    const struct label_count *label = &counts->list[cursor->row];
    switch ((enum column)column) {
    case LABEL: sqlite3_result_int64(context, label->label); break;
    case VOXELS: sqlite3_result_int64(context, (sqlite3_int64)label->voxels); break;
    case START: return_place(context, counts->dimension, label->first, 0); break;
    case STOP: return_place(context, counts->dimension, label->last, 1); break;
    case VALUE: break; /* given, not kept */
    }
    return SQLITE_OK;
}

static int
labels_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)((const struct labels_cursor *)base)->row;
    return SQLITE_OK;
}

/* Without xCreate: there is one such table, and no CREATE VIRTUAL TABLE. */
static const sqlite3_module labels_module = {
    .xConnect = labels_connect,
    .xBestIndex = labels_best_index,
    .xDisconnect = labels_disconnect,
    .xOpen = labels_open,
    .xClose = labels_close,
    .xFilter = labels_filter,
    .xNext = labels_next,
    .xEof = labels_eof,
    .xColumn = labels_column,
    .xRowid = labels_rowid,
};

static void
release(void *connection)
{
    connection_release(connection);
}

int
labels_register(sqlite3 *db, struct zblob_connection *connection)
{
    connection->references++;
    return sqlite3_create_module_v2(db, "zlabels", &labels_module, connection, release); /* called on failure, too */
}
