/* sql.c: see sql.h. */
#include "sql.h"

enum { LENGTH_MAX = 4 << 20, OPERATIONS = 1000, STEPS_MAX = 400 };

int slot_register_slot0(sqlite3 *db, char **message, const struct sqlite3_api_routines *api);

static _Thread_local int steps;

static int
count_steps(void *unused)
{
    (void)unused;
    return ++steps > STEPS_MAX;
}

/* Files, and extensions that are not ours, are out of bounds. */
static int
authorize(void *unused, int action, const char *first, const char *second, const char *third, const char *fourth)
{
    (void)unused, (void)third, (void)fourth;
    if (action == SQLITE_ATTACH ||
        (action == SQLITE_FUNCTION && second && sqlite3_stricmp(second, "load_extension") == 0))
        return SQLITE_DENY;
    if (action == SQLITE_PRAGMA && first && (sqlite3_strlike("%store_directory", first, 0) == 0))
        return SQLITE_DENY;
    return SQLITE_OK;
}

sqlite3 *
fuzz_open(void)
{
    sqlite3 *db;
    sqlite3_auto_extension((void (*)(void))slot_register_slot0);
    require(sqlite3_open(":memory:", &db) == SQLITE_OK, "a database cannot be opened");
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 25000);
    sqlite3_extended_result_codes(db, 1);
    require(fuzz_run(db, "SELECT zblob_config('threads', 1)") == SQLITE_OK, "the extension is missing");
    sqlite3_set_authorizer(db, authorize, NULL);
    steps = 0;
    sqlite3_progress_handler(db, OPERATIONS, count_steps, NULL);
    return db;
}

void
fuzz_close(sqlite3 *db)
{
    require(sqlite3_close(db) == SQLITE_OK, "a statement was left open");
}

static int
run_one(sqlite3_stmt *statement)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            sqlite3_column_blob(statement, i);
            sqlite3_column_bytes(statement, i);
        }
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int
fuzz_run(sqlite3 *db, const char *sql)
{
    int result = SQLITE_OK;
    while (*sql && result == SQLITE_OK) {
        sqlite3_stmt *statement = NULL;
        result = sqlite3_prepare_v2(db, sql, -1, &statement, &sql);
        if (result == SQLITE_OK && statement)
            result = run_one(statement);
        sqlite3_finalize(statement);
    }
    return result;
}

int
fuzz_run_bound(sqlite3 *db, const char *sql, const void *first, size_t first_size, const void *second,
               size_t second_size)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        sqlite3_bind_blob64(statement, 1, first, first_size, SQLITE_STATIC);
        if (sqlite3_bind_parameter_count(statement) > 1)
            sqlite3_bind_text64(statement, 2, second ? second : "", second_size, SQLITE_STATIC, SQLITE_UTF8);
        result = run_one(statement);
    }
    sqlite3_finalize(statement);
    return result;
}

static void
write_value(FILE *out, sqlite3_stmt *statement, int column)
{
    int type = sqlite3_column_type(statement, column);
    if (type != SQLITE_BLOB && type != SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_column_text(statement, column);
        fprintf(out, "%d %s|", type, text ? text : "");
        return;
    }
    const unsigned char *bytes = sqlite3_column_blob(statement, column);
    int size = sqlite3_column_bytes(statement, column);
    fprintf(out, "%d ", type);
    for (int i = 0; i < size; i++)
        fprintf(out, "%02x", bytes[i]);
    fputc('|', out);
}

char *
fuzz_rows(sqlite3 *db, const char *sql, int *code)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    sqlite3_stmt *statement = NULL;
    require(out != NULL, "memory");
    *code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (*code == SQLITE_OK && (*code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            write_value(out, statement, i);
        fputc('\n', out);
        *code = SQLITE_OK;
    }
    *code = *code == SQLITE_DONE ? SQLITE_OK : *code;
    sqlite3_finalize(statement);
    fclose(out);
    return text;
}
