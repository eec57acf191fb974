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
        zb.decode_rows("store.db")


# ---- Factories and traces that are set later ---------------------------------------------------------------


def as_dict(cursor: Any, row: tuple[Any, ...]) -> dict[str, Any]:
    return {item[0]: value for item, value in zip(cursor.description, row, strict=True)}


def test_a_factory_that_is_set_later_gets_decompressed_rows() -> None:
    db = open_sqlite3()
    fill(db)
    zb.decode_rows(db)
    assert db.row_factory is None
    db.row_factory = sqlite3.Row
    assert db.row_factory is sqlite3.Row
    assert db.execute("SELECT data FROM t WHERE id = 2").fetchone()["data"] == TEXT
    db.row_factory = as_dict
    assert db.execute("SELECT id, data FROM t WHERE id = 1").fetchone() == {"id": 1, "data": VALUE}
    db.row_factory = None
    assert db.execute("SELECT data FROM t WHERE id = 1").fetchone() == (VALUE,)
    db.close()


def test_a_cursor_with_its_own_factory() -> None:
    db = open_sqlite3()
    fill(db)
    zb.decode_rows(db)
    cursor = db.cursor()
    for factory, expected in ((as_dict, {"data": VALUE}), (None, (VALUE,)), (lambda _, row: list(row), [VALUE])):
        cursor.row_factory = factory
        assert cursor.row_factory is factory
        assert cursor.execute("SELECT data FROM t WHERE id = 1").fetchone() == expected
    db.close()


class DictCursor(sqlite3.Cursor):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.row_factory = as_dict


def test_a_cursors_class_that_sets_its_factory() -> None:
    db = open_sqlite3()
    fill(db)
    zb.decode_rows(db)
    sql = "SELECT data FROM t WHERE id = 1"
    for cursor in (db.cursor(DictCursor), db.cursor(factory=DictCursor)):
        assert cursor.row_factory is as_dict
        assert cursor.execute(sql).fetchall() == [{"data": VALUE}]
    nonsense: Any
    for nonsense in (int, lambda _: 5):
        with pytest.raises(TypeError):
            db.cursor(nonsense)
    assert db.cursor(sqlite3.Cursor).execute(sql).fetchone() == db.execute(sql).fetchone() == (VALUE,)
    db.row_factory = sqlite3.Row  # which comes before the class's own, as without decoding
    assert isinstance(db.cursor(DictCursor).execute(sql).fetchone(), sqlite3.Row)
    db.close()


