"""Label maps: cells as an atlas has them, and strange ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk

SHAPES = [
    (64, 64),
    (2, 2),
    (3, 3, 3),
    (7, 33, 1),
    (1, 1, 90, 90),
    (40, 1, 60),
    (300, 2, 31),
    (3000, 3),
    (2, 100_000),
    (9, 40, 63),
    (5, 40, 64),
    (4, 40, 65),
    (3, 40, 128),
    (13, 25, 127),
    (2, 3, 5, 31, 40),
    (1, 700, 1000),
]


@functools.cache
def atlas(shape: tuple[int, ...], count: int = 30, seed: int = 3) -> np.ndarray:
    """Cells around random points, inside an ellipsoid; 0 outside."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape).astype(float)
    grid += sum(np.sin(axis / (5 + i)) for i, axis in enumerate(grid)) * 0.8
    points = rng.random((count, len(shape))) * shape
    nearest = np.zeros(shape, int)
    best = np.full(shape, np.inf)
    for label, point in enumerate(points, 1):
        distance = sum((axis - at) ** 2 for axis, at in zip(grid, point, strict=True))
        nearest[distance < best] = label
        best = np.minimum(best, distance)
    centre = sum(((axis - extent / 2) / (extent / 2)) ** 2 for axis, extent in zip(grid, shape, strict=True))
    return np.where(centre < 0.9, nearest, 0)


@functools.cache
def watershed() -> np.ndarray:
    """Thousands of regions, numbered in the order in which they appear."""
    noise = sitk.GetImageFromArray(np.random.default_rng(4).normal(0, 1, (14, 120, 130)))
    regions = sitk.MorphologicalWatershed(sitk.DiscreteGaussian(noise, 1.0), level=0.0, markWatershedLine=False)
    values, first, labels = np.unique(sitk.GetArrayFromImage(regions), return_index=True, return_inverse=True)
    order = np.empty(len(values), int)
    order[np.argsort(first)] = np.arange(len(values))
    return order[labels].reshape(14, 120, 130)


def strange_labels() -> Iterator[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    shape = (11, 80, 97)
    cells = atlas(shape)
    yield "cells", cells.astype("u1")
    yield "many labels", (cells * 999 + np.indices(shape)[0]).astype("u2")
    yield "blank", np.zeros(shape, "u1")
    yield "blank but high", np.full(shape, 65535, "u2")
    yield "one voxel", np.where(np.arange(np.prod(shape)).reshape(shape) == 40_000, 1, 0).astype("u1")
    yield "last voxel", np.where(np.arange(np.prod(shape)).reshape(shape) == np.prod(shape) - 1, 1, 0).astype("u1")
    yield "first voxel", np.where(np.arange(np.prod(shape)).reshape(shape) == 0, 1, 0).astype("u1")
    for percent in (1, 10, 50):
        yield f"noise {percent}", (rng.random(shape) < percent / 100).astype("u1")
    yield "salt", np.where(rng.random(shape) < 0.01, rng.integers(0, 256, shape), cells).astype("u1")
    yield "salt 16", np.where(rng.random(shape) < 0.03, rng.integers(0, 65536, shape), cells).astype("u2")
    yield "0 255", (cells % 2 * 255).astype("u1")
    yield "far labels", np.where(cells % 3 == 0, -(2**62), cells).astype("i8")
    yield "rows", np.broadcast_to(np.arange(80)[:, None] % 7, shape).astype("u1")
    yield "columns", np.broadcast_to(np.arange(97) % 2, shape).astype("u1")
    yield "slices", np.broadcast_to(np.arange(11)[:, None, None], shape).astype("u2")
    yield "checker 2", (np.indices(shape)[1:].sum(0) % 2).astype("u1")
    yield "checker 3", (np.indices(shape).sum(0) % 2).astype("u2")
    components = np.cumsum(np.diff((cells > 0).ravel().astype(int), prepend=0) > 0).reshape(shape) * (cells > 0)
    yield "a label a run", components.astype("u4")
    late = np.zeros((30, 80, 97), "u1")
    late[-1] = rng.integers(0, 256, (80, 97))
    yield "late noise", late
    yield "late noise 32", late.astype("u4") * 16_777_259
    yield "wide noise", np.where(cells > 3, rng.integers(0, 2**32, shape), 0).astype("u4")


STRANGE = dict(strange_labels())
