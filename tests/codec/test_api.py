"""The Python codec API: buffers, types, options, exceptions, and that Python's other threads go on meanwhile."""

from __future__ import annotations

import array
import ctypes
import mmap
import threading
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import sqlite_zblob as zb
from sqlite_zblob._codec import ffi, lib

from ..conftest import open_apsw
from ..samples.values import phantom


def test_any_buffer_goes_in(tmp_path: Path) -> None:
    raw = bytes(range(256)) * 40
    file = tmp_path / "file"
    file.write_bytes(raw)
    with file.open("r+b") as handle, mmap.mmap(handle.fileno(), 0) as mapped:
        buffers: list[Any] = [raw, bytearray(raw), memoryview(raw), array.array("d", raw), mapped]
        buffers += [np.frombuffer(raw, "<i4").reshape(16, -1), memoryview(raw).cast("H")]
        for buffer in buffers:
            frame = zb.compress(buffer)
            assert zb.decompress(bytearray(frame)) == zb.decompress(memoryview(frame)) == raw


def test_an_array_says_what_it_is() -> None:
    volume = phantom("<i2", (20, 61, 47), 500)
    frame = zb.compress(volume)
    assert zb.decompress(frame) == volume.tobytes()
    assert frame == zb.compress(volume.tobytes(), hint=("<i2", "(20, 61, 47)"))
    assert len(frame) < 0.8 * len(zb.compress(volume.tobytes()))
    np.testing.assert_array_equal(zb.images.read_array(frame), volume)
    assert zb.images.read_sitk(frame).GetSize() == (47, 61, 20)
    assert zb.info(zb.compress(volume, dtype="uint8", shape=[volume.nbytes])).images[0].pixel_type == "uint8"
    for odd in (np.array(5), np.zeros(0), np.zeros((3, 0, 2)), np.array([("a", 1)], "U1, i4"), np.array(["text"])):
        assert zb.decompress(zb.compress(odd)) == odd.tobytes()


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises((ValueError, BufferError)):
        zb.compress(memoryview(bytes(100))[::2])
    for wrong in (5, None, [1, 2]):
        with pytest.raises(TypeError):
            zb.compress(wrong)


def test_out() -> None:
    raw = b"some bytes " * 999
    frame = zb.compress(raw)
    room = bytearray(b"\xee" * (len(raw) + 5))
    written = zb.decompress(frame, out=room)
    assert written == raw
    assert isinstance(written, memoryview)
    assert room[len(raw) :] == b"\xee" * 5
    numbers = np.zeros(len(raw), "u1")
    zb.decompress(frame, out=numbers)
    assert numbers.tobytes() == raw
    assert bytes(zb.decompress(b"plain", out=room)) == b"plain"
    with pytest.raises(zb.SizeLimitError, match="out has 5 bytes, the value needs 10989"):
        zb.decompress(frame, out=bytearray(5))
    with pytest.raises(zb.OptionError, match="out must be writable"):
        zb.decompress(frame, out=bytes(len(raw)))
    with pytest.raises(zb.OptionError, match="C-contiguous"):
        zb.decompress(frame, out=memoryview(bytearray(2 * len(raw)))[::2])
    assert zb.decompress(zb.compress("té"), out=room) == "té".encode()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"level": 0}, 'option "level" must be from 1 to 9, not 0'),
        ({"level": "5"}, 'option "level" does not take text'),
        ({"level": 1.5}, 'option "level" does not take 1.5'),
        ({"level": None}, 'option "level" does not take None'),
        ({"level": True}, 'option "level" does not take True: it takes an integer'),
        ({"level": np.bool_(True)}, "it takes an integer"),
        ({"codec": 1}, 'option "codec" does not take an integer: it takes text'),
        ({"shape": np.array([2.0])}, "it takes a list of integers"),
        ({"level": 1 << 70}, "must fit 64 bits"),
        ({"codec": "lzma"}, 'must be auto, voxel, planes, zstd or store, not "lzma"'),
        (
            {"colour": 1},
            'unknown option "colour": the options are codec, level, min_size, threads, dtype, shape, for_',
        ),
        ({"for_column": 2}, 'option "for_column" must be from 0 to 1, not 2'),
        ({"dtype": "int16", "shape": (2, 3)}, "describe 12 bytes, the value has 5"),
        ({"dtype": np.dtype("V3"), "shape": (2, 3)}, 'not "|V3"'),
        ({"shape": "5"}, 'option "shape" does not take text'),
        ({"shape": (5.0,)}, 'option "shape" does not take (5.0,)'),
    ],
)
def test_bad_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(zb.OptionError) as caught:
        zb.compress(b"12345", **options)
    assert text in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "data",
    [
        np.array(["a", {"b": 1}], dtype=object),
        memoryview(cast(Any, np.array([[None]], dtype=object))),
        np.zeros(3, dtype=[("x", "i4"), ("y", "O")]),
        (ctypes.py_object * 2)(),
    ],
)
def test_addresses_of_objects_are_no_value(data: Any) -> None:
    for call in (zb.compress, zb.decompress, zb.compress_pickle, zb.info):
        with pytest.raises(zb.WrongTypeError, match=r"holds Python objects.*pickle\.dumps"):
            call(data)


