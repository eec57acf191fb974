"""Codec "auto" makes hardly more of any value than codec "zstd" does, and a level hardly more than a lower one."""

from __future__ import annotations

import numpy as np
import pytest
import zstandard

import sqlite_zblob as zb
from benchmarks.bad_images import waves

from ...samples.repeats import REPEATED

LEVELS = (1, 5, 9)


def limit(size: int) -> float:
    return size * 1.01 + 16


@pytest.mark.parametrize("name", REPEATED)
def test_hardly_larger_than_zstd_or_a_lower_level(name: str) -> None:
    value = REPEATED[name]
    least = len(value) + 64 + 32 * (1 + len(value) // 2**20)
    for level in LEVELS:
        frame = zb.compress(value, level)
        assert zb.decompress(frame) == value
        assert len(frame) <= limit(len(zb.compress(value, level, codec="zstd")))
        assert len(frame) <= limit(least)
        least = min(least, len(frame))


def alternating() -> np.ndarray:
    """Every other pixel is noise, as on a checkerboard."""
    noise = np.random.default_rng(3).integers(0, 1000, (512, 512))
    return np.where(np.indices(noise.shape).sum(0) % 2, noise, 0).astype("u2")


def strip(width: int, rows: int) -> np.ndarray:
    """A volume whose rows are said to be much shorter than they are."""
    return waves((16, 256, 256), 9, "i2").ravel()[: width * rows].reshape(rows, width)


def small_object() -> np.ndarray:
    """Many pixels, few bytes."""
    image = np.zeros((2, 512, 512), "u2")
    image[:, 200:330, 180:340] = waves((2, 130, 160), 3, "u2", 5, 100)
    return image


def waving(shape: tuple[int, ...], amplitude: int, period: int) -> np.ndarray:
    """Waves without noise, in whole numbers: most samples are sums of their neighbours, but for rounding."""
    waves = np.sum([np.sin(grid / period) for grid in np.indices(shape)], axis=0)
    return np.asarray(amplitude * waves).astype("i2").astype("u2")


def wrapping_ramp() -> np.ndarray:
    z, y, x = np.indices((2500, 3, 8))
    ramp: np.ndarray = ((z + 17 * y + 257 * x) % 256).astype("u1")
    return ramp


def plateaus() -> np.ndarray:
    values: np.ndarray = np.random.default_rng(2).integers(0, 4096, 13334).astype("i4").repeat(30)
    return values[:400_000].reshape(50, 160, 50)


@pytest.mark.parametrize(
    ("image", "levels"),
    [
        (waving((39, 512), 100, 40), (2, 5, 6, 9)),
        (waving((23, 100, 434), 3000, 200), (2, 3, 5)),
        (wrapping_ramp(), (2, 5, 6, 9)),
        (plateaus(), (5, 9)),
        (alternating(), (2, 3, 5, 9)),
        (strip(24, 20_000), (3, 4, 5, 6, 9)),
        (strip(40, 10_000), (4, 5, 6, 9)),
        (small_object(), (6, 7, 8, 9)),
    ],
    ids=[
        "waves",
        "volume of waves",
        "wrapping ramp",
        "plateaus",
        "alternating",
        "strip of 24",
        "strip of 40",
        "small object",
    ],
)
def test_strange_images_are_hardly_larger_at_a_higher_level(image: np.ndarray, levels: tuple[int, ...]) -> None:
    least = image.nbytes
    for level in levels:
        size = len(zb.compress(image, level, dtype=image.dtype, shape=image.shape))
        assert size <= limit(least)
        least = min(least, size)


def tiles() -> np.ndarray:
    return np.tile(np.clip(waves((64, 64), 9, "i4") // 8, 0, 255).astype("u1"), (8, 8))


def palette() -> np.ndarray:
    """Values that are numbers of colours."""
    order = np.random.default_rng(3).permutation(256).astype("u1")
    image: np.ndarray = np.take(order, np.clip(waves((256, 256), 0, "i4") // 5, 0, 255))
    return image


@pytest.mark.parametrize("level", [2, 3, 4, 5])
@pytest.mark.parametrize("image", [tiles(), palette()], ids=["tiles", "palette"])
def test_images_that_suit_zstd_are_hardly_larger_than_by_its_level_of_that_number(
    image: np.ndarray, level: int
) -> None:
    frame = zb.compress(image, level, dtype=image.dtype, shape=image.shape)
    zstd = zstandard.ZstdCompressor(level=level).compress(image.tobytes())
    assert len(frame) - zb.info(frame).header_size <= limit(len(zstd))


@pytest.mark.parametrize("level", [3, 5])
@pytest.mark.parametrize("period", [100_001, 333_333])
def test_samples_that_repeat_whatever_the_rows(period: int, level: int) -> None:
    once = np.random.default_rng(period).integers(0, 256, period).astype("u2")
    image = np.resize(once, 1_000_000).reshape(4000, 250)
    frame = zb.compress(image, level, dtype=image.dtype, shape=image.shape)
    assert len(frame) <= limit(len(zstandard.ZstdCompressor(level=level).compress(image.tobytes())) + 100)


@pytest.mark.parametrize("kind", ["noise", "ramp"])
def test_halves_of_an_image_are_not_told_twice(kind: str) -> None:
    """At level 1, where two threads would share it."""
    one = np.random.default_rng(1).integers(0, 65536, (1, 256, 256), dtype=np.uint16)
    ramp = (np.arange(256 * 256, dtype=np.uint32) * 12345).astype(np.uint16).reshape(one.shape)
    image = (one if kind == "noise" else ramp).repeat(16, 0)
    frame = zb.compress(image, 1, dtype=image.dtype, shape=image.shape)
    assert len(frame) <= limit(len(zstandard.ZstdCompressor(level=1).compress(image.tobytes())))


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_model_counts_where_planes_do_without(seed: int) -> None:
    """A few points in a map whose pixels are wide: the labels are smaller than the planes, but not with their model."""
    rng = np.random.default_rng(seed)
    points = ((rng.random((221, 25)) < 0.001) * rng.integers(1, 5, (221, 25))).astype("i8")
    sizes = [len(zb.compress(points, 7, codec=codec, dtype="i8", shape=points.shape)) for codec in ("auto", "planes")]
    assert sizes[0] <= sizes[1]
