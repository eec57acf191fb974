"""In place: what enable() refuses, each with its reason; and what looks alike but is allowed."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

import sqlite_zblob as zb
from sqlite_zblob.connect.database import tokens

from ..conftest import one, open_apsw

REFUSED = {
    "CREATE TABLE t(d BLOB PRIMARY KEY)": "it is part of the PRIMARY KEY",
    "CREATE TABLE t(d INTEGER PRIMARY KEY)": "it is part of the PRIMARY KEY",
    "CREATE TABLE t(a, d, PRIMARY KEY (a, d)) WITHOUT ROWID": "it is part of the PRIMARY KEY",
    "CREATE TABLE t(d BLOB UNIQUE)": "it is part of a UNIQUE constraint",
    "CREATE TABLE t(a, d, UNIQUE (a, D))": "it is part of a UNIQUE constraint",
    "CREATE TABLE t(d REFERENCES p(x))": "it is a FOREIGN KEY",
    "CREATE TABLE t(a, d, FOREIGN KEY (a, D) REFERENCES p(x, y))": "it is a FOREIGN KEY",
    "CREATE TABLE t(d CHECK (length(d) > 3))": "a CHECK constraint looks at it",
    "CREATE TABLE t(a, d, CHECK ((a > 3) OR ([D] IS NULL)))": "a CHECK constraint looks at it",
    "CREATE TABLE t(d, CONSTRAINT d CHECK (/* d */ typeof(`d`) <> 'null'))": "a CHECK constraint looks at it",
    "CREATE TABLE t(a, d AS (a + 1))": "it is a generated column",
    "CREATE TABLE t(a, d GENERATED ALWAYS AS (a + 1) STORED)": "it is a generated column",
    "CREATE TABLE t(d, n INT AS (length(d)))": "a generated column looks at it",
    'CREATE TABLE t(d, n GENERATED ALWAYS AS (substr("D", 1, 3)) STORED)': "a generated column looks at it",
    "CREATE TABLE t(d, n); CREATE INDEX i ON t(d)": "index i looks at it",
    "CREATE TABLE t(d, n); CREATE UNIQUE INDEX i ON t(n, d)": "index i looks at it",
    "CREATE TABLE t(d, n); CREATE INDEX i ON t(length(d))": "index i looks at it",
    'CREATE TABLE t(d, n); CREATE INDEX "on" ON t(n) WHERE d IS NOT NULL': "index on looks at it",
    "CREATE TABLE t(d TEXT) STRICT": "the table is STRICT and a compressed TEXT is a BLOB",
    "CREATE TABLE t(d INTEGER) STRICT": "the table is STRICT",
    "CREATE TABLE t(a INT PRIMARY KEY, d TEXT) STRICT, WITHOUT ROWID": "the table is STRICT",
    "CREATE TABLE t(rowid, _rowid_, OID, d BLOB)": "the table's columns take all names of the rowid",
}


def execute_all(db: Any, sql: str) -> None:
    for statement in sql.split("; "):
        db.execute(statement)


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(db: Any, sql: str) -> None:
    execute_all(db, sql)
    before = one(db, "SELECT group_concat(sql) FROM sqlite_master")
    with pytest.raises(zb.OptionError) as caught:
        zb.enable(db, "t", "d")
    assert f"column d of table t cannot be compressed in place: {REFUSED[sql]}" in str(caught.value)
    assert one(db, "SELECT group_concat(sql) FROM sqlite_master") == before
    assert not db.in_transaction


def test_every_reason_is_given_at_once(db: Any) -> None:
    db.execute("CREATE TABLE t(a, d UNIQUE REFERENCES p(x) CHECK (d > 1) CHECK (d < 9), n AS (d))")
    with pytest.raises(zb.OptionError) as caught:
        zb.enable(db, "t", "d")
    assert str(caught.value).split(": ")[1].split("; ") == [
        "it is part of a UNIQUE constraint",
        "it is a FOREIGN KEY",
        "a CHECK constraint looks at it",
        "a generated column looks at it",
    ]


ALLOWED = [
    "CREATE TABLE t(d BLOB NOT NULL DEFAULT x'00', n CHECK (n <> 'd'))",
    "CREATE TABLE t(d, n UNIQUE, m REFERENCES p(d), CHECK (n > 3 /* d */) -- d\n)",
    "CREATE TABLE t(d, n); CREATE INDEX d2 ON t(n) WHERE n <> 'd'",
    "CREATE TABLE t(d, n, dd AS (n || 'd'), ddd CHECK (ddd > 1))",
    "CREATE TABLE t(d CHECK (1), n DEFAULT (abs(3)))",
    'CREATE TABLE t(d TEXT COLLATE NOCASE, "check" INT, "as" INT)',
    "CREATE TABLE t(d ANY, n TEXT CHECK (n > '')) STRICT",
    "CREATE TABLE t(rowid TEXT, _rowid_ TEXT, oid INTEGER PRIMARY KEY, d BLOB)",
    'CREATE TABLE "strict without rowid"(x); CREATE TABLE t(d TEXT, strict, without)',
]


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed(db: Any, sql: str) -> None:
    execute_all(db, sql)
    assert zb.enable(db, "t", "d").is_intact
    db.execute("INSERT INTO t(d) VALUES (printf('%05000d', 7))")
    assert one(db, "SELECT zis_frame(d) FROM t") == 1


def test_what_is_no_ordinary_table(db: Any) -> None:
    db.execute("CREATE TABLE t(d)")
    db.execute("CREATE VIEW v AS SELECT d FROM t")
    db.execute("CREATE VIRTUAL TABLE f USING fts4(d)")
    zb.enable(db, "t", "d")
    for name, reason in {
        "v": "v is a view",
        "f": "f is a virtual table",
        "f_content": "f_content belongs to a virtual table",
        "sqlite_master": "sqlite_master is an internal table",
        "zblob_columns": "zblob_columns is an internal table",
        "missing": "there is no table missing in main: it has t, f, f_content,",
    }.items():
        with pytest.raises(zb.OptionError, match=reason):
            zb.enable(db, name, "d")
    with pytest.raises(zb.OptionError, match="table t has no column missing"):
        zb.enable(db, "t", "missing")
    with pytest.raises(zb.OptionError, match="no attached database other"):
        zb.enable(db, "t", "d", schema="other")


def test_options(db: Any) -> None:
    db.execute("CREATE TABLE t(d)")
    for options, reason in (
        ({"mode": "view"}, "mode must be one of in-place, table, not 'view'"),
        ({"envelope": "zip"}, "envelope must be one of frame, pickle, not 'zip'"),
        ({"level": 0}, "level"),
        ({"level": 10}, "level"),
        ({"min_size": -1}, "min_size"),
    ):
        with pytest.raises(zb.OptionError, match=reason):
            zb.enable(db, "t", "d", **options)
    assert zb.status(db) == []
    with pytest.raises(TypeError):
        zb.enable(object(), "t", "d")  # type: ignore[arg-type]


def test_tokens() -> None:
    sql = "a 'it''s' \"q\"\"q\" `b``b` [c]d -- x\n/* y */x'00' 1.5e3 Ünï_$ <> /* open"
    assert [(token.kind, token.text) for token in tokens(sql)] == [
        ("word", "a"),
        ("string", "'it''s'"),
        ("quoted", 'q"q'),
        ("quoted", "b`b"),
        ("quoted", "c"),
        ("word", "d"),
        ("word", "x"),
        ("string", "'00'"),
        ("other", "1.5e3"),
        ("word", "Ünï_$"),
        ("other", "<"),
        ("other", ">"),
    ]


def test_a_connection_without_triggers_is_told_that_it_stores_values_as_they_come(path: str) -> None:
    db = open_apsw(path)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "t", "data")
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    with pytest.warns(zb.ZblobWarning, match="triggers are switched off on this connection"):
        zb.enable(db, "t", "data")
    (entry,) = zb.status(db)
    assert not entry.is_intact and "stored as it comes" in entry.problems[0]
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
    assert [each.is_intact for each in zb.status(db)] == [True]
    assert [each.is_intact for each in zb.status(path)] == [True]
    db.close()
