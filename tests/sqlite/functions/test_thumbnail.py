"""zthumbnail: PNG files, read by another library."""

from __future__ import annotations

import io
import pickle
import sqlite3
from typing import Any

import apsw
import numpy as np
import PIL.Image
import pytest

import sqlite_zblob as zb

from ...conftest import one
from ...samples.slices import VOLUME, stored_as

ERRORS = (apsw.Error, sqlite3.Error)
TYPES = ["?", "u1", "i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">u8", "<f2", ">f4", "<f8"]


def picture(db: Any, value: bytes, *size: int) -> np.ndarray:
    png = one(db, "SELECT zthumbnail(?, ?)" if size else "SELECT zthumbnail(?)", value, *size)
    with PIL.Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        image.load()  # checks all checksums
        assert len(png) < image.width * image.height * len(image.getbands()) + 200 + image.height
        return np.asarray(image)


def windowed(plane: np.ndarray) -> np.ndarray:
    ordered = np.sort(plane[np.isfinite(plane)], axis=None)
    edge = len(ordered) // 100
    black, white = ordered[edge], ordered[-1 - edge]
    grey = np.clip(np.nan_to_num((plane - black) * (255 / (white - black)) + 0.5), 0, 255)
    return np.asarray(grey, "u1")


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("store", ["frame", "envelope", "plain"])
def test_the_middle_slice_in_its_window(db: Any, dtype: str, store: str) -> None:
    array = (VOLUME % (2 if dtype == "?" else 97)).astype(dtype)
    seen = picture(db, stored_as(store, pickle.dumps(array)))
    expected = windowed(array[20].astype("f8"))
    np.testing.assert_array_equal(seen, expected)


def test_boxes_are_averaged(db: Any) -> None:
    plane = (np.arange(64 * 96).reshape(64, 96) % 5 * 50).astype("u1")
    seen = picture(db, pickle.dumps(plane), 24)
    assert seen.shape == (16, 24)
    np.testing.assert_array_equal(seen, windowed(plane.reshape(16, 4, 24, 4).mean((1, 3))))
    odd = picture(db, pickle.dumps(plane[:63, :95].copy()), 24)
    assert odd.shape == (16, 24)
    padded = np.pad(plane[:63, :95].astype("f8"), ((0, 1), (0, 1)), constant_values=np.nan)
    np.testing.assert_array_equal(odd, windowed(np.nanmean(padded.reshape(16, 4, 24, 4), (1, 3))))
    assert picture(db, pickle.dumps(plane), 1).shape == (1, 1)


def test_colours(db: Any) -> None:
    array = np.random.RandomState(2).randint(0, 256, (3, 40, 50, 4), "u1")
    import SimpleITK as sitk

    for components in (3, 4):
        image = sitk.GetImageFromArray(array[..., :components], isVector=True)
        seen = picture(db, zb.compress(pickle.dumps(image)))
        np.testing.assert_array_equal(seen, array[1, :, :, :3])


def test_the_first_component_of_others(db: Any) -> None:
    array = VOLUME[0].astype("c8") + 9j
    np.testing.assert_array_equal(picture(db, pickle.dumps(array)), windowed(VOLUME[0].astype("f8")))


def test_numbers_that_are_none(db: Any) -> None:
    plane = VOLUME[0].astype("f4")
    plane[3:5], plane[7, :9], plane[8, :9] = np.nan, np.inf, -np.inf
    seen = picture(db, pickle.dumps(plane))
    np.testing.assert_array_equal(seen[9:], windowed(plane)[9:])
    assert not seen[3:5].any()
    assert not picture(db, pickle.dumps(np.full((30, 30), np.nan))).any()
    assert not picture(db, pickle.dumps(np.full((30, 30), 7))).any()


def test_a_small_object_is_seen(db: Any) -> None:
    plane = np.zeros((100, 100), "u1")
    plane[50, 50] = 3
    assert picture(db, pickle.dumps(plane)).max() == 255


def test_what_has_no_thumbnail(db: Any) -> None:
    for value in (None, 5, "text", b"", b"bytes" * 500, zb.compress(b"bytes" * 500), pickle.dumps(np.arange(900))):
        assert one(db, "SELECT zthumbnail(?)", value) is None
    for size in (0, -1, 4097, None, "large"):
        with pytest.raises(ERRORS, match="zthumbnail takes an integer from 1 to 4096 for the size"):
            one(db, "SELECT zthumbnail(?, ?)", pickle.dumps(VOLUME), size)


def test_damage_is_an_error(db: Any) -> None:
    frame = bytearray(zb.compress(pickle.dumps(VOLUME[0])))
    frame[len(frame) // 2] ^= 1
    with pytest.raises(ERRORS, match="damaged"):
        one(db, "SELECT zthumbnail(?)", bytes(frame))
