/*
 * programs.c: the input is a program for a virtual table and an ordinary twin, which must always agree: in result codes,
 * in what queries find, and in all rows at the end. Each byte chooses a statement or a part of one.
 */
#include "sql.h"

enum { STATEMENTS_MAX = 60, SQL_MAX = 4000 };

static const char *const definitions[][2] = {
    {"id INTEGER PRIMARY KEY, k TEXT UNIQUE, data BLOB%s, note TEXT%s NOT NULL, n INT CHECK(n <> 7)", ", min_size=4"},
    {"id TEXT PRIMARY KEY, k TEXT, data BLOB%s NOT NULL, note TEXT%s COLLATE NOCASE, n INT, UNIQUE(k, n)", ", level=1"},
    {"id INT, k TEXT COLLATE NOCASE, data%s, note%s, n NUMERIC, PRIMARY KEY(id, k)", ", min_size=0, codec=store"},
    {"id INT UNIQUE ON CONFLICT REPLACE, k, data BLOB%s, note VARCHAR(9)%s, n REAL", ", min_size=6, level=9"},
};
enum { DEFINITIONS = sizeof definitions / sizeof *definitions };

static const char *const columns[] = {"id", "k", "data", "note", "n", "rowid"};
static const char *const values[] = {
    "1",
    "2",
    "3",
    "'a'",
    "'A'",
    "'b'",
    "5.5",
    "x''",
    "x'61'",
    "7",
    "''",
    "zeroblob(700)",
    "printf('%0800d', 5)",
    "x'00ff'",
    "x'5a2a4d18000000005a424c42'",
    "x'c15a425300000000'",
    "zcompress(zeroblob(900))",
    "zcompress(printf('%0900d', 1), 9)",
    "'note'",
    "-1",
    "9007199254740993",
};
static const char *const operators[] = {"=", "<", ">=", "<>", "IS", "IS NOT", ">"};

/* Where the id is the rowid, only integers are inserted: SQLite 3.40 does not undo an ordinary table's statement that
 * fails for another type. */
enum { INTEGERS = 3 };
static _Thread_local bool id_is_rowid;

#define PICK(input, list) list[fuzz_below(input, sizeof list / sizeof *list)]

static void
add_condition(sqlite3_str *sql, struct fuzz_input *input)
{
    unsigned kind = fuzz_below(input, 8);
    if (kind == 0)
        return;
    const char *column = PICK(input, columns), *operator= PICK(input, operators);
    const char *first = PICK(input, values), *second = PICK(input, values);
    if (kind == 1)
        sqlite3_str_appendf(sql, " WHERE %s IN (%s, %s)", column, first, second);
    else if (kind == 2)
        sqlite3_str_appendf(sql, " WHERE %s BETWEEN %s AND %s", column, first, second);
    else if (kind == 3)
        sqlite3_str_appendf(sql, " WHERE %s LIKE 'a%%' OR n IS NULL", column);
    else
        sqlite3_str_appendf(sql, " WHERE %s %s %s", column, operator, first);
}

/* Not OR ABORT, which SQLite does not let a module tell from no clause at all, nor OR ROLLBACK, which would take the
 * twin's rows back before its own statement runs. */
static void
add_insert(sqlite3_str *sql, struct fuzz_input *input, const char *table)
{
    static const char *const clauses[] = {"", " OR IGNORE", " OR REPLACE", " OR FAIL"};
    sqlite3_str_appendf(sql, "INSERT%s INTO %s(id, k, data, note, n) VALUES", PICK(input, clauses), table);
    for (unsigned rows = 1 + fuzz_below(input, 3), i = 0; i < rows; i++) {
        unsigned id = fuzz_below(input, id_is_rowid ? INTEGERS : sizeof values / sizeof *values);
        sqlite3_str_appendf(sql, "%s(%s", i ? ", " : "", values[id]);
        for (int column = 1; column < 5; column++)
            sqlite3_str_appendf(sql, ", %s", PICK(input, values));
        sqlite3_str_appendall(sql, ")");
    }
}

