"""Small ordinary frames that together have every field of the format, for tests of what the fields mean."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import numpy as np

import sqlite_zblob as zb

from .files import image_files, pages, tiff
from .frames import FRAMES


def arrays() -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    rng = np.random.default_rng(3)
    z, y, x = np.ogrid[:3, :26, :30]
    distance = np.sqrt((z - 1.0) ** 2 * 30 + (y - 13.0) ** 2 + (x - 15.0) ** 2)
    scan = (900 - 20 * distance + rng.normal(0, 6, distance.shape)).astype(np.int16)
    tone = np.clip(scan // 4, 0, 255).astype(np.uint8)
    colour = np.stack([tone, np.roll(tone, 1, 1), 255 - tone], axis=-1)
    steps = (distance // 3).astype(np.uint8)
    down, right = np.ogrid[:64, :64]
    rings = (right**2 // 40 + down**2 // 30) % 3 * 25
    still = np.where(rng.random(rings.shape) < 0.02, rng.choice([0, 25, 50], rings.shape), rings).astype(np.uint8)
    screen = [right // 9 * 20 + 0 * down, down // 7 * 30 + 0 * right, (right + down) // 11 * 20]
    return {
        "volume": (scan, {"level": 5}),
        "volume, rich": (scan, {"level": 9}),
        "volume, fast": (np.tile(scan, (1, 2, 2)), {"level": 1}),
        "big-endian": (scan.astype(">i2"), {"level": 3}),
        "colour": (colour, {"level": 5}),
        "few values": ((scan // 16 * 160).astype(np.int16), {"level": 5}),
        "a background": (np.where(distance < 9, scan, -1000).astype(np.int16), {"level": 5}),
        "plateaus": ((distance // 2 + (rng.random(distance.shape) < 0.03)).astype(np.uint8), {"level": 7}),
        "labels u2": (steps.astype(np.uint16) * 300, {}),
        "labels u4": (steps.astype(np.uint32) * 70_000, {}),
        "mixed labels": (steps.astype(np.uint32) * 70_000, {"level": 9}),
        "few colours": (still, {"level": 7}),
        "few colours of three samples": (np.stack(screen, axis=-1).astype(np.uint8), {"level": 5}),
        "floats": ((np.sin(distance) + rng.normal(0, 0.01, distance.shape)).astype(np.float32), {}),
        "floats of few values": ((scan * 0.5).astype(np.float32), {}),
        "roots": (np.sqrt(rng.integers(0, 400, distance.shape) / 3).astype(np.float32), {}),
        "maps": ((scan * rng.uniform(0.5, 2, (3, 1, 1))).astype(np.float32), {}),
        "integers of 64 bits": (rng.integers(-(2**40), 2**40, (2, 24, 24)), {}),
        "complex": (np.fft.fft(scan[:2]).astype(np.complex64), {}),
    }


@functools.cache
def field_frames() -> dict[str, bytes]:
    frames = {name: frame for name, (frame, _) in FRAMES.items() if not zb.info(frame).compact}
    for name, (array, options) in arrays().items():
        frames[name] = zb.compress(pickle.dumps(array), **{"codec": "voxel"} | options)
    found = image_files()
    for name in ("dicom with a slope", "nifti vectors", "bmp padded, larger", "bmp padded"):
        frames[name] = zb.compress(found[name].value, codec="voxel")
    frames["tiles"] = zb.compress(tiff(arrays()["colour"][0], tile=(16, 16)), codec="voxel")
    frames["pages"] = zb.compress(pages(arrays()["volume"][0]), codec="voxel")
    return frames
