"""In place: which statements keep their meaning on a table whose column is compressed by triggers."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sqlite_zblob as zb

from ..conftest import ROOT, one

VALUES = [b"abc" * 1000, b"defgh" * 500, bytes(4999) + b"."]
PICKLES = [pickle.dumps([i] * 2000) for i in range(3)]
CREATE = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB, note TEXT DEFAULT 'none')"


def rows(connection: Any, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(sql, bindings)]


def stored(connection: Any, table: str = "t", column: str = "data") -> list[bool]:
    """Which values are compressed, in rowid order."""
    return [bool(row[0]) for row in rows(connection, f"SELECT zis_frame({column}) FROM {table} ORDER BY 1 = 0, id")]


@pytest.fixture(params=[0, 1], ids=["plain triggers", "recursive triggers"])
def table(db: Any, request: pytest.FixtureRequest) -> Any:
    db.execute(f"PRAGMA recursive_triggers = {request.param}")
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    return db


def test_insert_and_update_store_frames(table: Any) -> None:
    table.execute("INSERT INTO t(name, data) VALUES ('a', ?)", (VALUES[0],))
    assert one(table, "SELECT length(data) < 200 AND zis_frame(data) FROM t") == 1
    assert one(table, "SELECT zdecompress(data) FROM t") == VALUES[0]
    table.execute("UPDATE t SET data = ?", (VALUES[1],))
    assert one(table, "SELECT zis_frame(data) FROM t") == 1
    assert one(table, "SELECT zdecompress(data) FROM t") == VALUES[1]
    table.execute("UPDATE t SET note = 'changed', name = 'b'")
    assert rows(table, "SELECT name, zdecompress(data), note FROM t") == [("b", VALUES[1], "changed")]


def test_each_type(table: Any) -> None:
    text = "ä" * 2000
    for i, value in enumerate([None, 7, 2.5, "short", b"short", text, VALUES[0], zb.compress(VALUES[1])]):
        table.execute("INSERT INTO t(id, data) VALUES (?, ?)", (i, value))
    assert stored(table) == [False] * 5 + [True] * 3
    back = [row[0] for row in rows(table, "SELECT zdecompress(data) FROM t ORDER BY id")]
    assert back == [None, 7, 2.5, "short", b"short", text, VALUES[0], VALUES[1]]


def test_conflict_clauses(table: Any) -> None:
    table.execute("INSERT INTO t(id, name, data) VALUES (1, 'a', ?)", (VALUES[0],))
    table.execute("INSERT OR REPLACE INTO t(id, name, data) VALUES (2, 'a', ?)", (VALUES[1],))
    table.execute("INSERT OR IGNORE INTO t(id, name, data) VALUES (3, 'a', ?)", (VALUES[2],))
    assert rows(table, "SELECT id, zis_frame(data), zdecompress(data) FROM t") == [(2, 1, VALUES[1])]
    with pytest.raises(Exception, match="UNIQUE"):
        table.execute("INSERT INTO t(name, data) VALUES ('a', ?)", (VALUES[2],))
    table.execute("REPLACE INTO t(id, name, data) VALUES (2, 'b', ?)", (VALUES[2],))
    assert rows(table, "SELECT id, name, zis_frame(data), zdecompress(data) FROM t") == [(2, "b", 1, VALUES[2])]


def test_upsert(table: Any) -> None:
    sql = (
        "INSERT INTO t(name, data) VALUES ('a', ?) ON CONFLICT(name) DO UPDATE SET data = excluded.data, note = 'again'"
    )
    for value in VALUES:
        table.execute(sql, (value,))
    assert rows(table, "SELECT count(*), zis_frame(data), zdecompress(data), note FROM t") == [
        (1, 1, VALUES[2], "again")
    ]
    table.execute("INSERT INTO t(name, data) VALUES ('a', ?) ON CONFLICT DO NOTHING", (VALUES[0],))
    assert one(table, "SELECT zdecompress(data) FROM t") == VALUES[2]


def test_returning_gives_what_was_inserted(table: Any) -> None:
    returned = rows(table, "INSERT INTO t(name, data) VALUES ('a', ?) RETURNING id, note, data", VALUES[0])
    assert returned == [(1, "none", VALUES[0])]
    assert rows(table, "UPDATE t SET data = ? RETURNING id, data", VALUES[1]) == [(1, VALUES[1])]
    assert stored(table) == [True]
    assert rows(table, "DELETE FROM t RETURNING zdecompress(data)") == [(VALUES[1],)]


def test_changes_and_last_insert_rowid(table: Any) -> None:
    table.execute("INSERT INTO t(id, data) VALUES (5, ?)", (VALUES[0],))
    assert rows(table, "SELECT changes(), last_insert_rowid()") == [(1, 5)]
    table.execute("INSERT INTO t(data) SELECT ? FROM (SELECT 1 UNION SELECT 2)", (VALUES[1],))
    assert rows(table, "SELECT changes(), last_insert_rowid()") == [(2, 7)]
    table.execute("UPDATE t SET data = ?", (VALUES[2],))
    assert rows(table, "SELECT changes(), last_insert_rowid()") == [(3, 7)]
    table.execute("DELETE FROM t WHERE id > 5")
    assert one(table, "SELECT changes()") == 2


def test_changing_the_rowid_with_the_value(table: Any) -> None:
    table.execute("INSERT INTO t(id, data) VALUES (1, ?)", (VALUES[0],))
    table.execute("UPDATE t SET id = 9, data = ?", (VALUES[1],))
    assert rows(table, "SELECT id, zis_frame(data), zdecompress(data) FROM t") == [(9, 1, VALUES[1])]


def test_savepoints_and_rollback(table: Any) -> None:
    table.execute("INSERT INTO t(id, data) VALUES (1, ?)", (VALUES[0],))
    if getattr(table, "in_transaction", False):
        table.commit()  # the sqlite3 module has begun one
    table.execute("SAVEPOINT a")
    table.execute("UPDATE t SET data = ?", (VALUES[1],))
    table.execute("SAVEPOINT b")
    table.execute("INSERT INTO t(id, data) VALUES (2, ?)", (VALUES[2],))
    table.execute("ROLLBACK TO b")
    assert rows(table, "SELECT zdecompress(data) FROM t") == [(VALUES[1],)]
    table.execute("ROLLBACK TO a")
    table.execute("RELEASE a")
    assert rows(table, "SELECT zis_frame(data), zdecompress(data) FROM t") == [(1, VALUES[0])]


def test_indexes_triggers_and_generated_columns_on_other_columns(db: Any) -> None:
    db.execute("PRAGMA foreign_keys = 1")
    db.execute("CREATE TABLE parents(id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO parents VALUES (1)")
    db.execute("""CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB NOT NULL, name TEXT CHECK (length(name) < 5),
        parent REFERENCES parents(id) ON DELETE CASCADE, upper TEXT AS (upper(name)) STORED, UNIQUE (name, parent))""")
    db.execute("CREATE INDEX by_upper ON t(upper, length(name)) WHERE name IS NOT NULL")
    db.execute("CREATE TABLE log(name)")
    db.execute("CREATE TRIGGER logged AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.name); END")
    db.execute("CREATE TRIGGER renamed AFTER UPDATE OF name ON t BEGIN INSERT INTO log VALUES (NEW.name); END")
    zb.enable(db, "t", "data")
    db.execute("INSERT INTO t(data, name, parent) VALUES (?, 'a', 1)", (VALUES[0],))
    db.execute("UPDATE t SET data = ?", (VALUES[1],))
    db.execute("UPDATE t SET name = 'b'")
    assert rows(db, "SELECT name, upper, zis_frame(data) FROM t WHERE upper = 'B'") == [("b", "B", 1)]
    assert rows(db, "SELECT * FROM log") == [("a",), ("b",)]
    with pytest.raises(Exception, match="CHECK"):
        db.execute("INSERT INTO t(data, name) VALUES (?, 'too long')", (VALUES[0],))
    with pytest.raises(Exception, match="NOT NULL"):
        db.execute("INSERT INTO t(data) VALUES (NULL)")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        db.execute("INSERT INTO t(data, parent) VALUES (?, 77)", (VALUES[0],))
    assert one(db, "PRAGMA integrity_check") == "ok"
    db.execute("DELETE FROM parents")
    assert one(db, "SELECT count(*) FROM t") == 0


def test_columns_added_later(table: Any) -> None:
    table.execute("ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'x'")
    table.execute("INSERT INTO t(data) VALUES (?)", (VALUES[0],))
    assert rows(table, "SELECT more, zis_frame(data) FROM t") == [("x", 1)]


def test_several_columns(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a BLOB, b BLOB, c BLOB)")
    zb.enable(db, "t", "a")
    zb.enable(db, "t", "b", envelope="pickle", level=9, min_size=0)
    db.execute("INSERT INTO t VALUES (1, ?, ?, ?)", (VALUES[0], PICKLES[0], VALUES[2]))
    assert rows(db, "SELECT zis_frame(a), zis_frame(b), zis_frame(c) FROM t") == [(1, 1, 0)]
    db.execute("UPDATE t SET a = ?, b = ?", (VALUES[1], PICKLES[1]))
    ((a, b, c),) = rows(db, "SELECT zdecompress(a), b, c FROM t")
    assert (a, pickle.loads(b), c) == (VALUES[1], [1] * 2000, VALUES[2])
    assert zb.info(b).level == 9
    zb.disable(db, "t", "a")
    assert [(entry.column, entry.envelope, entry.level) for entry in zb.status(db)] == [("b", "pickle", 9)]


@pytest.mark.parametrize("recursive", [0, 1])
def test_pickle_columns_leave_other_values_alone(db: Any, recursive: int) -> None:
    db.execute(f"PRAGMA recursive_triggers = {recursive}")
    db.execute(CREATE)
    zb.enable(db, "t", "data", envelope="pickle", min_size=0)
    values = [None, 5, "text" * 500, VALUES[0], PICKLES[0] + b"x", zb.compress(VALUES[0]), b""]
    for i, value in enumerate(values):
        db.execute("INSERT INTO t(id, data) VALUES (?, ?)", (i, value))
    assert [row[0] for row in rows(db, "SELECT data FROM t ORDER BY id")] == values
    db.execute("UPDATE t SET data = ?", (PICKLES[1],))
    assert {pickle.loads(row[0])[0] for row in rows(db, "SELECT data FROM t")} == {1}
    assert stored(db) == [True] * len(values)


@pytest.mark.parametrize("envelope", ["frame", "pickle"])
def test_a_connections_own_min_size_breaks_nothing(db: Any, envelope: zb.Envelope) -> None:
    db.execute("PRAGMA recursive_triggers = 1")
    db.execute(CREATE)
    zb.enable(db, "t", "data", envelope=envelope)
    db.execute("SELECT zblob_config('min_size', 1000000)").fetchall()
    db.execute("INSERT INTO t(data) VALUES (?)", (PICKLES[0],))
    assert stored(db) == [True]


ODD_TABLES = [
    ('CREATE TABLE "sel ect"(id INTEGER PRIMARY KEY, "fr""om" BLOB)', "sel ect", 'fr"om'),
    ('CREATE TABLE "a.b{c}%s"(id INTEGER PRIMARY KEY, "{d}[e]?1" BLOB)', "a.b{c}%s", "{d}[e]?1"),
    ("CREATE TABLE [it's](id INTEGER PRIMARY KEY, `new` BLOB)", "it's", "new"),
    ("CREATE TABLE Ünïcode(id INTEGER PRIMARY KEY, 数据 BLOB)", "Ünïcode", "数据"),
    ('CREATE TABLE "order"(id INTEGER PRIMARY KEY, "set" BLOB)', "ORDER", "SET"),
    ("CREATE TABLE t(rowid INTEGER, _rowid_ TEXT, id INTEGER PRIMARY KEY, d BLOB)", "t", "d"),
    ('CREATE TABLE "\n"(id INTEGER PRIMARY KEY, "\t" BLOB)', "\n", "\t"),
    ("CREATE /* ( */ TABLE t -- (\n (id INTEGER PRIMARY KEY, d BLOB DEFAULT ('as (d'))", "t", "d"),
    ('CREATE TABLE ""(id INTEGER PRIMARY KEY, d BLOB)', "", "d"),
]


@pytest.mark.parametrize("create,table_name,column", ODD_TABLES)
def test_odd_names(db: Any, create: str, table_name: str, column: str) -> None:
    db.execute(create)
    enabled = zb.enable(db, table_name, column)
    quoted, name = (text.replace('"', '""') for text in (table_name, column))
    db.execute(f'INSERT INTO "{quoted}"(id, "{name}") VALUES (1, ?), (2, ?)', (VALUES[0], VALUES[1]))
    db.execute(f'UPDATE "{quoted}" SET "{name}" = ? WHERE id = 2', (VALUES[2],))
    found = rows(db, f'SELECT zis_frame("{name}"), zdecompress("{name}") FROM "{quoted}" ORDER BY id')
    assert found == [(1, VALUES[0]), (1, VALUES[2])]
    assert zb.status(db) == [enabled]
    zb.disable(db, table_name, column)
    assert zb.status(db) == []


def test_without_rowid(db: Any) -> None:
    db.execute("""CREATE TABLE t(data BLOB, a TEXT COLLATE NOCASE, "b c" BLOB, n REAL,
        PRIMARY KEY (a COLLATE BINARY, "b c" DESC)) WITHOUT ROWID""")
    zb.enable(db, "t", "data")
    for key in ("x", "X"):
        for part in (b"\x00", "0", 0, 0.5):
            db.execute('INSERT INTO t(data, a, "b c") VALUES (?, ?, ?)', (f"{key}{part!r}".encode() * 300, key, part))
    assert one(db, "SELECT count(*) FROM t WHERE zis_frame(data)") == 8
    for key, part, value in rows(db, 'SELECT a, "b c", zdecompress(data) FROM t'):
        assert value == f"{key}{part!r}".encode() * 300
    db.execute("UPDATE t SET a = 'y', data = ? WHERE a = 'x' COLLATE BINARY AND \"b c\" = 0.5", (VALUES[0],))
    assert rows(db, "SELECT zis_frame(data), zdecompress(data) FROM t WHERE a = 'y'") == [(1, VALUES[0])]


def test_strict_tables(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, anything ANY) STRICT")
    zb.enable(db, "t", "data")
    zb.enable(db, "t", "anything")
    db.execute("INSERT INTO t VALUES (1, ?, ?)", (VALUES[0], "text" * 1000))
    assert rows(db, "SELECT zdecompress(data), zdecompress(anything) FROM t") == [(VALUES[0], "text" * 1000)]
    assert rows(db, "SELECT zis_frame(data), zis_frame(anything) FROM t") == [(1, 1)]


def test_attached_databases(open_connection: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = open_connection(":memory:")
    db.execute('ATTACH ? AS "o t"', (str(path),))
    for schema in ("main", '"o t"', "temp"):
        db.execute(CREATE.replace("TABLE t", f"TABLE {schema}.t"))
    for schema in ("o t", "temp"):
        zb.enable(db, "t", "data", schema=schema)
    for schema in ("main", '"o t"', "temp"):
        db.execute(f"INSERT INTO {schema}.t(data) VALUES (?)", (VALUES[0],))
        expected = int(schema != "main")
        assert one(db, f"SELECT zis_frame(data) FROM {schema}.t") == expected
    assert [entry.schema for entry in zb.status(db)] == ["temp", "o t"]
    assert one(db, "SELECT count(*) FROM main.sqlite_master") == 2  # the table and its index
    if db.in_transaction:
        db.commit()
    db.close()
    other = open_connection(str(path))
    assert [entry.table for entry in zb.status(other)] == ["t"]
    other.execute("INSERT INTO t(data) VALUES (?)", (VALUES[1],))
    assert stored(other) == [True, True]
    other.close()


def test_renames_are_followed(db: Any) -> None:
    db.execute(CREATE)
    zb.enable(db, "t", "data", level=7)
    db.execute('ALTER TABLE t RENAME TO "new table"')
    db.execute('ALTER TABLE "new table" RENAME COLUMN data TO "the data"')
    (entry,) = zb.status(db)
    assert (entry.table, entry.column, entry.level, entry.is_intact) == ("new table", "the data", 7, True)
    db.execute('INSERT INTO "new table"("the data") VALUES (?)', (VALUES[0],))
    assert one(db, 'SELECT zis_frame("the data") FROM "new table"') == 1
    zb.disable(db, "new table", "the data")
    assert one(db, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'zblob%'") == 0


def test_a_table_made_anew_is_told_and_enabled_again(db: Any) -> None:
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    db.execute("DROP TABLE t")
    assert zb.status(db) == []
    db.execute(CREATE)
    assert [entry.is_intact for entry in zb.status(db)] == [False]
    assert zb.enable(db, "t", "data").is_intact
    assert [entry.is_intact for entry in zb.status(db)] == [True]


def test_enabling_again_changes_settings_or_nothing(db: Any) -> None:
    def schema_version() -> int:
        return int(one(db, "PRAGMA schema_version"))

    db.execute(CREATE)
    zb.enable(db, "t", "data")
    version = schema_version()
    zb.enable(db, "T", "DATA")
    assert schema_version() == version
    zb.enable(db, "t", "data", envelope="pickle", level=2, min_size=100)
    assert [(e.envelope, e.level, e.min_size) for e in zb.status(db)] == [("pickle", 2, 100)]
    db.execute("INSERT INTO t(data) VALUES (?)", (PICKLES[0],))
    assert pickle.loads(one(db, "SELECT data FROM t")) == [0] * 2000


def test_enable_and_disable_roll_back_with_the_transaction(db: Any) -> None:
    db.execute(CREATE)
    db.execute("BEGIN")
    zb.enable(db, "t", "data")
    assert db.in_transaction
    db.execute("ROLLBACK")
    assert zb.status(db) == []
    zb.enable(db, "t", "data")
    assert not db.in_transaction


def test_existing_rows_stay_and_disable_leaves_all_readable(db: Any) -> None:
    db.execute(CREATE)
    db.execute("INSERT INTO t(id, data) VALUES (1, ?)", (VALUES[0],))
    if db.in_transaction:
        db.commit()
    zb.enable(db, "t", "data")
    db.execute("INSERT INTO t(id, data) VALUES (2, ?)", (VALUES[1],))
    if db.in_transaction:
        db.commit()
    zb.disable(db, "t", "data")
    db.execute("INSERT INTO t(id, data) VALUES (3, ?)", (VALUES[2],))
    assert stored(db) == [False, True, False]
    assert [row[0] for row in rows(db, "SELECT zdecompress(data) FROM t ORDER BY id")] == VALUES
    assert one(db, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'zblob%'") == 0
    with pytest.raises(zb.OptionError, match="not enabled"):
        zb.disable(db, "t", "data")


def test_trusted_schema_off(db: Any) -> None:
    db.execute("PRAGMA trusted_schema = 0")
    for envelope in ("frame", "pickle"):
        db.execute("DROP TABLE IF EXISTS t")
        db.execute(CREATE)
        zb.enable(db, "t", "data", envelope=envelope)
        db.execute("INSERT INTO t(data) VALUES (?)", (PICKLES[0],))
        assert stored(db) == [True]


def test_owners_update_triggers_are_told(db: Any) -> None:
    db.execute(CREATE)
    db.execute("CREATE TABLE log(x)")
    db.execute("CREATE TRIGGER other AFTER UPDATE OF name ON t BEGIN INSERT INTO log VALUES (1); END")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zb.enable(db, "t", "data")
    db.execute('CREATE TRIGGER "any ""one" BEFORE UPDATE ON t BEGIN INSERT INTO log VALUES (2); END')
    with pytest.warns(zb.ZblobWarning, match='any "one of table t fires once more'):
        zb.enable(db, "t", "data", level=6)
    db.execute("INSERT INTO t(data) VALUES (?)", (VALUES[0],))
    assert stored(db) == [True]
    assert rows(db, "SELECT * FROM log") == [(2,)]


WITHOUT_EXTENSION = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(db.execute("SELECT count(*), sum(length(data)) FROM t").fetchone())
db.execute("UPDATE t SET note = 'changed'")
db.execute("DELETE FROM t WHERE id = 2")
for sql in ("INSERT INTO t(data) VALUES (zeroblob(9999))", "UPDATE t SET data = zeroblob(9999)"):
    try:
        db.execute(sql)
    except sqlite3.OperationalError as error:
        print(error)
db.commit()
"""


