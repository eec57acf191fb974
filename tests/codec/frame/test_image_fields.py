"""Fields of an image, in compact and in ordinary frames, that contradict each other or go beyond a limit: both decoders
refuse them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import apsw
import pytest

import sqlite_zblob as zb

from ...compat import decoder
from ...compat.bits import DamagedError
from ...samples.frame_parts import IMAGE, STORE, Chunk, Parts, Section, image_body, xxh3

UINT8, UINT16, FLOAT32 = 1, 3, 10
HAS_FLAGS, HAS_COMPONENTS, HAS_SPACE = 32, 64, 128
BOOL, TEXT, READING = 4, 64, 128
SAMPLES = bytes(range(12))


def number(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + number(rest) if rest else bytes([low])


@dataclass(frozen=True)
class Compact:
    """A compact frame of an image of one axis, whose samples are stored as they are."""

    head: int = 0
    pixels: int = UINT8 - 1
    optional: bytes = b""  # flags and samples per pixel
    size: bytes = number(len(SAMPLES))
    offset: int = 0
    tail: int = 0
    text: bytes = b""
    space: bytes = b""
    ends: bytes = b""
    samples: bytes = SAMPLES
    value: bytes = SAMPLES

    def pack(self) -> bytes:
        fields = bytes([self.head, self.pixels]) + self.optional + self.size + number(self.offset) + self.text
        body = fields + number(self.tail) + self.space + self.ends + self.samples
        covered = bytes([216]) + struct.pack("<I", xxh3(self.value) & 0xFFFFFFFF) + body
        return b"\xc1ZBS" + struct.pack("<I", xxh3(covered) & 0xFFFFFFFF) + covered


SOUND = {
    "samples alone": Compact(),
    "with ends": Compact(offset=2, tail=1, ends=b"\x03xyz", value=b"xy" + SAMPLES + b"z"),
    "colour": Compact(head=HAS_COMPONENTS, optional=b"\x03", size=number(4)),
    "with space": Compact(head=HAS_SPACE, space=b"\x11"),
    "with flags": Compact(head=HAS_FLAGS, optional=bytes([BOOL])),
    "a source of a later version": Compact(pixels=11 * 22 + UINT8 - 1),
}

BAD = {
    "no flag where flags are": Compact(head=HAS_FLAGS, optional=b"\0"),
    "unknown flags": Compact(head=HAS_FLAGS, optional=bytes([READING])),
    "bool of two bytes": Compact(head=HAS_FLAGS, optional=bytes([BOOL]), pixels=UINT16 - 1, size=number(6)),
    "a text of no bytes": Compact(head=HAS_FLAGS, optional=bytes([TEXT]), text=b"\0"),
    "one sample per pixel, said": Compact(head=HAS_COMPONENTS, optional=b"\x01"),
    "2^32 samples per pixel": Compact(head=HAS_COMPONENTS, optional=number(1 << 32)),
    "a source that is none": Compact(pixels=253),
    "a size of two bytes that needs one": Compact(size=b"\x8c\x00"),
    "a size of no end": Compact(size=b"\xff" * 12),
    "no sample": Compact(size=number(0)),
    "65,536 bytes before": Compact(offset=65_536),
    "65,536 bytes before and after": Compact(offset=32_768, tail=32_768),
    "more than 2^24 bytes": Compact(size=number((1 << 24) + 1)),
    "2^24 bytes and one before": Compact(size=number(1 << 24), offset=1, ends=b"\x01x"),
    "a space that is cut": Compact(head=HAS_SPACE, samples=b""),
    "a number of the space that is cut": Compact(head=HAS_SPACE, space=b"\x03", samples=bytes(7)),
    "bits left in the space": Compact(head=HAS_SPACE, space=b"\x40"),
    "nothing stored": Compact(samples=b""),
    "ends and no samples": Compact(offset=2, ends=b"\x02xy", samples=b"", value=b"xy" + SAMPLES),
    "ends of no bytes": Compact(offset=2, ends=b"\x00", value=b"xy" + SAMPLES),
    "ends that are too long": Compact(offset=2, ends=b"\x03xyz", value=b"xy" + SAMPLES),
    "ends beyond the frame": Compact(offset=100, ends=b"\x64xy", value=bytes(100) + SAMPLES),
    "ends that are no block": Compact(offset=9, ends=b"\x02xy", value=b"123456789" + SAMPLES),
    "a model of no bytes": Compact(head=3, ends=b"\0"),
    "a model beyond the frame": Compact(head=3, ends=number(99)),
    "another value": Compact(value=b"other"),
    "one sample too many": Compact(samples=SAMPLES + b"x"),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_compact_frame_made_by_hand(name: str) -> None:
    frame = SOUND[name].pack()
    assert zb.decompress(frame) == decoder.decode(frame) == SOUND[name].value


@pytest.mark.parametrize("number", [17, 22, 23])
def test_what_a_later_version_recognises_is_an_image_like_any_other(number: int) -> None:
    value = bytes(range(24))
    body = bytes([number]) + image_body(0, (2, 3, 4))[1:]
    frame = Parts([Section(IMAGE, body)], [Chunk(24, STORE, value, xxh3(value))]).pack()
    if number == 23:
        with pytest.raises(zb.DamagedFrameError):
            zb.info(frame)
        with pytest.raises(DamagedError):
            decoder.decode(frame)
        return
    assert zb.info(frame).images[0].source == "other"
    assert zb.decompress(frame) == decoder.decode(frame) == value
    connection = apsw.Connection(":memory:")
    zb.load(connection)
    assert connection.execute("SELECT zslice(?, 0, 1)", (frame,)).get == value[6:12]


@pytest.mark.parametrize("name", BAD)
def test_both_refuse_a_compact_frame(name: str) -> None:
    frame = BAD[name].pack()
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(frame)
    with pytest.raises(DamagedError):
        decoder.decode(frame)


def test_both_refuse_a_compact_frame_of_65536_bytes() -> None:
    for size, is_sound in ((65_000, True), (65_536, False)):
        samples = bytes(size)
        frame = replace(SOUND["samples alone"], size=number(size), samples=samples, value=samples).pack()
        if is_sound:
            assert zb.decompress(frame) == decoder.decode(frame) == samples
            continue
        with pytest.raises(zb.DamagedFrameError):
            zb.decompress(frame)
        with pytest.raises(DamagedError):
            decoder.decode(frame)


def frame_with_reading(reading: bytes, sample_type: int = UINT16, flags: int = READING, components: int = 1) -> bytes:
    width = {UINT8: 1, UINT16: 2, FLOAT32: 4}[sample_type]
    size = (2, 2 // components, 3)
    value = bytes(width * 12)
    body = image_body(0, size, sample_type, flags, components) + reading
    return Parts([Section(IMAGE, body)], [Chunk(len(value), STORE, value, xxh3(value))]).pack()


def reading(
    bits: int = 0, axis: int = 0, flags: int = 0, zero: int = 0, padding: int = 0, scale: tuple[float, ...] = ()
) -> bytes:
    return struct.pack("<BBBBI", bits, axis, flags, zero, padding) + struct.pack(f"<{len(scale)}d", *scale)


SCALE, MIRRORED = 1, 2
NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    "frame",
    [
        frame_with_reading(reading(bits=12)),
        frame_with_reading(reading(axis=2, flags=MIRRORED)),
        frame_with_reading(reading(flags=SCALE, scale=(2.5, -1.0))),
        frame_with_reading(reading(flags=SCALE, scale=(2.5, -1.0)), FLOAT32),
    ],
    ids=["bits", "axis", "scale", "scale of floats"],
)
def test_a_reading_made_by_hand(frame: bytes) -> None:
    assert zb.decompress(frame) == decoder.decode(frame)


READINGS = {
    "none": frame_with_reading(reading()),
    "cut": frame_with_reading(reading(bits=12)[:7]),
    "too long": frame_with_reading(reading(bits=12) + b"\0"),
    "scale without numbers": frame_with_reading(reading(flags=SCALE)),
    "numbers without scale": frame_with_reading(reading(bits=12, scale=(1.0, 1.0))),
    "unknown flag": frame_with_reading(reading(bits=12, flags=4)),
    "byte that is not zero": frame_with_reading(reading(bits=12, zero=1)),
    "bits of all": frame_with_reading(reading(bits=16)),
    "bits of floats": frame_with_reading(reading(bits=12), FLOAT32),
    "bits of bool": frame_with_reading(reading(bits=1), UINT8, READING | BOOL),
    "axis that is none": frame_with_reading(reading(axis=3)),
    "axis beside components": frame_with_reading(reading(axis=2), components=2),
    "mirrored without axis": frame_with_reading(reading(bits=12, flags=MIRRORED)),
    "padding of a text": frame_with_reading(struct.pack("<Q", 24) + reading(padding=2), flags=READING | TEXT),
    "slope of zero": frame_with_reading(reading(flags=SCALE, scale=(0.0, 1.0))),
    "slope of infinity": frame_with_reading(reading(flags=SCALE, scale=(INFINITY, 1.0))),
    "intercept that is no number": frame_with_reading(reading(flags=SCALE, scale=(1.0, NAN))),
    "scale of bool": frame_with_reading(reading(flags=SCALE, scale=(2.0, 1.0)), UINT8, READING | BOOL),
}


@pytest.mark.parametrize("name", READINGS)
def test_both_refuse_a_reading(name: str) -> None:
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(READINGS[name])
    with pytest.raises(DamagedError):
        decoder.decode(READINGS[name])
