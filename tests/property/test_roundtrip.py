"""Whatever goes in comes out: arbitrary bytes, text and arrays, through Python and through SQL."""

from __future__ import annotations

import io
import pickle
from typing import Any, Literal

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sqlite_zblob as zb
from sqlite_zblob.codec import has_magic

from ..compat.decoder import decode
from ..conftest import one, open_apsw

LEVELS = st.integers(1, 9)
# What a SQLite or a Python str may hold, lone surrogates and NULs included.
TEXT = st.text(st.characters(codec=None), max_size=200).map(lambda text: text * 3)
BYTES = st.one_of(
    st.binary(max_size=2000),
    st.tuples(st.binary(max_size=20), st.integers(0, 5000)).map(lambda pair: pair[0] * pair[1]),
    st.binary(max_size=40).map(lambda tail: zb.compress(tail * 9)[:60] + tail),
)
# Beyond the longest value, 10^9 bytes, SQLite's versions contradict each other.
FAR = st.integers(-(10**9) + 3000, 10**9 - 3000)
ARRAYS = hnp.arrays(
    dtype=st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="?"),
        hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
        hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    ),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=14),
)


def bound(frame: bytes, raw_size: int) -> int:
    return raw_size + 64 + 32 * max(0, zb.info(frame).chunk_count - 1)


@given(BYTES, LEVELS, st.sampled_from(["auto", "zstd", "store", "planes", "voxel"]))
def test_bytes(value: bytes, level: int, codec: zb.Codec) -> None:
    frame = zb.compress(value, level, codec=codec)
    assert len(frame) <= bound(frame, len(value))
    assert zb.is_frame(frame)
    assert zb.decompress(frame) == value == decode(frame)
    out = bytearray(len(value))
    assert zb.decompress(frame, out=out) == value == out


@given(TEXT, LEVELS)
def test_text(value: str, level: int) -> None:
    assert zb.decompress(zb.compress(value, level)) == value


@given(ARRAYS, LEVELS, st.sampled_from(["C", "F"]), st.sampled_from([3, 4, 5, "npy"]))
def test_arrays(array: np.ndarray, level: int, order: Literal["C", "F"], protocol: Any) -> None:
    array = np.asarray(array, order=order)
    file = io.BytesIO()
    if protocol == "npy":
        np.save(file, array)
    else:
        pickle.dump(array, file, protocol)
    value = file.getvalue()
    for codec in ("auto", "planes"):
        frame = zb.compress(value, level, codec=codec)
        assert len(frame) <= bound(frame, len(value))
        assert zb.decompress(frame) == value == decode(frame)
    assert len(zb.info(value).images) == 1


@pytest.fixture(scope="module")
def memory() -> Any:
    return open_apsw()


@pytest.fixture(scope="module")
def memory_utf16() -> Any:
    connection = open_apsw()
    connection.execute("PRAGMA encoding='UTF-16'; CREATE TABLE t(x)")
    return connection


def is_damaged_frame(value: Any) -> bool:
    return isinstance(value, bytes) and has_magic(value) and not zb.is_frame(value)


def check_left_alone(connection: Any, value: bytes) -> None:
    """What carries a magic is a damaged frame to zcompress, and to every reader."""
    assert one(connection, "SELECT zcompress(?)", value) == value
    for sql in ("SELECT zdecompress(?)", "SELECT zsubstr(?, 1, 1)"):
        with pytest.raises(apsw.CorruptError):
            one(connection, sql, value)


@given(st.one_of(BYTES, st.text(max_size=300), st.integers(-(2**63), 2**63 - 1), st.floats(), st.none()), LEVELS)
def test_sql_values_keep_their_type(memory: Any, memory_utf16: Any, value: Any, level: int) -> None:
    if is_damaged_frame(value):
        check_left_alone(memory, value)
        return
    for connection in (memory, memory_utf16):
        row = connection.execute(
            "SELECT zdecompress(z), typeof(zdecompress(z)), typeof(x), zdecompress(z) IS x, zcompress(z) IS z,"
            " zverify(z), typeof(z) FROM (SELECT zcompress(?1, ?2) AS z, ?1 AS x)",
            (value, level),
        ).fetchone()
        was_frame = isinstance(value, bytes) and zb.is_frame(value)
        if not was_frame:
            assert row[1] == row[2]
            assert row[3] == 1
        assert row[4:6] == (1, "ok") or was_frame
        assert row[6] == ("blob" if isinstance(value, bytes | str) else row[2])


@given(
    st.one_of(BYTES, st.text(max_size=300), st.text("a\0é\U0001f9e0", max_size=50), st.integers(), st.none()),
    st.one_of(st.integers(-400, 400), FAR, st.none(), st.floats(-9, 9)),
    st.one_of(st.integers(-400, 400), FAR, st.none(), st.just("absent")),
)
def test_zsubstr_is_substr(memory: Any, memory_utf16: Any, value: Any, start: Any, count: Any) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = float(value)
    arguments = (value, start) if count == "absent" else (value, start, count)
    tail = "?2" if count == "absent" else "?2, ?3"
    if is_damaged_frame(value):
        check_left_alone(memory, value)
    if isinstance(value, bytes) and has_magic(value):
        return
    for connection in (memory, memory_utf16):
        expected = one(connection, f"SELECT substr(?1, {tail})", *arguments)
        assert one(connection, f"SELECT zsubstr(zcompress(?1), {tail})", *arguments) == expected
        assert one(connection, f"SELECT zsubstr(?1, {tail})", *arguments) == expected


def test_zsubstr_of_many_chunks(memory: Any) -> None:
    rng = np.random.default_rng(1)
    value = rng.integers(0, 9, 5_000_000, "u1").tobytes()
    text = ("naïve " * 400_000)[:2_000_000]
    frame, text_frame = zb.compress(value), zb.compress(text)
    for start in (1, 1_048_570, 1_048_577, 4_999_990, -5_000_000, -7, 2_000_001):
        for count in (1, 20, 1_048_576, 3_000_000, -20):
            assert one(memory, "SELECT zsubstr(?1,?3,?4) IS substr(?2,?3,?4)", frame, value, start, count)
            assert one(memory, "SELECT zsubstr(?1,?3,?4) IS substr(?2,?3,?4)", text_frame, text, start, count)
