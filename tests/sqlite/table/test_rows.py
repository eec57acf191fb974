"""The virtual table: what is written comes back, whatever it is, and every statement does what it does elsewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ...conftest import one, open_apsw, open_autocommit
from .statements import RESULTS, Errors, error_code, plan, rows

FRAME = zb.compress(b"a value that is itself a frame " * 50)
MAGIC = FRAME[:12]

VALUES = [
    None,
    0,
    -(1 << 63),
    2.5,
    b"",
    b"small",
    b"large " * 1000,
    "",
    "small",
    "large text \u00e9\U0001f600 " * 200,
    "with\0zero " * 200,
    FRAME,
    FRAME[:-1],
    MAGIC,
    MAGIC + b"\xff" * 600,
    zb.compress("a framed text"),
    MAGIC.decode("latin-1") * 100,
]


def simple(db: Any, settings: str = "min_size=512") -> None:
    db.execute(f"CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, n INT, {settings})")


# ---- Values


def test_changes_are_counted_in_rows(db: Any) -> None:
    """PRAGMA count_changes gives each statement a row, also those that the table runs on its own rows."""
    db.execute("PRAGMA count_changes = 1")
    simple(db)
    large = [letter * 5000 for letter in (b"a", b"b", b"c")]
    for sql, values, expected in (
        ("INSERT INTO t(id, data) VALUES (1, ?), (2, ?)", large[:2], [(1, large[0]), (2, large[1])]),
        ("UPDATE t SET data = ? WHERE id = 1", [large[2]], [(1, large[2]), (2, large[1])]),
        ("UPDATE t SET id = id + 10", [], [(11, large[2]), (12, large[1])]),
        ("DELETE FROM t WHERE id = 12", [], [(11, large[2])]),
        ("REPLACE INTO t(id, data) VALUES (11, ?)", [large[0]], [(11, large[0])]),
        ("INSERT OR IGNORE INTO t(id, data) VALUES (11, ?)", [large[1]], [(11, large[0])]),
        ("INSERT INTO t(id, data) SELECT id + 1, data FROM t", [], [(11, large[0]), (12, large[0])]),
    ):
        rows(db, sql, *values)
        assert rows(db, "SELECT id, data FROM t ORDER BY id") == expected


@pytest.mark.parametrize("settings", ["min_size=512", "min_size=0", "codec=store", "level=9"])
def test_every_value_comes_back_as_it_was(db: Any, settings: str) -> None:
    simple(db, settings)
    for value in VALUES:
        db.execute("INSERT INTO t(data) VALUES(?)", (value,))
    stored = [row[0] for row in rows(db, "SELECT data FROM t")]
    assert stored == VALUES
    assert [type(value) for value in stored] == [type(value) for value in VALUES]
    for value in VALUES:
        if value is not None:
            assert rows(db, "SELECT DISTINCT data IS ? FROM t WHERE data = ?", value, value) == [(1,)]
    for i, value in enumerate(reversed(VALUES)):
        db.execute("UPDATE t SET data = ? WHERE id = ?", (value, i + 1))
    assert [row[0] for row in rows(db, "SELECT data FROM t")] == VALUES[::-1]
    assert one(db, "PRAGMA integrity_check") == "ok"


def test_what_is_framed(db: Any) -> None:
    simple(db)
    for value in (b"x" * 511, b"x" * 512, "x" * 511, "x" * 512, MAGIC, 5):
        db.execute("INSERT INTO t(data) VALUES(?)", (value,))
    framed = [bool(row[0]) for row in rows(db, "SELECT zis_frame(data) FROM t_rows")]
    assert framed == [False, True, False, True, True, False]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_text_in_every_encoding(opener: Callable[..., Any], encoding: str) -> None:
    db = opener()
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute("CREATE VIRTUAL TABLE t USING zblob(data TEXT COMPRESSED, k TEXT PRIMARY KEY)")
    for text in ("large \u00e9\U0001f600" * 100, "small \u00e9", ""):
        db.execute("INSERT INTO t VALUES(?, ?)", (text, text))
        assert rows(db, "SELECT data, k, typeof(data) FROM t WHERE k = ?", text) == [(text, text, "text")]
    assert one(db, "SELECT count(*) FROM t_rows WHERE zis_frame(data)") == 1
    assert rows(db, "SELECT k FROM t WHERE k GLOB 's*'") == [("small \u00e9",)]
    db.close()


def test_legacy_rows_are_readable(db: Any) -> None:
    simple(db)
    db.execute("INSERT INTO t_rows(data) VALUES(zeroblob(5000)), ('text'), (NULL), (zcompress('framed by hand'))")
    assert [row[0] for row in rows(db, "SELECT data FROM t")] == [bytes(5000), "text", None, "framed by hand"]


def test_an_error_names_the_row(db: Any) -> None:
    simple(db)
    db.execute("INSERT INTO t_rows(id, data) VALUES(17, ?)", (FRAME[:-1],))
    assert rows(db, "SELECT id, n FROM t") == [(17, None)]
    with pytest.raises(Errors, match=r"t\.data, row 17: ") as caught:
        db.execute("SELECT data FROM t").fetchall()
    assert error_code(caught.value) & 0xFF == 11  # SQLITE_CORRUPT


def test_the_limit_for_decoded_values(db: Any) -> None:
    simple(db)
    db.execute("INSERT INTO t(data) VALUES(zeroblob(5000))")
    db.execute("SELECT zblob_config('max_size', 4999)").fetchall()
    with pytest.raises(Errors, match="5000 bytes before compression, more than zblob_config"):
        db.execute("SELECT data FROM t").fetchall()


def test_the_level_is_the_tables_or_the_connections(db: Any) -> None:
    simple(db)
    db.execute("CREATE VIRTUAL TABLE fixed USING zblob(data BLOB COMPRESSED, level=2)")
    db.execute("SELECT zblob_config('level', 7)").fetchall()
    db.execute("INSERT INTO t(data) VALUES(?)", (b"level " * 500,))
    db.execute("INSERT INTO fixed VALUES(?)", (b"level " * 500,))
    assert one(db, "SELECT zinfo(data) ->> 'level' FROM t_rows") == 7
    assert one(db, "SELECT zinfo(data) ->> 'level' FROM fixed_rows") == 2


# ---- Statements


def test_defaults(db: Any) -> None:
    db.execute(
        """CREATE VIRTUAL TABLE t USING zblob(a INTEGER PRIMARY KEY, b INT NOT NULL DEFAULT -5, c TEXT DEFAULT word,
            d DEFAULT (1 + 1), e TIMESTAMP DEFAULT CURRENT_TIMESTAMP, f BLOB COMPRESSED DEFAULT 'plain',
            g DEFAULT NULL)"""
    )
    db.execute("INSERT INTO t DEFAULT VALUES")
    db.execute("INSERT INTO t(a, b, c, g) VALUES(NULL, NULL, NULL, NULL)")  # looks like the one above
    db.execute("INSERT INTO t(a, b, c) VALUES(9, 8, 'given')")
    expected = [(1, -5, "word", 2, "plain", None), (2, -5, "word", 2, "plain", None), (9, 8, "given", 2, "plain", None)]
    assert rows(db, "SELECT a, b, c, d, f, g FROM t") == expected
    assert one(db, "SELECT count(*) FROM t WHERE e BETWEEN datetime('now', '-1 minute') AND datetime('now')") == 3
    db.execute("UPDATE t SET c = NULL WHERE a = 1")  # an UPDATE says what it means
    assert one(db, "SELECT c FROM t WHERE a = 1") is None


def test_counts_and_rowids(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(k TEXT PRIMARY KEY, data BLOB COMPRESSED)")
    db.execute("INSERT INTO t VALUES('a', 1), ('b', 2), ('c', 3)")
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(3, 3)]
    db.execute("INSERT INTO t(rowid, k) VALUES(70, 'd')")
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(1, 70)]
    db.execute("INSERT OR IGNORE INTO t(k) VALUES('a')")
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(0, 70)]
    db.execute("INSERT OR IGNORE INTO t(k) VALUES('a'), ('e'), ('b')")
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(1, 71)]
    db.execute("UPDATE t SET rowid = 5 WHERE k = 'd'")
    assert rows(db, "SELECT changes(), last_insert_rowid()") == [(1, 71)]
    assert rows(db, "SELECT rowid, oid, _rowid_ FROM t WHERE k = 'd'") == [(5, 5, 5)]
    db.execute("UPDATE t SET data = 9 WHERE rowid > 1 AND rowid < 6")
    assert one(db, "SELECT changes()") == 3
    db.execute("DELETE FROM t WHERE k IN ('a', 'nobody', 'e')")
    assert one(db, "SELECT changes()") == 2
    db.execute("DELETE FROM t")
    assert one(db, "SELECT changes()") == 3


def test_columns_may_take_the_rowids_names(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(rowid TEXT, oid TEXT, data BLOB COMPRESSED)")
    db.execute("INSERT INTO t VALUES('r', 'o', zeroblob(1000))")
    db.execute("UPDATE t SET rowid = 'R' WHERE _rowid_ = 1")
    assert rows(db, "SELECT rowid, oid, _rowid_, length(data) FROM t WHERE rowid = 'R'") == [("R", "o", 1, 1000)]


def test_an_integer_primary_key_is_the_rowid(db: Any) -> None:
    simple(db)
    db.execute("INSERT INTO t(id, n) VALUES(10, 1)")
    db.execute("INSERT INTO t(n) VALUES(2)")
    db.execute("UPDATE t SET id = 20 WHERE id = 11")
    db.execute("UPDATE t SET rowid = 30 WHERE id = 10")
    assert rows(db, "SELECT rowid, id, n FROM t") == [(20, 20, 2), (30, 30, 1)]
    with pytest.raises(Errors, match="mismatch"):
        db.execute("INSERT INTO t(id) VALUES('x')")


def test_savepoints_and_nested_transactions(db: Any) -> None:
    simple(db)
    db.execute("BEGIN")
    db.execute("INSERT INTO t VALUES(1, zeroblob(1000), 1)")
    db.execute("SAVEPOINT one")
    db.execute("INSERT INTO t VALUES(2, zeroblob(1000), 2)")
    db.execute("SAVEPOINT two")
    db.execute("DELETE FROM t")
    db.execute("ROLLBACK TO two")
    assert rows(db, "SELECT id FROM t") == [(1,), (2,)]
    with pytest.raises(Errors):
        db.execute("INSERT INTO t(id, n) VALUES(5, 5), (1, 1)")
    assert rows(db, "SELECT id FROM t") == [(1,), (2,)]
    db.execute("ROLLBACK TO one")
    assert rows(db, "SELECT id FROM t") == [(1,)]
    db.execute("RELEASE one")
    db.execute("COMMIT")
    assert rows(db, "SELECT id FROM t") == [(1,)]
    db.execute("BEGIN")
    db.execute("UPDATE t SET data = 'gone'")
    db.execute("ROLLBACK")
    assert rows(db, "SELECT data FROM t") == [(bytes(1000),)]


def test_creating_renaming_and_dropping_can_be_rolled_back(db: Any) -> None:
    db.execute("BEGIN")
    simple(db)
    db.execute("INSERT INTO t(n) VALUES(1)")
    db.execute("ROLLBACK")
    assert rows(db, "SELECT * FROM sqlite_master") == []
    simple(db)
    db.execute("INSERT INTO t(n) VALUES(1)")
    db.execute("BEGIN")
    db.execute("ALTER TABLE t RENAME TO other")
    assert one(db, "SELECT n FROM other") == 1
    db.execute("ROLLBACK")
    assert one(db, "SELECT n FROM t") == 1
    db.execute("BEGIN")
    db.execute("DROP TABLE t")
    db.execute("ROLLBACK")
    assert one(db, "SELECT n FROM t") == 1


def test_rename_and_drop(db: Any) -> None:
    db.execute('CREATE VIRTUAL TABLE "odd ""name""" USING zblob(a INT UNIQUE, data BLOB COMPRESSED)')
    db.execute('INSERT INTO "odd ""name""" VALUES(1, zeroblob(2000))')
    db.execute('CREATE INDEX i ON "odd ""name""_rows"(a)')
    db.execute('CREATE VIEW v AS SELECT a FROM "odd ""name"""')
    db.execute('ALTER TABLE "odd ""name""" RENAME TO "it\'s other"')
    assert rows(db, 'SELECT a, length(data) FROM "it\'s other" WHERE a = 1') == [(1, 2000)]
    assert rows(db, "SELECT * FROM v") == [(1,)]
    db.execute("DROP VIEW v")
    with pytest.raises(Errors, match=r"UNIQUE constraint failed: it's other\.a"):
        db.execute('INSERT INTO "it\'s other" VALUES(1, 1)')
    db.execute("CREATE TABLE taken_rows(x)")
    with pytest.raises(Errors, match="taken_rows"):
        db.execute('ALTER TABLE "it\'s other" RENAME TO taken')
    db.execute("DROP TABLE taken_rows")
    db.execute('DROP TABLE "it\'s other"')
    assert rows(db, "SELECT * FROM sqlite_master") == []


