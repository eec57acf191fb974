"""Columns that were made anew under another name are told with their settings, and enabled by their owner alone."""

from __future__ import annotations

import warnings

import apsw
import pytest
from click.testing import CliRunner

import sqlite_zblob as zb
from sqlite_zblob.cli import cli
from sqlite_zblob.column import watch

from ..conftest import open_apsw

VALUE = b"abcdefgh" * 500
ANEW = "CREATE TABLE new AS {}; DROP TABLE t; ALTER TABLE new RENAME TO t;"

pytestmark = pytest.mark.usefixtures("new_process")


@pytest.fixture
def store(path: str) -> str:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, note BLOB, own BLOB)")
    zb.enable(db, "t", "data", level=7, min_size=64)
    db.execute("INSERT INTO t VALUES (1, ?, ?, ?)", (VALUE, VALUE, zb.compress(VALUE)))
    db.close()
    return path


def change(path: str, script: str) -> apsw.Connection:
    db = open_apsw(path)
    db.execute(script)
    return db


def found(db: apsw.Connection) -> list[tuple[str, str, int, int, bool]]:
    return [(each.table, each.column, each.level, each.min_size, each.is_intact) for each in zb.status(db)]


@pytest.mark.parametrize(
    ("script", "table", "column"),
    [
        (ANEW.format("SELECT id, data AS blob, note, own FROM t"), "t", "blob"),
        ("CREATE TABLE u AS SELECT * FROM t; DROP TABLE t", "u", "data"),
        ("CREATE TABLE u AS SELECT id, data AS blob FROM t; DROP TABLE t", "u", "blob"),
    ],
)
def test_a_column_with_another_name(store: str, script: str, table: str, column: str) -> None:
    db = change(store, script)
    call = rf"zb.enable\(connection, '{table}', '{column}', level=7, min_size=64\) mends it"
    with pytest.warns(zb.ZblobWarning, match=rf"column {column} of table {table} .* was t.data .*{call}"):
        zb.load(db, keep=True)
    assert found(db) == [(table, column, 7, 64, False)]
    done = CliRunner().invoke(cli, ["status", store])
    assert done.exit_code == 1 and "was t.data (level=7, min_size=64)" in done.stdout
    db.execute("CREATE TABLE other(d BLOB)")
    zb.enable(db, "other", "d")  # forgets what is gone, and not what may be found again
    zb.enable(db, table, column)
    assert found(db) == [("other", "d", 5, 512, True), (table, column, 7, 64, True)]
    db.close()


def test_it_is_another_column(store: str) -> None:
    """One that was switched off, and the compressed one was dropped."""
    db = change(store, "")
    zb.enable(db, "t", "note")
    db.execute("UPDATE t SET note = note")
    zb.disable(db, "t", "note")
    db.execute(ANEW.format("SELECT id, note FROM t"))
    assert found(db) == [("t", "note", 7, 64, False)]
    zb.disable(db, "t", "note")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zb.load(db, keep=True)
    assert found(db) == []
    db.close()


def test_a_new_column_of_the_old_name(store: str) -> None:
    db = change(store, ANEW.format("SELECT id, data AS blob, own FROM t") + "ALTER TABLE t ADD COLUMN data BLOB")
    with pytest.warns(zb.ZblobWarning, match=r"another column, .* is now t\.blob.*'blob', level=7, min_size=64\)"):
        zb.load(db, keep=True)
    assert found(db) == [("t", "data", 7, 64, False)]
    zb.enable(db, "t", "blob")
    assert found(db) == [("t", "blob", 7, 64, True)]
    db.close()


def test_a_column_beside_it_is_no_rival(store: str) -> None:
    """Both were enabled; enabling one again leaves the other's settings alone."""
    db = change(store, "")
    zb.enable(db, "t", "note", level=3)
    db.execute(ANEW.format("SELECT * FROM t"))
    zb.enable(db, "t", "data")
    zb.load(db, keep=True)
    assert {(column, level, intact) for _, column, level, _, intact in found(db)} == {
        ("data", 7, True),
        ("note", 3, True),
    }
    db.close()


def test_two_lost_columns(store: str) -> None:
    """Each of two may be each of two: both are named, and enabling one leaves the other to be found."""
    db = change(store, "")
    zb.enable(db, "t", "note", level=3)
    db.execute("UPDATE t SET note = note")
    db.execute(ANEW.format("SELECT id, data AS a, note AS b FROM t"))
    assert {(column, level) for _, column, level, _, _ in found(db)} == {("a", 7), ("a", 3), ("b", 7), ("b", 3)}
    zb.enable(db, "t", "a", level=7, min_size=64)
    zb.enable(db, "t", "b", level=3, min_size=512)
    assert found(db) == [("t", "a", 7, 64, True), ("t", "b", 3, 512, True)]
    db.close()


@pytest.mark.parametrize("script", ["DROP TABLE t", ANEW.format("SELECT id, note, own FROM t")])
def test_a_column_that_was_dropped(store: str, script: str) -> None:
    """A program's own frames are none of a column's. Nothing is said, and rows are looked at once."""
    db = change(store, script)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zb.load(db, keep=True)
        looked = dict(watch._without_lost)
        zb.load(db, keep=True)
    assert found(db) == [] and len(looked) == 1 and watch._without_lost == looked
    db.close()