@pytest.mark.parametrize("on_cursor", [False, True])
def test_a_trace_that_is_set_later(on_cursor: bool) -> None:
    db = open_apsw()
    fill(db)
    zb.decode_rows(db)
    target: Any = db.cursor() if on_cursor else db

    def trace(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Any:
        return {"data": row[0]}

    def read() -> Any:
        return target.execute("SELECT data FROM t WHERE id = 1").fetchone()

    target.row_trace = trace
    assert target.row_trace is trace and target.get_row_trace() is trace
    assert read() == {"data": VALUE}
    target.set_row_trace(None)
    assert target.row_trace is None and read() == (VALUE,)
    target.set_row_trace(callable=trace)
    assert read() == {"data": VALUE}
    if hasattr(target, "setrowtrace"):  # APSW's older name
        target.setrowtrace(None)
        assert target.getrowtrace() is None and read() == (VALUE,)
    db.close()


def test_traces_of_connection_and_cursor_together() -> None:
    """Which one counts, and what None means (APSW has changed its mind): as on a connection that does not decode."""
    found = []
    for decodes in (False, True):
        db = open_apsw()
        db.row_trace = lambda cursor, row: ("the connection's", *row)
        if decodes:
            zb.decode_rows(db)
        cursor = db.cursor()
        results = [cursor.execute("SELECT ?", (VALUE,)).fetchone()]
        for trace in (lambda cursor, row: ("the cursor's", *row), None, lambda cursor, row: None, None):
            cursor.row_trace = trace
            stored = zb.compress(VALUE) if decodes else VALUE
            results.append(cursor.execute("SELECT ?", (stored,)).fetchone())
        found.append(results)
        db.close()
    assert found[0] == found[1]
    assert found[1][1] == ("the cursor's", VALUE)


def test_connections_without_it_keep_their_attributes(db: Any) -> None:
    other = open_sqlite3()
    zb.decode_rows(other)
    fill(db)
    frame = db.execute("SELECT data FROM t WHERE id = 1").fetchone()[0]
    name = "row_trace" if isinstance(db, apsw.Connection) else "row_factory"
    marked = lambda cursor, row: ("marked", *row)  # noqa: E731
    for target in (db, db.cursor()):
        setattr(target, name, marked)
        assert getattr(target, name) is marked
        assert target.execute("SELECT data FROM t WHERE id = 1").fetchone() == ("marked", frame)
        setattr(target, name, None)
        assert getattr(target, name) is None
        assert target.execute("SELECT data FROM t WHERE id = 1").fetchone() == (frame,)
    other.close()


def test_turning_it_off_again(db: Any) -> None:
    fill(db)
    zb.decode_rows(db)
    zb.decode_rows(db, on=False)
    zb.decode_rows(db, on=False)
    assert zb.is_frame(db.execute("SELECT data FROM t WHERE id = 1").fetchone()[0])
    zb.decode_rows(db)
    assert db.execute("SELECT data FROM t WHERE id = 1").fetchone() == (VALUE,)


# ---- What sqlite3 makes of TEXT ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16"])
@pytest.mark.parametrize(
    "factory",
    [str, bytes, bytearray, lambda data: data.decode("utf-8", "replace"), lambda data: ("made of", data)],
    ids=["str", "bytes", "bytearray", "lenient", "strange"],
)
def test_a_text_factory_gets_what_a_plain_table_gives(encoding: str, factory: Any) -> None:
    db = open_sqlite3()
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.execute("CREATE TABLE packed(data)")
    db.execute("CREATE TABLE plain(data)")
    zb.enable(db, "packed", "data")
    values = ["ä€\U0001f600 text" * 500, "nul\0inside" * 500, "\ufeffmark" * 500, b"\xffblob" * 500, "short", None, 5]
    for table in ("packed", "plain"):
        db.executemany(f"INSERT INTO {table} VALUES (?)", [(value,) for value in values])
    assert db.execute("SELECT count(*) FROM packed WHERE zis_frame(data)").fetchone()[0] >= 3
    zb.decode_rows(db)
    db.text_factory = factory
    expected = db.execute("SELECT data FROM plain ORDER BY rowid").fetchall()
    assert db.execute("SELECT data FROM packed ORDER BY rowid").fetchall() == expected
    db.close()


def test_text_that_is_no_utf8() -> None:
    db = open_sqlite3()
    db.execute("CREATE TABLE packed(data)")
    db.execute("CREATE TABLE plain(data)")
    zb.enable(db, "packed", "data")
    raw = b"b\xe4d" * 500
    for table in ("packed", "plain"):
        db.execute(f"INSERT INTO {table} VALUES (CAST(? AS TEXT))", (raw,))
    assert db.execute("SELECT zis_frame(data) FROM packed").fetchone() == (1,)
    zb.decode_rows(db)

    def problem(table: str) -> str:
        with pytest.raises(sqlite3.OperationalError) as caught:
            db.execute(f"SELECT data FROM {table}").fetchall()
        return str(caught.value)[:50]

    assert problem("packed") == problem("plain")
    assert "column 'data'" in problem("packed")
    for factory in (bytes, lambda data: data.decode("latin-1")):
        db.text_factory = factory
        expected = db.execute("SELECT data FROM plain").fetchall()
        assert db.execute("SELECT data FROM packed").fetchall() == expected
    db.close()


def test_text_that_is_no_utf8_in_apsw() -> None:
    db = open_apsw()
    zb.decode_rows(db)
    with pytest.raises(UnicodeDecodeError):
        db.execute("SELECT CAST(x'62e464' AS TEXT)").fetchall()
    with pytest.raises(UnicodeDecodeError):
        db.execute("SELECT zcompress(CAST(? AS TEXT))", (b"b\xe4d" * 500,)).fetchall()
    db.close()


# ---- Converters --------------------------------------------------------------------------------------------


def test_converters_get_decompressed_bytes() -> None:
    """By declared type and by column name; registered before and after; BLOB and TEXT."""
    import json

    seen: list[bytes] = []

    def convert(data: bytes) -> Any:
        seen.append(data)
        return json.loads(data)

    value = {"numbers": list(range(1000))}
    text = json.dumps(value)
    sqlite3.register_converter("before", convert)
    db = open_sqlite3(detect_types=sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a before, b after, c)")
    for column in "abc":
        zb.enable(db, "t", column)
    db.execute("INSERT INTO t VALUES (1, ?, ?, ?)", (text, text.encode(), text))
    db.execute("INSERT INTO t VALUES (2, NULL, '[1]', 5)")
    zb.decode_rows(db)
    sqlite3.register_converter("after", convert)
    found = db.execute('SELECT a, b, c AS "c [before]" FROM t ORDER BY id').fetchall()
    assert found == [(value, value, value), (None, [1], 5)]
    assert set(seen) == {text.encode(), b"[1]", b"5"}
    damaged = bytearray(zb.compress(text.encode()))
    damaged[-1] ^= 1
    with pytest.raises(zb.DamagedFrameError):
        db.execute('SELECT ? AS "x [after]"', (bytes(damaged),)).fetchall()
    db.close()


def test_the_standard_converters_still_work() -> None:
    import datetime
    import warnings

    db = open_sqlite3(detect_types=sqlite3.PARSE_DECLTYPES)
    zb.decode_rows(db)
    db.execute("CREATE TABLE t(d DATE, s TIMESTAMP)")
    db.execute("INSERT INTO t VALUES ('2026-01-31', '2026-01-31 12:30:00')")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert db.execute("SELECT * FROM t").fetchone() == (
            datetime.date(2026, 1, 31),
            datetime.datetime(2026, 1, 31, 12, 30),
        )
    db.close()


def test_a_converter_that_was_registered_behind_its_back() -> None:
    """Through a name that was imported before: the next connection that decodes finds it."""
    from sqlite_zblob.connect import converters

    first = open_sqlite3()
    zb.decode_rows(first)
    first.close()
    converters._register("behind", lambda data: data[:3])  # sqlite3's own function
    db = open_sqlite3(detect_types=sqlite3.PARSE_COLNAMES)
    zb.decode_rows(db)
    assert db.execute('SELECT zcompress(?) AS "x [behind]"', (VALUE,)).fetchone() == (b"abc",)
    db.close()