def test_writing_while_reading(db: Any) -> None:
    simple(db)
    for i in range(50):
        db.execute("INSERT INTO t(data, n) VALUES(?, ?)", (b"x" * 100 * i, i))
    db.execute("INSERT INTO t(data, n) SELECT data, n + 50 FROM t")
    assert one(db, "SELECT count(*) FROM t") == 100
    for rowid, data, n in rows(db, "SELECT id, data, n FROM t"):
        assert len(data) == 100 * (n % 50)
        db.execute("UPDATE t SET n = n + 1000 WHERE id = ?", (rowid,))
    cursor = db.execute("SELECT id FROM t")
    first = cursor.fetchone()
    db.execute("DELETE FROM t WHERE id > 60")
    assert [first, *cursor.fetchall()][-1] == (60,)
    db.execute("UPDATE t SET data = (SELECT data FROM t AS other WHERE other.id = t.id + 1) WHERE id < 60")
    assert rows(db, "SELECT id, length(data) FROM t WHERE id IN (9, 59)") == [(9, 900), (59, 900)]


def test_triggers_on_other_tables_and_views_with_an_untrusted_schema(db: Any) -> None:
    simple(db)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("CREATE TABLE log(x)")
    db.execute("CREATE TRIGGER copy AFTER INSERT ON log BEGIN INSERT INTO t(data) VALUES(new.x); END")
    db.execute("CREATE VIEW v AS SELECT id, length(data) AS size FROM t")
    db.execute("INSERT INTO log VALUES(zeroblob(3000))")
    assert rows(db, "SELECT * FROM v") == [(1, 3000)]
    assert rows(db, "SELECT last_insert_rowid(), changes()") == [(1, 1)]


