"""Random slices of a large volume, as a viewer reads them: beside HDF5 and Zarr with chunks of the same size.

    ZBLOB_CORPUS=FOLDER python benchmarks/viewer.py SCRATCH [--slices 976] [--readings 200] [--volume ct_lung2]

The volume is a CT scan of the corpus (FOLDER/ct_lung2.mha) again and again, each time mirrored along other axes.
Without ZBLOB_CORPUS it is made of smooth shapes and noise. The chunks of all formats are those that this library chose.
Each format is read by a process of its own, which opens its file once, and the processes take turns at each slice, so
that whatever else the machine does falls on all of them. Files are in the system's cache. Bytes are those of read calls
(`rchar` of /proc/self/io), of which a mapped file has none; memory is the peak of the process above what it had after
opening the file, mapped pages of files included. Needs the extra `bench`, SCRATCH with three times the volume's size,
and Linux.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import pickle
import random
import shutil
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import numpy as np

import sqlite_zblob as zb
from sqlite_zblob.chunks import FrameDecoder
from sqlite_zblob.codec import checksum

Array = np.ndarray[Any, Any]
Reader = Callable[[int], Array]


def made_volume(slices: int) -> Array:
    z, y, x = np.ogrid[:slices, :512, :512]
    body = 900 * np.exp(-(((y - 256) / 150) ** 2 + ((x - 256) / 180) ** 2)) + 40 * np.sin(z / 7) * np.cos(x / 31)
    noise = np.random.default_rng(1).normal(0, 9, (slices, 512, 512)).astype(np.float32)
    found: Array = (body.astype(np.float32) + noise - 200).astype(np.int16)
    return found


def volume(slices: int, name: str) -> Array:
    """Mirrored copies of a scan, one after the other."""
    folder = os.environ.get("ZBLOB_CORPUS")
    if not folder:
        return made_volume(slices)
    import SimpleITK as sitk

    scan = sitk.GetArrayFromImage(sitk.ReadImage(str(Path(folder) / f"{name}.mha")))
    found = np.empty((slices, *scan.shape[1:]), scan.dtype)
    for number, start in enumerate(range(0, slices, len(scan))):
        copy = scan[:: -1 if number % 2 else 1, :: -1 if number & 2 else 1, :: -1 if number & 4 else 1]
        if number & 8 and scan.shape[1] == scan.shape[2]:
            copy = copy.transpose(0, 2, 1)
        found[start : start + len(scan)] = copy[: slices - start]
    return found


# ---- Formats -------------------------------------------------------------------------------------------------------


class Format(NamedTuple):
    name: str
    write: Callable[[Path, Array, int], None]  # path, volume, slices of a chunk
    open: Callable[[Path], Reader]


FRAMES: dict[int, bytes] = {}  # the volume at each level


def frame_of(array: Array, level: int) -> bytes:
    if level not in FRAMES:
        FRAMES[level] = zb.compress(pickle.dumps(array, protocol=5), level=level)
    return FRAMES[level]


def sqlite_writer(level: int, page_size: int, vacuum: str) -> Callable[[Path, Array, int], None]:
    def write(path: Path, array: Array, _: int) -> None:
        connection = apsw.Connection(str(path))
        connection.execute(f"PRAGMA page_size={page_size}; PRAGMA auto_vacuum={vacuum}; CREATE TABLE t(image)")
        connection.execute("INSERT INTO t VALUES (?)", (frame_of(array, level),))
        connection.close()

    return write


def opened(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    zb.load(connection)
    return connection


def open_lazy(path: Path) -> Reader:
    connection = opened(path)
    image = zb.images.open_image(connection, "t", "image", 1)
    return lambda index: np.asarray(image[index])


def open_path(path: Path) -> Reader:
    image = zb.images.open_image(path, "t", "image", 1)  # it maps the file
    return lambda index: np.asarray(image[index])


def open_sql_mapped(path: Path) -> Reader:
    return open_sql(path, mapped=1 << 40)


def open_sql(path: Path, mapped: int = 0) -> Reader:
    connection = opened(path)
    connection.execute(f"PRAGMA mmap_size={mapped}")
    shape, dtype = zb.images.open_image(connection, "t", "image", 1)[0].shape, "int16"

    def read(index: int) -> Array:
        sql = "SELECT zslice_at('main', 't', 'image', 1, 0, ?)"
        blob: Any = connection.execute(sql, (index,)).fetchall()[0][0]
        return np.frombuffer(blob, dtype).reshape(shape)

    return read


def hdf5_writer(filters: Callable[[], dict[str, Any]]) -> Callable[[Path, Array, int], None]:
    def write(path: Path, array: Array, depth: int) -> None:
        import h5py

        with h5py.File(path, "w") as file:
            file.create_dataset("volume", data=array, chunks=(depth, *array.shape[1:]), **filters())

    return write


def blosc2(name: Any) -> Callable[[], dict[str, Any]]:
    def filters() -> dict[str, Any]:
        import hdf5plugin

        return dict(hdf5plugin.Blosc2(cname=name, clevel=5, filters=hdf5plugin.Blosc2.SHUFFLE))

    return filters


def open_hdf5(path: Path) -> Reader:
    import h5py
    import hdf5plugin  # noqa: F401  registers its filters

    data = h5py.File(path, "r")["volume"]
    return lambda index: np.asarray(data[index])


def zarr_writer(codec: Callable[[], Any]) -> Callable[[Path, Array, int], None]:
    def write(path: Path, array: Array, depth: int) -> None:
        import zarr

        chunks = (depth, *array.shape[1:])
        made = zarr.create_array(
            path, shape=array.shape, chunks=chunks, dtype=array.dtype, compressors=codec(), filters=None
        )
        made[:] = array

    return write


def zarr_blosc(name: Any) -> Callable[[], Any]:
    def codec() -> Any:
        from zarr.codecs import BloscCodec

        return BloscCodec(cname=name, clevel=5, shuffle="shuffle")

    return codec


def zarr_zstd() -> Any:
    from zarr.codecs import ZstdCodec

    return ZstdCodec(level=5)


def open_zarr(path: Path) -> Reader:
    import zarr

    array = zarr.open_array(path, mode="r")
    return lambda index: np.asarray(array[index])


PLACES = ((4096, "none"), (4096, "incremental"))
WAYS = (
    ("open_image", open_lazy),
    ("zslice_at", open_sql),
    ("open_image by path", open_path),
    ("zslice_at, mmap_size", open_sql_mapped),
)
FORMATS = [
    *(
        Format(f"{name}, level {level}, page {page}, auto_vacuum {vacuum}", sqlite_writer(level, page, vacuum), way)
        for level in (5, 1)
        for page, vacuum in PLACES
        for name, way in WAYS
    ),
    Format("HDF5 gzip 4, shuffle", hdf5_writer(lambda: {"compression": "gzip", "shuffle": True}), open_hdf5),
    Format("HDF5 blosc2 zstd 5", hdf5_writer(blosc2("zstd")), open_hdf5),
    Format("HDF5 blosc2 lz4 5", hdf5_writer(blosc2("lz4")), open_hdf5),
    Format("Zarr zstd 5", zarr_writer(zarr_zstd), open_zarr),
    Format("Zarr blosc zstd 5", zarr_writer(zarr_blosc("zstd")), open_zarr),
    Format("Zarr blosc lz4 5", zarr_writer(zarr_blosc("lz4")), open_zarr),
]


# ---- Measuring -----------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    seconds: float
    cpu: float
    size: int  # bytes of read calls
    checksum: int


def status(name: str) -> int:
    """A number of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    raise KeyError(name)


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


