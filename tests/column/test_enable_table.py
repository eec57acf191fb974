"""enable(mode="table"): an ordinary table becomes a virtual table over its own rows, and one again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb
from sqlite_zblob.column import storage
from sqlite_zblob.column.schema import look_at_table

from ..conftest import one, open_apsw

VALUES = [b"abc" * 1000, b"defgh" * 500, b"short", bytes(5000)]
CREATE = """CREATE TABLE results (
    operation_id TEXT PRIMARY KEY, -- the key, "quoted"
    data BLOB NOT NULL,
    data_type TEXT NOT NULL DEFAULT 'a, b' CHECK (data_type <> '(' AND length(data_type) < 1e+2),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    size_bytes INTEGER, /* of data */
    "meta,data" TEXT DEFAULT x'00ff',
    UNIQUE (operation_id, created_at)
)"""


def rows(db: Any, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.execute(sql, bindings)]


def fill(db: Any, create: str = CREATE) -> None:
    db.execute(create)
    for i, value in enumerate(VALUES):
        db.execute("INSERT INTO results(operation_id, data, size_bytes) VALUES (?, ?, ?)", (f"key {i}", value, i))


def test_there_and_back(db: Any) -> None:
    fill(db)
    db.execute("CREATE INDEX by_size ON results(size_bytes)")
    db.execute("CREATE VIEW v AS SELECT operation_id, length(data) AS size FROM results")
    schema = rows(db, "SELECT type, name, sql FROM sqlite_master ORDER BY name")
    before = rows(db, "SELECT rowid, * FROM results ORDER BY rowid")
    pragmas = [one(db, "PRAGMA foreign_keys"), one(db, "PRAGMA legacy_alter_table")]
    with pytest.warns(zb.ZblobWarning, match="index by_size is now one of results_rows and serves as before"):
        enabled = zb.enable(db, "RESULTS", "DATA", mode="table", level=7, min_size=100)
    with pytest.raises(Exception, match="virtual tables may not be indexed"):
        db.execute("CREATE INDEX IF NOT EXISTS by_size ON results(size_bytes)")
    assert zb.status(db) == [enabled]
    assert (enabled.table, enabled.column, enabled.mode, enabled.level, enabled.min_size) == (
        *("results", "data", "table"), 7, 100
    )  # fmt: skip
    assert rows(db, "SELECT rowid, * FROM results ORDER BY rowid") == before
    assert one(db, "SELECT sum(zis_frame(data)) FROM results_rows") == 0  # rows stay as they are
    db.execute("INSERT INTO results(operation_id, data) VALUES ('new', ?)", (VALUES[0],))
    db.execute("UPDATE results SET data = ? WHERE operation_id = 'key 1'", (VALUES[3],))
    assert rows(db, "SELECT operation_id FROM results_rows WHERE zis_frame(data)") == [("key 1",), ("new",)]
    assert rows(db, "SELECT data, data_type FROM results WHERE operation_id = 'new'") == [(VALUES[0], "a, b")]
    assert rows(db, "SELECT size FROM v WHERE operation_id = 'new'") == [(3000,)]
    with pytest.raises(Exception, match="UNIQUE"):
        db.execute("INSERT INTO results(operation_id, data) VALUES ('new', ?)", (VALUES[0],))
    with pytest.raises(Exception, match="CHECK"):
        db.execute("INSERT INTO results(operation_id, data, data_type) VALUES ('other', 'x', '(')")
    assert zb.enable(db, "results", "data", mode="table", level=7, min_size=100) == enabled
    zb.disable(db, "results", "data")
    assert zb.status(db) == []
    after = rows(db, "SELECT type, name, sql FROM sqlite_master ORDER BY name")
    assert [(kind, name, (sql or "").replace('"results"', "results")) for kind, name, sql in after] == [
        (kind, name, sql or "") for kind, name, sql in schema
    ]
    expected = {row[1]: row[2] for row in before} | {"key 1": VALUES[3], "new": VALUES[0]}
    assert dict(rows(db, "SELECT operation_id, data FROM results")) == expected
    assert one(db, "SELECT sum(zis_frame(data)) FROM results") == 0
    assert [one(db, "PRAGMA foreign_keys"), one(db, "PRAGMA legacy_alter_table")] == pragmas
    assert one(db, "PRAGMA integrity_check") == "ok"


def test_indexes_serve_as_before(db: Any) -> None:
    db.execute("CREATE TABLE t(name TEXT PRIMARY KEY, d BLOB, n INT)")
    db.execute("CREATE INDEX by_n ON t(n)")
    for i in range(500):
        db.execute("INSERT INTO t VALUES (?, ?, ?)", (f"name {i}", VALUES[0], i % 50))
    with pytest.warns(zb.ZblobWarning):
        zb.enable(db, "t", "d", mode="table")
    assert "by_n" in str(rows(db, "EXPLAIN QUERY PLAN SELECT 1 FROM t WHERE n = 3"))
    assert rows(db, "SELECT count(*), max(length(d)) FROM t WHERE n = 3") == [(10, 3000)]


def test_several_columns_and_settings(db: Any) -> None:
    fill(db)
    zb.enable(db, "results", "data", mode="table")
    zb.enable(db, "results", "Meta,Data", mode="table", level=2, min_size=64)
    assert [(e.column, e.level, e.min_size) for e in zb.status(db)] == [("data", 2, 64), ("meta,data", 2, 64)]
    zb.enable(db, "results", "data", level=3)
    assert [(e.column, e.level, e.min_size) for e in zb.status(db)] == [("data", 3, 64), ("meta,data", 3, 64)]
    zb.disable(db, "results", "data")
    zb.enable(db, "results", "data")
    assert [(e.mode, e.level, e.min_size) for e in zb.status(db)] == [("table", 3, 64)] * 2
    text = "text" * 1000
    db.execute("UPDATE results SET \"meta,data\" = ?, data = ? WHERE operation_id = 'key 0'", (text, VALUES[1]))
    frames = "SELECT zis_frame(data), zis_frame(\"meta,data\") FROM results_rows WHERE operation_id = 'key 0'"
    assert rows(db, frames) == [(1, 1)]
    zb.disable(db, "results", "data")
    assert [e.column for e in zb.status(db)] == ["meta,data"]
    assert rows(db, frames) == [(0, 1)]
    assert rows(db, "SELECT data, \"meta,data\" FROM results WHERE operation_id = 'key 0'") == [(VALUES[1], text)]
    zb.disable(db, "results", "meta,data")
    assert rows(db, "SELECT data, \"meta,data\" FROM results WHERE operation_id = 'key 0'") == [(VALUES[1], text)]


def test_renames_and_virtual_tables_made_by_hand(db: Any) -> None:
    db.execute(
        'CREATE VIRTUAL TABLE "my t" USING zblob(a TEXT PRIMARY KEY, b BLOB COMPRESSED, "c" COMPRESSED, min_size=9)'
    )
    assert [(e.table, e.column, e.level, e.min_size) for e in zb.status(db)] == [
        ("my t", "b", 5, 9), ("my t", "c", 5, 9)
    ]  # fmt: skip
    fill(db)
    zb.enable(db, "results", "data", mode="table")
    db.execute("ALTER TABLE results RENAME TO renamed")
    assert [e.table for e in zb.status(db)] == ["my t", "my t", "renamed"]
    zb.disable(db, "renamed", "data")
    assert one(db, "SELECT count(*) FROM renamed") == len(VALUES)


REFUSED = {
    "CREATE TABLE t(id INTEGER PRIMARY KEY, d BLOB)": "the database makes the keys in id",
    "CREATE TABLE t(id TEXT PRIMARY KEY, d BLOB) WITHOUT ROWID": "the table is WITHOUT ROWID",
    "CREATE TABLE t(d BLOB, n AS (1))": "virtual tables have no generated columns",
    "CREATE TABLE t(d BLOB CHECK (length(d) > 1))": "a CHECK constraint looks at it",
    "CREATE TABLE t(d BLOB UNIQUE)": "it is part of a UNIQUE constraint",
    "CREATE TABLE t(d TEXT) STRICT": "the table is STRICT",
    "CREATE TABLE t(d INTEGER)": "only BLOB and TEXT columns can be compressed",
    "CREATE TABLE t(k TEXT UNIQUE ON CONFLICT IGNORE, d BLOB)": "ON CONFLICT IGNORE",
    "CREATE TABLE t(k TEXT PRIMARY KEY, d); CREATE TABLE c(x REFERENCES t)": "foreign keys of c refer to it",
    "CREATE TABLE t(d); CREATE TABLE t_rows(d)": "already another table",
}


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(db: Any, sql: str) -> None:
    for statement in sql.split("; "):
        db.execute(statement)
    db.execute("PRAGMA foreign_keys = 1")
    before = rows(db, "SELECT name, sql FROM sqlite_master")
    with pytest.raises(zb.OptionError) as caught:
        zb.enable(db, "t", "d", mode="table")
    assert REFUSED[sql] in str(caught.value)
    assert rows(db, "SELECT name, sql FROM sqlite_master") == before
    assert not db.in_transaction
    assert (one(db, "PRAGMA foreign_keys"), one(db, "PRAGMA legacy_alter_table")) == (1, 0)


def test_triggers_are_refused(db: Any) -> None:
    db.execute("CREATE TABLE t(d)")
    db.execute("CREATE TRIGGER tr AFTER DELETE ON t BEGIN SELECT 1; END")
    with pytest.raises(zb.OptionError, match="trigger tr: SQLite allows none"):
        zb.enable(db, "t", "d", mode="table")


def test_database_made_keys_by_force(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, d BLOB)")
    db.execute("INSERT INTO t(d) VALUES (?)", (VALUES[0],))
    with pytest.raises(zb.OptionError, match=r"makes the keys in id.*force=True or --force"):
        zb.enable(db, "t", "d", mode="table")
    zb.enable(db, "t", "d", mode="table", force=True)
    db.execute("INSERT INTO t(d) VALUES (?)", (VALUES[1],))
    assert rows(db, "SELECT id, d FROM t") == [(1, VALUES[0]), (2, VALUES[1])]
    assert one(db, "SELECT last_insert_rowid()") == 2


def test_one_mode_after_the_other(db: Any) -> None:
    fill(db)
    zb.enable(db, "results", "data")
    db.execute("INSERT INTO results(operation_id, data) VALUES ('in place', ?)", (VALUES[0],))
    with pytest.raises(zb.OptionError, match='is enabled in mode "in-place": disable it, or restore it'):
        zb.enable(db, "results", "data", mode="table")
    zb.disable(db, "results", "data")
    zb.enable(db, "results", "data", mode="table")
    assert rows(db, "SELECT data FROM results WHERE operation_id = 'in place'") == [(VALUES[0],)]
    with pytest.raises(zb.OptionError, match='is enabled in mode "table": disable it, or restore it'):
        zb.enable(db, "results", "data", mode="in-place")
    assert zb.enable(db, "results", "data").mode == "table"
    with pytest.raises(zb.OptionError, match='envelope "pickle" is for mode "in-place"'):
        zb.enable(db, "results", "data", mode="table", envelope="pickle")


def test_not_in_a_transaction(db: Any) -> None:
    fill(db)
    db.execute("BEGIN")
    with pytest.raises(zb.OptionError, match="COMMIT the open transaction first"):
        zb.enable(db, "results", "data", mode="table")
    db.execute("ROLLBACK")


def test_attached_databases(db: Any) -> None:
    db.execute("ATTACH ':memory:' AS \"o t\"")
    fill(db, CREATE.replace("TABLE results", 'TABLE "o t".results'))
    zb.enable(db, "results", "data", mode="table", schema="o t")
    assert [(e.schema, e.table) for e in zb.status(db)] == [("o t", "results")]
    db.execute("UPDATE results SET data = ? WHERE size_bytes = 0", (VALUES[3],))
    assert one(db, 'SELECT count(*) FROM "o t".results_rows WHERE zis_frame(data)') == 1
    zb.disable(db, "results", "data", schema="o t")
    assert one(db, "SELECT data FROM results WHERE size_bytes = 0") == VALUES[3]


def test_enveloped_rows_are_adopted(db: Any) -> None:
    import pickle

    value = pickle.dumps(list(range(1000)))
    db.execute("CREATE TABLE t(k TEXT PRIMARY KEY, d BLOB)")
    zb.enable(db, "t", "d", envelope="pickle")
    db.execute("INSERT INTO t VALUES ('a', ?)", (value,))
    zb.disable(db, "t", "d")
    zb.enable(db, "t", "d", mode="table")
    assert one(db, "SELECT d FROM t") == value


def test_without_the_extension(tmp_path: Path) -> None:
    from ..conftest import open_apsw

    path = str(tmp_path / "t.db")
    db = open_apsw(path)
    fill(db)
    zb.enable(db, "results", "data", mode="table")
    db.close()
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM results')"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, cwd=tmp_path)
    assert "no such module: zblob" in done.stderr
    plain = sqlite3.connect(path)
    assert plain.execute("SELECT count(*) FROM results_rows").fetchone() == (4,)
    plain.close()


def test_a_column_whose_name_is_compressed(db: Any) -> None:
    """It is no mark of compression, and it keeps its name on the way to a virtual table and back."""
    sql = "CREATE TABLE t(compressed BLOB, data BLOB)"
    db.execute(sql)
    zb.enable(db, "t", "data", mode="table")
    assert [each.column for each in zb.status(db)] == ["data"]
    zb.enable(db, "t", "compressed", mode="table")
    assert {each.column for each in zb.status(db)} == {"compressed", "data"}
    zb.disable(db, "t", "compressed")
    assert [each.column for each in zb.status(db)] == ["data"]
    zb.disable(db, "t", "data")
    assert db.execute("SELECT sql FROM sqlite_master").fetchall() == [(sql.replace("TABLE t", 'TABLE "t"'),)]


def test_two_that_make_the_same_table_virtual(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one has seen an ordinary table, which is virtual by the time that it looks closer."""
    db, other = open_apsw(path), open_apsw(path)
    db.execute("CREATE TABLE t(id, data BLOB)")
    looks = 0

    def look(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        found = current(*arguments)
        if looks == 1:
            zb.enable(other, "t", "data", mode="table")
        return found

    current = storage._current
    monkeypatch.setattr(storage, "_current", look)
    entry = zb.enable(db, "t", "data", mode="table")
    assert entry.mode == "table" and entry.is_intact and looks == 3
    db.close()
    other.close()


def test_a_table_that_becomes_virtual_just_before_the_last_look(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    db, other, looks = open_apsw(path), open_apsw(path), 0
    one(db, "PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, data)")

    def look(connection: Any, *place: str) -> Any:
        nonlocal looks
        looks += connection is db
        if looks == 1 and connection is db:
            zb.enable(other, "t", "data", mode="table")
        return look_at_table(connection, *place)

    monkeypatch.setattr(storage, "look_at_table", look)
    assert zb.enable(db, "t", "data", mode="table").mode == "table"
    assert looks == 1


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("dictionary=0", (5, 512, None)),
        ("dictionary='auto'", (5, 64, "auto")),
        ("level='7', min_size=+99", (7, 99, None)),
    ],
)
def test_settings_are_read_as_the_table_reads_them(setting: str, found: tuple[int, int, str | None]) -> None:
    db = open_apsw()
    db.execute(f"CREATE VIRTUAL TABLE t USING zblob(a COMPRESSED, {setting})")
    (status,) = zb.status(db)
    assert (status.level, status.min_size, status.dictionary) == found


def test_a_setting_that_an_old_definition_has_twice_is_the_last_one() -> None:
    db = open_apsw()
    db.execute("CREATE VIRTUAL TABLE t USING zblob(a COMPRESSED, min_size=9)")
    db.execute("PRAGMA writable_schema = 1")
    db.execute("UPDATE sqlite_master SET sql = replace(sql, '=9', '=9, level=2, level=8, codec=zstd, codec=auto')")
    db.execute("PRAGMA writable_schema = RESET")
    assert zb.status(db)[0].level == 8
    zb.enable(db, "t", "a", min_size=70)
    assert "codec=auto, level=8, min_size=70" in str(db.execute("SELECT sql FROM sqlite_master WHERE name = 't'").get)
