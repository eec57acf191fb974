"""Columns are known again after tables were made anew and renamed, by the statements that did it."""

from __future__ import annotations

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.integrations.mending import mend
from sqlite_zblob.integrations.trail import Trail

from ..conftest import open_apsw

VALUE = b"abcdefgh" * 500

# Statements, and where the column data of table t is then; None: nowhere.
MADE_ANEW = "DROP TABLE t; ALTER TABLE new RENAME TO t"
NEW = "CREATE TABLE new(id INTEGER PRIMARY KEY, {0} BLOB, note BLOB); INSERT INTO new(id, {0}, note) SELECT {1} FROM t"
SAME = NEW.format("data", "id, data, note")
RENAMED = NEW.format("blob", 'T.id, "t"."DATA" AS blob, t.note')
WAYS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "then the table is renamed": (f"{SAME}; {MADE_ANEW}; ALTER TABLE t RENAME TO u", ("u", "data")),
    "then the column is renamed": (f"{SAME}; {MADE_ANEW}; ALTER TABLE t RENAME COLUMN data TO [b b]", ("t", "b b")),
    "with a new name": (f"{RENAMED}; {MADE_ANEW}", ("t", "blob")),
    "with another type": (
        f"{NEW.format('blob', 'id, CAST(coalesce(data, 0) AS BLOB), note')}; {MADE_ANEW}",
        ("t", "blob"),
    ),
    "its old name is given to a new one": (
        f"{RENAMED}; {MADE_ANEW}; ALTER TABLE t ADD COLUMN data BLOB",
        ("t", "blob"),
    ),
    "names are swapped": (
        f"{NEW.format('data', 'id, note, data')}; {MADE_ANEW}",
        ("t", "note"),
    ),
    "it is dropped, and another one has its name": (
        "CREATE TABLE new(id INTEGER PRIMARY KEY, data BLOB); INSERT INTO new(id, data) SELECT id, note FROM t; "
        + MADE_ANEW,
        None,
    ),
    "the old table has another name before": (
        "ALTER TABLE t RENAME TO old; CREATE TABLE t(id INTEGER PRIMARY KEY, blob BLOB, note BLOB); "
        "INSERT INTO t(id, blob, note) SELECT id, data, note FROM old; DROP TABLE old",
        ("t", "blob"),
    ),
    "renamed between two times": (
        f"{SAME}; {MADE_ANEW}; ALTER TABLE t RENAME TO u; CREATE TABLE tmp(id INTEGER PRIMARY KEY, x BLOB); "
        "INSERT INTO tmp(id, x) SELECT id, data FROM u; DROP TABLE IF EXISTS u; ALTER TABLE tmp RENAME TO u",
        ("u", "x"),
    ),
    "copied beside": ("CREATE TABLE c(d BLOB); INSERT INTO c(d) SELECT data FROM t", ("t", "data")),
}


@pytest.fixture
def db() -> apsw.Connection:
    connection = open_apsw(":memory:")
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note BLOB)")
    zb.enable(connection, "t", "data", level=7, min_size=64)
    connection.execute("INSERT INTO t VALUES (1, ?, ?)", (VALUE, VALUE))
    return connection


@pytest.mark.parametrize("way", WAYS)
def test_where_it_goes(db: apsw.Connection, way: str) -> None:
    statements, place = WAYS[way]
    trail = Trail()
    db.execute("BEGIN")
    for statement in statements.split("; "):
        db.execute(statement)
        trail.follow(db, statement)
    mend(db, trail)
    db.execute("COMMIT")
    found = [(each.table, each.column, each.level, each.min_size, each.is_intact) for each in zb.status(db)]
    assert found == ([(*place, 7, 64, True)] if place else [])
    if place:
        table, column = place
        db.execute(f'INSERT INTO {table}("{column}") VALUES (?)', (VALUE,))
        ((stored,),) = db.execute(f'SELECT "{column}" FROM {table} ORDER BY rowid DESC LIMIT 1').fetchall()
        assert zb.info(stored).level == 7
    db.close()


def test_what_is_not_understood_is_told(db: apsw.Connection) -> None:
    trail = Trail()
    statements = "CREATE TABLE new AS SELECT id, data AS blob, note FROM t; DROP TABLE t; ALTER TABLE new RENAME TO t"
    for statement in statements.split("; "):
        db.execute(statement)
        trail.follow(db, statement)
    with pytest.raises(zb.OptionError, match=r"t\.blob: .* was t\.data .*'blob', level=7, min_size=64\) mends it"):
        mend(db, trail)
    assert [(each.column, each.is_intact) for each in zb.status(db)] == [("blob", False)]
    db.close()
