"""Mixed labels, from level 7 on: exact for pixels of every size, as the document says, smaller than other labels."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.labels import STRANGE, atlas, watershed
from .coding import frame_of_samples as frame_of
from .coding import model_flags

LOWEST = 7


def is_mixed(frame: bytes) -> bool:
    """Flags 1 and 8192."""
    return model_flags(frame) & 8193 == 8193


def test_levels() -> None:
    labels = atlas((20, 60, 70)).astype("u1")
    frames = [frame_of(labels, level) for level in (LOWEST - 1, LOWEST, 9)]
    assert [is_mixed(frame) for frame in frames] == [False, True, True]
    assert len(frames[1]) < len(frames[0]) * 0.85
    assert len(frames[2]) == len(frames[1])


@pytest.mark.parametrize("name", STRANGE)
def test_they_are_not_larger_and_the_document_is_enough(name: str) -> None:
    array = np.ascontiguousarray(STRANGE[name][-5:])
    assert len(frame_of(array, LOWEST)) <= len(frame_of(array, LOWEST - 1)) * 1.01
    part = np.ascontiguousarray(array[-2:, :28, 29:66])
    assert decode(frame_of(part, 9)) == part.tobytes()


@pytest.mark.parametrize("size", range(1, 65))
def test_pixels_of_every_size(size: int) -> None:
    """One, few and many labels."""
    rng = np.random.default_rng(size)
    many = atlas((2, 36, 31), 40, size)
    for regions in (many * 0, many % 3, rng.permutation(41)[many]):
        kinds = rng.integers(0, 256, (41, size), np.uint8)
        kinds[:, 0] = np.arange(41)
        value = pickle.dumps(sitk.GetImageFromArray(kinds[regions], isVector=True))
        frame = zb.compress(value, 9, codec="voxel")
        assert is_mixed(frame)
        assert zb.decompress(frame) == value
        if size in (1, 3, 13):
            assert decode(frame) == value


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<u4", ">i8", "<c16"])
def test_maps_of_many_labels(dtype: str) -> None:
    labels = np.ascontiguousarray(watershed()[:2, :30, :70]).astype(dtype)
    frame = frame_of(labels, 9)
    assert decode(frame) == labels.tobytes()


@pytest.mark.parametrize("shape", [(2, 1024), (1024, 2), (90, 24), (1, 25, 91), (2, 2, 600), (3, 31, 25), (70000,)])
def test_shapes(shape: tuple[int, ...]) -> None:
    labels = (np.arange(np.prod(shape)) // 37 % 11 // 3).reshape(shape).astype("u2")
    frame = frame_of(labels, 9)
    if labels.size < 3000:
        assert decode(frame) == labels.tobytes()


def test_a_mask_of_one_label_costs_its_frame_alone() -> None:
    """No chunk has more than its head, its first pixel and a few bytes."""
    mask = np.zeros((50, 900, 400), "u2")
    mask[20, 200, 200:220] = 1
    frame = frame_of(mask, 9)
    info = zb.info(frame)
    assert info.chunk_count > 2
    assert info.chunk_count * (12 << 20) < 2 * mask.nbytes  # an entry of the index takes more than an empty chunk
    assert len(frame) - info.header_size < 12 * info.chunk_count + 20


@pytest.mark.parametrize("array", [atlas((3, 26, 29)).astype("u1"), watershed()[:2, :30, :30].astype("u4")])
def test_damage_is_an_error_or_caught(array: np.ndarray) -> None:
    frame = frame_of(array, 9)
    for at in range(zb.info(frame).header_size, len(frame)):
        damaged = frame[:at] + bytes([frame[at] ^ 0x55]) + frame[at + 1 :]
        with pytest.raises(zb.DamagedFrameError):
            zb.decompress(damaged)
