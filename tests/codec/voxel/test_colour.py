"""Images of several components: exact, smaller than component by component, and what repeats is free."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ...compat.decoder import decode
from ...samples.values import coloured, phantom


def size_of(array: np.ndarray, level: int = 5) -> int:
    value = array.tobytes()
    frame = zb.compress(value, level, dtype=array.dtype, shape=array.shape)
    assert zb.decompress(frame) == value
    assert zb.info(frame).codec == "voxel"
    return len(frame)


# At level 1, byte planes are smaller than such integers of 32 bits.
@pytest.mark.parametrize(
    ("level", "dtype"),
    [(level, dtype) for level in (1, 2, 5, 9) for dtype in ("u1", "<u2", ">i2", "<i4") if (level, dtype) != (1, "<i4")],
)
@pytest.mark.parametrize("shape", [(200, 300), (6, 70, 90), (300, 60)])
def test_components_help_one_another(shape: tuple[int, ...], dtype: str, level: int) -> None:
    array = coloured(3, shape).astype(dtype)
    alone = sum(size_of(np.ascontiguousarray(array[..., c]), level) for c in range(3))
    assert size_of(array, level) < alone


@pytest.mark.parametrize("level", [1, 5, 9])
def test_grey_in_three_components_costs_one(level: int) -> None:
    grey = phantom("u1", (300, 400), 200)
    assert size_of(np.dstack([grey] * 3), level) < 1.03 * size_of(grey, level) + 300


@pytest.mark.parametrize("level", [1, 5, 9])
def test_constant_alpha_costs_nothing(level: int) -> None:
    colour = coloured(3, (300, 400))
    for alpha in (0, 128, 255):
        with_alpha = np.dstack([colour, np.full((300, 400), alpha, "u1")])
        assert size_of(with_alpha, level) < 1.01 * size_of(colour, level) + 300


@pytest.mark.parametrize("values", [(0, 65535), (-32768, 32767), (0, 2**32 - 1), (0, 255), (-128, 127)])
def test_differences_that_wrap(values: tuple[int, int]) -> None:
    """Components at opposite ends of their type."""
    rng = np.random.default_rng(4)
    dtype = np.min_scalar_type(values[0]) if values[0] else np.min_scalar_type(values[1])
    base = phantom("i8", (150, 200), (values[1] - values[0]) / 3)
    for planes in ((base, values[1] - base, base), (base, base * 0 + values[1], base * 0 + values[0])):
        array = np.dstack(planes) + rng.integers(-3, 4, (150, 200, 3))
        array = np.clip(array, *values).astype(dtype)
        for level in (1, 5, 9):
            value = array.tobytes()
            assert zb.decompress(zb.compress(value, level, dtype=dtype, shape=array.shape)) == value


@pytest.mark.parametrize("components", [1, 2, 3, 4, 5])
def test_vectors_of_simpleitk_and_numpy_alike(components: int) -> None:
    array = np.stack([phantom("<i2", (5, 60, 70)) + 7 * c for c in range(components)], axis=-1)
    image = sitk.GetImageFromArray(array, isVector=True)
    sizes = {len(zb.compress(pickle.dumps(value))) for value in (image, array)}
    assert max(sizes) - min(sizes) < 1000 or components > 4
    for value in (pickle.dumps(image), pickle.dumps(array), pickle.dumps(np.asfortranarray(array))):
        assert zb.decompress(zb.compress(value)) == value


@pytest.mark.parametrize("dtype", ["<c8", ">c16"])
def test_complex_pixels_keep_their_geometry(dtype: str) -> None:
    array = (phantom("f8", (4, 50, 60)) + 1j * phantom("f8", (4, 50, 60), 300)).astype(dtype)
    value = pickle.dumps(array)
    frame = zb.compress(value)
    assert zb.decompress(frame) == value
    (found,) = zb.info(frame).images
    assert (found.pixel_type, found.components, found.size) == (array.dtype.name, 1, (60, 50, 4))


@pytest.mark.parametrize("dtype", ["u1", ">i2"])
@pytest.mark.parametrize("shape", [(2, 9000), (3, 5000), (5000, 3), (700, 25), (40, 33, 17), (2, 2, 6000), (120, 130)])
@pytest.mark.parametrize("components", [2, 3, 4])
def test_pictures_smaller_than_what_is_looked_at(components: int, shape: tuple[int, ...], dtype: str) -> None:
    """Channels are chosen by pieces of rows, which narrow and low pictures do not have."""
    value = coloured(components, shape).astype(dtype).tobytes()
    for level in (1, 5):
        assert zb.decompress(zb.compress(value, level, dtype=dtype, shape=(*shape, components))) == value


def test_order_of_components_matters_little() -> None:
    """Whatever component the others resemble, it is found."""
    array = coloured(3, (400, 500))
    sizes = [size_of(np.ascontiguousarray(array[..., order])) for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0])]
    assert max(sizes) < 1.02 * min(sizes)


@pytest.mark.parametrize("dtype", ["u1", ">u2"])
def test_each_component_has_ranks_of_its_own(dtype: str) -> None:
    """Colours that were stretched, each by a factor of its own, take what they took before."""
    array = coloured(3, (200, 300)).astype("u1") // 2
    stretched = (array * [1.3, 1.9, 1.6]).astype(dtype)
    assert size_of(stretched) < size_of(array.astype(dtype)) * 1.03 + 200
    part = np.ascontiguousarray(stretched[:60, :80])
    assert decode(zb.compress(part.tobytes(), dtype=part.dtype, shape=part.shape)) == part.tobytes()


def test_grey_in_three_components_keeps_its_ranks_together() -> None:
    grey = phantom("u1", (300, 400), 200) // 8 * 8
    assert size_of(np.dstack([grey] * 3)) < 1.03 * size_of(grey) + 300


@pytest.mark.parametrize("components", [1, 3])
def test_clips_have_long_chunks(components: int) -> None:
    """Only the first slice of a chunk is coded without the one before, which is the costly part of a clip."""
    rng = np.random.default_rng(9)
    shape = (12, 400, 1800 // components, components)
    still = rng.integers(0, 64, shape[1:]).cumsum(1)
    clip = (still + rng.integers(0, 2, shape)).astype("u1").squeeze()
    volume = rng.integers(0, 64, shape).cumsum(2).astype("u1").squeeze()
    for level in (2, 5):
        for array, is_long in ((clip, True), (volume, False)):
            frame = zb.compress(array.tobytes(), level, codec="voxel", dtype="u1", shape=array.shape)
            assert zb.decompress(frame) == array.tobytes()
            assert (zb.info(frame).chunk_count == 1) == is_long