def test_indexes_are_made_on_the_backing_table(db: Any) -> None:
    simple(db)
    db.execute("INSERT INTO t(data, n) SELECT zeroblob(600), value FROM json_each('[5,3,9,1]')")
    with pytest.raises(Errors, match="virtual tables may not be indexed"):
        db.execute("CREATE INDEX i ON t(n)")
    assert "scan" in plan(db, "SELECT * FROM t WHERE n = 3")
    db.execute("CREATE UNIQUE INDEX i ON t_rows(n)")
    assert plan(db, "SELECT * FROM t WHERE n = 3") == "SCAN t i (n=?)"
    with pytest.raises(Errors, match=r"UNIQUE constraint failed: t\.n"):
        db.execute("INSERT INTO t(n) VALUES(3)")
    db.execute("DROP INDEX i")
    assert "scan" in plan(db, "SELECT id FROM t WHERE n = 3")


def test_shadow_table_protection() -> None:
    db = open_apsw()
    simple(db)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    with pytest.raises(Errors, match="t_rows may not be modified"):
        db.execute("INSERT INTO t_rows(n) VALUES(1)")
    db.execute("INSERT INTO t(data, n) VALUES(zeroblob(1000), 1)")
    db.execute("UPDATE t SET n = 2")
    db.execute("ALTER TABLE t RENAME TO u")
    assert rows(db, "SELECT length(data), n FROM u") == [(1000, 2)]
    db.execute("DROP TABLE u")
    db.close()


