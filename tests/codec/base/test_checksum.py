"""Checksums of frames and chunks are XXH64, as an independent implementation computes it."""

from __future__ import annotations

import random
import struct

import pytest
import xxhash

import sqlite_zblob as zb


@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 100, 1000, 4097])
def test_checksums_are_xxh64(size: int) -> None:
    raw = random.Random(size).randbytes(size)
    frame = zb.compress(raw, codec="store")
    header_size = zb.info(frame).header_size
    assert struct.unpack("<Q", frame[header_size - 8 : header_size])[0] == xxhash.xxh64_intdigest(
        frame[: header_size - 8]
    )
    if size:
        assert struct.unpack_from("<Q", frame, 36 + 8)[0] == xxhash.xxh64_intdigest(raw)
