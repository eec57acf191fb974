"""What these tests ask of a value: its images, and their samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import sqlite_zblob as zb
from sqlite_zblob.readings import flat_samples


def images_of(value: bytes) -> tuple[zb.ImageInfo, ...]:
    """What is found, the same in the value and in its frame, which comes back."""
    frame = zb.compress(value)
    assert zb.decompress(frame) == value
    assert zb.info(frame).images == zb.info(value).images
    return zb.info(value).images


def samples_of(value: bytes, image: zb.ImageInfo) -> np.ndarray:
    """The image's samples as the value holds them, in the shape of its memory; components come last."""
    shape = image.size[::-1] + ((image.components,) if image.components > 1 else ())
    return flat_samples(value, replace(image, bits=0)).reshape(shape)