def test_a_lock_is_reported_as_for_an_ordinary_table(path: str) -> None:
    """With a rollback journal, where a writer locks readers out."""
    db, writer = open_apsw(path), open_apsw(path)
    simple(db)
    db.execute("CREATE TABLE o(n INT)")
    db.execute("SELECT * FROM t").fetchall()
    writer.execute("BEGIN EXCLUSIVE")
    for sql in ("SELECT n FROM {} WHERE n = 3", "INSERT INTO {}(n) VALUES(3)", "UPDATE {} SET n = 4", "DELETE FROM {}"):
        for table in ("t", "o"):
            with pytest.raises(apsw.BusyError):
                db.execute(sql.format(table))
    writer.execute("COMMIT")
    db.execute("INSERT INTO t(n) VALUES(3)")
    assert rows(db, "SELECT n FROM t WHERE n = 3") == [(3,)]
    db.close()
    writer.close()


# ---- Whole databases


def test_attached_and_temporary_databases(opener: Callable[..., Any], tmp_path: Path) -> None:
    db = opener(str(tmp_path / "main.db"))
    db.execute("ATTACH ? AS other", (str(tmp_path / "other.db"),))
    for schema in ("main", "other", "temp"):
        db.execute(f"CREATE VIRTUAL TABLE {schema}.t USING zblob(name TEXT UNIQUE, data BLOB COMPRESSED)")
        db.execute(f"INSERT INTO {schema}.t VALUES(?, zeroblob(4000))", (schema,))
    for schema in ("main", "other", "temp"):
        assert rows(db, f"SELECT name, length(data) FROM {schema}.t WHERE name > ''") == [(schema, 4000)]
        db.execute(f"ALTER TABLE {schema}.t RENAME TO {schema}_t")
    db.execute("DETACH other")
    db.execute("ATTACH ? AS renamed", (str(tmp_path / "other.db"),))
    assert rows(db, "SELECT name FROM renamed.other_t") == [("other",)]
    db.execute("BEGIN")
    db.execute("INSERT INTO renamed.other_t SELECT 'copy', data FROM main_t")
    db.execute("ROLLBACK")
    db.execute("DROP TABLE renamed.other_t")
    db.execute("DETACH renamed")
    db.close()


