"""What every test of an image's coding asks: the value comes back, and its frame keeps the promised bound."""

from __future__ import annotations

import pickle

import numpy as np

import sqlite_zblob as zb

from ...compat.decoder import IMAGE_KINDS, VOXEL, Fields


def frame_of(array: np.ndarray, level: int = 5, codec: zb.Codec = "voxel") -> bytes:
    value = pickle.dumps(array)
    frame = zb.compress(value, level, codec=codec)
    assert zb.decompress(frame) == value
    assert len(frame) <= len(value) + 64 + 32 * zb.info(frame).chunk_count
    return frame


def model_flags(frame: bytes) -> int:
    """Those of the first image's model (docs/voxel-format.md, section 4); 0: there is no model."""
    model = _compact_model(frame) if zb.info(frame).compact else _model_section(frame)
    return int.from_bytes(model[:2], "little")


def _model_section(frame: bytes) -> bytes:
    """docs/format.md, section 3."""
    at, end = 36, 36 + int.from_bytes(frame[32:36], "little")
    while at < end:
        kind, size = int.from_bytes(frame[at : at + 2], "little"), int.from_bytes(frame[at + 4 : at + 8], "little")
        if kind == 2:
            return frame[at + 8 + 4 : at + 8 + size]
        at += 8 + size
    return b""


def _compact_model(frame: bytes) -> bytes:
    """docs/format.md, section 8."""
    if frame[8] not in IMAGE_KINDS:
        return b""
    fields = Fields(frame[13:])
    head = fields.byte()
    image = fields.image(head)
    fields.varint()
    if head & 128:
        fields.space(len(image.size))
    return fields.take(fields.varint()) if head & 3 == VOXEL else b""


def is_label(frame: bytes) -> bool:
    """Is the first image's model that of a label map?"""
    return bool(model_flags(frame) & 1)


def frame_of_samples(array: np.ndarray, level: int = 5, codec: zb.Codec = "voxel") -> bytes:
    value = array.tobytes()
    frame = zb.compress(value, level, codec=codec, dtype=array.dtype, shape=array.shape)
    assert zb.decompress(frame) == value
    return frame
