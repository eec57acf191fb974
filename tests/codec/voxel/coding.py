"""What every test of an image's coding asks: the value comes back, and its frame keeps the promised bound."""

from __future__ import annotations

import pickle

import numpy as np

import sqlite_zblob as zb


def frame_of(array: np.ndarray, level: int = 5, codec: zb.Codec = "voxel") -> bytes:
    value = pickle.dumps(array)
    frame = zb.compress(value, level, codec=codec)
    assert zb.decompress(frame) == value
    assert len(frame) <= len(value) + 64 + 32 * zb.info(frame).chunk_count
    return frame


def is_label(frame: bytes) -> bool:
    """Is the first image's model that of a label map? (docs/format.md, section 3)"""
    at, end = 36, 36 + int.from_bytes(frame[32:36], "little")
    while at < end:
        kind, size = int.from_bytes(frame[at : at + 2], "little"), int.from_bytes(frame[at + 4 : at + 8], "little")
        if kind == 2:
            return bool(frame[at + 8 + 4] & 1)
        at += 8 + size
    return False


def frame_of_samples(array: np.ndarray, level: int = 5, codec: zb.Codec = "voxel") -> bytes:
    value = array.tobytes()
    frame = zb.compress(value, level, codec=codec, dtype=array.dtype, shape=array.shape)
    assert zb.decompress(frame) == value
    return frame