def test_vacuum_backup_and_another_connection(opener: Callable[..., Any], path: str, tmp_path: Path) -> None:
    db = opener(path)
    db.execute(RESULTS)
    for i in range(40):
        db.execute(
            "INSERT INTO results(operation_id, data, data_type) VALUES(?, ?, 'b')", (f"op{i}", bytes([i]) * 5000)
        )
    db.execute("DELETE FROM results WHERE rowid % 2")
    db.execute("VACUUM")
    db.execute("VACUUM INTO ?", (str(tmp_path / "into.db"),))
    expected = rows(db, "SELECT * FROM results")
    assert len(expected) == 20
    copy = opener(str(tmp_path / "copy.db"))
    if isinstance(db, apsw.Connection):
        with copy.backup("main", db, "main") as backup:
            backup.step()
    else:
        db.backup(copy)
    for other in (copy, opener(str(tmp_path / "into.db")), opener(path)):
        assert rows(other, "SELECT * FROM results") == expected
        assert one(other, "PRAGMA integrity_check") == "ok"
        other.close()
    db.close()


def test_without_the_extension_sqlite_says_so_and_the_rows_can_be_reached(path: str) -> None:
    db = open_apsw(path)
    db.execute(RESULTS)
    db.execute("INSERT INTO results(operation_id, data, data_type) VALUES('a', 'small', 'text')")
    db.close()
    plain = sqlite3.connect(path)
    with pytest.raises(sqlite3.OperationalError, match="no such module: zblob"):
        plain.execute("SELECT * FROM results")
    assert plain.execute("SELECT operation_id, data FROM results_rows").fetchall() == [("a", "small")]
    plain.close()


