"""Generated frames (compose.py): both decoders find the value that they were made with."""

from __future__ import annotations

import os
from collections import Counter

import pytest

import sqlite_zblob as zb

from . import decoder
from .compose import compose

# More of them find more: ZBLOB_GENERATED_FRAMES=20000 takes some minutes. FIRST goes on where another run has ended.
COUNT = int(os.environ.get("ZBLOB_GENERATED_FRAMES", "300"))
FIRST = int(os.environ.get("ZBLOB_GENERATED_FIRST", "0"))
SHARES = 10


def as_bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def decode_with_codec(frame: bytes, dictionary: bytes | None) -> bytes:
    out = bytearray(zb.info(frame).raw_size)
    return bytes(zb.decompress(frame, out=out, dictionary=dictionary))


@pytest.mark.parametrize("share", range(SHARES))
def test_both_decoders_find_the_value(share: int) -> None:
    for seed in range(FIRST + share, FIRST + COUNT, SHARES):
        frame, value, dictionaries = compose(seed)
        assert decode_with_codec(frame, next(iter(dictionaries.values()), None)) == value, f"seed {seed}"
        text = decoder.decode(frame, dictionaries)
        if isinstance(text, bytes):
            assert text == value, f"seed {seed}"
        else:
            assert value in (text.encode("utf-8", "surrogatepass"), text.encode("utf-16-le", "surrogatepass"))


def test_frames_of_every_kind_are_generated() -> None:
    seen: Counter[str] = Counter()
    for seed in range(200):
        frame, _, dictionaries = compose(seed)
        info = zb.info(frame)
        seen[str(info.codec)] += 1
        seen["compact"] += info.compact
        seen["with a dictionary"] += bool(dictionaries)
        seen["short blocks"] += info.compact and frame[8] % 4 == 3
        seen["with images"] += bool(info.images)
    assert set(seen) == {
        "store",
        "zstd",
        "planes",
        "voxel",
        "compact",
        "with a dictionary",
        "with images",
        "short blocks",
    }
    assert min(seen.values()) > 3
