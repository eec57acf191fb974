"""open_blob: the bytes of a value, whatever is read of it, and never a mixture of two."""

from __future__ import annotations

import io
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sqlite_zblob as zb
from sqlite_zblob.parts import value as parts_value
from sqlite_zblob.parts.value import StoredValue

from ..conftest import examples, open_apsw, open_autocommit

RANDOM = np.random.RandomState(3)
VOLUME = RANDOM.randint(0, 60, (60, 190, 200)).cumsum(axis=0, dtype="u2")
PICKLE = pickle.dumps(VOLUME)
TEXT = "näive ☃ text" * 200000
VALUES: dict[str, tuple[Any, bytes]] = {
    "frame": (zb.compress(PICKLE), PICKLE),
    "envelope": (zb.compress_pickle(PICKLE), PICKLE),
    "plain": (PICKLE, PICKLE),
    "general": (zb.compress(TEXT.encode()), TEXT.encode()),
    "stored": (zb.compress(PICKLE[:3_000_000], codec="store"), PICKLE[:3_000_000]),
    "framed text": (zb.compress(TEXT), TEXT.encode()),
    "text": (TEXT, TEXT.encode()),
    "empty": (b"", b""),
    "framed empty": (zb.compress(b""), b""),
    "short": (b"abc", b"abc"),
}


def store(db: Any, value: Any, sql: str = "CREATE TABLE t(data)") -> None:
    db.execute(sql)
    db.execute("INSERT INTO t(data) VALUES (?)", (value,))


@pytest.mark.parametrize("name", VALUES)
def test_a_stream_gives_the_bytes(db: Any, name: str) -> None:
    value, raw = VALUES[name]
    store(db, value)
    with zb.open_blob(db, "t", "data", 1) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert stream.readable() and stream.seekable() and not stream.writable()
        assert stream.read() == raw
        assert stream.read(5) == b""
        assert stream.seek(-2, io.SEEK_END) == max(len(raw) - 2, 0) if raw else True
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


def test_a_stream_of_any_table(db: Any) -> None:
    value, raw = VALUES["frame"]
    store(db, value, "CREATE TABLE t(data, size AS (length(data)))")
    db.execute("CREATE TABLE w(id TEXT PRIMARY KEY, data) WITHOUT ROWID")
    db.execute("INSERT INTO w VALUES ('a', ?)", (value,))
    db.execute("CREATE VIRTUAL TABLE v USING zblob(data BLOB COMPRESSED)")
    db.execute("INSERT INTO v VALUES (?)", (raw,))
    for table, rowid in (("t", 1), ("w", "a"), ("v", 1)):
        with zb.open_blob(db, table, "data", rowid) as stream:
            assert stream.read() == raw


def test_readers_of_the_field_take_it(db: Any) -> None:
    file = io.BytesIO()
    np.save(file, VOLUME)
    db.execute("CREATE TABLE t(data)")
    for value in (zb.compress(file.getvalue()), zb.compress_pickle(PICKLE)):
        db.execute("INSERT INTO t VALUES (?)", (value,))
    with zb.open_blob(db, "t", "data", 1) as stream:
        assert np.array_equal(np.load(stream), VOLUME)
    with zb.open_blob(db, "t", "data", 2) as stream:
        assert np.array_equal(pickle.load(stream), VOLUME)
    copy = io.BytesIO()
    with zb.open_blob(db, "t", "data", 1) as stream:
        shutil.copyfileobj(stream, copy)
    assert copy.getvalue() == file.getvalue()


CONNECTION = open_apsw()
CONNECTION.execute("CREATE TABLE t(data)")
for each in VALUES.values():
    CONNECTION.execute("INSERT INTO t VALUES (?)", (each[0],))

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("seek"), st.integers(0, 5_000_000), st.just(0)),
        st.tuples(st.just("seek"), st.integers(-500_000, 500_000), st.sampled_from([1, 2])),
        st.tuples(st.just("read"), st.integers(0, 3_000_000), st.just(0)),
        st.tuples(st.just("read"), st.integers(0, 5000), st.just(0)),
    ),
    max_size=12,
)


