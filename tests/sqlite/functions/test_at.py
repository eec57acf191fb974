"""zsubstr_at, zslice_at, zblob_stored: parts of values in tables, against the functions on the values themselves."""

from __future__ import annotations

import io
import pickle
import sqlite3
from collections.abc import Callable
from typing import Any

import apsw
import numpy as np
import pytest

import sqlite_zblob as zb

from ...conftest import one

ERRORS = (apsw.Error, sqlite3.Error)
VOLUME = np.random.RandomState(5).randint(0, 60, (40, 90, 100)).cumsum(axis=0, dtype="u2")
PICKLE = pickle.dumps(VOLUME)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


STORED: dict[str, Any] = {
    "frame": zb.compress(PICKLE),
    "small chunks": zb.compress(np.random.RandomState(1).bytes(3_500_000)),
    "stored": zb.compress(npy(VOLUME), codec="store"),
    "envelope": zb.compress_pickle(PICKLE),
    "plain": PICKLE,
    "plain bytes": bytes(range(256)) * 5,
    "text": "näive ☃ text" * 200,
    "framed text": zb.compress("näive ☃ text" * 20000),
    "empty": b"",
    "framed empty": zb.compress(b""),
    "empty text": "",
    "integer": 12345,
    "real": 2.5,
    "NULL": None,
}

TABLES = {
    "ordinary": "CREATE TABLE t(data, more)",
    "keyed": "CREATE TABLE t(id TEXT PRIMARY KEY DEFAULT 'x', data BLOB, more)",
    "hidden rowid": "CREATE TABLE t(rowid TEXT, _rowid_ TEXT, data, more)",
    "generated": "CREATE TABLE t(data, size AS (length(data)), more)",
    "without rowid": "CREATE TABLE t(id INTEGER PRIMARY KEY DEFAULT 1, data, more) WITHOUT ROWID",
    "odd names": 'CREATE TABLE "t"(more, "data" -- without\n, "a ""b" INT)',
}

FAR = 1 << 62
FAR_RANGES = [
    (1, FAR),
    (-1, 1 << 31),
    (-FAR, 2 * FAR - 1),
]  # SQLite's own substr() takes 32 bits of them in old versions
RANGES = [(1, 10), (0, 5), (-4, 3), (5, -3), (7, 0), (100, 5000), (1, 1 << 30), (-(1 << 30), 1 << 30), (1 << 30, 3)]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", STORED)
def test_parts_are_those_of_the_value(db: Any, table: str, name: str) -> None:
    value = STORED[name]
    db.execute(TABLES[table])
    db.execute("INSERT INTO t(data, more) VALUES (?, 'x')", (value,))
    for start, count in RANGES + FAR_RANGES:
        expected = one(db, "SELECT zsubstr(?, ?, ?)", value, start, count)
        assert one(db, "SELECT zsubstr_at('main', 't', 'data', 1, ?, ?)", start, count) == expected
    assert one(db, "SELECT zsubstr_at('main', 't', 'data', 1, 3)") == one(db, "SELECT zsubstr(?, 3)", value)
    assert one(db, "SELECT zslice_at('main', 't', 'data', 1, 0, 7)") == one(db, "SELECT zslice(?, 0, 7)", value)
    assert one(db, "SELECT zslice_at('main', 't', 'data', 1, 2, -7)") == one(db, "SELECT zslice(?, 2, -7)", value)


@pytest.mark.parametrize("name", [name for name in STORED if name != "NULL"])
def test_virtual_tables_are_read_behind(db: Any, name: str) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(id TEXT PRIMARY KEY, data BLOB COMPRESSED)")
    value = zb.decompress(STORED[name]) if isinstance(STORED[name], bytes) else STORED[name]
    db.execute("INSERT INTO t VALUES ('a', ?)", (value,))
    for start, count in RANGES:
        expected = one(db, "SELECT substr(?, ?, ?)", value, start, count)
        assert one(db, "SELECT zsubstr_at('main', 't', 'data', 1, ?, ?)", start, count) == expected
    expected = one(db, "SELECT zslice(?, 1, 7)", value)
    assert one(db, "SELECT zslice_at('main', 't', 'data', 1, 1, 7)") == expected


@pytest.mark.parametrize("name", [name for name in STORED if name != "NULL"])
def test_a_virtual_table_may_hold_frames_of_the_program(db: Any, name: str) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING zblob(id TEXT PRIMARY KEY, data BLOB COMPRESSED)")
    db.execute("INSERT INTO t VALUES ('a', ?)", (STORED[name],))
    assert one(db, "SELECT data FROM t") == STORED[name]
    for start, count in RANGES:
        expected = one(db, "SELECT zsubstr(data, ?, ?) FROM t", start, count)
        assert one(db, "SELECT zsubstr_at('main', 't', 'data', 1, ?, ?)", start, count) == expected
    expected = one(db, "SELECT zslice(data, 1, 7) FROM t")
    assert one(db, "SELECT zslice_at('main', 't', 'data', 1, 1, 7)") == expected


