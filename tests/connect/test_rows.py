"""Row hooks: decompressed rows from unchanged SELECTs, together with whatever factory or trace is there."""

from __future__ import annotations

import sqlite3
from typing import Any

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import open_apsw, open_sqlite3

VALUE, TEXT = b"abc" * 1000, "text" * 1000
EXPECTED = [(1, VALUE, None, 2.5), (2, TEXT, "x", b"plain"), (3, VALUE, None, None)]


def fill(db: Any) -> None:
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB, a, b)")
    zb.enable(db, "t", "data")
    db.execute("INSERT INTO t VALUES (1, ?, NULL, 2.5), (2, ?, 'x', x'706c61696e')", (VALUE, TEXT))
    zb.disable(db, "t", "data")
    db.execute("INSERT INTO t VALUES (3, ?, NULL, NULL)", (VALUE,))  # a row that was never compressed


def test_rows_come_back_decompressed(db: Any) -> None:
    fill(db)
    assert db.execute("SELECT data FROM t WHERE id = 1").fetchone()[0] != VALUE
    zb.decode_rows(db)
    zb.decode_rows(db)
    assert db.execute("SELECT * FROM t ORDER BY id").fetchall() == EXPECTED
    assert db.execute("SELECT zdecompress(data) FROM t WHERE id = 1").fetchone() == (VALUE,)
    assert list(db.execute("SELECT id FROM t WHERE id > ?", (2,))) == [(3,)]


def test_envelopes_come_back_as_the_pickle(db: Any) -> None:
    import pickle

    value = pickle.dumps(list(range(1000)))
    zb.decode_rows(db)
    assert db.execute("SELECT zpickle(?)", (value,)).fetchone() == (value,)


def test_a_damaged_value_is_an_error_and_no_row(db: Any) -> None:
    zb.decode_rows(db)
    frame = bytearray(zb.compress(VALUE))
    frame[-1] ^= 1
    with pytest.raises(zb.DamagedFrameError):
        db.execute("SELECT ?", (bytes(frame),)).fetchall()


def test_with_sqlite3_row() -> None:
    db = open_sqlite3()
    fill(db)
    db.row_factory = sqlite3.Row
    zb.decode_rows(db)
    row = db.execute("SELECT id, data FROM t WHERE id = 2").fetchone()
    assert isinstance(row, sqlite3.Row)
    assert (row["id"], row["DATA"], row.keys()) == (2, TEXT, ["id", "data"])
    db.close()


def test_with_a_factory_of_ones_own() -> None:
    db = open_sqlite3()
    fill(db)
    db.row_factory = lambda cursor, row: {item[0]: value for item, value in zip(cursor.description, row, strict=True)}
    zb.decode_rows(db)
    assert db.execute("SELECT id, data FROM t WHERE id = 1").fetchone() == {"id": 1, "data": VALUE}
    db.close()


def test_with_a_row_trace() -> None:
    db = open_apsw()
    fill(db)

    def trace(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Any:
        names = [item[0] for item in cursor.get_description()]
        return None if row[0] == 2 else dict(zip(names, row, strict=True))

    db.row_trace = trace
    zb.decode_rows(db)
    found: list[Any] = db.execute("SELECT id, data FROM t ORDER BY id").fetchall()
    assert found == [{"id": 1, "data": VALUE}, {"id": 3, "data": VALUE}]
    db.close()


def test_our_own_statements_do_not_mind_hooks() -> None:
    odd = open_sqlite3()
    odd.row_factory = lambda cursor, row: "a row"
    odd.text_factory = bytes
    traced = open_apsw()
    traced.row_trace = lambda cursor, row: None
    traced.exec_trace = lambda cursor, sql, bindings: "zblob" not in sql
    for db in (odd, traced):
        cursor = db.cursor()
        if isinstance(db, apsw.Connection):
            db.exec_trace, keep = None, db.exec_trace
            cursor.execute("CREATE TABLE t(id, d)")
            db.exec_trace = keep
        else:
            cursor.execute("CREATE TABLE t(id, d)")
        enabled = zb.enable(db, "t", "d")
        assert zb.status(db) == [enabled]
        zb.disable(db, "t", "d")
        assert zb.status(db) == []
        db.close()
    assert odd.text_factory is bytes


def test_other_connections_are_refused() -> None:
    with pytest.raises(TypeError, match=r"expected a sqlite3\.Connection"):
        zb.decode_rows("store.db")  # type: ignore[arg-type]
