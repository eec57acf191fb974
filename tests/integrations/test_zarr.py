"""Zarr arrays, of both formats, whose chunks are frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import sqlite_zblob as zb

numcodecs = pytest.importorskip("numcodecs")
zarr = pytest.importorskip("zarr", minversion="3.0.8")

from sqlite_zblob.integrations.numcodecs import Zblob  # noqa: E402
from sqlite_zblob.integrations.zarr import ZblobCodec  # noqa: E402

DTYPES = ["bool", "int8", "uint16", "int64", "float16", "float32", "complex64", "datetime64[ns]", "S5", "U3"]


def values_of(dtype: str, shape: tuple[int, ...]) -> Any:
    """Values that are neither all equal nor noise."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape))
    if kind.kind in "SU":
        return np.array([f"{i % 97}" for i in range(count)], kind).reshape(shape)
    ramp = (np.arange(count) // 7 % 101).astype("int64")
    return (ramp % 2 == 0 if dtype == "bool" else ramp.astype(kind)).reshape(shape)


def make(path: Path, values: Any, **settings: Any) -> Any:
    array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, **settings)
    array[...] = values
    return zarr.open_array(path, mode="r+")


def chunk_files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file() and not file.name.startswith((".z", "zarr.json"))]


def test_a_volume(tmp_path: Path, brain: sitk.Image) -> None:
    values = sitk.GetArrayFromImage(brain)[:128, :128]
    ours = make(tmp_path / "a", values, chunks=(64, 64, 192), serializer=ZblobCodec(level=7), compressors=None)
    assert np.array_equal(ours[...], values)
    assert np.array_equal(ours[70, 3:9, ::5], values[70, 3:9, ::5])
    metadata = json.loads((tmp_path / "a" / "zarr.json").read_text())
    assert metadata["codecs"] == [{"name": "zblob", "configuration": {"level": 7}}]
    chunks = [zb.info(file.read_bytes()) for file in chunk_files(tmp_path / "a")]
    assert [(chunk.codec, chunk.level, chunk.raw_size) for chunk in chunks] == [("voxel", 7, 64 * 64 * 192)] * 4
    assert all(chunk.images[0].size == (192, 64, 64) for chunk in chunks)
    default = make(tmp_path / "b", values, chunks=(64, 64, 192))  # Zarr's own choice: zstd
    assert ours.nbytes_stored() < 0.7 * default.nbytes_stored()
    ours[:64] = 7
    assert (ours[:64] == 7).all() and np.array_equal(ours[64:], values[64:])


@pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (9000,), (1, 1, 30, 40), (3, 4, 5, 6, 7)])
def test_every_type_and_shape(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = values_of(dtype, shape)
    chunks = tuple(max(1, extent - 1) for extent in shape)  # the last chunk of each axis is not full
    found = make(tmp_path, values, chunks=chunks or "auto", serializer=ZblobCodec(), compressors=None)
    assert np.asarray(found[...], values.dtype).tobytes() == values.tobytes()  # Zarr gives scalars without padding


def test_big_endian_arrays_are_stored_in_little_endian(tmp_path: Path) -> None:
    values = values_of("int32", (20, 30)).astype(">i4")
    found = make(tmp_path, values, chunks=(20, 30), serializer=ZblobCodec(), compressors=None)
    assert np.array_equal(found[...], values)
    (file,) = chunk_files(tmp_path)
    assert zb.decompress(file.read_bytes()) == values.astype("<i4").tobytes()


def test_shards_and_transposed_arrays(tmp_path: Path) -> None:
    values = values_of("uint16", (40, 50, 60))
    settings = {"serializer": ZblobCodec(), "compressors": None}
    sharded = make(tmp_path / "shards", values, chunks=(10, 25, 30), shards=(20, 50, 60), **settings)
    assert np.array_equal(sharded[...], values) and len(chunk_files(tmp_path / "shards")) == 2
    filters = [zarr.codecs.TransposeCodec(order=(2, 0, 1))]
    turned = make(tmp_path / "turned", values, chunks=(40, 50, 60), filters=filters, **settings)
    assert np.array_equal(turned[...], values)
    (file,) = chunk_files(tmp_path / "turned")
    assert zb.info(file.read_bytes()).images[0].size == (50, 40, 60)


def test_dask_arrays(tmp_path: Path) -> None:
    dask_array = pytest.importorskip("dask.array")
    values = values_of("uint16", (40, 50, 60))
    make(tmp_path, values, chunks=(20, 25, 30), serializer=ZblobCodec(), compressors=None)
    lazy = dask_array.from_zarr(str(tmp_path))
    assert lazy.chunksize == (20, 25, 30) and int(lazy.max().compute()) == values.max()


def test_damaged_and_foreign_chunks_are_errors(tmp_path: Path) -> None:
    values = values_of("uint16", (40, 50))
    found = make(tmp_path, values, chunks=(40, 50), serializer=ZblobCodec(), compressors=None)
    (file,) = chunk_files(tmp_path)
    frame = file.read_bytes()
    damaged = bytearray(frame)
    damaged[-3] ^= 1
    other_size, text = zb.compress(values[1:].tobytes()), zb.compress("x" * 4000)
    for content in (bytes(damaged), values.tobytes(), frame[:-1], other_size, text, b""):
        file.write_bytes(content)
        with pytest.raises(zb.DamagedFrameError):
            found[...]


def test_what_the_codec_refuses(tmp_path: Path) -> None:
    for level in (0, 10):
        with pytest.raises(zb.OptionError, match="level"):
            ZblobCodec(level)
        with pytest.raises(zb.OptionError, match="level"):
            Zblob(level)
    with pytest.raises(TypeError, match="fixed size"):
        zarr.create_array(tmp_path, shape=(3,), dtype="variable_length_bytes", serializer=ZblobCodec())
    with pytest.raises(TypeError, match="Python objects"):
        Zblob().encode(np.array([b"x", 1], object))


@pytest.mark.parametrize("order", ["C", "F"])
def test_zarr_format_2(tmp_path: Path, order: str) -> None:
    values = values_of("int16", (20, 30, 40))
    settings = {"chunks": (20, 30, 40), "zarr_format": 2, "order": order, "compressors": Zblob(level=3)}
    assert np.array_equal(make(tmp_path, values, **settings)[...], values)
    assert json.loads((tmp_path / ".zarray").read_text())["compressor"] == {"id": "zblob", "level": 3}
    (file,) = chunk_files(tmp_path)
    assert zb.info(file.read_bytes()).images[0].size == ((40, 30, 20) if order == "C" else (20, 30, 40))


def test_numcodecs(tmp_path: Path) -> None:
    codec = numcodecs.get_codec({"id": "zblob", "level": 2})
    assert isinstance(codec, Zblob) and codec == Zblob(2)
    level: Any = np.int64(2)
    assert json.dumps(Zblob(level).get_config()) == json.dumps(codec.get_config())
    for values in (values_of("float32", (12, 13, 14)), values_of(">i4", (9, 8)), values_of("uint8", (7, 6)).T):
        frame = codec.encode(values)
        assert codec.decode(frame) == values.tobytes("A")
        out = np.empty_like(values)
        assert codec.decode(frame, out) is out
        assert np.array_equal(out, values)
        spread = np.empty((*values.shape, 2), values.dtype)[..., 0]  # neither C nor Fortran
        if values.flags.c_contiguous:
            assert np.array_equal(codec.decode(frame, spread), values)
        with pytest.raises(zb.DamagedFrameError, match="bytes"):
            codec.decode(frame, np.empty(3, values.dtype))
    assert codec.decode(codec.encode(b"some bytes" * 100)) == b"some bytes" * 100
    with pytest.raises(zb.DamagedFrameError, match="no frame"):
        codec.decode(b"some bytes")
