"""Pickles of protocol 2, whose samples are text: Latin-1 characters in UTF-8."""

from __future__ import annotations

import pickle
import time
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb
from sqlite_zblob import images

from ...compat.decoder import decode
from ...conftest import row
from ...samples.images import PIXEL_TYPES, make_image
from ...samples.values import phantom
from .finding import images_of


@pytest.mark.parametrize("pixel_id", PIXEL_TYPES, ids=lambda id: sitk.GetPixelIDValueAsString(id).replace(" ", "-"))
def test_every_simpleitk_image(pixel_id: int) -> None:
    image = make_image(pixel_id, 3, 4)
    (found,), (plain,) = images_of(pickle.dumps(image, 2)), images_of(pickle.dumps(image, 4))
    assert (found.size, found.spacing, found.origin, found.direction) == (
        image.GetSize(),
        image.GetSpacing(),
        image.GetOrigin(),
        image.GetDirection(),
    )
    assert (found.source, found.pixel_type, found.components) == (plain.source, plain.pixel_type, plain.components)
    array = images.read_array(pickle.dumps(image, 2))
    assert array.tobytes() == images.read_array(pickle.dumps(image, 4)).tobytes()


@pytest.mark.parametrize("dtype", ["?", "u1", "<i2", ">i2", "<u4", "<i8", "<f2", ">f4", "<f8", "<c8"])
def test_numpy_arrays(dtype: str) -> None:
    array = (phantom("f8") - 300).astype(dtype)
    for value in (array, np.asfortranarray(array), {"a": [array], "b": np.ma.masked_array(array, array > 1)}):
        frame = zb.compress(pickle.dumps(value, 2))
        assert zb.decompress(frame) == pickle.dumps(value, 2)
        assert decode(frame) == pickle.dumps(value, 2)
        np.testing.assert_array_equal(images.read_array(frame), array)


@pytest.mark.parametrize("level", [1, 5, 9])
def test_they_take_what_newer_protocols_take(level: int, brain: Any) -> None:
    for value in (brain, phantom("<i2"), phantom("<i2", (40, 128, 128)) // 200 * 177, phantom(">f4", (20, 100, 90))):
        old, new = pickle.dumps(value, 2), pickle.dumps(value, 4)
        frame = zb.compress(old, level)
        assert zb.info(frame).codec == "voxel"
        assert len(frame) < 1.01 * len(zb.compress(new, level)) + 100
        assert zb.decompress(frame) == old


def test_parts_and_slices(db: Any) -> None:
    value = pickle.dumps(phantom("<i2", (40, 128, 128)) - 300, 2)
    frame = zb.compress(value)
    assert row(db, "SELECT zsubstr(?1, 900001, 5000), zlength(?1), zverify(?1)", frame) == (
        value[900_000:905_000],
        len(value),
        "ok",
    )
    assert row(db, "SELECT zslice(?1, 0, 3), zslice(?2, 0, 3)", frame, value) == (None, None)


def text_pickle(text: bytes, shape: tuple[int, ...]) -> bytes:
    """A pickle of a uint8 array with this text for its samples."""
    plain = np.zeros(shape, "u1")
    size = plain.nbytes
    value = pickle.dumps(plain, 2)
    before, after = value.split(b"X" + size.to_bytes(4, "little") + bytes(size))
    return before + b"X" + len(text).to_bytes(4, "little") + text + after


@pytest.mark.parametrize(
    "unit",
    [b"\xc4\x80", b"\xc1\x81", b"\xc3A", b"\x80a", b"\xe0\x82\x80", b"\xc3\xc3", b"\xc0\x80"],
    ids=lambda unit: unit.hex(),
)
def test_other_text_is_no_image(unit: bytes) -> None:
    good = (b"\xc3\xa9" + b"abc" * 3) * 400
    shape = (40, len(good.decode()) // 40)
    assert images_of(text_pickle(good, shape))[0].text_size == len(good)
    for text in (good[:-11] + unit + b"abc" * 3, unit + good[2:], good[:-2] + unit, good[:-1] + b"\xc3", good + b"a"):
        value = text_pickle(text, shape)
        assert not [image for image in zb.info(value).images if image.source == "NumPy"]
        assert zb.decompress(zb.compress(value)) == value


def test_many_names_of_one_text_are_no_trouble() -> None:
    array = np.full((1000, 4000), 200, "u1")
    value = pickle.dumps(array, 2)
    body = value[2:-1]
    state = body[body.index(b"(K\x01") : body.index(b"h\x03X")]
    call = b"h\x00h\x08R" + state + b"h\x13tba"  # by the memo: the function, its arguments, and the text's bytes
    many = b"\x80\x02]" + body + b"a" + call * 3000 + b"."
    assert len(pickle.loads(many)) == 3001
    start = time.perf_counter()
    assert len(images_of(many)) == 1
    assert time.perf_counter() - start < 20


def test_an_array_with_fewer_bytes_than_its_shape_says_is_none() -> None:
    """Found by mutation: no bytes at all were taken for a text of no length."""
    value = pickle.dumps(np.zeros((3, 0, 5))).replace(b"K\x03K\x00K\x05", b"K\x03K\x01K\x05")
    assert value != pickle.dumps(np.zeros((3, 0, 5)))
    assert zb.info(value).images == ()
    assert zb.decompress(zb.compress(value)) == value
