"""Compact frames: what they cost, what they promise, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import struct
from typing import Any

import apsw
import numpy as np
import pytest
import xxhash
import zstandard

import sqlite_zblob as zb

from ...compat.bits import DamagedError
from ...compat.decoder import UnsupportedError, decode
from ...conftest import one, open_apsw

VALUE = json.dumps({"id": 7, "kind": "event", "tags": ["a", "b", "a", "b"], "text": "some words, some words"}).encode()
FRAME = zb.compress(VALUE * 3)


def sealed(frame: bytes) -> bytes:
    """With the right checksum, as a hostile writer would make it."""
    return frame[:4] + struct.pack("<I", xxhash.xxh3_64_intdigest(frame[8:]) & 0xFFFFFFFF) + frame[8:]


@pytest.mark.parametrize("level", range(1, 10))
def test_overhead_is_twelve_bytes_over_the_block(level: int) -> None:
    for value in (VALUE * 2, VALUE * 9, b"word " * 9000):
        bare = min(
            len(zstandard.ZstdCompressor(level=each, write_content_size=False).compress(value)) for each in (1, 3, 19)
        )
        frame = zb.compress(value, level)
        assert zb.info(frame).compact
        assert len(frame) <= 1.05 * bare + 12
        assert zb.decompress(frame) == value == decode(frame)


@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 63, 64, 100, 255, 256, 257, 511, 4000, 65534, 65535, 65536, 70000])
@pytest.mark.parametrize("as_text", [False, True])
def test_every_size_comes_back_with_its_type(size: int, as_text: bool) -> None:
    text = "a line of text, ".__mul__(5000)[:size]
    for value in (text,) if as_text else (text.encode(), os.urandom(size)):
        frame = zb.compress(value)
        assert zb.decompress(frame) == value == decode(frame)
        assert zb.info(frame).compact == (size <= 65535)
        assert zb.info(frame).raw_size == size
        assert len(frame) <= size + (12 if size <= 65535 else 84)


def test_every_function_takes_a_compact_frame() -> None:
    db = open_apsw()
    frame = one(db, "SELECT zcompress(?)", VALUE * 3)
    assert frame == FRAME
    assert one(db, "SELECT zdecompress(?)", frame) == VALUE * 3
    assert one(db, "SELECT zcompress(?)", frame) == frame
    assert one(db, "SELECT zlength(?)", frame) == len(VALUE * 3)
    assert one(db, "SELECT zis_frame(?)", frame) == 1
    assert one(db, "SELECT zverify(?)", frame) == "ok"
    assert one(db, "SELECT zsubstr(?, 10, 200)", frame) == (VALUE * 3)[9:209]
    info = json.loads(one(db, "SELECT zinfo(?)", frame))
    assert (info["compact"], info["header_size"], info["chunk_count"], info["for_column"]) == (True, 12, 1, False)
    ((chunk, raw_offset, raw_size, stored_offset, stored_size, codec, checksum),) = db.execute(
        "SELECT * FROM zblob_chunks(?)", (frame,)
    ).fetchall()
    assert (chunk, raw_offset, raw_size, stored_offset) == (0, 0, len(VALUE * 3), 12)
    assert (stored_size, codec) == (len(frame) - 12, "zstd")
    assert int(str(checksum), 16) == struct.unpack_from("<I", frame, 4)[0]
    text = "Ünïcödé " * 30
    assert one(db, "SELECT zdecompress(zcompress(?))", text) == text
    assert one(db, "SELECT typeof(zdecompress(zcompress('')))") == "text"
    assert db.execute("SELECT count(*) FROM zblob_chunks(zcompress(x''))").fetchall() == [(0,)]


def test_a_column_marks_its_frames() -> None:
    frame = zb.compress(VALUE * 3, for_column=True)
    assert zb.info(frame).for_column
    assert zb.codec.is_for_column(frame)
    assert not zb.codec.is_for_column(FRAME)


def test_who_asks_for_a_codec_gets_an_ordinary_frame() -> None:
    for codec in ("zstd", "store"):
        assert not zb.info(zb.compress(VALUE, codec=codec)).compact


def test_small_images_are_still_found() -> None:
    array = np.arange(100, dtype="<f4").reshape(10, 10)
    value = pickle.dumps(array)
    frame = zb.compress(value)
    assert zb.info(frame).images[0].size == (10, 10)
    assert one(open_apsw(), "SELECT zslice(zcompress(?), 0, 3)", value) == array[3].tobytes()


HOSTILE: list[tuple[str, bytes, Any]] = [
    ("version", FRAME[:8] + bytes([FRAME[8] + 0x10]) + FRAME[9:], zb.UnsupportedFrameError),
    ("value type", FRAME[:8] + bytes([FRAME[8] | 3]) + FRAME[9:], zb.DamagedFrameError),
    ("stored by another codec", FRAME[:8] + bytes([FRAME[8] & ~4]) + FRAME[9:], zb.DamagedFrameError),
    ("dictionary without zstd", FRAME[:8] + bytes([FRAME[8] & ~4 | 8]) + FRAME[9:], zb.DamagedFrameError),
    ("dictionary 0", FRAME[:8] + bytes([FRAME[8] | 8]) + FRAME[9:12] + bytes(4) + FRAME[12:], zb.DamagedFrameError),
    ("level 0", FRAME[:9] + b"\0" + FRAME[10:], zb.DamagedFrameError),
    ("level 10", FRAME[:9] + b"\x0a" + FRAME[10:], zb.DamagedFrameError),
    ("unused bit", FRAME[:9] + bytes([FRAME[9] | 16]) + FRAME[10:], zb.DamagedFrameError),
    ("raw size less", FRAME[:10] + struct.pack("<H", len(VALUE * 3) - 1) + FRAME[12:], zb.DamagedFrameError),
    ("raw size more", FRAME[:10] + struct.pack("<H", 65535) + FRAME[12:], zb.DamagedFrameError),
    ("no block", FRAME[:12], zb.DamagedFrameError),
    ("more bytes", FRAME + b"\0", zb.DamagedFrameError),
    ("fewer bytes", FRAME[:-1], zb.DamagedFrameError),
]


@pytest.mark.parametrize(("frame", "error"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_hostile_frames_are_refused_by_both_decoders(frame: bytes, error: type[Exception]) -> None:
    frame = sealed(frame)
    with pytest.raises(error):
        zb.decompress(frame)
    with pytest.raises(UnsupportedError if error is zb.UnsupportedFrameError else DamagedError):
        decode(frame)
    assert one(open_apsw(), "SELECT zverify(?)", frame) != "ok"


def test_random_bytes_are_no_frames() -> None:
    for _ in range(20_000):
        assert not zb.is_frame(os.urandom(48))


def test_a_damaged_frame_is_not_put_into_another_one() -> None:
    """It would come back as if its bytes were the value. Compact frames and others are alike."""
    db = open_apsw()
    zb.load(db)
    db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")
    zb.enable(db, "t", "data", min_size=0)
    for frame in (FRAME, zb.compress(b"an original value " * 60, codec="zstd")):
        for position in (1, 9, len(frame) - 1):  # the magic, a field, what follows
            damaged = (
                frame[:position] + bytes([frame[position] ^ 0x20 if position != 9 else 255]) + frame[position + 1 :]
            )
            if position == 9 and not zb.info(frame).compact:
                damaged = frame[:20] + b"\xff" + frame[21:]
            assert one(db, "SELECT zcompress(?1) IS ?1", bytes(damaged))
            db.execute("INSERT INTO t(data) VALUES (?)", (bytes(damaged),))
            assert one(db, "SELECT data IS ? FROM t ORDER BY id DESC", bytes(damaged))
            db.execute("UPDATE t SET data = data")
            with pytest.raises(apsw.CorruptError):
                one(db, "SELECT zdecompress(data) FROM t ORDER BY id DESC")
