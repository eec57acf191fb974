/* scenarios.h: the statements that faults.c runs, and the databases on which it does so. */
#ifndef ZBLOB_TESTS_CRASH_SCENARIOS_H
#define ZBLOB_TESTS_CRASH_SCENARIOS_H

struct scenario {
    const char *name, *setup, *tested;
    enum { SAME, FRESH, IN_PLACE } kind; /* FRESH: a new connection runs what is tested; IN_PLACE: table p is there */
};

#define TABLE                                                                                                          \
    "CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, \"a name\" TEXT COLLATE NOCASE UNIQUE, "               \
    "data BLOB COMPRESSED NOT NULL, more TEXT COMPRESSED DEFAULT 'none', n REAL DEFAULT (1.5), "                       \
    "CONSTRAINT c CHECK (n > 0), level=3, min_size=64);"
#define BLOB(n) "CAST(replace(hex(zeroblob(" #n ")), '0', 'ab') AS BLOB)"
#define ROWS                                                                                                           \
    "INSERT INTO t(id, \"a name\", data, more) VALUES(1, 'one', " BLOB(                                                \
        300) ", 'short'), "                                                                                            \
             "(2, 'two', x'0102', replace(hex(zeroblob(200)), '0', 'cd')), (3, 'three', " BLOB(                        \
                 99) ", NULL);"                                                                                        \
                     "CREATE INDEX i ON t_rows(n, \"a name\");"
#define FRAME "zcompress(" BLOB(5000) ")"

#define SHAPED                                                                                                         \
    "CREATE VIRTUAL TABLE v USING zblob(id INTEGER PRIMARY KEY, dtype TEXT, shape TEXT, data BLOB COMPRESSED, "        \
    "dtype_from='dtype', shape_from='shape', min_size=64);"
#define SAMPLES                                                                                                        \
    "CREATE TABLE r(d); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300) INSERT INTO r SELECT "         \
    "json_object('number', i * 7919 % 1000, 'kind', 'sample', 'of', 'event ' || i % 7) FROM n;"
#define DICTIONARY                                                                                                     \
    SAMPLES "CREATE TABLE zblob_dictionaries(id INTEGER PRIMARY KEY, table_name TEXT, column_name TEXT, "              \
            "dictionary BLOB, created); INSERT INTO zblob_dictionaries SELECT zdictionary_id(d), 'w', 'data', d, 1 "   \
            "FROM (SELECT ztrain(d, 2048) AS d FROM r);"                                                               \
            "CREATE VIRTUAL TABLE w USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, dictionary=auto, "       \
            "min_size=16);"
#define STORED                                                                                                         \
    "CREATE TABLE q(id INTEGER PRIMARY KEY, f, g); INSERT INTO q VALUES(1, zcompress(volume(), " VOLUME_OPTIONS        \
    "), zeroblob(500));"
#define PICKLE "x'80049504000000000000004304' || x'0102030494' || x'2e'"

#define VOLUME_OPTIONS "'{\"codec\": \"voxel\", \"dtype\": \"uint8\", \"shape\": [24, 32, 32], \"level\": 6}'"

/* Compact frames of one image: SimpleITK's pickles with coders of every kind. */
#define SMOOTH "volume(1, 'pickle')"
#define LABELS "volume(0, 'pickle')"
#define IMAGES                                                                                                         \
    "CREATE TABLE c AS SELECT zcompress(" SMOOTH ") AS f UNION ALL SELECT zcompress(" LABELS                           \
    ") UNION ALL SELECT zcompress(" LABELS ", 9);"