def read_slices(number: int, path: Path, pipe: Connection) -> None:
    """The process of one format: a slice's number comes, its figures go; None ends it, and gives the peak of memory."""
    read = FORMATS[number].open(path)
    read(0)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = status("VmRSS")
    pipe.send(None)
    while (index := pipe.recv()) is not None:
        size, start, cpu = bytes_read(), time.perf_counter(), time.process_time()
        found = read(index)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
        pipe.send(Reading(seconds, cpu, bytes_read() - size, checksum(np.ascontiguousarray(found))))
    pipe.send(status("VmHWM") - before)


def size_of(path: Path) -> int:
    return (
        sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) if path.is_dir() else path.stat().st_size
    )


def start(number: int, path: Path) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=read_slices, args=(number, path, there))
    process.start()
    there.close()  # so that the end of the process is seen
    here.recv()
    return process, here


def measure(paths: list[Path], array: Array, readings: int) -> list[tuple[list[Reading], int]]:
    """Of each format its readings, and the peak of its memory."""
    workers = [start(number, path) for number, path in enumerate(paths)]
    found: list[list[Reading]] = [[] for _ in workers]
    for index in random.Random(7).choices(range(len(array)), k=readings):
        right = checksum(np.ascontiguousarray(array[index]))
        for (_, pipe), readings_of in zip(workers, found, strict=True):
            pipe.send(index)
            readings_of.append(pipe.recv())
            assert readings_of[-1].checksum == right
    peaks = []
    for process, pipe in workers:
        pipe.send(None)
        peaks.append(pipe.recv())
        process.join()
    return list(zip(found, peaks, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--slices", type=int, default=976)
    parser.add_argument("--readings", type=int, default=200)
    parser.add_argument("--volume", default="ct_lung2", help="a CT scan of the corpus")
    options = parser.parse_args()
    array = volume(options.slices, options.volume)
    about = [FrameDecoder(frame_of(array, level), len(frame_of(array, level))) for level in (5, 1)]
    depths = [max(each.raw_size for each in one.chunks) // array[0].nbytes for one in about]
    print(
        f"{array.nbytes / 1e6:.0f} MB, {array.shape} {array.dtype}; chunks of {depths[0]} slices of "
        f"{array[0].nbytes / 1e6:.2f} MB at level 5 and for other formats, {depths[1]} at level 1\n"
    )
    paths = []
    for number, each in enumerate(FORMATS):
        paths.append(options.scratch / f"viewer-{number}")
        shutil.rmtree(paths[-1], ignore_errors=True)
        paths[-1].unlink(missing_ok=True)
        each.write(paths[-1], array, depths[0])
    heads = ("reader", "MB stored", "ms (median)", "ms (fastest)", "ms CPU (median)", "MB read (median)", "MB memory")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for each, path, (found, peak) in zip(FORMATS, paths, measure(paths, array, options.readings), strict=True):
        times, size = [reading.seconds for reading in found], statistics.median(reading.size for reading in found)
        cpu = statistics.median(reading.cpu for reading in found)
        figures = (statistics.median(times) * 1e3, min(times) * 1e3, cpu * 1e3, size / 1e6, peak / 1e6)
        print(f"| {each.name} | {size_of(path) / 1e6:.1f} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
