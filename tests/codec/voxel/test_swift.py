"""The swift preset: residuals of every magnitude, rows of every kind, and damage that is seen or does no harm."""

from __future__ import annotations

import itertools
import pickle
import random

import numpy as np
import pytest

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.integers import smooth
from .coding import frame_of

LEVEL = 1


@pytest.mark.parametrize("spread", [0.2, 1, 4, 15, 60, 250, 1000, 4000, 9000])
def test_residuals_of_every_magnitude(spread: float) -> None:
    """Small spreads have groups of zeros alone, large ones escapes of all three kinds."""
    noise = np.random.default_rng(int(spread)).laplace(0, spread, (3, 41, 75))
    noise[:, 10:21] = 0
    array = np.clip(noise, -32768, 32767).astype("<i2")
    assert decode(frame_of(array, LEVEL)) == pickle.dumps(array)


def test_single_samples_that_are_far_off() -> None:
    array = smooth((4, 50, 70), "<i2")
    array[np.random.default_rng(3).random(array.shape) < 0.01] = -32768
    array[np.random.default_rng(4).random(array.shape) < 0.01] = 32767
    assert decode(frame_of(array, LEVEL)) == pickle.dumps(array)


@pytest.mark.parametrize("width", [24, 25, 31, 32, 33, 63, 64, 65, 80, 1023, 1025, 1040])
def test_half_rows_of_every_length(width: int) -> None:
    for dtype in ("u1", ">i2"):
        frame_of(smooth((2, 25, width), dtype), LEVEL)


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 6, 7, 8, 9])
def test_pairs_of_rows(rows: int) -> None:
    array = smooth((300 // rows, rows, 64), "u2")
    assert decode(frame_of(array, LEVEL)) == pickle.dumps(array)


def test_flat_rows_take_next_to_nothing() -> None:
    array = np.full((20, 200, 200), -1024, "<i2")
    array[:, 80:120] += (smooth((20, 40, 200), "u2") // 64).astype("<i2")
    assert len(frame_of(array, LEVEL)) < len(frame_of(np.ascontiguousarray(array[:, 80:120]), LEVEL)) + 20 * 200


def test_scattered_points_are_no_regions() -> None:
    """Points make a label map slow, so level 1 leaves them to a quicker codec; borders of regions are no points."""
    rng = np.random.default_rng(8)
    shape = (8, 160, 160)
    points = np.where(rng.random(shape) < 0.1, rng.integers(0, 32767, shape), 0).astype("<i2")
    codecs = [zb.info(zb.compress(pickle.dumps(points), level)).codec for level in (LEVEL, LEVEL + 1)]
    assert codecs == ["zstd", "voxel"]
    names = rng.integers(0, 32767, (8, 40, 40)).astype("<i2")
    regions = names.repeat(4, 1).repeat(4, 2)
    edges = rng.random(shape) < 0.3
    regions = np.where(edges, np.roll(regions, 1, 2), regions)
    assert len(frame_of(regions, LEVEL)) <= 1.01 * len(frame_of(regions, LEVEL + 1))


def test_the_levels_are_one_front() -> None:
    for dtype in ("u1", "<i2"):
        array = smooth((12, 90, 110), dtype)
        sizes = [len(frame_of(array, level)) for level in range(1, 10)]
        assert all(higher <= lower * 1.01 for lower, higher in itertools.pairwise(sizes)), sizes


@pytest.mark.parametrize("dtype", ["u1", "<i2"])
def test_the_levels_are_one_front_for_tiny_images(dtype: str) -> None:
    """Tables of contexts are larger than what they gain there."""
    array = smooth((12, 90, 110), dtype)[5, 10:74, 20:84]
    sizes = [len(frame_of(np.ascontiguousarray(array), level)) for level in range(1, 10)]
    assert all(higher <= lower * 1.01 for lower, higher in itertools.pairwise(sizes)), sizes


@pytest.mark.parametrize("dtype", ["u1", "<i2", "<f4"])
def test_damage_is_seen(dtype: str) -> None:
    """Any bit that is turned gives an error, and no frame that is cut short can be read."""
    value = pickle.dumps(smooth((3, 40, 50), "u1" if dtype == "u1" else "<i2").astype(dtype))
    frame = zb.compress(value, LEVEL, codec="voxel")
    pick = random.Random(dtype)
    for _ in range(600):
        damaged = bytearray(frame)
        at = pick.randrange(16, len(frame))
        damaged[at] ^= 1 << pick.randrange(8)
        with pytest.raises(zb.ZblobError):
            zb.decompress(bytes(damaged))
    for size in pick.sample(range(16, len(frame)), 50):
        with pytest.raises(zb.ZblobError):
            zb.decompress(frame[:size])
