"""Zarr arrays of volumes with our codec and with those that Zarr users take: sizes and times of one run, in Markdown.

    python benchmarks/zarr_codecs.py volume.mha ... > table.md

Each array lies in memory, in chunks of 64 samples along each axis unless `--chunk` says otherwise. Every array is read
back and compared. Times are the least of `--rounds`, in which the codecs take turns.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import zarr
from zarr.codecs import BloscCodec, ZstdCodec
from zarr.codecs.numcodecs import PCodec
from zarr.storage import MemoryStore

from sqlite_zblob.integrations.zarr import ZblobCodec

CODECS: dict[str, dict[str, Any]] = {
    "zblob 1": {"serializer": ZblobCodec(1), "compressors": None},
    "zblob 5": {"serializer": ZblobCodec(5), "compressors": None},
    "zblob 9": {"serializer": ZblobCodec(9), "compressors": None},
    "zstd 0 (Zarr's default)": {"compressors": ZstdCodec()},
    "zstd 19": {"compressors": ZstdCodec(level=19)},
    "blosc lz4 5, shuffle": {"compressors": BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")},
    "blosc zstd 5, bitshuffle": {"compressors": BloscCodec(cname="zstd", clevel=5, shuffle="bitshuffle")},
    "blosc zstd 9, bitshuffle": {"compressors": BloscCodec(cname="zstd", clevel=9, shuffle="bitshuffle")},
    "pcodec 8": {"serializer": PCodec(level=8), "compressors": None},
}
UNTYPED_BY_PCODEC = ("int8", "uint8")  # it has no types of 8 bits: they go in as 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes", nargs="+", type=Path, help="images that SimpleITK reads")
    parser.add_argument("--chunk", type=int, default=64, help="voxels along each axis of a chunk (64)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CODECS}
    for path in arguments.volumes:
        for name, outcome in measure(path, arguments.chunk, arguments.rounds).items():
            results[name].append(outcome)
    print(f"| codec | {' | '.join(path.stem for path in arguments.volumes)} | ratio | write MB/s | read MB/s |")
    print("|---" * (len(arguments.volumes) + 4) + "|")
    for name, outcomes in results.items():
        ratios = " | ".join(f"{ratio:.3f}" for ratio, _, _ in outcomes)
        means = [math.exp(sum(map(math.log, column)) / len(column)) for column in zip(*outcomes, strict=True)]
        print(f"| {name} | {ratios} | {means[0]:.3f} | {means[1]:.0f} | {means[2]:.0f} |")


def measure(path: Path, chunk: int, rounds: int) -> dict[str, tuple[float, float, float]]:
    """Of each codec the ratio, and MB a second of writing and of reading."""
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    chunks = tuple(extent if extent <= 4 else min(extent, chunk) for extent in values.shape)
    best = {name: [0.0, math.inf, math.inf] for name in CODECS}
    for _ in range(rounds):
        for name, settings in CODECS.items():
            given = values.astype("int16") if "pcodec" in name and values.dtype.name in UNTYPED_BY_PCODEC else values
            size, written, read = write_and_read(given, chunks, settings)
            best[name] = [values.nbytes / size, min(best[name][1], written), min(best[name][2], read)]
    megabytes = values.nbytes / 1e6
    return {name: (ratio, megabytes / written, megabytes / read) for name, (ratio, written, read) in best.items()}


def write_and_read(
    values: np.ndarray[Any, Any], chunks: tuple[int, ...], settings: dict[str, Any]
) -> tuple[int, float, float]:
    """Bytes stored, and seconds of writing and of reading."""
    array = zarr.create_array(MemoryStore(), shape=values.shape, dtype=values.dtype, chunks=chunks, **settings)
    start = time.perf_counter()
    array[...] = values
    middle = time.perf_counter()
    found = array[...]
    end = time.perf_counter()
    if not np.array_equal(found, values, equal_nan=values.dtype.kind == "f"):
        raise SystemExit(f"values differ with {settings}")
    return array.nbytes_stored(), middle - start, end - middle


if __name__ == "__main__":
    main()
