"""Tensors in files of torch.save, and in pickles."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from typing import Any

import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob import images

from ...compat.decoder import decode
from ...samples.torch_files import OWN_TYPES, STORAGES, Tensor, tensor_of, torch_file, torch_pickle
from ...samples.values import phantom
from .finding import images_of


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", [*STORAGES, *OWN_TYPES])
def test_every_type(code: str, order: str) -> None:
    array = phantom("f8").astype(np.dtype(order + code))
    value = torch_file({"epoch": 3, "volume": tensor_of(array)})
    assert zipfile.ZipFile(io.BytesIO(value)).namelist()[0] == "archive/data.pkl"
    (found,) = images_of(value)
    assert (found.source, found.size, found.order) == ("torch", array.shape[::-1], "C")
    np.testing.assert_array_equal(images.read_array(value), array)
    assert decode(zb.compress(value)) == value


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("code", [*STORAGES, *OWN_TYPES])
def test_every_type_in_pickles(code: str, protocol: int) -> None:
    array = phantom("f8").astype(f"<{code}")
    value = torch_pickle({"epoch": 3, "volume": tensor_of(array)}, protocol)
    (found,) = images_of(value)
    assert (found.source, found.size, found.order) == ("torch", array.shape[::-1], "C")
    np.testing.assert_array_equal(images.read_array(value), array)
    assert decode(zb.compress(value)) == value


@pytest.mark.parametrize("write", [torch_file, torch_pickle])
def test_halves_of_floats_are_coded_as_integers(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STORAGES, "i2", "BFloat16Storage")
    array = (phantom("<f4", (20, 60, 64)).view("<u4") >> 16).astype("<i2")
    value = write(tensor_of(array))
    (found,) = images_of(value)
    assert (found.source, found.pixel_type, found.size) == ("guess", "uint16", (64, 60, 20))
    assert len(zb.compress(value)) < 1.01 * len(zb.compress(pickle.dumps(array.view("<u2")))) + 300


@pytest.mark.parametrize("write", [torch_file, torch_pickle])
def test_a_file_takes_as_much_as_its_samples(write: Any) -> None:
    array = phantom("<i2", (20, 120, 130))
    value = write(tensor_of(array))
    assert len(zb.compress(value)) < 1.01 * len(zb.compress(pickle.dumps(array))) + 300


def test_pickled_views_of_one_storage() -> None:
    flat = phantom("<i2", (12, 40, 48)).ravel()
    parts = [Tensor(flat, start, (4, 40, 48), (1920, 48, 1)) for start in (0, 7680, 11_520, 15_360)]
    found = images_of(torch_pickle(parts))
    assert [image.value_offset - found[0].value_offset for image in found] == [0, 15_360, 30_720]
    np.testing.assert_array_equal(images.read_array(torch_pickle(parts), 2).ravel(), flat[15_360:])


def test_damaged_pickles() -> None:
    value = torch_pickle([tensor_of(phantom("<f4", (6, 20, 24))), tensor_of(phantom("<u2", (6, 20, 24)))])
    rng = random.Random(4)
    for _ in range(1500):
        changed = bytearray(value)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(600)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        for image in zb.info(bytes(changed)).images:
            assert image.value_offset + image.nbytes <= len(changed)


def test_several_tensors_in_any_order() -> None:
    a, b = phantom("<f4"), phantom("u1", peak=200)
    shared = phantom("<i2").ravel()
    parts = [Tensor(shared, 11_520, (6, 40, 48), (1920, 48, 1)), Tensor(shared, 0, (6, 40, 48), (1920, 48, 1))]
    value = torch_file({"b": tensor_of(b), "parts": parts, "again": parts[0], "a": tensor_of(a), "all": [3, "x", None]})
    found = images_of(value)
    assert [image.size for image in found] == [(48, 40, 12), (48, 40, 6), (48, 40, 6), (48, 40, 12)]
    np.testing.assert_array_equal(images.read_array(value, 3), a)
    np.testing.assert_array_equal(images.read_array(value, 2).ravel(), shared[11_520:])


def test_axes_in_another_order() -> None:
    array = np.asfortranarray(phantom("<i2"))
    (found,) = images_of(torch_file(tensor_of(array)))
    assert (found.size, found.order) == (array.shape, "K")
    assert images.read_array(torch_file(tensor_of(array))).tobytes() == array.tobytes("F")


def test_tensors_whose_elements_lie_apart_are_none() -> None:
    flat = phantom("<i2").ravel()
    for tensor in (
        Tensor(flat, 0, (100, 20), (100, 2)),
        Tensor(flat, 0, (100, 20), (0, 1)),
        Tensor(flat, 0, (200, 200), (200, 1)),
        Tensor(flat, 23_000, (50, 20), (20, 1)),
        Tensor(flat, 0, (0, 20), (20, 1)),
        Tensor(flat, 0, (), ()),
    ):
        value = torch_file(tensor)
        assert zb.info(value).images == ()
        assert zb.decompress(zb.compress(value)) == value


def test_damaged_files() -> None:
    value = torch_file({"a": tensor_of(phantom("<f4", (6, 20, 24))), "b": tensor_of(phantom("u1", (6, 20, 24)))})
    rng = random.Random(4)
    headers = [i for i in range(len(value)) if not 2000 < i < len(value) - 1400]
    for _ in range(1500):
        changed = bytearray(value)
        for _ in range(rng.randint(1, 4)):
            changed[rng.choice(headers)] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        for damaged in (bytes(changed), value[: rng.randrange(len(value))]):
            for image in zb.info(damaged).images:
                assert image.value_offset < len(damaged)
    assert zb.decompress(zb.compress(bytes(changed), 1)) == bytes(changed)
