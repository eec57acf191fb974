/*
 * statements.c: any SQL, on virtual tables, compressed values and every function. Nothing that a statement does may
 * break a virtual table: afterwards each is readable, or was dropped, or a statement has written to its rows itself.
 */
#include "sql.h"

static const char setup[] =
    "CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB COMPRESSED, "
    "note TEXT COMPRESSED DEFAULT 'none', n REAL, min_size=8, level=2);"
    "CREATE TABLE o(a, b);"
    "INSERT INTO t(name, data, note, n) VALUES('a', zeroblob(900), 'short', 1),('b', 'x', printf('%0999d', 7), 2.5);"
    "INSERT INTO o VALUES(zcompress(zeroblob(5000)), 1), (zcompress(printf('%0500d', 3), 9), 'z'), (x'5a2a4d18', 2);"
    "CREATE VIEW v AS SELECT id, zlength(data) AS l FROM t;";

void
fuzz_statements(const uint8_t *data, size_t size)
{
    sqlite3 *db = fuzz_open();
    char *sql = malloc(size + 1);
    require(sql != NULL, "memory");
    memcpy(sql, data, size);
    sql[size] = '\0';
    require(fuzz_run(db, setup) == SQLITE_OK, sqlite3_errmsg(db));
    fuzz_run(db, sql);
    fuzz_run(db, "ROLLBACK");
    fuzz_run(db, "SELECT * FROM t");
    fuzz_run(db, "PRAGMA integrity_check");
    free(sql);
    fuzz_close(db);
}