static const struct scenario scenarios[] = {
    {"load", "", "SELECT zblob_version()", FRESH},
    {"create", "", TABLE, SAME},
    {"create with settings", "",
     "CREATE VIRTUAL TABLE u USING zblob(k TEXT NOT NULL, d TEXT COMPRESSED, e COLLATE RTRIM, PRIMARY KEY(k, e) ON "
     "CONFLICT REPLACE, codec=zstd, adopt=0)",
     SAME},
    {"adopt", "CREATE TABLE u_rows(d BLOB, k INT); INSERT INTO u_rows VALUES(x'01', 5)",
     "CREATE VIRTUAL TABLE u USING zblob(k INT, d BLOB COMPRESSED, adopt=1)", SAME},
    {"create of what is refused", "", "CREATE VIRTUAL TABLE u USING zblob(a INT COMPRESSED)", SAME},
    {"connect", TABLE ROWS, "SELECT count(*), sum(n) FROM t", FRESH},
    {"insert", TABLE ROWS, "INSERT INTO t(\"a name\", data, more) VALUES('new', " BLOB(400) ", hex(zeroblob(99)))",
     SAME},
    {"insert or replace", TABLE ROWS, "REPLACE INTO t VALUES(9, 'TWO', " BLOB(400) ", NULL, 2.5)", SAME},
    {"insert from select", TABLE ROWS, "INSERT INTO t(data, more) SELECT data, more FROM t", SAME},
    {"insert by a fresh connection", TABLE ROWS, "INSERT INTO t(data) VALUES(" BLOB(400) ")", FRESH},
    {"update", TABLE ROWS, "UPDATE t SET data = " BLOB(700) ", n = n + 1 WHERE id <> 2", SAME},
    {"update of the key", TABLE ROWS, "UPDATE t SET id = id + 10 WHERE \"a name\" = 'one'", SAME},
    {"delete", TABLE ROWS, "DELETE FROM t WHERE \"a name\" LIKE 't%'", SAME},
    {"select", TABLE ROWS, "SELECT * FROM t", SAME},
    {"select by a fresh connection", TABLE ROWS, "SELECT id, hex(data) FROM t WHERE \"a name\" = 'ONE'", FRESH},
    {"select with constraints", TABLE ROWS,
     "SELECT id, more FROM t WHERE \"a name\" GLOB 'TH*' OR \"a name\" IN ('one', 'two') AND n >= 1 ORDER BY n DESC, "
     "id",
     SAME},
    {"select of a number as text", TABLE ROWS, "SELECT id FROM t WHERE \"a name\" < 5 OR \"a name\" IS NULL", SAME},
    {"join", TABLE ROWS, "SELECT a.id, b.more FROM t a JOIN t b ON b.n = a.n AND b.id > a.id ORDER BY 1, 2", SAME},
    {"rename", TABLE ROWS, "ALTER TABLE t RENAME TO s", SAME},
    {"drop", TABLE ROWS, "DROP TABLE t", SAME},
    {"a trigger", TABLE ROWS "CREATE TRIGGER x AFTER INSERT ON t_rows BEGIN UPDATE t SET n = 7 WHERE id = NEW.id; END",
     "INSERT INTO t(data) VALUES(" BLOB(99) ")", SAME},
    {"zcompress", "", "SELECT hex(zdecompress(zcompress(" BLOB(9000) ", 5)))", SAME},
    {"zcompress with options", "", "SELECT hex(zdecompress(zcompress(volume(), " VOLUME_OPTIONS ")))", SAME},
    {"zcompress of floats", "",
     "SELECT hex(zdecompress(zcompress(volume(4), '{\"dtype\": \"float32\", \"shape\": [24, 32, 32], \"level\": 9}')))",
     SAME},
    {"zcompress of floats of few values", "",
     "SELECT hex(zdecompress(zcompress(volume(-4), '{\"dtype\": \"float32\", \"shape\": [24, 32, 32]}')))", SAME},
    {"zcompress of labels", "",
     "SELECT hex(zdecompress(zcompress(volume(0), '{\"dtype\": \"uint8\", \"shape\": [24, 32, 32]}')))", SAME},
    {"zcompress of labels at a slow level", "",
     "SELECT hex(zdecompress(zcompress(volume(0), '{\"codec\": \"voxel\", \"dtype\": \"uint8\", \"shape\": [24, 32, "
     "32], \"level\": 9}')))",
     SAME},
    {"zcompress of few colours", "",
     "SELECT hex(zdecompress(zcompress(volume(0), '{\"codec\": \"voxel\", \"dtype\": \"uint8\", \"shape\": [192, "
     "128], \"level\": 7}')))",
     SAME},
    {"zcompress at the fastest level", "",
     "SELECT hex(zdecompress(zcompress(volume(), '{\"codec\": \"voxel\", \"dtype\": \"uint8\", \"shape\": [24, 32, "
     "32], \"level\": 1}')))",
     SAME},
    {"zcompress of a signal", "",
     "SELECT hex(zdecompress(zcompress(volume(), '{\"codec\": \"voxel\", \"dtype\": \"uint16\", \"shape\": "
     "[12288]}')))",
     SAME},
    {"zcompress of wide integers", "",
     "SELECT hex(zdecompress(zcompress(volume(4), '{\"codec\": \"voxel\", \"dtype\": \"int64\", \"shape\": [12, 32, "
     "32]}')))",
     SAME},
    {"zcompress of a small slice", "",
     "SELECT hex(zdecompress(zcompress(volume(), '{\"dtype\": \"uint8\", \"shape\": [192, 128], \"level\": 9}')))",
     SAME},
    {"zcompress of planes", "",
     "SELECT hex(zdecompress(zcompress(volume(4), '{\"codec\": \"planes\", \"dtype\": \"float32\", \"shape\": [24, 32, "
     "32]}')))",
     SAME},
    {"zcompress by a guess", "", "SELECT hex(zdecompress(zcompress(volume())))", SAME},
    {"zdecompress", "CREATE TABLE p AS SELECT " FRAME " AS f", "SELECT hex(zdecompress(f)) FROM p", SAME},
    {"zdecompress of an image", "CREATE TABLE p AS SELECT zcompress(volume(), " VOLUME_OPTIONS ") AS f",
     "SELECT hex(zdecompress(f)) FROM p", SAME},
    {"zdecompress of text", "CREATE TABLE p AS SELECT zcompress(hex(zeroblob(500))) AS f",
     "SELECT zdecompress(f), zsubstr(f, 3, 5) FROM p", SAME},
    {"readers", "CREATE TABLE p AS SELECT " FRAME " AS f",
     "SELECT zlength(f), zis_frame(f), zinfo(f), zverify(f), hex(zsubstr(f, 100, 50)), zis_pickle(f) FROM p", SAME},
    {"slice", "CREATE TABLE p AS SELECT zcompress(volume(), " VOLUME_OPTIONS ") AS f",
     "SELECT hex(zslice(f, 0, 3)) FROM p", SAME},
    {"chunks", "CREATE TABLE p AS SELECT " FRAME " AS f", "SELECT c.* FROM p, zblob_chunks(p.f) c", SAME},
    {"config", "", "SELECT zblob_config('level', 3)", SAME},
    {"create with dtype_from", "", SHAPED, SAME},
    {"create with a dictionary", "", "BEGIN;" DICTIONARY "COMMIT", SAME},
    {"connect and integrity_check", TABLE ROWS, "PRAGMA integrity_check", FRESH},
    {"integrity_check", TABLE ROWS, "PRAGMA integrity_check", SAME},
    {"quick_check", TABLE ROWS, "PRAGMA quick_check", SAME},
    {"table_info", TABLE ROWS, "PRAGMA table_info(t)", FRESH},
    {"insert with dtype_from", SHAPED,
     "INSERT INTO v VALUES(1, 'uint8', '[24, 32, 32]', volume()), (2, 'nonsense', '[3]', volume())", SAME},
    {"insert with a dictionary", DICTIONARY, "INSERT INTO w(data) VALUES('{\"number\": 4711, \"kind\": \"sample\"}')",
     SAME},
    {"a transaction", TABLE ROWS,
     "BEGIN; SELECT * FROM t; INSERT INTO t(data) VALUES(" BLOB(
         99) "); UPDATE t SET n = 3; DELETE FROM t WHERE id = 2; "
             "COMMIT",
     FRESH},
    {"a transaction that is rolled back", TABLE ROWS,
     "BEGIN; INSERT INTO t(data) VALUES(" BLOB(99) "); UPDATE t SET data = x'07'; ROLLBACK; SELECT count(*) FROM t",
     SAME},
    {"savepoints", TABLE ROWS,
     "SAVEPOINT a; INSERT INTO t(data) VALUES(" BLOB(99) "); SAVEPOINT b; UPDATE t SET data = " BLOB(
         200) "; ROLLBACK TO b; DELETE FROM t WHERE id = 1; RELEASE a",
     SAME},
    {"a statement that is undone", TABLE ROWS,
     "UPDATE OR FAIL t SET id = id + 1, data = " BLOB(99) " WHERE id > 1; SELECT id, data FROM t", SAME},
    {"rename by a fresh connection", TABLE ROWS, "ALTER TABLE t RENAME TO s", FRESH},
    {"rename in a transaction", TABLE ROWS,
     "BEGIN; SELECT * FROM t; ALTER TABLE t RENAME TO s; INSERT INTO s(data) VALUES(x'01'); COMMIT", FRESH},
    {"rename of a table that is in use", TABLE ROWS "SELECT * FROM t; UPDATE t SET n = 2", "ALTER TABLE t RENAME TO s",
     SAME},
    {"rename with a view and a trigger",
     TABLE ROWS "CREATE VIEW o AS SELECT * FROM t; CREATE TRIGGER x AFTER DELETE ON t_rows BEGIN SELECT 1; END",
     "ALTER TABLE t RENAME TO s", SAME},
    {"rename and back", TABLE ROWS,
     "BEGIN; ALTER TABLE t RENAME TO s; SELECT count(*) FROM s; ALTER TABLE s RENAME TO t; COMMIT", SAME},
    {"drop in a transaction", TABLE ROWS, "BEGIN; DELETE FROM t; DROP TABLE t; " TABLE "COMMIT", SAME},
    {"drop by a fresh connection", TABLE ROWS, "DROP TABLE t", FRESH},
    {"pickles", "",
     "SELECT zis_pickle(zpickle(" PICKLE ", 3)), hex(zdecompress(zpickle(" PICKLE "))), zis_pickle(x'80')", SAME},
    {"masks and labels",
     "CREATE TABLE l AS SELECT zcompress(volume(0), '{\"dtype\": \"uint8\", \"shape\": [24, 32, 32]}') AS f",
     "SELECT hex(zmask(f, 3)), hex(zthumbnail(f)), hex(zthumbnail(f, 16)) FROM l; SELECT z.* FROM l, zlabels(l.f) z",
     SAME},
    {"parts of stored values", STORED,
     "SELECT hex(zsubstr_at('main', 'q', 'f', 1, 100, 50)), hex(zslice_at('main', 'q', 'f', 1, 0, 3)), "
     "length(zblob_stored('main', 'q', 'f', 1))",
     SAME},
    {"overwrite", STORED, "BEGIN; SELECT zblob_overwrite('main', 'q', 'g', 1, 10, x'0102030405'); COMMIT", SAME},
    {"training", SAMPLES, "SELECT length(ztrain(d)), zdictionary_id(ztrain(d, 4096)) > 0 FROM r", SAME},
    {"zcompress with a dictionary", DICTIONARY,
     "SELECT hex(zdecompress(zcompress('{\"number\": 5, \"kind\": \"sample\"}', json_object('dictionary', (SELECT id "
     "FROM "
     "zblob_dictionaries)))))",
     SAME},
    {"options that are refused", "", "SELECT zcompress(x'00', '{\"level\": 77}')", SAME},
    {"compact images: zcompress", "", "SELECT hex(zdecompress(zcompress(" SMOOTH ")))", SAME},
    {"compact images: labels", "",
     "SELECT hex(zdecompress(zcompress(" LABELS "))), hex(zdecompress(zcompress(" LABELS ", 9)))", SAME},
    {"compact images: readers", IMAGES,
     "SELECT zlength(f), zis_frame(f), zinfo(f), zverify(f), zis_pickle(f), hex(zsubstr(f, 100, 50)), "
     "hex(zslice(f, 0, 3)), hex(zthumbnail(f)) FROM c; SELECT hex(zmask(f, 3)) FROM c WHERE rowid > 1; "
     "SELECT k.* FROM c, zblob_chunks(c.f) k; SELECT z.* FROM c, zlabels(c.f) z WHERE c.rowid > 1",
     SAME},
    {"compact images: parts of stored values", IMAGES,
     "SELECT hex(zsubstr_at('main', 'c', 'f', rowid, 60, 50)), hex(zslice_at('main', 'c', 'f', rowid, 0, 3)), "
     "length(zblob_stored('main', 'c', 'f', rowid)) FROM c",
     SAME},
    {"compact images: insert", TABLE, "INSERT INTO t(id, data) VALUES(1, " SMOOTH "), (2, " LABELS ")", SAME},
    {"compact images: select and update", TABLE "INSERT INTO t(id, data) VALUES(1, " SMOOTH "), (2, " LABELS ");",
     "BEGIN; SELECT id, hex(data) FROM t; UPDATE t SET data = " LABELS " WHERE id = 1; COMMIT", FRESH},
    {"in place: compact images", "",
     "BEGIN; INSERT INTO p(id, data) VALUES(7, " SMOOTH "); UPDATE p SET data = " LABELS " WHERE id = 2; SELECT "
     "hex(zdecompress(data)) FROM p; COMMIT",
     IN_PLACE},
    {"in place: insert", "", "INSERT INTO p(id, data, more) VALUES(7, " BLOB(400) ", 'new')", IN_PLACE},
    {"in place: insert of an image", "", "INSERT INTO p(id, data) VALUES(7, volume())", IN_PLACE},
    {"in place: update", "", "UPDATE p SET data = " BLOB(700) " WHERE id < 3", IN_PLACE},
    {"in place: upsert", "",
     "INSERT INTO p(id, data) VALUES(1, " BLOB(300) "), (8, " BLOB(301) ") ON CONFLICT(id) DO UPDATE SET data = "
                                                                        "excluded.data, more = 'again'",
     IN_PLACE},
    {"in place: replace", "", "REPLACE INTO p(id, data) VALUES(1, " BLOB(300) ") RETURNING id", IN_PLACE},
    {"in place: delete", "", "DELETE FROM p WHERE zlength(data) > 500", IN_PLACE},
    {"in place: rename", "", "BEGIN; ALTER TABLE p RENAME TO pp; ALTER TABLE pp RENAME TO p; COMMIT", IN_PLACE},
    {"in place: a transaction", "",
     "BEGIN; INSERT INTO p(id, data) VALUES(7, " BLOB(400) "); SAVEPOINT a; UPDATE p SET data = " BLOB(
         500) "; ROLLBACK TO a; DELETE FROM p WHERE id = 1; COMMIT",
     IN_PLACE},
    {"in place: dtype_from and a dictionary", "",
     "BEGIN; INSERT INTO shaped(id, dtype, shape, data) VALUES(5, 'uint8', '[24, 32, 32]', volume()); INSERT INTO "
     "events(id, data) VALUES(5, '{\"number\": 4711, \"kind\": \"sample\"}'); COMMIT",
     IN_PLACE},
};

#endif
