"""zb.describe and zb.stats: what is stored, of a database, a table, a value, in tables of every shape."""

from __future__ import annotations

from typing import Any

import pytest

import sqlite_zblob as zb

VALUE = b"some words that are repeated " * 500
FRAME = zb.compress(VALUE)

# Tables whose rows are found in other ways than by a column named rowid; the key of the one row, by its primary key.
SHAPES: dict[str, tuple[str, Any]] = {
    "rowid": ("(v BLOB)", 1),
    "integer": ("(id INTEGER PRIMARY KEY DEFAULT 1, v BLOB)", 1),
    "text": ("(id TEXT PRIMARY KEY DEFAULT 'a', v BLOB)", "a"),
    "two columns": ("(a TEXT DEFAULT 'a', b INT DEFAULT 2, v BLOB, PRIMARY KEY (a, b))", ("a", 2)),
    "two columns, by rowid": ("(a TEXT DEFAULT 'a', b INT DEFAULT 2, v BLOB, PRIMARY KEY (a, b))", 1),
    "without rowid, a BLOB": ("(a BLOB DEFAULT x'00ff', v BLOB, PRIMARY KEY (a)) WITHOUT ROWID", b"\0\xff"),
    "a number as text": ("(a INT DEFAULT 2, b DEFAULT 2.5, v BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID", ("2", "2.5")),
    "without rowid": ("(a TEXT COLLATE NOCASE DEFAULT 'a', v BLOB, PRIMARY KEY (a)) WITHOUT ROWID", "A"),
    "rowid taken": ("(rowid TEXT, oid TEXT, v BLOB)", 1),
    "all of its names taken": ("(rowid TEXT, oid TEXT, _rowid_ TEXT, id INTEGER PRIMARY KEY DEFAULT 1, v BLOB)", 1),
    "generated column": ("(id INTEGER PRIMARY KEY DEFAULT 1, twice INT AS (2 * id), v BLOB)", 1),
}


@pytest.mark.parametrize(("shape", "key"), SHAPES.values(), ids=SHAPES.keys())
def test_tables_of_every_shape(db: Any, shape: str, key: Any) -> None:
    db.execute(f"CREATE TABLE t{shape}")
    db.execute("INSERT INTO t(v) VALUES (?)", (FRAME,))
    about = zb.describe(db, "T", "V", key)
    assert (about.frame, about.raw_size) == (True, len(VALUE))
    (table,) = zb.stats(db, "t", "v")
    assert (table.rows, table.compressed_rows, table.raw_bytes) == (1, 1, len(VALUE))
    (column,) = zb.analyze(db, "t", "v", seconds=0.1).columns
    assert (column.rows, column.bytes) == (1, len(FRAME))


def test_rows_that_no_name_is_left_for(db: Any) -> None:
    """All other tables are analyzed nevertheless."""
    db.execute("CREATE TABLE t(rowid TEXT, oid TEXT, _rowid_ TEXT, v BLOB)")
    db.execute("CREATE TABLE u(v BLOB)")
    db.execute("INSERT INTO t(v) VALUES (?)", (FRAME,))
    db.execute("INSERT INTO u(v) VALUES (?)", (VALUE * 9,))
    for function in (zb.stats, zb.analyze):
        with pytest.raises(zb.OptionError, match="take all names of the rowid"):
            function(db, "t", "v")
    analysis = zb.analyze(db, seconds=0.1)
    assert [each.table for each in analysis.columns] == ["u"]
    assert "t" in {each.table for each in analysis.skipped}


def test_what_there_is_not(db: Any) -> None:
    db.execute("CREATE TABLE t(a TEXT, b INT, v, PRIMARY KEY (a, b)) WITHOUT ROWID")
    db.execute("INSERT INTO t VALUES ('a', 2, 1.5)")
    describe: Any = zb.describe
    for arguments, message in (
        (("u",), "no table u"),
        (("t", "w", 1), "no column w"),
        (("t", "v"), "a table, a column and a key"),
        ((None, "v", 1), "a table, a column and a key"),
        (("t", "v", ("a", 3)), "no row with"),
        (("t", "v", ("a",)), 'named by "a", "b", and the key has 1 part'),
        (("t", "v", "a"), 'named by "a", "b", and the key has 1 part'),
        (("t", "v", ("a", 2)), "no BLOB and no TEXT"),
    ):
        with pytest.raises(zb.OptionError, match=message):
            describe(db, *arguments)
    with pytest.raises(zb.OptionError, match="a column needs its table"):
        zb.stats(db, column="v")
    with pytest.raises(zb.OptionError, match="no table u"):
        zb.stats(db, "u")
    assert zb.stats(db) == zb.stats(db, "t") == []


def test_a_damaged_header(db: Any) -> None:
    db.execute("CREATE TABLE t(v)")
    for value in (FRAME, FRAME[:30] + b"\xff" * 8 + FRAME[38:], VALUE, "text", None, 7):
        db.execute("INSERT INTO t VALUES (?)", (value,))
    seen: list[tuple[str, int, int]] = []
    (table,) = zb.stats(db, "t", "v", progress=lambda *done: seen.append(done))
    assert (table.rows, table.compressed_rows, table.damaged_rows) == (4, 1, 1)
    assert {(each.codec, each.rows) for each in table.codecs} == {("zstd", 1), ("none", 2)}
    assert seen == [("t.v", 6, 6)]
    with pytest.raises(zb.DamagedFrameError):
        zb.describe(db, "t", "v", 2)


@pytest.mark.parametrize("mode", ["in-place", "table"])
def test_tables_and_databases(db: Any, mode: zb.Mode) -> None:
    db.execute("CREATE TABLE t(id TEXT PRIMARY KEY, v BLOB, other BLOB UNIQUE)")
    zb.enable(db, "t", "v", mode=mode, level=3)
    db.execute("INSERT INTO t(id, v) VALUES ('a', ?)", (VALUE,))
    table = zb.describe(db, "t")
    assert isinstance(table, zb.TableInfo) and (table.name, table.primary_key) == ("t", ("id",))
    columns = {each.name: each for each in table.columns}
    assert columns["v"].enabled and (columns["v"].enabled.mode, columns["v"].enabled.level) == (mode, 3)
    assert columns["v"].obstacles == () and "UNIQUE" in columns["other"].obstacles[0]
    database = zb.describe(db)
    assert database.enabled == (columns["v"].enabled,)
    assert database.file_size % database.page_size == 0 and database.encoding == "UTF-8"
    assert zb.describe(db, "t", "v", "a").codec == "zstd"
