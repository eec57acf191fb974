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