/* A statement on the table of that name. The same input gives the same statement for both tables. */
static char *
statement(struct fuzz_input *input, const char *table)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    unsigned kind = fuzz_below(input, 12);
    if (kind < 4)
        add_insert(sql, input, table);
    else if (kind < 6) {
        const char *column = columns[1 + fuzz_below(input, 4)];
        sqlite3_str_appendf(sql, "UPDATE %s SET %s = %s", table, column, PICK(input, values));
        sqlite3_str_appendf(sql, " WHERE rowid = %u", fuzz_below(input, 6));
    } else if (kind == 6) {
        sqlite3_str_appendf(sql, "DELETE FROM %s", table);
        add_condition(sql, input);
    } else {
        sqlite3_str_appendf(sql, "SELECT id, k, data, note, n FROM %s", table);
        add_condition(sql, input);
        sqlite3_str_appendf(sql, " ORDER BY %s, rowid", PICK(input, columns));
    }
    return sqlite3_str_finish(sql);
}

/* Transactions are those of the connection: once for both. */
static void
control(sqlite3 *db, struct fuzz_input *input)
{
    static const char *const controls[] = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s", "ROLLBACK TO s"};
    fuzz_run(db, PICK(input, controls));
}

/* Returns false where a statement took so long that it was interrupted: from then on the tables may differ. */
static bool
compare(sqlite3 *db, struct fuzz_input *input)
{
    struct fuzz_input again = *input;
    int codes[2];
    char *sql = statement(input, "t"), *twin = statement(&again, "m");
    char *rows = fuzz_rows(db, sql, &codes[0]), *others = NULL;
    others = fuzz_rows(db, twin, &codes[1]);
    bool is_whole = (codes[0] & 0xff) != SQLITE_INTERRUPT && (codes[1] & 0xff) != SQLITE_INTERRUPT;
    if (is_whole && ((codes[0] & 0xff) != (codes[1] & 0xff) || strcmp(rows, others) != 0)) {
        fprintf(stderr, "%s\n%d %s\n%d %s\n", sql, codes[0], rows, codes[1], others);
        require(false, "a virtual table and its twin disagree");
    }
    sqlite3_free(sql);
    sqlite3_free(twin);
    free(rows);
    free(others);
    return is_whole;
}

void
fuzz_programs(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, data + size};
    sqlite3 *db = fuzz_open();
    const char *const *definition = definitions[fuzz_below(&input, DEFINITIONS)];
    char body[SQL_MAX], sql[SQL_MAX];
    id_is_rowid = definition == definitions[0];
    sqlite3_snprintf(sizeof body, body, definition[0], " COMPRESSED", " COMPRESSED");
    sqlite3_snprintf(sizeof sql, sql, "CREATE VIRTUAL TABLE t USING zblob(%s%s)", body, definition[1]);
    require(fuzz_run(db, sql) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_snprintf(sizeof body, body, definition[0], "", "");
    sqlite3_snprintf(sizeof sql, sql, "CREATE TABLE m(%s)", body);
    require(fuzz_run(db, sql) == SQLITE_OK, sqlite3_errmsg(db));
    bool is_whole = true;
    for (int i = 0; i < STATEMENTS_MAX && input.at < input.end && is_whole; i++) {
        if (fuzz_below(&input, 5) == 0)
            control(db, &input);
        else
            is_whole = compare(db, &input);
    }
    fuzz_run(db, "ROLLBACK");
    int codes[2];
    char *rows = fuzz_rows(db, "SELECT id, k, data, note, n FROM t ORDER BY rowid", &codes[0]);
    char *others = fuzz_rows(db, "SELECT id, k, data, note, n FROM m ORDER BY rowid", &codes[1]);
    bool agree = !is_whole || codes[0] == SQLITE_INTERRUPT || codes[1] == SQLITE_INTERRUPT || strcmp(rows, others) == 0;
    if (!agree)
        fprintf(stderr, "%d %s\n%d %s\n", codes[0], rows, codes[1], others);
    require(agree, "rows differ");
    free(rows);
    free(others);
    fuzz_close(db);
}
