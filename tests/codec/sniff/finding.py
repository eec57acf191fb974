"""What these tests ask of a value: its images, and their samples."""

from __future__ import annotations

import numpy as np

import sqlite_zblob as zb


def images_of(value: bytes) -> tuple[zb.ImageInfo, ...]:
    """What is found, the same in the value and in its frame, which comes back."""
    frame = zb.compress(value)
    assert zb.decompress(frame) == value
    assert zb.info(frame).images == zb.info(value).images
    return zb.info(value).images


def samples_of(value: bytes, image: zb.ImageInfo) -> np.ndarray:
    """The image's samples as the value holds them, in the shape of its memory; components come last."""
    dtype = np.dtype(image.pixel_type).newbyteorder(">" if image.byte_order == "big" else "<")
    shape = image.size[::-1] + ((image.components,) if image.components > 1 else ())
    return np.frombuffer(value, dtype, int(np.prod(shape)), image.value_offset).reshape(shape)
