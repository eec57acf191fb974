/*
 * dictionaries.c: see dictionaries.h.
 *
 * What is found under an id must hash to it. Two databases that hold different bytes under one id would make a frame's
 * meaning depend on which one is asked first, so that is an error.
 */
#include "dictionaries.h"

#include "statements.h"

#include <string.h>

/* Most recently used first. */
#define KEPT_MAX 16

#define DB_NAME_SQLITE 3039000 /* has sqlite3_db_name() */

struct kept_dictionary {
    struct kept_dictionary *next;
    uint32_t id;
    struct zblob_dictionary *dictionary;
};

static void
fail(struct zblob_error *error, enum zblob_result code, const char *message, uint32_t id, const char *schema)
{
    sqlite3_snprintf(sizeof error->message, error->message, message, id, schema);
    zblob_mend_text(error->message);
    error->code = code;
}

/* ---- Looking --------------------------------------------------------------------------------- */

/* For a dictionary, in all databases. */
struct search {
    uint32_t id;
    bool is_there;
    bool is_opened;         /* else it is only asked for, which takes a hundredth of the time */
    bool is_here, is_right; /* of the rows looked at last: is there any, and has one the bytes? */
    int failure;            /* of a statement, such as a lock of somebody else's; SQLITE_OK: there was none */
    struct zblob_dictionary *found;
    uint64_t checksum; /* of its bytes */
};

/* sqlite3_step(); what fails is remembered. */
static int
step(struct zblob_connection *connection, sqlite3_stmt *row, struct search *search)
{
    int result = statements_step(connection, row);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        search->failure = result;
    return result;
}

/* Is it an ordinary table? A view, a virtual table or one with generated columns could do anything when it is read. */
static bool
is_ordinary(sqlite3 *db, struct zblob_connection *connection, const char *schema, struct search *search)
{
    char *sql = sqlite3_mprintf(
        "SELECT 1 FROM \"%w\".sqlite_master WHERE type = 'table' AND name = '" DICTIONARIES_TABLE
        "' COLLATE NOCASE AND rootpage > 0 AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo('" DICTIONARIES_TABLE
        "', %Q) WHERE hidden > 0)",
        schema, schema);
    sqlite3_stmt *row = statements_ask(connection, db, sql);
    bool found = row && step(connection, row, search) == SQLITE_ROW;
    sqlite3_finalize(row);
    return found;
}

/* The bytes that one database has for the id. False: *error says what is wrong with them. */
static bool
take(struct search *search, const char *schema, const void *bytes, size_t size, struct zblob_error *error)
{
    if (search->found && zblob_checksum(bytes, size) != search->checksum) {
        fail(error, ZBLOB_DAMAGED,
             "dictionary %u of database \"%s\" has other bytes than that of another database: detach one of them",
             search->id, schema);
        return false;
    }
    if (search->found)
        return true;
    search->checksum = zblob_checksum(bytes, size);
    return zblob_dictionary_open(&search->found, bytes, size, error) == ZBLOB_OK;
}

/* Ask with a condition for rows of one database, and take the first whose bytes hash to the id. */
static bool
look_for(sqlite3 *db, struct zblob_connection *connection, const char *schema, const char *condition,
         struct search *search, struct zblob_error *error)
{
    bool is_fine = true;
    char *sql = sqlite3_mprintf("SELECT dictionary FROM \"%w\"." DICTIONARIES_TABLE " WHERE id %s %u", schema,
                                condition, search->id);
    sqlite3_stmt *row = statements_ask(connection, db, sql);
    search->is_here = search->is_right = false;
    while (row && !search->is_right && step(connection, row, search) == SQLITE_ROW) {
        const void *bytes = search->is_opened ? sqlite3_column_blob(row, 0) : NULL;
        size_t size = bytes ? (size_t)sqlite3_column_bytes(row, 0) : 0;
        search->is_here = true;
        search->is_right = !search->is_opened || (bytes && zblob_dictionary_id_of(bytes, size) == search->id);
        if (bytes && search->is_right)
            is_fine = take(search, schema, bytes, size, error);
    }
    sqlite3_finalize(row);
    search->is_there = search->is_there || search->is_right;
    return is_fine;
}

/*
 * Look in one database. False: *error says what is wrong with what it has. A row that somebody has given another id is
 * found by its bytes by those that read; whoever writes does so without it.
 */
static bool
look_in(sqlite3 *db, struct zblob_connection *connection, const char *schema, struct search *search,
        struct zblob_error *error)
{
    if (!is_ordinary(db, connection, schema, search))
        return true;
    if (!look_for(db, connection, schema, "=", search, error))
        return false;
    bool is_here = search->is_here;
    if (search->is_right || !search->is_opened)
        return true;
    if (!look_for(db, connection, schema, "<>", search, error))
        return false;
    if (search->is_right || !is_here)
        return true;
    fail(error, ZBLOB_DAMAGED,
         "dictionary %u of database \"%s\" is damaged: its bytes do not hash to its id. Take its row of table "
         "zblob_dictionaries from a backup",
         search->id, schema);
    return false;
}

/* A failure that ends the statement: it says nothing about the dictionary. */
static void
fail_failure(struct zblob_error *error, int failure, uint32_t id)
{
    int code = failure & 0xff;
    fail(error,
         code == SQLITE_NOMEM       ? ZBLOB_NO_MEMORY
         : code == SQLITE_INTERRUPT ? ZBLOB_INTERRUPTED
                                    : ZBLOB_NEEDS_DICTIONARY,
         "the value needs dictionary %u, and looking for it has failed: %s", id, sqlite3_errstr(failure));
}

