"""Every truncation and every flipped bit of small frames of each codec: an error or the original, never wrong bytes."""

from __future__ import annotations

import pytest

import sqlite_zblob as zb

from ..conftest import one, open_apsw
from ..samples.frames import FRAMES

MAGIC = {*range(4), *range(8, 12)}


def outcome(frame: bytes) -> bytes | str | None:
    try:
        return zb.decompress(frame, max_size=1 << 20)
    except (zb.DamagedFrameError, zb.UnsupportedFrameError, zb.SizeLimitError):
        return None


@pytest.mark.parametrize("name", FRAMES)
def test_truncations_and_extensions(name: str) -> None:
    frame, _ = FRAMES[name]
    for size in range(12, len(frame)):
        assert outcome(frame[:size]) is None
    for tail in (b"\0", b"xyz", frame):
        assert outcome(frame + tail) is None
    for size in range(12):
        assert outcome(frame[:size]) == frame[:size]  # no magic any more: a plain value


@pytest.mark.parametrize("name", FRAMES)
def test_single_bit_flips(name: str) -> None:
    frame, value = FRAMES[name]
    caught = 0
    for position in range(len(frame)):
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[position] ^= 1 << bit
            result = outcome(bytes(damaged))
            if position in MAGIC:
                assert result == bytes(damaged)
            else:
                assert result in (None, value), (position, bit)
                caught += result is None
    assert caught >= 8 * (len(frame) - len(MAGIC)) * 0.9


@pytest.mark.parametrize("name", FRAMES)
def test_verify_and_decompress_agree_in_sql(name: str) -> None:
    frame, value = FRAMES[name]
    connection = open_apsw()
    for position in range(12, len(frame), 5):
        damaged = bytearray(frame)
        damaged[position] ^= 0x10
        verdict = one(connection, "SELECT zverify(?)", bytes(damaged))
        assert (verdict == "ok") == (outcome(bytes(damaged)) == value)
