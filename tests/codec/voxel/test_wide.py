"""Floats and integers wider than 16 bits in the voxel codec: every bit comes back, whatever the values mean."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sqlite_zblob as zb

from ...conftest import examples
from ...samples.integers import SHAPES, smooth
from ...samples.values import phantom
from ...samples.wide import STRANGE
from .coding import frame_of

FLOATS = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]


def scan(shape: tuple[int, ...] = (12, 100, 120)) -> np.ndarray:
    return phantom("<i2", shape)


@pytest.mark.parametrize("level", [1, 2, 5, 9])
@pytest.mark.parametrize("dtype", FLOATS)
def test_every_float_type_and_level(dtype: str, level: int) -> None:
    """Level 1 has no entropy coder: halves, whose cells are few, may be a little larger than their byte planes."""
    array = smooth((9, 70, 83), "f8").astype(dtype)
    frame = frame_of(array, level)
    assert zb.info(frame).codec == "voxel"
    assert len(frame) < len(frame_of(array, level, "planes")) * (1.03 if level == 1 else 1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_shapes(shape: tuple[int, ...], dtype: str) -> None:
    array = (smooth(shape, "f8") * 1e5).astype(dtype)
    for level in (1, 5, 9):
        frame_of(array, level)


@pytest.mark.parametrize("components", [2, 3, 7])
def test_vectors(components: int) -> None:
    array = np.stack([smooth((6, 50, 60), "f4", seed) for seed in range(components)], axis=-1)
    value = pickle.dumps(sitk.GetImageFromArray(array, isVector=True))
    for level in (1, 5, 9):
        frame = zb.compress(value, level)
        assert zb.info(frame).codec == "voxel"
        assert zb.decompress(frame) == value


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f8", "<i8", ">u4"])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_cast_costs_next_to_nothing(dtype: str, scale: int) -> None:
    narrow = frame_of(scan())
    wide = frame_of((scan().astype("i8") * scale).astype(dtype))
    assert len(wide) < len(narrow) * 1.02 + 2500


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_rescaling_costs_next_to_nothing(dtype: str) -> None:
    narrow = frame_of(scan())
    image = sitk.GetImageFromArray(scan().astype(dtype))
    for wide in (sitk.RescaleIntensity(image, 0, 1), sitk.Normalize(image), sitk.ShiftScale(image, -300, 0.0371)):
        assert len(frame_of(sitk.GetArrayFromImage(wide))) < len(narrow) * 1.02 + 4000


def test_a_float_that_was_stored_as_double_costs_next_to_nothing() -> None:
    single = smooth((9, 70, 83), "f4")
    assert len(frame_of(single.astype("f8"))) < len(frame_of(single)) * 1.01 + 100


@pytest.mark.parametrize("name", STRANGE)
def test_strange_images(name: str) -> None:
    for level in (1, 5, 9):
        frame_of(STRANGE[name], level, "voxel")
        frame_of(STRANGE[name], level, "auto")


@pytest.mark.parametrize("name", STRANGE)
def test_never_much_larger_than_the_general_path(name: str) -> None:
    ours, general = frame_of(STRANGE[name], 5, "auto"), frame_of(STRANGE[name], 5, "zstd")
    assert len(ours) <= len(general) * 1.01 + zb.info(ours).header_size


@examples(60)
@given(
    hnp.arrays(
        st.sampled_from([np.dtype(name) for name in ("<f2", "<f4", ">f4", "<f8", ">f8", "<i4", ">i8", "<u8")]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=30),
        elements=None,
        fill=None,
    ),
    st.integers(1, 9),
    st.integers(1, 40),
)
def test_any_array(array: np.ndarray, level: int, copies: int) -> None:
    frame_of(np.concatenate([array] * copies), level)
