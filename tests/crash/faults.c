/*
 * faults.c: every statement under a malloc that fails. For each scenario the 1st, 2nd, 3rd... allocation fails, once alone
 * and once with all that follow, in SQLite, in the extension and in the codec, until a run needs no more of them.
 *
 * A statement then either succeeds, and gives what it gives otherwise, or fails for lack of memory and has done nothing.
 *
 *   faults FILE STEP PREPARED [NAME]    FILE: of a database to be made; STEP: 1 for every allocation, k for every k-th;
 *                                       PREPARED: a database with columns that are compressed in place; NAME: a part
 *                                       of the names of the scenarios to be run
 */
#include "faults.h"

/* Here, and only here, they are the C library's. */
#undef malloc
#undef calloc
#undef realloc
#undef aligned_alloc
#undef ZDICT_optimizeTrainFromBuffer_fastCover
#undef ZDICT_finalizeDictionary

#include "scenarios.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ZDICT_STATIC_LINKING_ONLY
#include <zdict.h>

/* ---- The allocator --------------------------------------------------------------------------- */

static struct {
    long countdown;  /* allocations until one fails; 0: none does */
    bool is_lasting; /* all that follow fail, too */
    bool has_failed;
    bool is_put_off; /* none does for now */
} fault;

static bool
fails(void)
{
    if (fault.is_put_off)
        return false;
    if (fault.countdown == 0)
        return fault.has_failed && fault.is_lasting;
    fault.has_failed |= --fault.countdown == 0;
    return fault.countdown == 0;
}

void *
faults_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *
faults_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

void *
faults_realloc(void *block, size_t size)
{
    return fails() ? NULL : realloc(block, size);
}

void *
faults_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : aligned_alloc(alignment, size);
}

size_t faults_train(void *dictionary, size_t capacity, const void *samples, const size_t *sizes, unsigned count,
                    ZDICT_fastCover_params_t *parameters);

/* The trainer of libzstd 1.5.4 writes to address 0 where memory is missing, and nobody but libzstd can help that. */
size_t
faults_train(void *dictionary, size_t capacity, const void *samples, const size_t *sizes, unsigned count,
             ZDICT_fastCover_params_t *parameters)
{
    fault.is_put_off = true;
    size_t size = ZDICT_optimizeTrainFromBuffer_fastCover(dictionary, capacity, samples, sizes, count, parameters);
    fault.is_put_off = false;
    return size;
}

size_t faults_finalize(void *dst, size_t capacity, const void *content, size_t content_size, const void *samples,
                       const size_t *sizes, unsigned count, ZDICT_params_t parameters);

size_t
faults_finalize(void *dst, size_t capacity, const void *content, size_t content_size, const void *samples,
                const size_t *sizes, unsigned count, ZDICT_params_t parameters)
{
    fault.is_put_off = true;
    size_t size = ZDICT_finalizeDictionary(dst, capacity, content, content_size, samples, sizes, count, parameters);
    fault.is_put_off = false;
    return size;
}

static void
arm(long countdown, bool is_lasting)
{
    fault.countdown = countdown;
    fault.is_lasting = is_lasting;
    fault.has_failed = false;
}

/* SQLite's allocations, with their sizes in front. */
#define PREFIX 16

static void *
sqlite_malloc(int size)
{
    char *block = faults_malloc((size_t)size + PREFIX);
    if (!block)
        return NULL;
    memcpy(block, &size, sizeof size);
    return block + PREFIX;
}

static void
sqlite_free(void *block)
{
    if (block)
        free((char *)block - PREFIX);
}

static void *
sqlite_realloc(void *block, int size)
{
    char *larger = faults_realloc((char *)block - PREFIX, (size_t)size + PREFIX);
    if (!larger)
        return NULL;
    memcpy(larger, &size, sizeof size);
    return larger + PREFIX;
}

static int
sqlite_size(void *block)
{
    int size = 0;
    if (block)
        memcpy(&size, (char *)block - PREFIX, sizeof size);
    return size;
}

