"""Arrays and images inside larger values: dictionaries, lists, objects, archives; and hostile pickles of them."""

from __future__ import annotations

import array
import collections
import io
import pickle
import struct
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.lib import format as npy_format

import sqlite_zblob as zb

from ...samples.containers import PROTOCOLS, RAMP, npz
from ...samples.files import dicom
from .finding import images_of, samples_of


@dataclass
class Study:
    scan: Any
    maps: list[Any]
    extra: tuple[Any, ...]


class Subclass(np.ndarray):
    pass


class Slotted:
    __slots__ = ("array", "image")

    def __init__(self) -> None:
        self.array = RAMP.astype(">u4")
        self.image = sitk.GetImageFromArray(RAMP)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_objects_with_images_and_arrays(protocol: int) -> None:
    image = sitk.GetImageFromArray(RAMP.astype("f4"))
    study = Study(image, [RAMP, {"T": RAMP.astype("u1").T}], (Slotted(), RAMP, image))
    found = images_of(pickle.dumps(collections.OrderedDict(study=study, again=study), protocol))
    assert [(one.source, one.pixel_type, one.order) for one in found] == [
        ("SimpleITK", "float32", "C"),
        ("NumPy", "int16", "C"),
        ("NumPy", "uint8", "F"),
        ("NumPy", "uint32", "C"),
        ("SimpleITK", "int16", "C"),
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_shared_array_is_found_once(protocol: int) -> None:
    (found,) = images_of(pickle.dumps([RAMP, RAMP, {"x": RAMP}], protocol))
    assert found.size == (50, 40)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_masked_arrays_are_data_and_mask(protocol: int) -> None:
    for values in (RAMP, np.asfortranarray(RAMP), RAMP.astype(">c8")):
        masked = np.ma.masked_where(RAMP % 3 == 0, values)
        value = pickle.dumps(masked, protocol)
        data, mask = images_of(value)
        assert (data.pixel_type, mask.pixel_type) == (values.dtype.name, "bool")
        order = slice(None, None, -1) if data.order == "C" else slice(None)
        assert data.size == mask.size == RAMP.shape[order]
        stored = samples_of(value, mask)
        np.testing.assert_array_equal(stored if data.order == "C" else stored.T, masked.mask)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_matrices_and_record_arrays_of_plain_types(protocol: int) -> None:
    for odd in (RAMP.view(np.matrix), np.rec.array(RAMP), RAMP.view(Subclass)):
        (found,) = images_of(pickle.dumps(odd, protocol))
        assert (found.pixel_type, found.size) == ("int16", (50, 40))


def test_axes_in_another_order() -> None:
    """From NumPy 2.3 on, protocol 5 stores such arrays as they lie in memory; before, in C order."""
    volume = np.arange(24 * 25 * 26, dtype="<i4").reshape(24, 25, 26)
    value = pickle.dumps(volume.transpose(1, 2, 0), 5)
    (found,) = images_of(value)
    assert (found.order, found.size) in (("K", (26, 25, 24)), ("C", (24, 26, 25)))
    expected = volume if found.order == "K" else volume.transpose(1, 2, 0)
    np.testing.assert_array_equal(samples_of(value, found), expected)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_the_standard_library_s_arrays(code: str, protocol: int) -> None:
    numbers = array.array(code, [1, 2, 3] * 200)
    value = pickle.dumps({"numbers": numbers}, protocol)
    (found,) = images_of(value)
    assert (found.source, found.size, found.pixel_type) == ("array", (600,), np.dtype(code).name)
    assert samples_of(value, found).tobytes() == numbers.tobytes()


def test_arrays_of_other_byte_orders_and_codes() -> None:
    def value_of(code: int, data: bytes) -> bytes:
        head = b"\x80\x04carray\n_array_reconstructor\n(carray\narray\n\x8c\x01hK" + bytes([code])
        return head + b"B" + struct.pack("<I", len(data)) + data + b"tR."

    (found,) = images_of(value_of(5, bytes(600)))
    assert (found.pixel_type, found.byte_order) == ("int16", "big")
    assert pickle.loads(value_of(5, bytes(600))) == array.array("h", bytes(600))
    for code, size in ((18, 600), (255, 600), (5, 601), (8, 602)):
        assert images_of(value_of(code, bytes(size))) == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bytes_without_geometry_are_no_images(protocol: int) -> None:
    assert images_of(pickle.dumps([RAMP.tobytes(), bytearray(RAMP.tobytes())], protocol)) == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_array_beside_much_metadata(protocol: int) -> None:
    tags = {f"tag {i}": [i, i * 0.5, str(i), (i,)] for i in range(3000)}
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    value = pickle.dumps({"tags": tags, "deep": deep, "scan": np.tile(RAMP, (16, 16))}, protocol)
    (found,) = images_of(value)
    assert found.size == (800, 640)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_files_in_bytes_objects(protocol: int) -> None:
    scan = np.stack([RAMP, RAMP + 1])
    file, archive = dicom(scan, NumberOfFrames=2), npz(a=RAMP, b=RAMP.astype("f4"))
    value = pickle.dumps({"file": file, "again": file, "npz": io.BytesIO(archive), "array": RAMP}, protocol)
    found = images_of(value)
    assert sorted(image.source for image in found) == ["DICOM", "NumPy", "npy", "npy"]
    assert found[0].spacing == images_of(file)[0].spacing
    np.testing.assert_array_equal(samples_of(value, found[0]), scan)
    assert zb.decompress(zb.compress(value)) == value


def test_samples_that_begin_as_a_file_are_their_array_s() -> None:
    file = np.frombuffer(dicom(RAMP[None]), "u1")
    (found,) = images_of(pickle.dumps(file))
    assert (found.source, found.size) == ("NumPy", file.shape)


def test_many_arrays_each_by_itself() -> None:
    rng = np.random.default_rng(1)
    scans = [np.cumsum(rng.integers(-9, 10, (80, 100)), axis=1).astype("<i2") for _ in range(300)]
    value = pickle.dumps(scans)
    frame = zb.compress(value)
    assert zb.decompress(frame) == value
    assert len(zb.info(frame).images) == 300
    assert zb.info(frame).codec == "voxel"
    assert len(frame) < 0.8 * len(zb.compress(value, codec="zstd"))


def test_the_largest_of_very_many_arrays() -> None:
    value = pickle.dumps([*(np.zeros(i % 7 + 1, "u1") for i in range(3000)), RAMP, *(np.zeros(9, "u1") for _ in "ab")])
    images = zb.info(value).images
    assert len(images) == 1024
    assert [one.size for one in images][-3:] == [(50, 40), (9,), (9,)]
    assert [one.value_offset for one in images] == sorted(one.value_offset for one in images)
    assert zb.decompress(zb.compress(value)) == value


# ---- .npy and .npz ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(version: tuple[int, int]) -> None:
    file = io.BytesIO()
    npy_format.write_array(file, RAMP, version=version)
    (found,) = images_of(file.getvalue())
    assert (found.source, found.size) == ("npy", (50, 40))


def test_npz() -> None:
    value = npz(scan=RAMP, names=np.array(["a", "b"]), turned=RAMP.T.astype(">f4"), label=RAMP > 9)
    found = images_of(value)
    assert [(one.source, one.pixel_type, one.order, one.size) for one in found] == [
        ("npy", "int16", "C", (50, 40)),
        ("npy", "float32", "F", (50, 40)),
        ("npy", "bool", "C", (50, 40)),
    ]
    np.testing.assert_array_equal(samples_of(value, found[0]), RAMP)
    np.testing.assert_array_equal(samples_of(value, found[1]), RAMP)
    assert images_of(npz(np.savez_compressed, scan=RAMP)) == ()


def test_damaged_npz() -> None:
    value = npz(scan=RAMP, more=RAMP)
    rng = np.random.default_rng(3)
    for _ in range(300):
        changed = bytearray(value)
        for place in rng.integers(0, 200, 3):
            changed[place] = rng.integers(256)
        images_of(bytes(changed))
    for cut in range(0, len(value), 53):
        images_of(value[:cut])


# ---- Hostile pickles -------------------------------------------------------------------------------------------


def reconstructed(count: int, body: bytes) -> bytes:
    """A pickle that builds `count` arrays of one bytes object, by way of the memo."""
    array_ = pickle.dumps(np.frombuffer(body, "u1"), 3)[2:-1]
    return b"\x80\x03](" + array_ * count + b"e."


def hostile_pickles() -> dict[str, bytes]:
    large = b"B" + struct.pack("<I", 1 << 20) + bytes(1 << 20)
    return {
        "100,000 nested lists": b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "100,000 nested tuples": b"\x80\x04" + large + b"\x85" * 100_000 + b".",
        "marks": b"\x80\x04" + large + b"(" * 100_000 + b"t" * 100_000 + b".",
        "a tuple that grows by doubling": b"\x80\x04" + large + b"2\x86" * 60_000 + b".",
        "a list in itself": b"\x80\x04" + large + b"]\x94h\x00a.",
        "a call in its own state": b"\x80\x04" + large + b"cnumpy\ndtype\n)R\x94h\x00b\x86.",
        "high memo slots": b"\x80\x04" + large + b"r\xff\xff\xff\x7f.",
        "rising memo slots": b"\x80\x04" + large + b"".join(b"r" + struct.pack("<I", i) for i in range(60_000)) + b".",
        "memo slots that are not set": b"\x80\x04" + large + b"h\x07\x86.",
        "many marks to drop": b"\x80\x04" + large + b"(" + b"2" * 100 + b"1" * 100 + b".",
        "thousands of arrays": pickle.dumps([np.zeros(16, "u1") for _ in range(20_000)]),
        "one array by thousands of calls": reconstructed(2000, bytes(300)),
    }


@pytest.mark.parametrize("name", hostile_pickles())
def test_hostile_pickles_are_exact_and_quick(name: str) -> None:
    value = hostile_pickles()[name]
    start = time.thread_time()
    images = zb.info(value).images
    assert time.thread_time() - start < 1
    assert len(images) <= 1024
    assert zb.decompress(zb.compress(value)) == value


def test_sizes_that_lie() -> None:
    value = pickle.dumps({"a": RAMP, "b": RAMP.astype("u1")}, 4)
    rng = np.random.default_rng(5)
    for _ in range(500):
        changed = bytearray(value)
        place = int(rng.integers(2, 220))
        changed[place] = rng.integers(256)
        for image in images_of(bytes(changed)):
            samples_of(bytes(changed), image)  # raises where samples lie outside the value


# ---- Raw samples with options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype",
    [order + code for order in "<>" for code in ("u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", "c16")]
    + ["bool", "|b1", "u1", "i1", "uint16", "float16", "complex64", "complex128"],
)
def test_every_dtype_of_raw_samples(dtype: str) -> None:
    samples = (np.add.outer(np.arange(64), np.arange(80)) % 97).astype(dtype)
    for given in (dtype, samples.dtype):
        frame = zb.compress(samples.tobytes(), dtype=given, shape=samples.shape)
        assert zb.decompress(frame) == samples.tobytes()
        (found,) = zb.info(frame).images
        assert (found.source, found.pixel_type, found.size) == ("options", samples.dtype.name, (80, 64))
        assert found.byte_order == ("big" if dtype[0] == ">" else "little")
        assert found.components == 1
    with pytest.raises(zb.OptionError, match="describe"):
        zb.compress(samples.tobytes()[:-1], dtype=dtype, shape=samples.shape)
