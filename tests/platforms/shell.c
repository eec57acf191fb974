/*
 * shell.c: a small SQL shell for platforms that have none: loads the extension into SQLite and runs a script.
 *
 *   shell EXTENSION DATABASE SCRIPT [THREADS]
 *
 * Prints each row, its values separated by "|": numbers and text as they are, a BLOB as its size and checksum. With
 * THREADS, as many threads run the script at once, each on a database of its own (DATABASE-1 ...), and must get the same.
 * SQL has readfile(PATH), and writefile(PATH, BLOB), which gives the size. Arguments and paths are UTF-8, on Windows too.
 */
#include "../../csrc/codec/base/checksum.h"
#include "../../csrc/codec/base/sync.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The source package that this SQLite is from refers to it at the end of the file, and does not call it here. */
int sqlite3_sqlean_init(void);
int
sqlite3_sqlean_init(void)
{
    return SQLITE_OK;
}

static FILE *
open_file(const char *path, const char *mode)
{
#ifdef _WIN32
    WCHAR wide_path[1024], wide_mode[8];
    if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, wide_path, 1024))
        return NULL;
    MultiByteToWideChar(CP_UTF8, 0, mode, -1, wide_mode, 8);
    return _wfopen(wide_path, wide_mode);
#else
    return fopen(path, mode);
#endif
}

static unsigned char *
read_whole(const char *path, size_t *size)
{
    FILE *file = open_file(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size)
        exit(3);
    data[*size] = 0;
    fclose(file);
    return data;
}

static void
sql_readfile(sqlite3_context *context, int count, sqlite3_value **values)
{
    size_t size = 0;
    unsigned char *data = read_whole((const char *)sqlite3_value_text(values[0]), &size);
    (void)count;
    if (data)
        sqlite3_result_blob64(context, data, size, free);
    else
        sqlite3_result_error(context, "readfile: cannot be read", -1);
}

static void
sql_writefile(sqlite3_context *context, int count, sqlite3_value **values)
{
    FILE *file = open_file((const char *)sqlite3_value_text(values[0]), "wb");
    const void *data = sqlite3_value_blob(values[1]);
    size_t size = (size_t)sqlite3_value_bytes(values[1]);
    (void)count;
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        sqlite3_result_error(context, "writefile: cannot be written", -1);
    else
        sqlite3_result_int64(context, (sqlite3_int64)size);
}

struct run {
    const char *extension, *database, *script;
    unsigned number; /* 0: the only one */
    char *output;
    size_t size;
    bool failed;
};

static void
say(struct run *run, const char *text)
{
    size_t size = strlen(text);
    run->output = realloc(run->output, run->size + size + 1);
    if (!run->output)
        exit(3);
    memcpy(run->output + run->size, text, size + 1);
    run->size += size;
}

static void
say_value(struct run *run, sqlite3_stmt *statement, int column)
{
    char text[64];
    if (sqlite3_column_type(statement, column) == SQLITE_BLOB) {
        const void *data = sqlite3_column_blob(statement, column);
        size_t size = (size_t)sqlite3_column_bytes(statement, column);
        snprintf(text, sizeof text, "%" PRIu64 " bytes %016" PRIx64, (uint64_t)size, checksum_xxh3(data, size));
        say(run, text);
    } else {
        const unsigned char *plain = sqlite3_column_text(statement, column);
        say(run, plain ? (const char *)plain : "NULL");
    }
}

static int
run_statement(struct run *run, sqlite3 *db, const char **sql)
{
    sqlite3_stmt *statement;
    int result = sqlite3_prepare_v2(db, *sql, -1, &statement, sql);
    if (result != SQLITE_OK || !statement)
        return result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            say(run, i ? "|" : "");
            say_value(run, statement, i);
        }
        say(run, "\n");
    }
    return sqlite3_finalize(statement);
}

static void
run_script(struct run *run, sqlite3 *db, char *script)
{
    char *message = NULL;
    const char *sql = script;
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, run->extension, NULL, &message) != SQLITE_OK) {
        say(run, message);
        run->failed = true;
        return;
    }
    while (*sql) {
        const char *statement = sql;
        if (run_statement(run, db, &sql) != SQLITE_OK) {
            say(run, "Error: ");
            say(run, sqlite3_errmsg(db));
            say(run, "\n");
            if (sql == statement)
                return;
        }
    }
}

static void
run_one(struct run *run)
{
    sqlite3 *db;
    size_t size;
    char name[1100], *script = (char *)read_whole(run->script, &size);
    snprintf(name, sizeof name, run->number ? "%s-%u" : "%s", run->database, run->number);
    run->failed = !script || sqlite3_open(name, &db) != SQLITE_OK;
    if (run->failed) {
        say(run, "cannot open the script or the database\n");
        return;
    }
    sqlite3_create_function(db, "readfile", 1, SQLITE_UTF8, NULL, sql_readfile, NULL, NULL);
    sqlite3_create_function(db, "writefile", 2, SQLITE_UTF8, NULL, sql_writefile, NULL, NULL);
    run_script(run, db, script);
    run->failed |= sqlite3_close(db) != SQLITE_OK;
    free(script);
}

static sync_mutex mutex = SYNC_MUTEX_INITIALIZER;
static sync_condition finished = SYNC_CONDITION_INITIALIZER;
static unsigned running;

static void *
thread_main(void *given)
{
    run_one(given);
    sync_mutex_lock(&mutex);
    running--;
    sync_condition_broadcast(&finished);
    sync_mutex_unlock(&mutex);
    return NULL;
}

static bool
run_threads(struct run *runs, unsigned count)
{
    bool are_equal = true;
    running = count;
    for (unsigned i = 0; i < count; i++) {
        runs[i].number = i + 1;
        if (!sync_thread_start(thread_main, &runs[i]))
            exit(3);
    }
    sync_mutex_lock(&mutex);
    while (running)
        sync_condition_wait(&finished, &mutex);
    sync_mutex_unlock(&mutex);
    for (unsigned i = 1; i < count; i++)
        are_equal &= !runs[i].failed && strcmp(runs[i].output, runs[0].output) == 0;
    return are_equal;
}

static int
run_main(int count, char **arguments)
{
    struct run runs[64];
    unsigned threads = count > 4 ? (unsigned)atoi(arguments[4]) : 0;
    if (count < 4 || threads > 64) {
        fprintf(stderr, "usage: shell EXTENSION DATABASE SCRIPT [THREADS]\n");
        return 2;
    }
    for (unsigned i = 0; i < 64; i++)
        runs[i] = (struct run){.extension = arguments[1], .database = arguments[2], .script = arguments[3]};
    bool are_equal = true;
    if (threads)
        are_equal = run_threads(runs, threads);
    else
        run_one(&runs[0]);
    if (runs[0].output)
        fwrite(runs[0].output, 1, runs[0].size, stdout);
    if (!are_equal)
        fprintf(stderr, "the threads got different results\n");
    return runs[0].failed || !are_equal;
}

#ifdef _WIN32
int
wmain(int count, WCHAR **wide)
{
    char *arguments[8] = {0};
    for (int i = 0; i < count && i < 8; i++) {
        int size = WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, NULL, 0, NULL, NULL);
        arguments[i] = malloc((size_t)size);
        WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, arguments[i], size, NULL, NULL);
    }
    return run_main(count, arguments);
}
#else
int
main(int count, char **arguments)
{
    return run_main(count, arguments);
}
#endif