def test_other_schemas(db: Any, tmp_path: Any) -> None:
    db.execute("CREATE TEMP TABLE t(data)")
    db.execute('ATTACH ? AS [odd "name]', (str(tmp_path / "other.db"),))
    db.execute('CREATE TABLE "odd ""name".t(data)')
    db.execute("INSERT INTO temp.t VALUES (zcompress('temporary'))")
    db.execute('INSERT INTO "odd ""name".t VALUES (zcompress(\'attached\'))')
    assert one(db, "SELECT zsubstr_at('temp', 'T', 'DATA', 1, 1, 4)") == "temp"
    assert one(db, "SELECT zsubstr_at('odd \"name', 't', 'data', 1, 1, 4)") == "atta"


def test_other_virtual_tables_and_views_are_selected(db: Any) -> None:
    db.execute("CREATE VIRTUAL TABLE t USING fts5(data)")
    db.execute("INSERT INTO t VALUES ('some words')")
    assert one(db, "SELECT zsubstr_at('main', 't', 'data', 1, 6, 5)") == "words"
    db.execute("CREATE TABLE real(data)")
    db.execute("INSERT INTO real VALUES ('some words')")
    db.execute("CREATE VIEW seen AS SELECT rowid, data FROM real")
    assert one(db, "SELECT zsubstr_at('main', 'seen', 'data', 1, 6, 5)") == "words"


def test_nothing_gives_null(db: Any) -> None:
    db.execute("CREATE TABLE t(data)")
    for function in ("zsubstr_at", "zslice_at", "zblob_stored"):
        assert one(db, f"SELECT {function}('main', 't', 'data', 5, 1, 4)") is None
        assert one(db, f"SELECT {function}(NULL, 't', 'data', 5, 1, 4)") is None
        assert one(db, f"SELECT {function}('main', 't', 'data', NULL, 1, 4)") is None
        assert one(db, f"SELECT {function}('main', 't', 'data', 5, NULL, 4)") is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("'other', 't', 'data', 1, 1, 4", "no attached database other"),
        ("'main', 'other', 'data', 1, 1, 4", "no table other in main"),
        ("'main', 'sqlite_schema', 'name', 1, 1, 4", "table sqlite_schema is one of SQLite's own: SELECT from it"),
        ("'main', 't', 'other', 1, 1, 4", "table t has no column other"),
        ("'main', 'pair', 'data', 1, 1, 4", "several columns"),
        ("'main', 'all_hidden', 'data', 1, 1, 4", "hide its rowid"),
    ],
)
def test_errors_say_what_is_missing(db: Any, arguments: str, text: str) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("CREATE TABLE pair(a, b, data, PRIMARY KEY (a, b)) WITHOUT ROWID")
    db.execute("CREATE TABLE all_hidden(rowid, oid, _rowid_, data)")
    for function in ("zsubstr_at", "zslice_at", "zblob_stored"):
        with pytest.raises(ERRORS, match=text):
            one(db, f"SELECT {function}({arguments})")


def test_slices_that_do_not_exist(db: Any) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?), (?)", (STORED["frame"], PICKLE))
    for rowid in (1, 2):
        with pytest.raises(ERRORS, match=r"^(SQLError: )?the image has 40 slices"):
            one(db, "SELECT zslice_at('main', 't', 'data', ?, 0, 40)", rowid)
        with pytest.raises(ERRORS, match="integers"):
            one(db, "SELECT zslice_at('main', 't', 'data', ?, 0, 'x')", rowid)


def test_damage_is_found_where_it_is_read(db: Any) -> None:
    frame = bytearray(zb.compress(np.random.RandomState(1).randint(0, 40, 5_000_000, dtype="u1").tobytes()))
    cuts = db.execute("SELECT stored_offset, stored_size FROM zblob_chunks(?)", (bytes(frame),)).fetchall()
    assert len(cuts) > 3
    frame[cuts[2][0] + cuts[2][1] // 2] ^= 1
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?)", (bytes(frame),))
    assert len(one(db, "SELECT zsubstr_at('main', 't', 'data', 1, 1, 1000)")) == 1000
    with pytest.raises(ERRORS, match="chunk 3 of"):
        one(db, "SELECT zsubstr_at('main', 't', 'data', 1, 2500000, 100)")
    for size in (40, len(frame) - 1):
        db.execute("UPDATE t SET data = ?", (bytes(frame[:size]),))
        with pytest.raises(ERRORS, match="damaged"):
            one(db, "SELECT zsubstr_at('main', 't', 'data', 1, 1, 10)")