static int
round_up(int size)
{
    return (size + 7) & ~7;
}

static int
start(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void
stop(void *unused)
{
    (void)unused;
}

/* What SimpleITK's pickle has before and after the samples of an image of 24 x 32 x 32 bytes. */
static const char before_samples[] = "\x80\x04\x95\xcd`\0\0\0\0\0\0\x8c\x13SimpleITK."
                                     "SimpleITK\x94\x8c\x05Image\x94\x93\x94K K K\x18\x87\x94K\x01K\x01\x87"
                                     "\x94R\x94(K\0B\0`\0\0";
static const char after_samples[] =
    "\x94G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0\x87\x94G?\xe0\0\0\0\0\0\0G?\xe0\0\0\0\0\0\0G@\x04\0\0\0"
    "\0\0\0\x87\x94(G?\xf0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0G?\xf0\0\0\0\0\0\0G\0\0\0\0\0"
    "\0\0\0G\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0G?\xf0\0\0\0\0\0\0t\x94}\x94t\x94\x62.";

enum { VOLUME_SIZE = 24 * 32 * 32 };

static void
pickle_volume(sqlite3_context *context, const unsigned char *bytes)
{
    enum { BEFORE = sizeof before_samples - 1, AFTER = sizeof after_samples - 1 };
    static char pickle[BEFORE + VOLUME_SIZE + AFTER];
    memcpy(pickle, before_samples, BEFORE);
    memcpy(pickle + BEFORE, bytes, VOLUME_SIZE);
    memcpy(pickle + BEFORE + VOLUME_SIZE, after_samples, AFTER);
    sqlite3_result_blob(context, pickle, sizeof pickle, SQLITE_STATIC);
}

/* SQL's volume(): a smooth image of 24 x 32 x 32 bytes, or with volume(4) of as many floats, or with volume(-4) of floats
 * that are multiples of a step, or with volume(0) of labels. With a second argument it is SimpleITK's pickle of such bytes. */
static void
volume(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    static unsigned char bytes[VOLUME_SIZE];
    static float floats[VOLUME_SIZE];
    int kind = count ? sqlite3_value_int(arguments[0]) : 1;
    for (int i = 0; i < VOLUME_SIZE; i++) {
        int x = i % 32 - 16, y = i / 32 % 32 - 16, z = i / 1024 - 12, distance = x * x + y * y + z * z;
        bytes[i] = (unsigned char)(kind == 0 ? distance / 99 : 250 - distance / 4 + i * 7 % 3);
        floats[i] = kind < 0 ? (float)(distance / 4 + i * 7 % 3) * 0.3f : (float)distance / (3.0f + (float)(i % 7));
    }
    if (count > 1)
        pickle_volume(context, bytes);
    else if (kind == 4 || kind == -4)
        sqlite3_result_blob(context, floats, sizeof floats, SQLITE_STATIC);
    else
        sqlite3_result_blob(context, bytes, sizeof bytes, SQLITE_STATIC);
}

/* ---- Running --------------------------------------------------------------------------------- */

int slot_register_slot0(sqlite3 *db, char **message, const void *api);

static const char *current = "";
static long allocation;

static void
die(const char *what, const char *detail)
{
    printf("%s, allocation %ld%s: %s: %s\n", current, allocation, fault.is_lasting ? " and later" : "", what, detail);
    exit(1);
}

/* Rows as text, in memory that no fault concerns. */
struct rows {
    char *text;
    size_t size;
};

static void
append_text(struct rows *rows, const char *text, char end)
{
    size_t size = strlen(text);
    rows->text = realloc(rows->text, rows->size + size + 2);
    memcpy(rows->text + rows->size, text, size);
    rows->size += size + 1;
    rows->text[rows->size - 1] = end;
    rows->text[rows->size] = 0;
}

static int
append_row(void *rows, int count, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < count; i++)
        append_text(rows, values[i] ? values[i] : "NULL", i + 1 < count ? '|' : '\n');
    return 0;
}

