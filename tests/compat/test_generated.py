"""Generated frames (compose.py): both decoders find the value that they were made with."""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Iterator

import pytest

import sqlite_zblob as zb

from ..samples.frame_parts import IMAGE, MODEL, Parts
from . import decoder
from .compose import compose

# More of them find more: ZBLOB_GENERATED_FRAMES=20000 takes some minutes. FIRST goes on where another run has ended.
COUNT = int(os.environ.get("ZBLOB_GENERATED_FRAMES", "40"))
FIRST = int(os.environ.get("ZBLOB_GENERATED_FIRST", "0"))
SHARES = 4


made = functools.lru_cache(50)(compose)  # kept for the test of kinds


def decode_with_codec(frame: bytes, dictionary: bytes | None) -> bytes:
    out = bytearray(zb.info(frame).raw_size)
    return bytes(zb.decompress(frame, out=out, dictionary=dictionary))


@pytest.mark.parametrize("share", range(SHARES))
def test_both_decoders_find_the_value(share: int) -> None:
    for seed in range(FIRST + share, FIRST + COUNT, SHARES):
        frame, value, dictionaries = made(seed)
        assert decode_with_codec(frame, next(iter(dictionaries.values()), None)) == value, f"seed {seed}"
        text = decoder.decode(frame, dictionaries)
        if isinstance(text, bytes):
            assert text == value, f"seed {seed}"
        else:
            assert value in (text.encode("utf-8", "surrogatepass"), text.encode("utf-16-le", "surrogatepass"))


# Of models, by the bits of their flags; docs/voxel-format.md, section 4.
FLAGS = (
    "label",
    "reference",
    "floor",
    "ranks",
    "cells",
    "margins",
    "transposed",
    "folded",
    "series",
    "few states",
    "plateaus",
)


def kinds_of(frame: bytes, dictionaries: dict[int, bytes]) -> Iterator[str]:
    info = zb.info(frame)
    yield str(info.codec)
    if info.compact:
        yield "compact"
        yield f"form {frame[8] % 4}"
        return
    assert not dictionaries
    sections = Parts.of(frame).sections
    images = [section.body for section in sections if section.type == IMAGE]
    for section in sections:
        if section.type == MODEL:
            (flags,) = struct.unpack_from("<H", section.body, 4)
            yield from (name for bit, name in enumerate(FLAGS) if flags >> bit & 1)
            yield f"{decoder.SAMPLE_TYPES[images[section.body[1]][1]][1]} bytes"


def test_frames_of_every_kind_are_generated() -> None:
    seen = {kind for seed in range(40) for kind in kinds_of(made(seed)[0], made(seed)[2])}
    forms = {f"form {form}" for form in range(4)}
    sizes = {f"{size} bytes" for size in (1, 2, 4, 8)}
    assert {"store", "zstd", "planes", "voxel", "compact", *FLAGS, *forms, *sizes} <= seen
