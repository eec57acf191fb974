"""Checksums of frames and chunks are XXH3, as an independent implementation computes it."""

from __future__ import annotations

import random
import struct

import pytest
import xxhash

import sqlite_zblob as zb

# Lengths of stripes and of blocks, and some beyond.
AROUND_BOUNDARIES = [511, 512, 513, 1023, 1024, 1025, 1087, 1088, 1089, 2048, 2049, 4097, 65536, 1000003]


@pytest.mark.parametrize("size", [*range(260), *AROUND_BOUNDARIES])
def test_checksums_are_xxh3(size: int) -> None:
    raw = random.Random(size).randbytes(size)
    frame = zb.compress(raw, codec="store")
    header_size = zb.info(frame).header_size
    assert struct.unpack("<Q", frame[header_size - 8 : header_size])[0] == xxhash.xxh3_64_intdigest(
        frame[12 : header_size - 8]
    )
    if size:
        assert struct.unpack_from("<Q", frame, 36 + 8)[0] == xxhash.xxh3_64_intdigest(raw)
