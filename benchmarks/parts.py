"""What a part of a large value costs: bytes that SQLite reads from the file, and time, by page size, beside the whole.

    python benchmarks/parts.py FOLDER [--slices N]      needs about three times the volume's size in FOLDER

A volume of N slices of 512 x 512 (int16) is made of smooth shapes and noise. Every reading begins with a new connection
and so an empty page cache; the file itself is in the system's cache, so times are those of the CPU.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np

import sqlite_zblob as zb


class CountingFile(apsw.VFSFile):
    def __init__(self, vfs: CountingVFS, name: Any, flags: list[int]) -> None:
        super().__init__(vfs.base, name, flags)
        self.vfs = vfs

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self.vfs.bytes_read += amount
        return super().xRead(amount, offset)


class CountingVFS(apsw.VFS):
    """SQLite's own, which counts what is read."""

    def __init__(self) -> None:
        self.name, self.base, self.bytes_read = "counting", "", 0
        super().__init__(self.name, self.base)

    def xOpen(self, name: Any, flags: list[int]) -> CountingFile:  # noqa: N802
        return CountingFile(self, name, flags)


def volume(slices: int) -> np.ndarray[Any, Any]:
    z, y, x = np.ogrid[:slices, :512, :512]
    body = 900 * np.exp(-(((y - 256) / 150) ** 2 + ((x - 256) / 180) ** 2)) + 40 * np.sin(z / 7) * np.cos(x / 31)
    noise = np.random.default_rng(1).normal(0, 9, (slices, 512, 512)).astype(np.float32)
    found: np.ndarray[Any, Any] = (body.astype(np.float32) + noise - 200).astype(np.int16)
    return found


READINGS: dict[str, str] = {
    "whole (zdecompress)": "SELECT length(zdecompress(data)) FROM t",
    "zslice, axial": "SELECT length(zslice(data, 0, {middle})) FROM t",
    "zslice_at, axial": "SELECT length(zslice_at('main', 't', 'data', 1, 0, {middle}))",
    "zslice_at, sagittal": "SELECT length(zslice_at('main', 't', 'data', 1, 2, 256))",
    "zsubstr_at, 100 kB": "SELECT length(zsubstr_at('main', 't', 'data', 1, {offset}, 100000))",
}


def query(sql: str) -> Callable[[apsw.Connection], object]:
    return lambda connection: connection.execute(sql).fetchall()


def open_image_slice(connection: apsw.Connection, middle: int) -> None:
    zb.images.open_image(connection, "t", "data", 1)[middle]


def stream_read(connection: apsw.Connection, offset: int) -> None:
    with zb.open_blob(connection, "t", "data", 1) as stream:
        stream.seek(offset)
        stream.read(4096)


def measure(
    vfs: CountingVFS, path: Path, action: Callable[[apsw.Connection], object], rounds: int
) -> tuple[int, float]:
    """Bytes read, and the median of the times in seconds."""
    times = []
    for _ in range(rounds):
        connection = apsw.Connection(str(path), vfs=vfs.name)
        zb.load(connection)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        vfs.bytes_read = 0
        start = time.perf_counter()
        action(connection)
        times.append(time.perf_counter() - start)
        connection.close()
    return vfs.bytes_read, statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    value = pickle.dumps(volume(options.slices), protocol=5)
    frame = zb.compress(value)
    names = {"middle": options.slices // 2, "offset": len(value) // 2}
    print(f"{len(value) / 1e6:.1f} MB, stored in {len(frame) / 1e6:.1f} MB\n")
    heads = ("page size", "auto_vacuum", "reading", "MB read", "ms", "of the whole's bytes", "of its time")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    vfs = CountingVFS()
    actions = {name: query(sql.format(**names)) for name, sql in READINGS.items()}
    actions["open_image, axial"] = lambda connection: open_image_slice(connection, names["middle"])
    actions["open_blob, 4 kB"] = lambda connection: stream_read(connection, names["offset"])
    for page_size, vacuum in ((4096, "none"), (16384, "none"), (65536, "none"), (4096, "full"), (65536, "full")):
        path = options.folder / f"parts-{page_size}.db"
        path.unlink(missing_ok=True)
        connection = apsw.Connection(str(path))
        connection.execute(f"PRAGMA page_size={page_size}; PRAGMA auto_vacuum={vacuum}; CREATE TABLE t(data)")
        connection.execute("INSERT INTO t VALUES (?)", (frame,))
        connection.close()
        results = {name: measure(vfs, path, action, options.rounds) for name, action in actions.items()}
        all_bytes, all_time = next(iter(results.values()))
        for name, (size, seconds) in results.items():
            parts = f"{size / all_bytes:.4f} | {seconds / all_time:.4f}"
            print(f"| {page_size} | {vacuum} | {name} | {size / 1e6:.2f} | {seconds * 1e3:.1f} | {parts} |")
        path.unlink()


if __name__ == "__main__":
    main()
