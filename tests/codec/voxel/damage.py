"""Frames whose one voxel chunk is damaged, under checksums that hold: the decoder itself has to notice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import sqlite_zblob as zb

from ...samples.frame_parts import VOXEL, Parts

Change = Callable[[bytes], bytes]

ENDS: dict[str, Change] = {
    "cut off": lambda stored: stored[:-1],
    "longer": lambda stored: stored + b"\0",
    "empty": lambda stored: b"\1",
    "ones": lambda stored: b"\xff" * len(stored),
}


def flip(seed: int) -> Change:
    """One bit of the chunk is another, each time elsewhere."""

    def change(stored: bytes) -> bytes:
        at = seed * 37 % len(stored)
        return stored[:at] + bytes([stored[at] ^ 1 << seed % 8]) + stored[at + 1 :]

    return change


def require_damage(frame: bytes, change: Change) -> None:
    parts = Parts.of(frame)
    (chunk,) = (chunk for chunk in parts.chunks if chunk.codec == VOXEL)
    chunk.stored = change(chunk.stored)
    with pytest.raises(zb.DamagedFrameError):
        zb.decompress(parts.pack())
