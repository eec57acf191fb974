"""Codec "auto" makes hardly more of any value than codec "zstd" does, and a level hardly more than a lower one."""

from __future__ import annotations

import pytest

import sqlite_zblob as zb

from ...samples.repeats import REPEATED

LEVELS = (1, 5, 9)


def limit(size: int) -> float:
    return size * 1.01 + 16


@pytest.mark.parametrize("name", REPEATED)
def test_hardly_larger_than_zstd_or_a_lower_level(name: str) -> None:
    value = REPEATED[name]
    least = len(value) + 64 + 32 * (1 + len(value) // 2**20)
    for level in LEVELS:
        frame = zb.compress(value, level)
        assert zb.decompress(frame) == value
        assert len(frame) <= limit(len(zb.compress(value, level, codec="zstd")))
        assert len(frame) <= limit(least)
        least = min(least, len(frame))
