"""What is recognised as an image, without unpickling, and what is not."""

from __future__ import annotations

import io
import pickle
from typing import Any, Literal

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

from ...conftest import row
from ...samples.images import PIXEL_TYPES, make_image
from ...samples.odd_values import odd_values


def geometry_of(image: sitk.Image, info: zb.ImageInfo) -> None:
    assert info.source == "SimpleITK"
    assert info.pixel_type == PIXEL_TYPES[image.GetPixelID()]
    assert info.dimension == image.GetDimension()
    assert info.size == image.GetSize()
    assert info.components == image.GetNumberOfComponentsPerPixel()
    assert info.spacing == image.GetSpacing()
    assert info.origin == image.GetOrigin()
    assert info.direction == image.GetDirection()


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("dimension", [2, 3, 4])
@pytest.mark.parametrize("pixel_id", PIXEL_TYPES, ids=lambda id: sitk.GetPixelIDValueAsString(id).replace(" ", "-"))
def test_every_simpleitk_image(db: Any, pixel_id: int, dimension: int, protocol: int) -> None:
    for scale in (1, 4):
        image = make_image(pixel_id, dimension, scale)
        value = pickle.dumps(image, protocol)
        sql = "SELECT zdecompress(zcompress(?1)), zcompress(?1), zinfo(zcompress(?1))"
        decompressed, frame, text = row(db, sql, value)
        assert decompressed == value
        assert zb.decompress(frame) == value
        (found,) = zb.info(frame).images
        geometry_of(image, found)
        geometry_of(image, zb.info(value).images[0])
        assert f'"pixel_type": "{found.pixel_type}"' in text
        assert value[found.value_offset :].startswith(sitk.GetArrayViewFromImage(image).tobytes()[:64])


def test_real_brain(brain: sitk.Image, brain_pickle: bytes) -> None:
    frame = zb.compress(brain_pickle)
    (found,) = zb.info(frame).images
    geometry_of(brain, found)
    assert zb.decompress(frame) == brain_pickle
    assert len(frame) < len(zb.compress(brain_pickle, codec="zstd")) < len(brain_pickle) / 4


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("dtype", ["?", "u1", "<i2", ">i2", "<u4", "<i8", "<f2", ">f4", "<f8", "<c8", ">c16"])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "readonly"])
def test_numpy_pickles(dtype: str, layout: str, protocol: int) -> None:
    array = np.arange(5 * 6 * 7 * 2).reshape(5, 6, 14).astype(dtype)[:, :, ::2]
    array = np.asfortranarray(array) if layout == "F" else array if layout == "strided" else array.copy()
    array.flags.writeable = layout != "readonly"
    value = pickle.dumps(array, protocol)
    (found,) = zb.info(value).images
    assert found.source == "NumPy"
    assert found.pixel_type == array.dtype.name
    assert found.byte_order == ("big" if dtype[0] == ">" else "little")
    assert found.order == ("F" if layout == "F" else "C")
    assert found.size == ((5, 6, 7) if layout == "F" else (7, 6, 5))
    assert value[found.value_offset :].startswith(array.tobytes("F" if layout == "F" else "C"))
    assert zb.decompress(zb.compress(value)) == value


@pytest.mark.parametrize("dtype", ["?", "u1", ">i2", "<f4", "<c16"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(600,), (20, 30), (5, 6, 20)])
def test_npy(dtype: str, order: Literal["C", "F"], shape: tuple[int, ...]) -> None:
    array = np.asarray(np.arange(600).reshape(shape).astype(dtype), order=order)
    file = io.BytesIO()
    np.save(file, array)
    value = file.getvalue()
    (found,) = zb.info(value).images
    is_fortran = order == "F" and len(shape) > 1
    assert (found.source, found.order) == ("npy", "F" if is_fortran else "C")
    assert found.size == (shape if is_fortran else shape[::-1])
    assert value[found.value_offset :] == array.tobytes("F" if is_fortran else "C")
    assert zb.decompress(zb.compress(value)) == value


def test_several_images_in_one_pickle(brain: sitk.Image) -> None:
    first, second = np.arange(6000, dtype="<i4").reshape(10, 20, 30), np.ones((50, 60), "u1")
    value = pickle.dumps({"scan": brain, "first": first, "again": first, "list": [second, 1.5, None]})
    images = zb.info(zb.compress(value)).images
    assert [image.source for image in images] == ["SimpleITK", "NumPy", "NumPy"]
    assert [image.size for image in images] == [brain.GetSize(), (30, 20, 10), (60, 50)]
    assert zb.decompress(zb.compress(value)) == value


@pytest.mark.parametrize("name", odd_values())
def test_odd_values_are_no_images(name: str) -> None:
    value = odd_values()[name]
    assert zb.info(value).images == ()
    assert zb.decompress(zb.compress(value)) == value


def test_a_million_small_things_are_given_up_early() -> None:
    value = pickle.dumps(list(range(1_000_000)))
    assert zb.info(value).images == ()
    assert zb.decompress(zb.compress(value)) == value


def test_nothing_is_unpickled() -> None:
    """A pickle that would raise when loaded is looked into without harm."""

    class Bomb:
        def __reduce__(self) -> Any:
            return eval, ("1/0",)

    value = pickle.dumps([Bomb(), np.zeros((20, 30), "u1")])
    assert [image.size for image in zb.info(value).images] == [(30, 20)]
    assert zb.decompress(zb.compress(value)) == value


def test_raw_samples_described_by_options() -> None:
    noise = np.random.default_rng(2).normal(0, 9, (64, 200))
    array = (np.add.outer(np.arange(64), np.arange(200)) + noise + 99).astype(">u2")
    frame = zb.compress(array.tobytes(), dtype=array.dtype, shape=array.shape)
    info = zb.info(frame)
    assert (info.codec, info.images[0].source, info.images[0].size) == ("voxel", "options", (200, 64))
    assert zb.decompress(frame) == array.tobytes()
