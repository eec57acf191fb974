"""Label maps and masks: exact on strange ones, the same bytes on every CPU target, small, chosen by what they cost."""

from __future__ import annotations

import functools
import pickle
import time
from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk
import zstandard

import sqlite_zblob as zb

from ...compat.decoder import decode


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


def is_label(frame: bytes) -> bool:
    """Is the first image's model that of a label map? (docs/format.md, section 3)"""
    at, end = 36, 36 + int.from_bytes(frame[32:36], "little")
    while at < end:
        kind, size = int.from_bytes(frame[at : at + 2], "little"), int.from_bytes(frame[at + 4 : at + 8], "little")
        if kind == 2:
            return bool(frame[at + 8 + 4] & 1)
        at += 8 + size
    return False


def frame_of(array: np.ndarray, level: int = 5, codec: str = "voxel") -> bytes:
    value = array.tobytes()
    frame = zb.compress(value, level, codec=codec, dtype=array.dtype, shape=array.shape)
    assert zb.decompress(frame) == value
    return frame


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i2", ">u2", ">i2", "<u4", ">i4", "<i8", ">u8"])
def test_every_integer_type(dtype: str) -> None:
    labels = atlas((20, 60, 70)).astype(dtype)
    frame = frame_of(labels)
    assert is_label(frame)
    assert zb.info(frame).codec == "voxel"
    assert len(frame) < len(frame_of(labels, 9, "zstd")) * 0.6
    assert decode(frame) == labels.tobytes()


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


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<i4"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(1)
    labels = (atlas(shape, 12) * 1000 + 7).astype(dtype)
    for share in (0, 0.002, 0.3):
        noisy = np.where(rng.random(shape) < share, rng.integers(0, 100, shape), labels).astype(dtype)
        for level in (1, 5, 9):
            frame_of(noisy, level)


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


@pytest.mark.parametrize("codec", ["auto", "voxel"])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_labels(name: str, codec: str) -> None:
    for level in (1, 5, 9):
        frame = frame_of(STRANGE[name], level, codec)
        assert len(frame) <= STRANGE[name].nbytes + 64 + 32 * zb.info(frame).chunk_count


@pytest.mark.parametrize("name", STRANGE)
def test_the_document_is_enough(name: str) -> None:
    array = STRANGE[name][:6, :, 20:]
    assert decode(frame_of(array)) == array.tobytes()


@pytest.mark.parametrize("components", [2, 3, 4, 7])
def test_vectors(components: int) -> None:
    """One-hot vectors, components side by side in each pixel."""
    cells = atlas((9, 60, 50))
    one_hot = (cells[..., None] % components == np.arange(components)).astype("u1")
    value = pickle.dumps(sitk.GetImageFromArray(one_hot, isVector=True))
    frame = zb.compress(value)
    assert is_label(frame)
    assert zb.decompress(frame) == value
    assert decode(frame) == value
    assert len(frame) - zb.info(frame).header_size < len(zstandard.compress(value, 19)) / 1.5


def test_scans_are_no_label_maps() -> None:
    rng = np.random.default_rng(2)
    waves = sum(np.sin(axis / 9) for axis in np.indices((12, 90, 90)))
    for noise in (0.5, 2, 8):
        scan = (waves * 20 + 90 + rng.normal(0, noise, waves.shape)).astype("u1")
        assert not is_label(frame_of(scan))
    assert is_label(frame_of((waves > 0.3).astype("u1")))
    assert is_label(frame_of(np.digitize(waves, [-1, 0.5, 2]).astype("i2")))


def test_chunks_stand_alone() -> None:
    """A slice of a large label map costs one chunk of at most 4 MiB."""
    labels = np.repeat(np.repeat(atlas((60, 100, 110)), 3, axis=1), 3, axis=2).astype("u2")
    info = zb.info(frame_of(labels))
    assert info.chunk_count >= labels.nbytes / (4 << 20)


def test_large_atlas_is_small_and_exact() -> None:
    labels = atlas((70, 110, 120), 60).astype("u2")
    assert len(frame_of(labels)) * 2 < len(zstandard.compress(labels.tobytes(), 19))


def test_damage_is_an_error_or_caught() -> None:
    """Every byte of a chunk changed: the decoder returns, and the checksum or the coder speaks up."""
    frame = bytearray(frame_of(atlas((5, 40, 50)).astype("u1")))
    start = zb.info(bytes(frame)).header_size
    for at in range(start, len(frame)):
        damaged = bytes(frame[:at]) + bytes([frame[at] ^ 0x55]) + bytes(frame[at + 1 :])
        with pytest.raises(zb.DamagedFrameError):
            zb.decompress(damaged)


def test_no_label_map_is_slow(brain_pickle: bytes) -> None:
    """Against a scan's time a byte, on a machine that may be busy."""

    def nanoseconds(array: np.ndarray) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            zb.decompress(zb.compress(array, dtype=array.dtype, shape=array.shape, threads=1), threads=1)
            best = min(best, time.thread_time() - start)
        return best / array.nbytes * 1e9

    usual = nanoseconds(np.frombuffer(brain_pickle, "u1")[: len(brain_pickle) // 65536 * 65536].reshape(-1, 256, 256))
    for name, array in STRANGE.items():
        large = np.ascontiguousarray(np.concatenate([array] * (1 + 2_000_000 // array.nbytes)))
        assert nanoseconds(large) < 8 * usual, name
