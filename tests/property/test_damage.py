"""Every truncation and every flipped bit of small frames of each codec: an error or the original, never wrong bytes."""

from __future__ import annotations

import pickle

import pytest

import sqlite_zblob as zb
import sqlite_zblob.codec

from ..compat.bits import DamagedError
from ..compat.decoder import decode
from ..conftest import one, open_apsw
from ..samples.frames import FRAMES


def outcome(frame: bytes) -> bytes | str | None:
    try:
        return zb.decompress(frame, max_size=1 << 20)
    except (zb.DamagedFrameError, zb.UnsupportedFrameError, zb.SizeLimitError):
        return None


@pytest.mark.parametrize("name", FRAMES)
def test_truncations_and_extensions(name: str) -> None:
    frame, _ = FRAMES[name]
    least = 10 if zb.info(frame).compact else 12
    for size in range(least, len(frame)):
        assert outcome(frame[:size]) is None
    for tail in (b"\0", b"xyz", frame):
        assert outcome(frame + tail) is None
    for size in range(least):
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
            assert result in (None, value), (position, bit)
            caught += result is None
    assert caught >= 8 * len(frame) * 0.9


@pytest.mark.parametrize("name", FRAMES)
def test_a_damaged_magic(name: str) -> None:
    """Whatever stands there: the header's checksum tells. The independent decoder refuses the same."""
    frame, _ = FRAMES[name]
    if zb.info(frame).compact:
        for start in (b"\0\0\0\0", b"\xc1ZBT", b"PK\3\4"):
            damaged = start + frame[4:]
            assert outcome(damaged) is None
            assert zb.codec.find_damages(damaged) == [(None, "damaged frame: its magic is wrong")]
            with pytest.raises(DamagedError, match="magic"):
                decode(damaged)
            broken = damaged[:-1] + bytes([damaged[-1] ^ 1])  # but then it might be anything
            assert outcome(broken) == broken == decode(broken)
        return
    for start in (b"\0\0\0\0", b"\x5a\x2a\x4d\x18", b"PK\3\4"):
        for signature in (b"ZBLC", b"\xff\xff\xff\xff"):
            damaged = start + frame[4:8] + signature + frame[12:]
            assert outcome(damaged) is None
            assert zb.codec.find_damages(damaged) == [(None, "damaged frame: its magic is wrong")]
            with pytest.raises(DamagedError, match="magic"):
                decode(damaged)
            for broken in (damaged[:40], damaged[:20] + b"?" + damaged[21:]):  # but then it might be anything
                assert outcome(broken) == broken == decode(broken)


def test_what_almost_is_a_frame_comes_back_from_a_frame() -> None:
    """It would be taken for a damaged one, whatever its size."""
    for frame, _ in FRAMES.values():
        almost = b"????" + frame[4:]
        assert zb.decompress(zb.compress(almost, min_size=1 << 20)) == almost
        assert one(open_apsw(), "SELECT zcompress(?1) IS ?1", almost)  # so it stays what it is: a damaged frame


@pytest.mark.parametrize("position", range(36))
def test_a_damaged_opening_of_an_envelope(position: int) -> None:
    envelope = bytearray(zb.compress_pickle(pickle.dumps("a value " * 99)))
    envelope[position] ^= 0x41
    assert outcome(bytes(envelope)) is None
    assert (
        one(open_apsw(), "SELECT zverify(?)", bytes(envelope)) == "damaged pickle envelope: its first bytes are wrong"
    )
    other = b"\x80\x04\x8c\x15" + b"x" * 40 + bytes(envelope[44:])
    assert outcome(other) == other  # another pickle altogether


@pytest.mark.parametrize("name", FRAMES)
def test_verify_and_decompress_agree_in_sql(name: str) -> None:
    frame, value = FRAMES[name]
    connection = open_apsw()
    for position in range(0, len(frame), 5):
        damaged = bytearray(frame)
        damaged[position] ^= 0x10
        verdict = one(connection, "SELECT zverify(?)", bytes(damaged))
        assert (verdict == "ok") == (outcome(bytes(damaged)) == value)