def test_damaged_envelopes_are_refused(db: Any) -> None:
    envelope = STORED["envelope"]
    db.execute("CREATE TABLE t(data)")
    for damaged in (envelope[:-1], b"\x81" + envelope[1:], envelope + b"."):
        db.execute("INSERT OR REPLACE INTO t(rowid, data) VALUES (1, ?)", (damaged,))
        with pytest.raises(ERRORS, match="damaged"):
            one(db, "SELECT zsubstr_at('main', 't', 'data', 1, 1, 10)")


def test_the_limit_of_decoded_bytes_holds(db: Any) -> None:
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (?)", (STORED["frame"],))
    db.execute("SELECT zblob_config('max_size', 10000)").fetchall()
    assert one(db, "SELECT length(zslice_at('main', 't', 'data', 1, 2, 3))") == 7200
    with pytest.raises(ERRORS, match="max_size"):
        one(db, "SELECT zslice_at('main', 't', 'data', 1, 0, 3)")


@pytest.mark.parametrize("table", ["ordinary", "generated"])
@pytest.mark.parametrize("name", STORED)
def test_stored_bytes(db: Any, table: str, name: str) -> None:
    value = STORED[name]
    db.execute(TABLES[table])
    db.execute("INSERT INTO t(data) VALUES (?)", (value,))
    expected = one(db, "SELECT CAST(data AS BLOB) FROM t")
    assert one(db, "SELECT zblob_stored('main', 't', 'data', 1)") == (None if value is None else len(expected))
    for offset, count in [(0, 10), (5, 1 << 40), (1 << 40, 5), (0, 0)]:
        part = None if value is None else expected[offset : offset + count]
        assert one(db, "SELECT zblob_stored('main', 't', 'data', 1, ?, ?)", offset, count) == part
    with pytest.raises(ERRORS, match="negative"):
        one(db, "SELECT zblob_stored('main', 't', 'data', 1, -1, 5)")


def test_an_authorizer_is_asked() -> None:
    connection = apsw.Connection("")
    zb.load(connection)
    connection.execute("CREATE TABLE t(data)")
    connection.execute("INSERT INTO t VALUES ('secret')")

    def authorize(action: int, first: str | None, second: str | None, *_: Any) -> int:
        return apsw.SQLITE_DENY if (action, first) == (apsw.SQLITE_READ, "t") else apsw.SQLITE_OK

    connection.authorizer = authorize
    with pytest.raises(apsw.AuthError):
        one(connection, "SELECT zsubstr_at('main', 't', 'data', 1, 1, 6)")


def test_views_and_other_statements_may_use_them(opener: Callable[..., Any], path: str) -> None:
    db = opener(path)
    db.execute("CREATE TABLE t(data)")
    for value in (STORED["frame"], STORED["envelope"], PICKLE):
        db.execute("INSERT INTO t VALUES (?)", (value,))
    db.execute("CREATE VIEW slices AS SELECT zslice_at('main', 't', 'data', rowid, 0, 3) AS slice FROM t")
    rows = db.execute("SELECT slice FROM slices").fetchall()
    assert rows == [(VOLUME[3].tobytes(),)] * 3
    db.execute("UPDATE t SET data = zsubstr_at('main', 't', 'data', rowid, 1, 100)")
    assert db.execute("SELECT data FROM t").fetchall() == [(PICKLE[:100],)] * 3
    db.close()


@pytest.mark.parametrize(("start", "count"), RANGES + FAR_RANGES)
def test_a_part_is_the_same_of_a_value_and_of_its_frame(db: Any, start: int, count: int) -> None:
    value = bytes(range(200))
    parts = [one(db, "SELECT zsubstr(?, ?, ?)", each, start, count) for each in (value, zb.compress(value))]
    assert parts[0] == parts[1]
    if count == FAR:
        assert parts[0] == value


@pytest.mark.parametrize("reads", ["zsubstr_at('main', '{}', 'data', 1, 1)", "zblob_stored('main', '{}', 'data', 1)"])
@pytest.mark.parametrize("names", ["v", "vuw"])
def test_views_that_read_themselves_are_errors(opener: Callable[..., Any], path: str, reads: str, names: str) -> None:
    db = opener(path)
    for i, name in enumerate(names):
        db.execute(f"CREATE VIEW {name} AS SELECT 1 AS rowid, {reads.format(names[i - 1])} AS data")
    for _ in range(2):
        with pytest.raises(ERRORS, match="reads itself, or views read one another"):
            db.execute("SELECT data FROM v").fetchall()
    db.execute("CREATE TABLE t(data)")
    db.execute("INSERT INTO t VALUES (x'0102')")
    below = "t"
    for name in ("a", "b", "c", "d"):
        db.execute(f"CREATE VIEW {name} AS SELECT rowid, {reads.format(below)} AS data FROM t")
        below = name
    assert one(db, "SELECT data FROM d") in (b"\1\2", 1)
    db.close()