def test_objects_are_not_overwritten() -> None:
    with pytest.raises(zb.WrongTypeError, match="out must not hold Python objects"):
        zb.decompress(zb.compress(b"12345678"), out=np.array([None]))
    named: Any = np.zeros(3, dtype=[("O", "i4"), ("f", "u1")])  # a field's name, not a type
    assert zb.decompress(zb.compress(memoryview(named))) == named.tobytes()


def test_integers_of_numpy() -> None:
    volume = np.arange(24, dtype="u1").reshape(2, 3, 4)
    level: Any = np.int64(7)
    thousand: Any = np.int16(1000)
    shape: Any
    for shape in (np.array(volume.shape), tuple(map(np.int64, volume.shape))):
        frame = zb.compress(volume.tobytes() * 1000, level, dtype="u1", shape=(thousand, *shape))
        about = zb.info(frame)
        assert (about.level, about.images[0].size) == (7, (4, 3, 2, 1000))
    db = open_apsw()
    db.execute("CREATE TABLE t(data BLOB)")
    assert zb.enable(db, "t", "data", level=level, min_size=level).level == 7
    assert [(each.level, each.min_size, each.is_intact) for each in zb.status(db)] == [(7, 7, True)]
    db.close()


@pytest.mark.parametrize("codec", ["store", "zstd", "planes", "voxel"])
def test_a_codec_by_its_name(codec: zb.Codec) -> None:
    z, y, x = np.ogrid[:16, :64, :64]
    volume = (
        500 + 40 * np.sin(x / 9) * np.cos(y / 7) + 3 * z + np.random.default_rng(1).normal(0, 2, (16, 64, 64))
    ).astype("<i2")
    frame = zb.compress(volume.tobytes(), codec=codec, dtype="<i2", shape=volume.shape)
    assert zb.info(frame).codec == codec
    assert zb.decompress(frame) == volume.tobytes()


@pytest.mark.parametrize(
    "name",
    [
        *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    ],
)
def test_pixel_types_have_numpys_names(name: str) -> None:
    given = {name: "little", np.dtype(name).str[1:]: "little", f"<{np.dtype(name).str[1:]}": "little"}
    given[np.dtype(name).newbyteorder(">").str] = "big" if np.dtype(name).itemsize > 1 else "little"
    for dtype, byte_order in given.items():
        zeros = bytes(40 * 50 * np.dtype(name).itemsize)
        frame = zb.compress(zeros, codec="planes", dtype=dtype, shape=(40, 50))
        (image,) = zb.info(frame).images
        assert (image.pixel_type, image.byte_order, image.components, image.size) == (name, byte_order, 1, (50, 40))
        assert zb.decompress(frame) == zeros


def test_min_size() -> None:
    assert zb.compress(b"x" * 99, min_size=100) == b"x" * 99
    assert zb.is_frame(zb.compress(b"x" * 100, min_size=100))


