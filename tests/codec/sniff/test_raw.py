"""Raw samples without a description: found where they are images, left alone where not, never larger, always exact."""

from __future__ import annotations

import functools
import json
import pickle
import random
import zlib
from collections.abc import Callable

import numpy as np
import pytest

import sqlite_zblob as zb
from benchmarks.raw import database

from ...compat import decoder
from ...samples.integers import smooth
from ...samples.values import coloured

SHAPE = (40, 93, 120)


def guess_of(value: bytes, level: int = 5) -> zb.ImageInfo | None:
    """What the frame says the value holds, once it was seen to be exact and no larger than the general path's."""
    frame, general = zb.compress(value, level), zb.compress(value, level, codec="zstd")
    assert zb.decompress(frame) == value
    assert len(frame) <= len(general)
    images = zb.info(frame).images
    assert len(images) <= 1
    return images[0] if images else None


def header(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def blurred(array: np.ndarray, width: int) -> np.ndarray:
    """The mean over a window along each axis."""
    for axis in range(array.ndim):
        if array.shape[axis] > width:
            array = np.apply_along_axis(np.convolve, axis, array, np.full(width, 1 / width), "same")
    return array


@functools.cache
def scene(shape: tuple[int, ...]) -> np.ndarray:
    """An ellipsoid of soft texture in air, with noise everywhere: 0 to about 1, as a scanner sees it."""
    random = np.random.RandomState(4)
    axes = [np.linspace(-1, 1, extent) if extent > 1 else np.zeros(1) for extent in shape]
    inside = np.sum([grid**2 for grid in np.meshgrid(*axes, indexing="ij")], axis=0) < 0.9
    texture = blurred(random.normal(0, 1, shape), 9)
    noise = np.abs(random.normal(0, 0.01, shape))
    return np.where(inside, 0.5 + texture / texture.std() / 8, 0) + noise


def volume(dtype: str, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    peak = {"u1": 200, "i1": 120}.get(dtype, 1500)
    least = 0.05 if dtype == "<f4" else 0  # computed images have no noise in air
    return np.where(scene(shape) > least, np.clip(peak * scene(shape), 0, peak), 0).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<u2", "<f4"])
@pytest.mark.parametrize("size", [0, 352, 512, 313])
def test_volumes_behind_headers(dtype: str, size: int) -> None:
    array = volume(dtype)
    image = guess_of(header(size) + array.tobytes())
    assert image is not None
    assert image.source == "guess"
    assert image.size == SHAPE[::-1]
    assert image.value_offset == size
    assert np.dtype(image.pixel_type).itemsize == array.itemsize
    assert image.byte_order == ("big" if dtype[0] == ">" else "little")


def test_signed_samples() -> None:
    image = guess_of((volume("<i2") - 700).tobytes())
    assert image is not None and image.pixel_type == "int16"
    image = guess_of((volume("i1") - 60).tobytes())
    assert image is not None and image.pixel_type == "int8"
    image = guess_of((volume("<u2").astype("u4") + 32000).astype("<u2").tobytes())
    assert image is not None and image.pixel_type == "uint16"


def test_pictures() -> None:
    grey = volume("<u2", (1, 700, 640))[0]
    image = guess_of(grey.tobytes())
    assert image is not None and image.size == (640, 700)
    colour = coloured(3, (500, 421))
    image = guess_of(colour.tobytes())
    assert image is not None and (image.size, image.components) == ((421, 500), 3)


@pytest.mark.parametrize("level", [1, 9])
def test_levels(level: int) -> None:
    image = guess_of(volume("<i2").tobytes(), level)
    assert image is not None and image.size == SHAPE[::-1]


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_pickled_bytes(protocol: int) -> None:
    image = guess_of(pickle.dumps(volume("<f4").tobytes(), protocol))
    assert image is not None and image.size == SHAPE[::-1]


def large_bytes(pickled: object) -> list[tuple[str, int]]:
    """Sources and places of what is found in the pickle, in both of its forms."""
    value = pickle.dumps(pickled, 5)
    frame = zb.compress(value)
    assert zb.decompress(frame) == value
    return [(image.source, image.value_offset) for image in zb.info(frame).images]


def test_bytes_objects_in_pickles() -> None:
    """Each is looked at from its own beginning, beside whatever else the pickle holds."""
    raw, other = volume("<i2").tobytes(), volume("u1", (40, 90, 100)).tobytes()
    for pickled in (bytearray(raw), {"raw": raw, "id": 7}, {"raw": bytearray(raw), "shape": SHAPE}):
        assert large_bytes(pickled) == [("guess", pickle.dumps(pickled, 5).index(raw))]
    value = pickle.dumps({"id": np.arange(40), "raw": raw, "mask": other, "affine": np.eye(4)}, 5)
    expected = [("guess", value.index(raw)), ("guess", value.index(other))]
    found = large_bytes(pickle.loads(value))
    assert [image for image in found if image[0] == "guess"] == expected
    assert [source for source, _ in found] == ["NumPy", "guess", "guess", "NumPy"]


def test_slices_as_bytes_objects() -> None:
    slices = [part.tobytes() for part in volume("<i2", (5, 400, 400))[1:4]]  # the others are noise
    value = pickle.dumps(slices, 5)
    assert large_bytes(slices) == [("guess", value.index(part)) for part in slices]


def test_the_gain() -> None:
    value = volume("<i2").tobytes()
    given = zb.compress(value, dtype="int16", shape=SHAPE)
    assert len(zb.compress(value)) <= len(given) + 64
    assert len(given) * 5 < len(zb.compress(value, codec="zstd")) * 4


def test_the_independent_decoder() -> None:
    value = header(40) + volume("u1", (31, 93, 120)).tobytes()
    frame = zb.compress(value)
    assert zb.info(frame).images[0].source == "guess"
    assert decoder.decode(frame) == value


def cut(array: np.ndarray) -> bytes:
    return array.tobytes()[: array.nbytes * 2 // 3 + 1234]


def sound() -> np.ndarray:
    t = np.arange(400_000) / 44100
    pitch = 220 + 30 * np.sin(2.3 * t) + 11 * np.sin(7.7 * t)
    return (9000 * np.sin(2 * np.pi * np.cumsum(pitch) / 44100) + np.random.RandomState(2).normal(0, 9, len(t))).astype(
        "<i2"
    )


TABLE = "".join(f"{i:8d} {i * i % 97:8d} {i / 7:10.3f} name{i % 50:<12d}\n" for i in range(12_000)).encode()
OTHERS: dict[str, Callable[[], bytes]] = {
    "random": lambda: random.Random(1).randbytes(1 << 20),
    "text": lambda: b"Nothing is unpickled in order to look at it. " * 9000,
    "table": lambda: TABLE,
    "json": lambda: json.dumps([{"id": i, "value": i / 7} for i in range(20_000)]).encode(),
    "pickle": lambda: pickle.dumps([(i, i / 7, str(i)) for i in range(30_000)]),
    "compressed": lambda: zlib.compress(random.Random(2).randbytes(400_000)),
    "SQLite": lambda: database(20_000),
    "sound": lambda: sound().tobytes(),
    "WAV": lambda: b"RIFF" + bytes(40) + (9000 * np.sin(np.arange(400_000) / 31)).astype("<i2").tobytes(),
    "numbers": lambda: np.random.RandomState(2).normal(0, 1, 200_000).tobytes(),
    "sorted numbers": lambda: np.sort(np.random.RandomState(2).normal(0, 1, 200_000)).astype("<f4").tobytes(),
    "counters": lambda: np.cumsum(np.random.RandomState(3).randint(1, 50, 200_000)).astype("<i4").tobytes(),
    "walk": lambda: np.cumsum(np.random.RandomState(3).normal(0, 1, (100_000, 3)), 0).astype("<f4").tobytes(),
    "zeros": lambda: bytes(1 << 20),
    "tiles": lambda: np.tile(np.random.RandomState(5).randint(0, 255, (64, 64), "u1"), (10, 10)).tobytes(),
    "small image": lambda: volume("u1", (20, 93, 120)).tobytes(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_image_stays_general(name: str) -> None:
    assert guess_of(OTHERS[name]()) is None
    assert zb.info(zb.compress(OTHERS[name]())).codec in ("zstd", "store")


def test_asked_for_codecs_are_kept() -> None:
    value = volume("<i2").tobytes()
    for codec in ("zstd", "store", "planes", "voxel"):
        assert not zb.info(zb.compress(value, codec=codec)).images


def test_images_among_other_things_stay_exact() -> None:
    """Whatever is guessed: cut off, shifted, mixed with others, of strange sizes."""
    array = volume("<i2", (12, 93, 120))
    values = [cut(volume("<i2")), array.tobytes() + TABLE, TABLE + array.tobytes(), array.tobytes()[1:] + b"\0" * 4097]
    values += [smooth((9, 170, 183), "<f4").tobytes(), smooth((300, 1000), "u1").tobytes()]
    values += [volume("u1", (24, 93, 120)).tobytes()[: (256 << 10) + extra] for extra in range(13)]
    for value in values:
        guess_of(value)
