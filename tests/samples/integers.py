"""Integer images for the voxel codec: smooth ones of any shape, and strange ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SHAPES = [
    (200,),
    (64, 64),
    (3, 5, 7, 31, 40),
    (1, 1, 90, 90),
    (40, 1, 60),
    (100_000, 1),
    (2, 100_000, 3),
    (3000, 3),
    (300, 300, 2),
    (2, 2, 2, 2, 600),
    (700, 25),
    (33, 2, 65),
    (2, 1100, 3000),
]


def smooth(shape: tuple[int, ...], dtype: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    waves = np.zeros(shape)
    for axis, grid in enumerate(np.indices(shape).astype(float)):
        waves += np.sin(grid / (7 + 3 * axis))
    return (waves * 20 + 60 + rng.normal(0, 2, shape)).astype(dtype)


def strange_images() -> Iterator[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    shape = (6, 80, 96)
    yield "noise 8", rng.integers(0, 256, shape, dtype=np.uint8)
    yield "noise 16", rng.integers(0, 65536, shape, dtype=np.uint16)
    yield "noise 64", rng.integers(-(2**63), 2**63, shape, dtype=np.int64)
    yield "two far values", (rng.integers(0, 2, shape) * 65535).astype(np.uint16)
    yield "two far signed", (rng.integers(0, 2, shape) * 65535 - 32768).astype(np.int16)
    yield "constant", np.full(shape, 77, np.int16)
    yield "constant low", np.full(shape, -32768, np.int16)
    yield "outliers", np.where(rng.random(shape) < 0.001, 32767, 0).astype(np.int16)
    yield "ramp", np.arange(np.prod(shape), dtype=np.uint32).reshape(shape).astype(np.uint16)
    yield "plane", np.add.outer(np.arange(64), np.arange(200)).astype(">u2")
    yield "sparse values", smooth(shape, "u2") * np.uint16(257)
    half = smooth(shape, "u1")
    half[:, :, :50] = 0
    yield "half empty", half
    yield "checker", (np.indices(shape).sum(0) % 2 * 200).astype(np.uint8)
    late = np.zeros((40, 80, 96), np.int16)
    late[-1] = rng.integers(-32768, 32768, (80, 96))
    yield "late noise", late
    yield "mask", (smooth(shape, "u1") > 60).astype(np.uint8)
    still = smooth((1, 5, 60, 70), "i2").repeat(6, 0) * np.int16(3)
    yield "series", (still + rng.normal(0, 1, still.shape)).astype(np.int16)
    yield "series of two", still[:2] + rng.integers(0, 2, still[:2].shape, dtype=np.int16)
    yield "signal", (np.sin(np.arange(60_000) / 30) * 900 + rng.normal(0, 9, 60_000)).astype(np.int16)
    yield "flattened", smooth((9, 60, 70), "u2").ravel()
    yield "labels", (smooth(shape, "i4", 3) // 20).astype(np.int32) * 1000


STRANGE = dict(strange_images())
