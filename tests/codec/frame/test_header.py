"""Frames as a hostile or a later writer may make them: each is refused with its reason, in Python and in SQL."""

from __future__ import annotations

import struct
from typing import Any

import apsw
import pytest
import xxhash

import sqlite_zblob as zb

from ...conftest import one, open_apsw

FRAME = zb.compress(b"an original value " * 60, codec="zstd")
HEADER_SIZE = zb.info(FRAME).header_size
ENTRY = HEADER_SIZE - 28


CORRUPT, ERROR = apsw.SQLITE_CORRUPT, apsw.SQLITE_ERROR


def reheadered(frame: bytes, offset: int, new: bytes) -> bytes:
    """A frame with a changed header whose checksum is right again, as a hostile writer would make it."""
    header_size = 8 + struct.unpack_from("<I", frame, 4)[0]
    header = frame[:offset] + new + frame[offset + len(new) : header_size - 8]
    return header + struct.pack("<Q", xxhash.xxh3_64_intdigest(header[12:])) + frame[header_size:]


BAD_FRAMES = [
    ("cut header", FRAME[:30], CORRUPT, "header is cut off or its checksum is wrong"),
    ("magic alone", FRAME[:12], CORRUPT, "header is cut off"),
    ("header checksum", FRAME[:20] + b"\xff" + FRAME[21:], CORRUPT, "its checksum is wrong"),
    ("cut payload", FRAME[:-1], CORRUPT, "it should be"),
    ("trailing bytes", FRAME + b"x", CORRUPT, "it should be"),
    ("payload byte", FRAME[:-5] + bytes([FRAME[-5] ^ 1]) + FRAME[-4:], CORRUPT, "chunk 1 of 1 (zstd)"),
    ("future version", reheadered(FRAME, 12, b"\x02"), ERROR, "format version 2, this build reads version 1"),
    ("unknown value type", reheadered(FRAME, 13, b"\x09"), CORRUPT, "value type 9"),
    ("unknown level", reheadered(FRAME, 14, b"\x00"), CORRUPT, "level 0"),
    ("unknown chunk codec", reheadered(FRAME, ENTRY + 16, b"\x63"), ERROR, "chunk 0 uses codec 99"),
    ("wrong frame codec", reheadered(FRAME, 15, b"\x63"), CORRUPT, "its header says 99"),
    ("voxels without an image", reheadered(reheadered(FRAME, 15, b"\x03"), ENTRY + 16, b"\x03"), CORRUPT, "cannot be"),
    ("dictionary", reheadered(FRAME, 24, b"\x07"), ERROR, "needs dictionary 7"),
    ("absurd size", reheadered(FRAME, 16, struct.pack("<Q", 1 << 62)), CORRUPT, "its header says"),
    ("absurd chunk count", reheadered(FRAME, 28, b"\xff\xff\xff\xff"), CORRUPT, "does not hold 4294967295 chunks"),
    ("absurd section size", reheadered(FRAME, 32, b"\xff\xff\xff\x7f"), CORRUPT, "does not hold"),
    ("absurd chunk", reheadered(FRAME, ENTRY, b"\xff\xff\xff\xff"), CORRUPT, "index entry of chunk 0"),
    ("empty chunk", reheadered(FRAME, ENTRY + 4, b"\0\0\0\0"), CORRUPT, "index entry of chunk 0"),
    ("reserved bytes", reheadered(FRAME, ENTRY + 17, b"\1"), CORRUPT, "index entry of chunk 0"),
    ("planes without an image", reheadered(reheadered(FRAME, 15, b"\x02"), ENTRY + 16, b"\x02"), CORRUPT, "cannot be"),
    ("wrong chunk checksum", reheadered(FRAME, ENTRY + 8, b"\0"), CORRUPT, "wrong checksum"),
]


@pytest.mark.parametrize(("frame", "code", "text"), [row[1:] for row in BAD_FRAMES], ids=[row[0] for row in BAD_FRAMES])
def test_bad_frames(frame: bytes, code: int, text: str) -> None:
    db = open_apsw()
    with pytest.raises(apsw.Error) as caught:
        one(db, "SELECT zdecompress(?)", frame)
    assert text in str(caught.value)
    assert caught.value.result == code  # type: ignore[attr-defined]
    with pytest.raises(zb.ZblobError) as raised:
        zb.decompress(frame)
    assert text in str(raised.value)
    assert text in one(db, "SELECT zverify(?)", frame)
    assert zb.decompress(zb.compress(frame)) == frame  # inside a frame it is a value like any other
    assert one(db, "SELECT zcompress(?1) IS ?1", frame)  # but SQL lets it stay what it is


def section_frame(section_type: int, body: bytes) -> bytes:
    """FRAME with one section, hostile or new."""
    section = struct.pack("<HHI", section_type, 0, len(body)) + body
    header = FRAME[:32] + struct.pack("<I", len(section)) + section + FRAME[36 : HEADER_SIZE - 8]
    header = header[:4] + struct.pack("<I", len(header)) + header[8:]
    return header + struct.pack("<Q", xxhash.xxh3_64_intdigest(header[12:])) + FRAME[HEADER_SIZE:]


IMAGE = struct.pack("<BBBBIQ2Q", 1, 1, 2, 0, 1, 0, 30, 30)


@pytest.mark.parametrize(
    ("body", "fine"),
    [
        (IMAGE, True),
        (IMAGE[:-1], False),
        (IMAGE + b"\0", False),
        (b"", False),
        (struct.pack("<BBBBIQ2Q", 1, 0, 2, 0, 1, 0, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 12, 2, 0, 1, 0, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 0, 0, 1, 0, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 2, 64, 1, 0, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 2, 0, 0, 0, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 2, 0, 1, 0, 30, 0), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 2, 0, 1, 500, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 2, 0, 1, 1 << 63, 30, 30), False),
        (struct.pack("<BBBBIQ2Q", 1, 1, 2, 0, 1, 0, 1 << 63, 4), False),
    ],
)
def test_hostile_geometry(body: bytes, fine: bool) -> None:
    frame = section_frame(1, body)
    if fine:
        assert zb.info(frame).images[0].size == (30, 30)
        assert zb.decompress(frame) == zb.decompress(FRAME)
    else:
        with pytest.raises(zb.DamagedFrameError, match="geometry of image 0"):
            zb.info(frame)


def test_sections_of_later_versions() -> None:
    assert zb.decompress(section_frame(77, b"whatever")) == zb.decompress(FRAME)
    with pytest.raises(zb.UnsupportedFrameError, match="section of type 32845"):
        zb.decompress(section_frame(77 | 0x8000, b"whatever"))
    cut = section_frame(77, b"whatever")
    with pytest.raises(zb.DamagedFrameError, match="runs over its end"):
        zb.decompress(reheadered(cut, 40, struct.pack("<I", 4000)))


def test_nan_in_a_foreign_geometry_is_null_in_json() -> None:
    spaced = struct.pack("<BBBBIQ1Q3d", 1, 1, 1, 16, 1, 0, 30, float("nan"), float("inf"), 1.0)
    image: Any = zb.info(section_frame(1, spaced)).images[0]
    assert (image.spacing, image.origin, image.direction) == ((None,), (None,), (1.0,))
