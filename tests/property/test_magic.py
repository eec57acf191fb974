"""Plain values that begin with a magic by chance: readers get their bytes or an error, and they stay stored."""

from __future__ import annotations

import random

import apsw
import pytest

import sqlite_zblob as zb

from ..conftest import one, open_apsw

COMPACT, ORDINARY = b"\xc1ZBS", b"\x5a\x2a\x4d\x18????ZBLB"


def unlucky(seed: int) -> bytes:
    rng = random.Random(seed)
    size = rng.choice([0, 1, 7, 8, 40, 600, 5000])
    if seed % 2:
        return COMPACT + rng.randbytes(8 + size)
    return ORDINARY.replace(b"????", rng.randbytes(4)) + rng.randbytes(size)


VALUES = [unlucky(seed) for seed in range(20)]


@pytest.mark.parametrize("value", VALUES)
def test_functions_return_the_bytes_or_an_error(value: bytes) -> None:
    db = open_apsw()
    assert one(db, "SELECT zcompress(?)", value) == value
    with pytest.raises(apsw.CorruptError, match="damaged frame"):
        one(db, "SELECT zdecompress(zcompress(?))", value)
    assert one(db, "SELECT zverify(?)", value).startswith("damaged frame")
    assert zb.decompress(zb.compress(value)) == value


READERS = ("zlength(?)", "zinfo(?)", "zsubstr(?, 1, 3)", "zslice(?, 0, 0)", "(SELECT count(*) FROM zblob_chunks(?))")


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_follows_the_rule(reader: str) -> None:
    db = open_apsw()
    for value in VALUES:
        with pytest.raises(apsw.CorruptError, match="damaged frame"):
            one(db, f"SELECT {reader}", value)
        assert one(db, "SELECT zis_frame(?)", value) == 0


def test_readers_of_python_follow_the_rule() -> None:
    db = open_apsw()
    db.execute("CREATE TABLE t(data BLOB)")
    for rowid, value in enumerate(VALUES, 1):
        db.execute("INSERT INTO t VALUES(?)", (value,))
        for read in (zb.decompress, zb.info):
            with pytest.raises(zb.DamagedFrameError):
                read(value)
        with pytest.raises(zb.DamagedFrameError):
            zb.open_blob(db, "t", "data", rowid).read()


@pytest.mark.parametrize("value", VALUES)
def test_one_byte_less_than_a_magic_is_a_plain_value(value: bytes) -> None:
    db = open_apsw()
    shorter = value[: 9 if value.startswith(COMPACT) else 11]
    assert one(db, "SELECT zdecompress(zcompress(?))", shorter) == shorter
    assert one(db, "SELECT zdecompress(zcompress(?))", b"\0" + value) == b"\0" + value


def test_a_column_in_place_keeps_them_and_its_reader_says_so() -> None:
    db = open_apsw()
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "t", "data", min_size=0)
    db.executemany("INSERT INTO t(data) VALUES(?)", [(value,) for value in VALUES])
    assert [row[0] for row in db.execute("SELECT data FROM t ORDER BY id")] == VALUES
    for rowid, _ in enumerate(VALUES, 1):
        with pytest.raises(apsw.CorruptError, match="damaged frame"):
            one(db, "SELECT zdecompress(data) FROM t WHERE id = ?", rowid)
    db.execute("UPDATE t SET data = CAST(data || x'00' AS BLOB)")
    assert [row[0] for row in db.execute("SELECT data FROM t ORDER BY id")] == [value + b"\0" for value in VALUES]


def test_a_hook_that_decodes_rows_does_not_hand_them_out_as_values() -> None:
    db = open_apsw()
    db.execute("CREATE TABLE t(data BLOB)")
    db.execute("INSERT INTO t VALUES(?)", (VALUES[1],))
    zb.decode_rows(db)
    with pytest.raises((zb.DamagedFrameError, apsw.Error)):
        db.execute("SELECT data FROM t").fetchall()


def test_a_virtual_table_gives_them_back() -> None:
    db = open_apsw()
    db.execute("CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED)")
    db.executemany("INSERT INTO t(data) VALUES(?)", [(value,) for value in VALUES])
    assert [row[0] for row in db.execute("SELECT data FROM t ORDER BY id")] == VALUES
