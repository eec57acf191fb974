/*
 * backing.c: the table behind a virtual table, damaged by the input: its rows, its definition, its dictionaries. Whoever
 * then reads or writes the virtual table gets values or errors. A frame that is still whole gives what was stored.
 */
#include "sql.h"

enum { CHANGES_MAX = 8 };

static const char setup[] =
    "CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, name TEXT, data BLOB COMPRESSED, note TEXT COMPRESSED, "
    "min_size=8, level=3);"
    "INSERT INTO t VALUES(1, 'zeros', zeroblob(3000), printf('%0900d', 7)), (2, 'short', x'0102', 'x'),"
    "(3, 'text', printf('%0700d', 9), printf('%0200d', 1)), (4, 'frame', zcompress(zeroblob(99)), NULL);";

/* Statements that change what is behind the table. %d is a row, ?1 bytes of the input. */
static const char *const damages[] = {
    "UPDATE t_rows SET data = ?1 WHERE rowid = %d",
    "UPDATE t_rows SET note = ?1 WHERE rowid = %d",
    "UPDATE t_rows SET data = substr(data, 1, %d) || ?1",
    "UPDATE t_rows SET data = CAST(substr(data, 1, 9 * %d) || ?1 || substr(data, 9 * %d + length(?1) + 1) AS BLOB)",
    "UPDATE t_rows SET note = CAST(data AS TEXT) WHERE rowid = %d AND ?1 IS NOT 0",
    "INSERT OR REPLACE INTO t_rows(id, name, data, note) VALUES(%d, ?1, ?1, ?1)",
    "DELETE FROM t_rows WHERE id = %d OR name = ?1",
    "ALTER TABLE t_rows DROP COLUMN name",
    "ALTER TABLE t_rows RENAME COLUMN data TO other",
    "ALTER TABLE t_rows ADD COLUMN more",
    "ALTER TABLE t_rows RENAME TO gone",
    "DROP TABLE t_rows",
    "CREATE INDEX i%d ON t_rows(name, data)",
    "UPDATE sqlite_schema SET sql = replace(sql, 'BLOB', CAST(?1 AS TEXT)) WHERE name = 't_rows' AND %d",
    "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE t USING zblob(' || CAST(?1 AS TEXT) || ')' WHERE name = 't'",
};
enum { DAMAGES = sizeof damages / sizeof *damages };

static const char *const readers[] = {
    "SELECT * FROM t",
    "SELECT name, zinfo(data), length(note) FROM t WHERE id > 0 ORDER BY name",
    "SELECT zverify(data), zis_frame(data), zlength(note) FROM t_rows",
    "SELECT hex(zsubstr(data, 3, 9)), hex(zsubstr_at('main', 't_rows', 'data', rowid, 1, 5)) FROM t_rows",
    "SELECT c.* FROM t_rows, zblob_chunks(t_rows.data) AS c",
    "PRAGMA integrity_check",
    "UPDATE t SET note = 'new' WHERE id = 2",
    "INSERT INTO t(name, data) VALUES('more', zeroblob(500))",
    "DELETE FROM t WHERE id = 3",
    "ALTER TABLE t RENAME TO u",
    "DROP TABLE u",
};
enum { READERS = sizeof readers / sizeof *readers };

void
fuzz_backing(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, data + size};
    sqlite3 *db = fuzz_open();
    require(fuzz_run(db, setup) == SQLITE_OK, sqlite3_errmsg(db));
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    fuzz_run(db, "PRAGMA writable_schema = ON");
    for (int i = 0; i < CHANGES_MAX && input.at < input.end; i++) {
        char sql[300];
        const char *damage = damages[fuzz_below(&input, DAMAGES)];
        int row = (int)fuzz_below(&input, 7);
        size_t count = fuzz_byte(&input) * 3, left = (size_t)(input.end - input.at);
        count = count > left ? left : count;
        sqlite3_snprintf(sizeof sql, sql, damage, row, row);
        uint8_t bytes[3 * 256];
        memcpy(bytes, input.at, count);
        fuzz_mend_frame(bytes, count);
        fuzz_run_bound(db, sql, bytes, count, NULL, 0);
        input.at += count;
        if (fuzz_below(&input, 4) == 0)
            fuzz_run(db, "PRAGMA writable_schema = RESET");
    }
    fuzz_run(db, "PRAGMA writable_schema = RESET");
    for (int i = 0; i < READERS; i++)
        fuzz_run(db, readers[i]);
    fuzz_close(db);
}