@examples(60)
@given(number=st.integers(0, len(VALUES) - 1), steps=STEPS)
def test_any_reads_are_those_of_a_file(number: int, steps: list[tuple[str, int, int]]) -> None:
    file = io.BytesIO(list(VALUES.values())[number][1])
    with zb.open_blob(CONNECTION, "t", "data", number + 1) as stream:
        for step, amount, whence in steps:
            if step == "read":
                assert stream.read(amount) == file.read(amount)
            elif file.tell() * (whence == 1) + len(file.getvalue()) * (whence == 2) + amount >= 0:
                assert stream.seek(amount, whence) == file.seek(amount, whence)
            assert stream.tell() == file.tell()


@pytest.mark.parametrize("name", ["frame", "envelope", "general", "stored", "plain", "text"])
@pytest.mark.parametrize("change", ["UPDATE t SET data = ?", "UPDATE t SET data = NULL", "DELETE FROM t"])
def test_a_row_that_changes_is_an_error(opener: Callable[..., Any], path: str, name: str, change: str) -> None:
    value, raw = VALUES[name]
    reader, writer = opener(path), opener(path)
    store(reader, value)
    with zb.open_blob(reader, "t", "data", 1) as stream:
        assert stream.read(1000) == raw[:1000]
        other = bytearray(value.encode() if isinstance(value, str) else value)
        other[-1000:] = bytes(1000)
        given = (bytes(other),) if "?" in change else ()
        if name in ("frame", "general"):
            given = (zb.compress(raw[::-1]),) if given else ()
        writer.execute(change, given)
        stream.seek(len(raw) - 500)
        with pytest.raises((zb.ChangedValueError, zb.DamagedFrameError)):
            stream.read(500)
    reader.close()
    writer.close()


def test_a_change_that_keeps_the_size_is_told(path: str) -> None:
    db = open_autocommit(path)
    for a, b in ((PICKLE, bytes(reversed(PICKLE))), (zb.compress(PICKLE, codec="store"), zb.compress(PICKLE[::-1]))):
        db.execute("DROP TABLE IF EXISTS t")
        store(db, a)
        with zb.open_blob(db, "t", "data", 1) as stream:
            stream.read(10)
            db.execute("UPDATE t SET data = ?", (b,))
            stream.seek(3_000_000)
            with pytest.raises(zb.ChangedValueError, match="data of row 1 of t was changed"):
                stream.read(10)


