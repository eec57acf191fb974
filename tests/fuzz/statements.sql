-- Seeds of statements.c, which has the tables t and o and the view v. An empty line ends a program.

SELECT * FROM t WHERE name LIKE 'a%' ORDER BY n DESC, id; SELECT count(*) FROM t JOIN o ON o.b = t.id;

INSERT OR REPLACE INTO t(id, name, data) VALUES(1, 'b', zcompress('x', 9)); SELECT zinfo(data) FROM t_rows;

BEGIN; UPDATE t SET data = data || 'y', id = id + 10; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT;

ALTER TABLE t RENAME TO u; SELECT * FROM u; DROP TABLE u; SELECT * FROM v;

SELECT zdecompress(a), zlength(a), zinfo(a), zis_frame(a), zverify(a), zsubstr(a, 2, 5) FROM o;

SELECT c.* FROM o, zblob_chunks(o.a) c WHERE c.codec <> 'store';

SELECT zpickle(x'80044b012e', 3), zis_pickle(a), zdecompress(zpickle(x'80044b012e')) FROM o;

SELECT zsubstr_at('main', 't', 'data', 1, -5, 9), zslice(a, 0, 1) FROM o;

SELECT zslice_at('main', 'o', 'a', 1, 0, 0); SELECT zsubstr_at('main', 'o', 'a', 1, 3, 4);

SELECT ztrain(data, 600) FROM t; SELECT ztrain(a) FROM o; SELECT zblob_config('level', 9), zblob_config('nothing');

CREATE INDEX i ON t_rows(n); EXPLAIN QUERY PLAN SELECT * FROM t WHERE n BETWEEN 1 AND 2 OR name IN ('a', 'b');

CREATE VIRTUAL TABLE w USING zblob(a TEXT PRIMARY KEY, b COMPRESSED, CHECK(a <> ''), codec=store, min_size=0);

CREATE VIRTUAL TABLE w USING zblob(a INT, "b c" BLOB COMPRESSED DEFAULT (x'00'), dtype_from='a', shape_from='a');

CREATE TABLE w_rows(a, b); CREATE VIRTUAL TABLE w USING zblob(a, b COMPRESSED, adopt=1); INSERT INTO w VALUES(1, 2);

INSERT INTO t SELECT NULL, name || 'x', data, note, n FROM t; UPDATE t SET note = NULL WHERE rowid > 1; VACUUM;

CREATE TRIGGER g AFTER INSERT ON t_rows BEGIN DELETE FROM o; END; INSERT INTO t(name) VALUES(5); PRAGMA quick_check;

SELECT zcompress(a, '{"level":3,"dtype":"u1","shape":[5,5]}'), zcompress(b, 0), zcompress(NULL) FROM o;

WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r LIMIT 20) INSERT INTO t(data) SELECT zeroblob(i) FROM r;

PRAGMA table_info(t); PRAGMA foreign_key_check; ANALYZE; REINDEX; SELECT * FROM t AS x, t AS y WHERE x.id = y.n;