/* False: it is nowhere, or cannot be used; *error says why. */
static bool
look_everywhere(sqlite3 *db, struct zblob_connection *connection, struct search *search, struct zblob_error *error)
{
    sqlite3_stmt *list = NULL;
    bool is_fine = true;
    int result = sqlite3_prepare_v2(db, "PRAGMA database_list", -1, &list, NULL);
    connection->failure = SQLITE_OK;
    statements_note(connection, result);
    while (result == SQLITE_OK && is_fine && statements_step(connection, list) == SQLITE_ROW) {
        const char *schema = (const char *)sqlite3_column_text(list, 1);
        if (!schema)
            statements_note(connection, SQLITE_NOMEM);
        is_fine = schema && look_in(db, connection, schema, search, error);
    }
    sqlite3_finalize(list);
    if (connection->failure != SQLITE_OK) {
        fail_failure(error, connection->failure, search->id);
        is_fine = false;
    }
    if (is_fine && !search->is_there && search->failure != SQLITE_OK)
        fail_failure(error, search->failure, search->id);
    else if (is_fine && !search->is_there)
        fail(error, ZBLOB_NEEDS_DICTIONARY,
             "the value needs dictionary %u, which is in table zblob_dictionaries of none of the attached "
             "databases: attach the database that the value comes from, or copy its dictionaries with "
             "zb.copy_dictionaries%s",
             search->id, "");
    if (is_fine && search->is_there)
        return true;
    zblob_dictionary_close(search->found);
    return false;
}

bool
dictionaries_require(sqlite3 *db, struct zblob_connection *connection, uint32_t id, struct zblob_error *error)
{
    struct search search = {.id = id};
    return look_everywhere(db, connection, &search, error);
}

/* ---- Keeping --------------------------------------------------------------------------------- */

static void
drop_last(struct zblob_connection *connection)
{
    struct kept_dictionary **link = &connection->dictionaries;
    int count = 0;
    for (; *link; link = &(*link)->next) {
        if (++count <= KEPT_MAX)
            continue;
        struct kept_dictionary *last = *link;
        *link = NULL;
        zblob_dictionary_close(last->dictionary);
        sqlite3_free(last);
        return;
    }
}

/* Of the names and files of the databases that are attached; 0: there are none, or the library is too old to say. */
static uint64_t
hash_attached(sqlite3 *db)
{
    uint64_t hash = 0;
#if SQLITE_VERSION_NUMBER >= DB_NAME_SQLITE
    const char *name;
    if (sqlite3_libversion_number() < DB_NAME_SQLITE)
        return 0;
    for (int number = 2; (name = sqlite3_db_name(db, number)); number++) { /* after main and temp */
        const char *file = sqlite3_db_filename(db, name);
        hash = 31 * hash + zblob_checksum(name, strlen(name));
        hash = 31 * hash + (file ? zblob_checksum(file, strlen(file)) : 0);
    }
#else
    (void)db;
#endif
    return hash;
}

/* Valid until the next call; NULL: *error says why. A database that was attached since may have other bytes under an id. */
static struct zblob_dictionary *
find(sqlite3 *db, struct zblob_connection *connection, uint32_t id, struct zblob_error *error)
{
    uint64_t attached = hash_attached(db);
    if (attached != connection->attached)
        dictionaries_free(connection);
    connection->attached = attached;
    for (struct kept_dictionary **link = &connection->dictionaries; *link; link = &(*link)->next) {
        struct kept_dictionary *kept = *link;
        if (kept->id != id)
            continue;
        *link = kept->next;
        kept->next = connection->dictionaries;
        connection->dictionaries = kept;
        return kept->dictionary;
    }
    struct search search = {.id = id, .is_opened = true};
    if (!look_everywhere(db, connection, &search, error))
        return NULL;
    struct kept_dictionary *kept = sqlite3_malloc(sizeof *kept);
    if (!kept) {
        fail(error, ZBLOB_NO_MEMORY, "out of memory for dictionary %u%s", id, "");
        zblob_dictionary_close(search.found);
        return NULL;
    }
    *kept = (struct kept_dictionary){.next = connection->dictionaries, .id = id, .dictionary = search.found};
    connection->dictionaries = kept;
    drop_last(connection);
    return search.found;
}

bool
dictionaries_complete(sqlite3 *db, struct zblob_connection *connection, struct zblob_frame *frame,
                      struct zblob_error *error)
{
    if (frame->dictionary_id)
        frame->dictionary = find(db, connection, frame->dictionary_id, error);
    return !frame->dictionary_id || frame->dictionary;
}

bool
dictionaries_complete_options(sqlite3 *db, struct zblob_connection *connection, struct zblob_options *options,
                              struct zblob_error *error)
{
    if (options->dictionary_id)
        options->dictionary = find(db, connection, options->dictionary_id, error);
    return !options->dictionary_id || options->dictionary;
}

char *
dictionaries_wanted_sql(const char *schema, const char *table, const char *column, uint32_t id)
{
    if (id)
        return sqlite3_mprintf("SELECT id FROM \"%w\"." DICTIONARIES_TABLE " WHERE id = %u", schema, id);
    return sqlite3_mprintf("SELECT id FROM \"%w\"." DICTIONARIES_TABLE " WHERE table_name = %Q COLLATE NOCASE AND "
                           "column_name = %Q COLLATE NOCASE ORDER BY created DESC, id LIMIT 1",
                           schema, table, column);
}

void
dictionaries_free(struct zblob_connection *connection)
{
    while (connection->dictionaries) {
        struct kept_dictionary *first = connection->dictionaries;
        connection->dictionaries = first->next;
        zblob_dictionary_close(first->dictionary);
        sqlite3_free(first);
    }
}