def test_long_reads_are_fetched_ahead(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite walks a large value from its beginning for each statement."""
    fetched: list[tuple[int, int]] = []
    original = StoredValue._stored

    def stored(value: StoredValue, offset: int, count: int) -> bytes:
        fetched.append((offset, count))
        return original(value, offset, count)

    data = RANDOM.bytes(40 << 20)
    store(db, data)
    with zb.open_blob(db, "t", "data", 1) as stream:
        monkeypatch.setattr(StoredValue, "_stored", stored)
        assert b"".join(iter(lambda: stream.read(100_000), b"")) == data
        assert len(fetched) < 12 and max(count for _, count in fetched) <= 18 << 20
        fetched.clear()
        for at in (30 << 20, 5 << 20, 20 << 20):
            stream.seek(at)
            assert stream.read(4096) == data[at : at + 4096]
        assert fetched and {count for _, count in fetched} == {1 << 20}  # the others are kept from before


def test_other_rows_may_change_and_writers_are_not_held_up(path: str) -> None:
    reader, writer = open_apsw(path), open_apsw(path)
    store(reader, VALUES["frame"][0])
    with zb.open_blob(reader, "t", "data", 1) as stream:
        for i in range(5):
            assert stream.read(700_000) == PICKLE[i * 700_000 : (i + 1) * 700_000]
            writer.execute("INSERT INTO t VALUES (?)", (b"other",))


@pytest.mark.parametrize(
    "change", ["DROP TABLE t", "ALTER TABLE t RENAME TO u", "ALTER TABLE t RENAME data TO other", "DETACH far"]
)
def test_a_place_that_goes_away_is_a_change(db: Any, change: str) -> None:
    schema = "far" if change.startswith("DETACH") else "main"
    db.execute("ATTACH ':memory:' AS far")
    db.execute(f"CREATE TABLE {schema}.t(data)")
    db.execute(f"INSERT INTO {schema}.t VALUES (?)", (VALUES["frame"][0],))
    image = zb.images.open_image(db, "t", "data", 1, schema=schema)
    stream = zb.open_blob(db, "t", "data", 1, schema=schema)
    db.execute(change)
    for read in (lambda: stream.read(1), lambda: image[3]):
        with pytest.raises(zb.ChangedValueError, match="changed or deleted"):
            read()


@pytest.mark.parametrize("name", ["frame", "plain"])
def test_an_interrupt_between_two_statements_counts(db: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store(db, VALUES[name][0])
    monkeypatch.setattr(parts_value, "BATCH_SIZE", 1 << 20)
    monkeypatch.setattr(parts_value, "CACHE_SIZE", 1)
    stream = zb.open_blob(db, "t", "data", 1)
    image = zb.images.open_image(db, "t", "data", 1)
    before = StoredValue._stored_blocks

    def interrupted(self: StoredValue, indices: list[int]) -> Any:
        found = before(self, indices)
        db.interrupt()
        return found

    monkeypatch.setattr(StoredValue, "_stored_blocks", interrupted)
    for read in (stream.read, lambda: np.asarray(image), lambda: image[..., 3:5]):
        with pytest.raises(zb.DatabaseError, match="cannot read data of row 1 of t: interrupted"):
            read()
    monkeypatch.undo()
    assert stream.read() == VALUES[name][1]
    assert not db.in_transaction


def test_threads_open_streams_on_one_connection(path: str) -> None:
    connection = open_apsw(path)
    store(connection, VALUES["frame"][0])

    def read(number: int) -> bool:
        with zb.open_blob(connection, "t", "data", 1) as stream:
            stream.seek(number * 100_000)
            return stream.read(9) == PICKLE[number * 100_000 :][:9]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(40)))


def test_keys_that_no_row_can_have(db: Any) -> None:
    store(db, VALUES["frame"][0])
    db.execute("CREATE TABLE two(a, b, data, PRIMARY KEY (a, b)) WITHOUT ROWID")
    for function in (zb.open_blob, zb.images.open_image, partial(zb.write_stream, file=io.BytesIO(b"x"))):
        with pytest.raises(zb.OptionError, match="integers have 64 bits"):
            function(db, "t", "data", 1 << 70)
        with pytest.raises(zb.WrongTypeError, match="holds numbers, text and bytes, and the driver takes no tuple"):
            function(db, "t", "data", (1, 2))
        with pytest.raises(zb.OptionError, match=r"several columns|another key of one column"):
            function(db, "two", "data", (1, 2))
    with zb.open_blob(db, "t", "data", np.int64(1)) as stream:
        assert stream.read(9) == PICKLE[:9]


def test_damage_is_damage(db: Any) -> None:
    value = bytearray(VALUES["general"][0])
    value[-100] ^= 1
    store(db, bytes(value))
    with zb.open_blob(db, "t", "data", 1) as stream:
        assert stream.read(10) == TEXT.encode()[:10]
        stream.seek(-10, io.SEEK_END)
        with pytest.raises(zb.DamagedFrameError, match="chunk"):
            stream.read()
    db.execute("UPDATE t SET data = ?", (VALUES["envelope"][0][:-1],))
    with pytest.raises(zb.DamagedFrameError, match="envelope"):
        zb.open_blob(db, "t", "data", 1)


def test_what_is_not_there(db: Any) -> None:
    store(db, None)
    for rowid in (1, 2):
        with pytest.raises(zb.OptionError, match="there is no value"):
            zb.open_blob(db, "t", "data", rowid)
    for place, text in ((("u", "data"), "no table u"), (("t", "other"), "no column other")):
        with pytest.raises(zb.OptionError, match=text):
            zb.open_blob(db, *place, 1)
    with pytest.raises(zb.OptionError, match="no attached database"):
        zb.open_blob(db, "t", "data", 1, schema="other")
    with pytest.raises(zb.WrongTypeError):
        zb.open_blob(7, "t", "data", 1)
    with pytest.raises(FileNotFoundError):
        zb.open_blob("no such file", "t", "data", 1)


def test_the_extension_is_loaded_where_it_is_missing() -> None:
    connection = apsw.Connection("")
    store(connection, VALUES["frame"][0])
    with zb.open_blob(connection, "t", "data", 1) as stream:
        assert stream.read(100) == PICKLE[:100]
    closed = sqlite3.connect(":memory:")
    closed.close()
    with pytest.raises(zb.ZblobError):
        zb.open_blob(closed, "t", "data", 1)
