"""The voxel codec: exact on strange images, the same bytes on every CPU target, and better than the general path."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb


def smooth(shape: tuple[int, ...], dtype: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    waves = sum(np.sin(grid / (7 + 3 * axis)) for axis, grid in enumerate(np.indices(shape).astype(float)))
    return (waves * 20 + 60 + rng.normal(0, 2, shape)).astype(dtype)


def frame_of(array: np.ndarray, level: int = 5, codec: str = "voxel") -> bytes:
    value = pickle.dumps(array)
    frame = zb.compress(value, level, codec=codec)
    assert zb.decompress(frame) == value
    assert len(frame) <= len(value) + 64 + 32 * zb.info(frame).chunk_count
    return frame


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i2", ">u2", ">i2", "<u4", ">i4", "<i8", ">u8"])
def test_every_integer_type_and_level(dtype: str, level: int) -> None:
    array = smooth((9, 70, 83), dtype)
    frame = frame_of(array, level)
    assert zb.info(frame).codec == "voxel"
    assert len(frame) < array.nbytes / (1.3 * array.itemsize)


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


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: tuple[int, ...]) -> None:
    for level in (1, 5, 9):
        frame_of(smooth(shape, "i2"), level)


@pytest.mark.parametrize("components", [2, 3, 4, 7])
def test_vectors(components: int) -> None:
    array = smooth((4, 60, 50, components), "u1")
    value = pickle.dumps(sitk.GetImageFromArray(array, isVector=True))
    for level in (1, 5, 9):
        frame = zb.compress(value, level)
        assert zb.info(frame).images[0].components == components
        assert zb.decompress(frame) == value


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


@pytest.mark.parametrize("codec", ["auto", "voxel"])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_images(name: str, codec: str) -> None:
    for level in (1, 5, 9):
        frame_of(STRANGE[name], level, codec)


def test_a_series_refers_to_the_volume_before() -> None:
    """Volumes with more detail from slice to slice than from time to time."""
    still = np.random.default_rng(1).normal(900, 60, (1, 6, 64, 80)).repeat(9, 0)
    series = (still + np.random.default_rng(2).normal(0, 4, still.shape)).astype(np.int16)
    for level in (1, 5, 9):
        apart = sum(len(frame_of(volume, level)) for volume in series)
        assert len(frame_of(series, level)) < 0.75 * apart


@pytest.mark.parametrize("name", STRANGE)
def test_never_larger_than_the_general_path(name: str) -> None:
    for level in (1, 5):
        ours = frame_of(STRANGE[name], level, "auto")
        general = frame_of(STRANGE[name], level, "zstd")
        overhead = zb.info(ours).header_size
        assert len(ours) <= len(general) * 1.01 + overhead


CORPUS = sorted(Path(os.environ["ZBLOB_CORPUS"]).glob("*.mha")) if "ZBLOB_CORPUS" in os.environ else []


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path: Path) -> None:
    value = pickle.dumps(sitk.ReadImage(str(path)))
    sizes = []
    for level in (1, 5, 9):
        frame = zb.compress(value, level)
        assert zb.decompress(frame) == value
        sizes.append(len(frame))
    assert sizes[0] * 1.01 >= sizes[1]
    assert sizes[1] * 1.01 >= sizes[2]