def test_info_of_plain_and_framed() -> None:
    info = zb.info(b"plain")
    assert (info.frame, info.raw_size, info.frame_size, info.codec, info.images) == (False, 5, 5, None, ())
    info = zb.info(zb.compress("text " * 400, level=7))
    assert (info.frame, info.value_type, info.level, info.codec, info.raw_size) == (True, "text", 7, "zstd", 2000)


def test_the_gil_is_released() -> None:
    """While one thread compresses for long, another one goes on counting."""
    raw = np.random.default_rng(0).integers(0, 50, 2_000_000, "u1").tobytes()
    done = threading.Event()

    def work() -> None:
        zb.compress(raw, 9, codec="zstd", threads=1)
        done.set()

    worker = threading.Thread(target=work)
    started = time.perf_counter()
    worker.start()
    ticks = 0
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    worker.join()
    assert ticks > 50 * (time.perf_counter() - started)


@pytest.mark.parametrize("given", ["str", None, 5, 2.5, [1], object()])
@pytest.mark.parametrize(
    "function", [zb.decompress, zb.info, zb.is_frame, zb.compress, zb.compress_pickle], ids=lambda f: f.__name__
)
def test_other_things_than_bytes(function: Any, given: Any) -> None:
    if function is zb.compress and isinstance(given, str):
        assert zb.decompress(zb.compress(given)) == given
        return
    with pytest.raises(zb.WrongTypeError, match="expected bytes") as caught:
        function(given)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, zb.ZblobError)


@pytest.mark.parametrize("function", [zb.decompress, zb.info, zb.is_frame, zb.compress], ids=lambda f: f.__name__)
def test_memory_with_gaps(function: Any) -> None:
    for given in (memoryview(b"abcdef")[::2], np.zeros((4, 4))[:, ::2]):
        with pytest.raises(zb.OptionError, match="not contiguous"):
            function(given)


@pytest.mark.parametrize("name", ["threads", "max_size"])
@pytest.mark.parametrize("number", [-1, "1", None, 2.5, True, 1 << 70])
def test_options_of_decompress(name: str, number: Any) -> None:
    for stored in (zb.compress(b"a" * 1000), b"plain"):
        with pytest.raises(zb.OptionError, match=f"{name} must be an integer"):
            zb.decompress(stored, **{name: number})


@pytest.mark.parametrize(
    "options",
    [
        {"codec": "\udc80"},
        {"dtype": "\udc80"},
        {"\udc80": 1},
        {"shape": [1 << 70]},
        {"shape": [True]},
        {"codec": "ä" * 40},
    ],
    ids=ascii,
)
def test_strange_options(options: dict[str, Any]) -> None:
    with pytest.raises(zb.OptionError):
        zb.compress(b"a" * 1000, **options)


def test_out_must_be_a_buffer() -> None:
    with pytest.raises(zb.WrongTypeError, match="out must be a writable buffer, not str"):
        zb.decompress(zb.compress(b"a" * 1000), out="text")


@pytest.mark.parametrize(("sample_type", "flag"), [(4, "is_complex"), (9, "is_complex"), (4, "is_bool")])
def test_flags_that_no_frame_can_say_are_refused(sample_type: int, flag: str) -> None:
    """A caller of the C functions may set what the options of Python and SQL cannot."""
    options, error = ffi.new("struct zblob_options *"), ffi.new("struct zblob_error *")
    frame, size = ffi.new("unsigned char **"), ffi.new("size_t *")
    lib.zblob_options_init(options)
    options.grid.sample_type, options.grid.dimension, options.grid.components = sample_type, 1, 1
    options.grid.size[0] = 2000
    setattr(options, flag, True)
    value = bytes(2000 * 2 * (2 if flag == "is_complex" else 1))
    assert lib.zblob_compress(options, 0, value, len(value), frame, size, error) == lib.ZBLOB_BAD_ARGUMENT
    assert b"complex pixels are pairs of float32 or float64" in ffi.string(error.message)
