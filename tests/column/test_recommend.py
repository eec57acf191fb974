"""recommend(): the mode that fits, and the reasons it gives."""

from __future__ import annotations

import os
import pickle
from typing import Any

import pytest

import sqlite_zblob as zb

BYTES = [bytes([i, i + 1, 0, 0]) * 2000 for i in range(40)]
PICKLES = [pickle.dumps([i] * 3000) for i in range(40)]
PLAIN = "CREATE TABLE t(name TEXT PRIMARY KEY, data BLOB, other INT)"


def recommend(db: Any, sql: str, values: list[bytes], column: str = "data") -> zb.Recommendation:
    for statement in sql.split("; "):
        db.execute(statement)
    keys = "name, data" if "name" in sql else "data"
    for i, value in enumerate(values):
        bindings = (f"key {i}", value) if "name" in sql else (value,)
        db.execute(f"INSERT INTO t({keys}) VALUES ({', '.join('?' * len(bindings))})", bindings)
    return zb.recommend(db, "t", column)


def test_a_virtual_table_where_nothing_stands_against_it(db: Any) -> None:
    found = recommend(db, PLAIN, BYTES)
    assert (found.mode, found.envelope, found.row_count, found.sampled_count) == ("table", "frame", 40, 16)
    assert found.sampled_bytes == 16 * 8000
    assert found.ratio is not None and found.ratio > 20
    assert "nothing stands against" in found.why[0]


def test_pickles_go_in_place_into_the_pickle_envelope(db: Any) -> None:
    found = recommend(db, PLAIN, PICKLES)
    assert (found.mode, found.envelope) == ("in-place", "pickle")
    assert "pickle.loads" in found.why[0]


@pytest.mark.parametrize(
    "sql,reason",
    [
        ("; CREATE INDEX by_other ON t(other)", "index by_other: CREATE INDEX fails on a virtual table"),
        ("; CREATE TRIGGER tr AFTER DELETE ON t BEGIN SELECT 1; END", "trigger tr: SQLite allows none"),
        ("; CREATE TABLE child(x REFERENCES T(name))", "foreign keys of child refer to it"),
    ],
)
def test_what_only_an_ordinary_table_has(db: Any, sql: str, reason: str) -> None:
    db.execute("PRAGMA foreign_keys = 0")
    statements = PLAIN + sql
    for statement in [statements] if "TRIGGER" in sql else []:
        create, trigger = statement.split("; ", 1)
        db.execute(create)
        db.execute(trigger)
        statements = "SELECT 1 AS name"
    found = recommend(db, statements, BYTES)
    assert (found.mode, found.envelope) == ("in-place", "frame")
    assert reason in found.why[0]
    assert any("decode_rows" in why for why in found.why)


def test_keys_made_by_the_database(db: Any) -> None:
    found = recommend(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)", BYTES)
    assert found.mode == "in-place"
    assert "RETURNING" in found.why[0]


def test_without_rowid(db: Any) -> None:
    found = recommend(db, "CREATE TABLE t(name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID", BYTES)
    assert (found.mode, found.sampled_count) == ("in-place", 16)
    assert "WITHOUT ROWID" in found.why[0]


def test_owners_update_triggers_and_large_values(db: Any) -> None:
    db.execute("CREATE TABLE t(name TEXT PRIMARY KEY, data BLOB, other INT)")
    db.execute("CREATE TRIGGER tr AFTER UPDATE ON t BEGIN SELECT 1; END")
    found = recommend(db, "SELECT 1 AS name", [value * 20 for value in BYTES[:3]])
    assert "trigger tr will fire once more for each compressed value" in found.why
    assert "auto_vacuum" in found.why[-1]


def test_what_is_not_worth_it_or_not_possible(db: Any) -> None:
    found = recommend(db, PLAIN, [os.urandom(5000) for _ in range(5)])
    assert (found.mode, found.sampled_count) == (None, 5)
    assert "compression saves next to nothing" in found.why[0]
    found = zb.recommend(db, "t", "name")
    assert (found.mode, found.why[0]) == (None, "the schema looks at its values: it is part of the PRIMARY KEY")
    with pytest.raises(zb.OptionError, match="no column"):
        zb.recommend(db, "t", "missing")


def test_an_empty_table(db: Any) -> None:
    found = recommend(db, PLAIN, [])
    assert (found.mode, found.row_count, found.sampled_count, found.ratio) == ("table", 0, 0, None)


def test_a_table_that_is_enabled_already(db: Any) -> None:
    db.execute(PLAIN)
    zb.enable(db, "t", "data")
    found = recommend(db, "SELECT 1 AS name", [*BYTES[:5], *("text" * 900,) * 2])  # type: ignore[list-item]
    assert found.mode == "table"
    assert found.sampled_bytes == 5 * 8000 + 2 * 3600


def test_what_is_recommended_can_be_enabled(db: Any) -> None:
    found = recommend(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)", PICKLES)
    assert found.mode is not None
    assert zb.enable(db, "t", "data", mode=found.mode, envelope=found.envelope).is_intact
