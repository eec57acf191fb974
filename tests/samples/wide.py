"""Floats and integers wider than 16 bits: every bit pattern that is easy to get wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .integers import smooth
from .values import wide_arrays


def strange_images() -> Iterator[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    shape = (6, 80, 96)
    for bits in (32, 64):
        noise = rng.integers(0, 2**bits, shape, dtype=f"u{bits // 8}")
        real = f"f{bits // 8}"
        yield f"any bits {bits}", noise.view(real)
        yield f"any integers {bits}", noise
        yield f"denormals {bits}", (noise >> (bits // 2)).astype(noise.dtype).view(real)
        yield f"payloads {bits}", np.where(noise % 3 == 0, noise | noise.dtype.type(0x7FF << (bits - 12)), 0).view(real)
        yield f"zeros of both signs {bits}", np.where(noise % 2, 0.0, -0.0).astype(real)
        yield f"not a number {bits}", np.full(shape, np.nan, real)
        yield f"infinite background {bits}", np.where(noise % 5, -np.inf, smooth(shape, real)).astype(real)
        outliers = smooth(shape, real)
        outliers[2, 5:9, ::7] = np.finfo(real).max
        yield f"outliers {bits}", outliers
        yield f"wild magnitudes {bits}", (10.0 ** rng.uniform(-30, 30, shape)).astype(real)
        yield f"constant {bits}", np.full(shape, 0.1, real)
        yield f"extremes {bits}", np.where(noise % 2, np.iinfo(f"i{bits // 8}").min, np.iinfo(f"i{bits // 8}").max)
    yield "as many values as cells", np.arange(65536 * 3, dtype=np.int64).reshape(3, 256, 256) % 65536 * 977
    yield "one value more", np.arange(65537 * 3, dtype=np.int64).reshape(-1, 3).repeat(2, axis=1) % 65537 * 977
    yield "the last key among few", np.array([2**64 - 1, 0, 5, 7] * 900, np.uint64).reshape(60, 60)
    late = np.zeros((40, 80, 96), np.float32)
    late[-1] = rng.normal(size=(80, 96))
    yield "late noise", late
    yield "clusters", (1e-3 + rng.normal(size=shape) * 1e-17).astype("f8")
    yield from wide_arrays().items()


STRANGE = dict(strange_images())