/* What a statement gives; *code is its result. */
static char *
run(sqlite3 *db, const char *sql, int *code)
{
    struct rows rows = {calloc(1, 1), 0};
    *code = sqlite3_exec(db, sql, append_row, &rows, NULL);
    if (*code == SQLITE_ROW) /* so it ends where a value could not be made text for us */
        *code = SQLITE_NOMEM;
    return rows.text;
}

/* All that is in the database. */
static char *
look(sqlite3 *db)
{
    static const char *const queries[] = {
        "SELECT name, sql FROM sqlite_master ORDER BY name",
        "SELECT quote(id), \"a name\", hex(data), more, n FROM t ORDER BY id",
        "SELECT quote(id), \"a name\", hex(data), more, n FROM s ORDER BY id",
        "SELECT k, d FROM u",
        "SELECT id, dtype, shape, hex(data) FROM v",
        "SELECT id, hex(data) FROM w",
        "SELECT id, hex(f), hex(g) FROM q",
        "SELECT id, typeof(zdecompress(data)), hex(zdecompress(data)), more FROM p",
        "SELECT id, hex(zdecompress(data)) FROM shaped",
        "SELECT id, hex(zdecompress(data)) FROM events",
        "PRAGMA integrity_check",
    };
    struct rows all = {NULL, 0};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        int code;
        char *rows = run(db, queries[i], &code);
        append_text(&all, code == SQLITE_OK ? rows : sqlite3_errmsg(db), '\n');
        free(rows);
    }
    return all.text;
}

static sqlite3 *
open_database(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die("cannot open", path);
    sqlite3_exec(db, "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY", NULL, NULL, NULL);
    sqlite3_extended_result_codes(db, 1);
    sqlite3_create_function(db, "volume", -1, SQLITE_UTF8, NULL, volume, NULL, NULL);
    return db;
}

static void
use_one_thread(sqlite3 *db)
{
    if (sqlite3_exec(db, "SELECT zblob_config('threads', 1)", NULL, NULL, NULL) != SQLITE_OK)
        die("the extension is not there", sqlite3_errmsg(db));
}

static void
close_database(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        die("cannot close", sqlite3_sql(sqlite3_next_stmt(db, NULL)));
}

static const char *prepared_path;

/* Into memory, so that every run begins alike. */
static void
copy_prepared(sqlite3 *db)
{
    sqlite3 *prepared = open_database(prepared_path);
    sqlite3_backup *backup = sqlite3_backup_init(db, "main", prepared, "main");
    if (!backup || sqlite3_backup_step(backup, -1) != SQLITE_DONE || sqlite3_backup_finish(backup) != SQLITE_OK)
        die("cannot copy", prepared_path);
    close_database(prepared);
}

static sqlite3 *
prepare_database(const struct scenario *scenario, const char *path)
{
    const char *name = scenario->kind == FRESH ? path : ":memory:";
    remove(path);
    sqlite3 *db = open_database(name);
    use_one_thread(db);
    if (scenario->kind == IN_PLACE)
        copy_prepared(db);
    if (sqlite3_exec(db, scenario->setup, NULL, NULL, NULL) != SQLITE_OK)
        die("setup", sqlite3_errmsg(db));
    if (scenario->kind != FRESH)
        return db;
    close_database(db);
    db = open_database(name);
    use_one_thread(db);
    return db;
}

