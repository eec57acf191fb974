"""The voxel codec: exact on strange images, the same bytes on every CPU target, and better than the general path."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.integers import SHAPES, STRANGE, smooth
from .coding import frame_of


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i2", ">u2", ">i2", "<u4", ">i4", "<i8", ">u8"])
def test_every_integer_type_and_level(dtype: str, level: int) -> None:
    array = smooth((9, 70, 83), dtype)
    frame = frame_of(array, level)
    assert zb.info(frame).codec == "voxel"
    assert len(frame) < array.nbytes / (1.3 * array.itemsize)


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


@pytest.mark.parametrize("codec", ["auto", "voxel"])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_images(name: str, codec: zb.Codec) -> None:
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


def sparse(scan: np.ndarray) -> dict[str, np.ndarray]:
    """The same scan in values with gaps between them."""
    return {
        "every fourth": scan // 4 * 4,
        "stretched": np.minimum(scan * 1.28, 255).astype("u1"),
        "gamma": ((scan / 255) ** 0.6 * 255).round().astype("u1"),
        "signed": (scan.astype("i2") // 4 * 4 - 128).astype("i1"),
        "times 1.1": (scan.astype("f8") * 44).astype("<i2"),
        "padded": np.where(scan < 40, -2000, scan.astype("i2")).astype(">i2"),
    }


@pytest.mark.parametrize("name", sparse(np.zeros((2, 2), "u1")))
def test_gaps_between_values_cost_nothing(name: str) -> None:
    scan = (smooth((9, 70, 83), "u2") // 256).astype("u1")
    array = np.ascontiguousarray(sparse(scan)[name])
    values, ranks = np.unique(array, return_inverse=True)
    dense = ranks.reshape(array.shape).astype("u1" if len(values) <= 256 else "u2")
    frame = frame_of(array)
    assert len(frame) < len(frame_of(dense)) * 1.01 + 200
    assert decode(frame) == pickle.dumps(array)


def test_sparse_values_that_are_predicted_well_have_no_ranks() -> None:
    """Squared distances lie far apart, but their differences do not."""
    y, x = np.indices((200, 300)) - 100
    squares = (np.minimum(x % 90, 45) ** 2 + y**2).astype("u2")
    assert len(frame_of(squares)) < len(
        frame_of(np.unique(squares, return_inverse=True)[1].reshape(200, 300).astype("u2"))
    )