def test_a_writer_without_the_extension_fails_clearly(open_connection: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    db = open_connection(str(path))
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    for value in VALUES:
        db.execute("INSERT INTO t(data) VALUES (?)", (value,))
    if db.in_transaction:
        db.commit()
    db.close()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTENSION, str(path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("(3, ")
    assert len(lines) == 3 and all(line == "no such function: sqlite_zblob_store" for line in lines[1:])
    db = open_connection(str(path))
    assert rows(db, "SELECT id, zdecompress(data), note FROM t") == [
        (1, VALUES[0], "changed"),
        (3, VALUES[2], "changed"),
    ]
    assert one(db, "PRAGMA integrity_check") == "ok"
    db.close()
    assert str(ROOT) not in done.stderr


def test_auto_vacuum_keeps_no_dead_copy(open_connection: Callable[..., Any], tmp_path: Path) -> None:
    """What docs/in-place.md says of it: the pages of the value as it came never reach the log."""
    value = b"0123456789abcdef" * 125_000  # 2 MB
    logged, free = {}, {}
    for auto_vacuum in (0, 1):
        path = tmp_path / f"{auto_vacuum}.db"
        db = open_connection(str(path))
        for pragma in (
            f"auto_vacuum = {auto_vacuum}",
            "journal_mode = WAL",
            "wal_autocheckpoint = 0",
            "cache_size = 10000",
        ):
            db.execute(f"PRAGMA {pragma}").fetchall()
        db.execute(CREATE)
        zb.enable(db, "t", "data")
        for _ in range(3):
            db.execute("INSERT INTO t(data) VALUES (?)", (value,))
            if db.in_transaction:
                db.commit()
        logged[auto_vacuum] = Path(f"{path}-wal").stat().st_size
        free[auto_vacuum] = one(db, "PRAGMA freelist_count")
        assert one(db, "SELECT count(*) FROM t WHERE zdecompress(data) = ?", value) == 3
        assert one(db, "PRAGMA integrity_check") == "ok"
        db.close()
    assert logged[1] < len(value) < 3 * len(value) < logged[0]
    assert free[1] == 0 < free[0]


@pytest.mark.parametrize("value", [b"", "", b"x", VALUES[0]])
def test_what_the_owner_has_cleared_stays_cleared(db: Any, value: bytes | str) -> None:
    """A BLOB of no bytes is not NULL, nor is NULL what the program has stored."""
    db.execute(CREATE)
    zb.enable(db, "t", "data", min_size=0)
    db.execute("CREATE TRIGGER clear AFTER INSERT ON t BEGIN UPDATE t SET data = NULL WHERE id = new.id; END")
    db.execute("INSERT INTO t(id, data) VALUES (1, ?)", (value,))
    assert rows(db, "SELECT data FROM t") == [(None,)]


def test_changes_are_counted_in_rows(db: Any) -> None:
    """PRAGMA count_changes makes a row of what each statement has changed, also of those in a trigger."""
    db.execute("PRAGMA count_changes = 1")
    db.execute(CREATE)
    zb.enable(db, "t", "data")
    db.execute("CREATE TRIGGER watch AFTER INSERT ON t BEGIN UPDATE t SET note = 'seen' WHERE id = new.id; END")
    assert rows(db, "INSERT INTO t(id, data) VALUES (1, ?)", VALUES[0]) == [(1,)]
    assert rows(db, "UPDATE t SET data = ? WHERE id = 1", VALUES[1]) == [(1,)]
    assert rows(db, "SELECT zis_frame(data), zdecompress(data), note FROM t") == [(1, VALUES[1], "seen")]
