"""Label maps and masks: exact on strange ones, the same bytes on every CPU target, small, chosen by what they cost."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
import SimpleITK as sitk
import zstandard

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.labels import SHAPES, STRANGE, atlas, watershed
from .coding import frame_of_samples as frame_of
from .coding import is_label


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", "<i2", ">u2", ">i2", "<u4", ">i4", "<i8", ">u8"])
def test_every_integer_type(dtype: str) -> None:
    labels = atlas((20, 60, 70)).astype(dtype)
    frame = frame_of(labels)
    assert is_label(frame)
    assert zb.info(frame).codec == "voxel"
    assert len(frame) < len(frame_of(labels, 9, "zstd")) * 0.6
    assert decode(frame) == labels.tobytes()


@pytest.mark.parametrize("dtype", ["u1", "<u2", "<i4"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(1)
    labels = (atlas(shape, 12) * 1000 + 7).astype(dtype)
    for share in (0, 0.002, 0.3):
        noisy = np.where(rng.random(shape) < share, rng.integers(0, 100, shape), labels).astype(dtype)
        for level in (1, 5, 9):
            frame_of(noisy, level)


@pytest.mark.parametrize("codec", ["auto", "voxel"])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_labels(name: str, codec: zb.Codec) -> None:
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


def spread(scan: np.ndarray) -> dict[str, np.ndarray]:
    """The same 8-bit content, in values that lie far apart."""
    palette = np.sort(np.random.default_rng(8).choice(65536, 256, replace=False)).astype("u2")
    return {
        "times 257": scan.astype("u2") * 257,
        "of 255": scan / np.float32(255),
        "z-score": (scan - scan.mean()) / scan.std(),
        "times 1000": scan.astype("i4") * 1000,
        "palette": palette[scan],
    }


@pytest.mark.parametrize("name", spread(np.zeros((2, 2), "u1") + np.eye(2, dtype="u1")))
def test_spread_intensities_are_no_label_maps(name: str) -> None:
    """They take about as much as the content itself, whatever it is multiplied by."""
    rng = np.random.default_rng(2)
    inside = sum((axis - axis.mean()) ** 2 for axis in np.indices((12, 90, 90))[1:]) < 1600
    waves = sum(np.sin(axis / 9) for axis in np.indices(inside.shape))
    scan = np.where(inside, np.clip(waves * 25 + 110 + rng.normal(0, 2, waves.shape), 0, 255), 0).astype("u1")
    frame = frame_of(spread(scan)[name], codec="auto")
    assert not is_label(frame)
    assert len(frame) < len(frame_of(scan)) * 1.15


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", ">u4", "<i8", "<f4", "<c16"])
def test_maps_of_thousands_of_labels(dtype: str) -> None:
    labels = watershed()
    assert labels.max() > 2500
    frame = frame_of(labels.astype(dtype), codec="auto")
    assert is_label(frame)
    assert len(frame) * 1.5 < len(frame_of(labels.astype(dtype), 9, "zstd"))
    part = np.ascontiguousarray(labels[:3, :60]).astype(dtype)
    assert decode(frame_of(part)) == part.tobytes()


def test_a_new_label_costs_little() -> None:
    """Numbers in the order of appearance take next to nothing, in any type."""
    labels = watershed()
    sizes = [len(frame_of(labels.astype(dtype))) for dtype in ("u2", "u4", ">i4", "i8")]
    assert max(sizes) < min(sizes) * 1.02
    shuffled = np.random.default_rng(1).permutation(65536)[labels]
    assert sizes[0] < len(frame_of(shuffled.astype("u2"))) * 0.8


def test_chunks_stand_alone() -> None:
    """A slice of a large label map costs one chunk of at most 4 MiB."""
    labels = np.repeat(np.repeat(atlas((60, 100, 110)), 3, axis=1), 3, axis=2).astype("u2")
    info = zb.info(frame_of(labels))
    assert info.chunk_count >= labels.nbytes / (4 << 20)


def test_large_atlas_is_small_and_exact() -> None:
    labels = atlas((70, 110, 120), 60).astype("u2")
    assert len(frame_of(labels)) * 2 < len(zstandard.compress(labels.tobytes(), 19))


@pytest.mark.parametrize(("size", "most"), [(12, 280), (16, 350), (24, 550)])
def test_small_masks_have_a_single_state(size: int, most: int) -> None:
    """Sixteen of them would take 64 bytes."""
    z, y, x = np.ogrid[-size:size:2, -size:size, -size:size]
    ball = (z * z + y * y + x * x < size * size * 0.7).astype("u1")
    frame = frame_of(ball)
    assert is_label(frame)
    assert len(frame) < most
    assert decode(frame) == ball.tobytes()


@pytest.mark.parametrize("shape", [(5, 40, 50), (2, 30, 40)])
def test_damage_is_an_error_or_caught(shape: tuple[int, ...]) -> None:
    """Every byte of a chunk changed: the decoder returns, and the checksum or the coder speaks up."""
    frame = bytearray(frame_of(atlas(shape).astype("u1")))
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