static bool
is_lack_of_memory(int code)
{
    return (code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM;
}

struct expected {
    int code;
    char *before, *rows, *after;
};

static void
check(sqlite3 *db, const struct expected *expected, int code, const char *rows)
{
    char *found = look(db);
    bool is_as_usual = code == expected->code && strcmp(rows, expected->rows) == 0;
    if (!is_as_usual && !is_lack_of_memory(code))
        die(code ? sqlite3_errstr(code) : "other rows", code ? sqlite3_errmsg(db) : rows);
    if (strcmp(found, is_as_usual ? expected->after : expected->before) != 0)
        die(is_as_usual ? "other contents after success" : "other contents after failure", found);
    free(found);
}

/* Returns whether an allocation has failed: otherwise there are no more of them. */
static bool
run_once(const struct scenario *scenario, const char *path, const struct expected *expected)
{
    int code;
    bool is_lasting = fault.is_lasting;
    sqlite3 *db = prepare_database(scenario, path);
    arm(allocation, is_lasting);
    char *rows = run(db, scenario->tested, &code);
    bool has_failed = fault.has_failed;
    char message[400];
    arm(0, is_lasting);
    sqlite3_snprintf(sizeof message, message, "%s", sqlite3_errmsg(db));
    if (!sqlite3_get_autocommit(db) && sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        die("cannot roll back", sqlite3_errmsg(db));
    if (code != expected->code && !is_lack_of_memory(code))
        die(sqlite3_errstr(code), message);
    check(db, expected, code, rows);
    free(rows);
    close_database(db);
    return has_failed;
}

static struct expected
expect(const struct scenario *scenario, const char *path)
{
    struct expected expected;
    sqlite3 *db = prepare_database(scenario, path);
    expected.before = look(db);
    close_database(db);
    db = prepare_database(scenario, path);
    expected.rows = run(db, scenario->tested, &expected.code);
    printf("%s: %s\n", scenario->name, expected.code ? sqlite3_errmsg(db) : "succeeds");
    expected.after = look(db);
    close_database(db);
    return expected;
}

static long
run_scenario(const struct scenario *scenario, const char *path, long step)
{
    long runs = 0;
    current = scenario->name;
    arm(0, false);
    struct expected expected = expect(scenario, path);
    for (int lasting = 0; lasting < 2; lasting++) {
        fault.is_lasting = lasting;
        for (allocation = 1 + runs % step; run_once(scenario, path, &expected); allocation += step)
            runs++;
    }
    free(expected.before);
    free(expected.rows);
    free(expected.after);
    return runs;
}

/* What the process opens once, at its first use, is not lost for good where that fails. */
static long
fail_first_uses(void)
{
    static const char tried[] = "SELECT json_array_length(zinfo(zcompress(" SMOOTH
                                ")), '$.images') + (zinfo(zcompress(" SMOOTH ")) ->> 'compact')";
    int code = SQLITE_OK;
    char *rows = NULL;
    current = "first uses";
    bool has_failed = true;
    for (allocation = 1; has_failed; allocation++) {
        sqlite3 *db = open_database(":memory:");
        use_one_thread(db);
        arm(allocation, true);
        free(rows);
        rows = run(db, tried, &code);
        has_failed = fault.has_failed;
        arm(0, true);
        close_database(db);
    }
    if (code != SQLITE_OK || strcmp(rows, "2\n") != 0)
        die(sqlite3_errstr(code), rows);
    free(rows);
    return allocation - 2;
}

int
main(int count, char **arguments)
{
    static sqlite3_mem_methods methods = {sqlite_malloc, sqlite_free, sqlite_realloc, sqlite_size,
                                          round_up,      start,       stop,           NULL};
    if (count < 4)
        return 2;
    long step = atol(arguments[2]);
    prepared_path = arguments[3];
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* every allocation counts */
    sqlite3_initialize();
    sqlite3_auto_extension((void (*)(void))slot_register_slot0);
    setvbuf(stdout, NULL, _IOLBF, 0);
    long runs = fail_first_uses();
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (count > 4 && !strstr(scenarios[i].name, arguments[4]))
            continue;
        long some = run_scenario(&scenarios[i], arguments[1], step);
        printf("%s: %ld faults\n", scenarios[i].name, some);
        runs += some;
    }
    printf("%ld faults, none was harmful\n", runs);
    return 0;
}