def test_integrity_check_reads_every_frame() -> None:
    db = open_apsw()
    simple(db)
    for i in range(3):
        db.execute("INSERT INTO t(data) VALUES(?)", (bytes([i]) * 90_000,))
    frame = one(db, "SELECT data FROM t_rows WHERE id = 2")
    db.execute("UPDATE t_rows SET data = ? WHERE id = 2", (frame[:-2] + b"\xff\xff",))
    assert "t.data" not in one(db, "PRAGMA quick_check")
    assert 'zblob table "t": row 2, column data: ' in one(db, "PRAGMA integrity_check")
    db.execute("UPDATE t_rows SET data = ? WHERE id = 3", (frame[:30],))
    report = one(db, "PRAGMA quick_check")
    assert "row 3, column data: " in report
    assert "row 2" not in report
    db.execute("DROP TABLE t_rows")
    assert 'backing table "t_rows" does not exist' in one(db, "PRAGMA integrity_check(t)")
    db.close()


def test_sqlite3_and_apsw_share_a_file(path: str) -> None:
    one_kind, other_kind = open_apsw(path), open_autocommit(path)
    one_kind.execute(RESULTS)
    other_kind.execute("INSERT INTO results(operation_id, data, data_type) VALUES('a', zeroblob(5000), 'b')")
    assert rows(one_kind, "SELECT length(data) FROM results WHERE operation_id = 'a'") == [(5000,)]
    one_kind.execute("ALTER TABLE results RENAME TO renamed")
    assert rows(other_kind, "SELECT length(data) FROM renamed") == [(5000,)]
    one_kind.close()
    other_kind.close()


def test_the_documents_way_out_and_back(path: str) -> None:
    db = open_apsw(path)
    db.execute(RESULTS)
    for i in range(5):
        db.execute("INSERT INTO results(operation_id, data, data_type) VALUES(?, ?, 'x')", (f"k{i}", bytes([i]) * 3000))
    expected = rows(db, "SELECT operation_id, data, created_at FROM results")
    db.execute(
        """BEGIN; UPDATE results_rows SET data = zdecompress(data); ALTER TABLE results_rows RENAME TO results_plain;
        DROP TABLE results; ALTER TABLE results_plain RENAME TO results; COMMIT"""
    )
    plain = sqlite3.connect(path)
    assert plain.execute("SELECT operation_id, data, created_at FROM results").fetchall() == expected
    plain.close()
    db.execute("BEGIN; ALTER TABLE results RENAME TO results_rows")
    db.execute(RESULTS.replace("metadata TEXT", "metadata TEXT, adopt=1"))
    db.execute("COMMIT")
    assert rows(db, "SELECT operation_id, data, created_at FROM results") == expected
    assert plan(db, "SELECT * FROM results WHERE operation_id = 'k1'").endswith("(operation_id=?)")
    db.close()


def test_what_sqlite_refuses(db: Any) -> None:
    db.execute(RESULTS)
    for sql, message in (
        ("CREATE INDEX i ON results(created_at)", "virtual tables may not be indexed"),
        ("INSERT INTO results(operation_id) VALUES(1) ON CONFLICT DO NOTHING", "UPSERT not implemented"),
        ("CREATE TRIGGER r AFTER INSERT ON results BEGIN SELECT 1; END", "cannot create triggers on virtual tables"),
        ("ALTER TABLE results ADD COLUMN more", "virtual tables may not be altered"),
        ("ALTER TABLE results RENAME COLUMN data TO d", "cannot rename columns of virtual table"),
        ("DELETE FROM results RETURNING 1", "RETURNING is not available"),
    ):
        with pytest.raises(Errors, match=message):
            db.execute(sql)
