"""What a part of a large value costs: bytes that SQLite reads from the file, and CPU time, beside the whole.

    ZBLOB_CORPUS=FOLDER python benchmarks/parts.py SCRATCH [--slices N] [--level L]

SCRATCH needs three times the volume's size. A volume of N slices of 512 x 512 (int16) is made of mirrored copies of the
corpus's CT scan, or without ZBLOB_CORPUS of smooth shapes and noise. Every reading begins with a new connection and so
an empty page cache; the file itself is in the system's cache. Readings take turns, and of each its least CPU time
counts, that of all threads together.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import apsw
from viewer import volume

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


READINGS: dict[str, str] = {
    "whole (zdecompress)": "SELECT zdecompress(data) FROM t",
    "zslice, axial": "SELECT zslice(data, 0, {middle}) FROM t",
    "zslice_at, axial": "SELECT zslice_at('main', 't', 'data', 1, 0, {middle})",
    "zslice_at, coronal": "SELECT zslice_at('main', 't', 'data', 1, 1, 256)",
    "zslice_at, sagittal": "SELECT zslice_at('main', 't', 'data', 1, 2, 256)",
    "zsubstr_at, 100 kB": "SELECT zsubstr_at('main', 't', 'data', 1, {offset}, 100000)",
}


def query(sql: str) -> Callable[[apsw.Connection], object]:
    return lambda connection: connection.execute(sql).fetchall()


def open_image_slice(connection: apsw.Connection, middle: int) -> object:
    return zb.images.open_image(connection, "t", "data", 1)[middle]


def stream_read(connection: apsw.Connection, offset: int) -> bytes:
    with zb.open_blob(connection, "t", "data", 1) as stream:
        stream.seek(offset)
        return stream.read(4096)


class Reading(NamedTuple):
    size: int  # bytes that SQLite read
    seconds: float  # of CPU


def measure(vfs: CountingVFS, path: Path, action: Callable[[apsw.Connection], object]) -> Reading:
    connection = apsw.Connection(str(path), vfs=vfs.name)
    zb.load(connection)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    vfs.bytes_read = 0
    start = time.process_time()
    found = action(connection)
    seconds = time.process_time() - start
    del found
    reading = Reading(vfs.bytes_read, seconds)
    connection.close()
    return reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--level", type=int, default=5)
    options = parser.parse_args()
    array = volume(options.slices, "ct_lung2")
    value = pickle.dumps(array, protocol=5)
    frame = zb.compress(value, level=options.level)
    names = {"middle": options.slices // 2, "offset": len(value) // 2}
    print(f"{len(value) / 1e6:.1f} MB, at level {options.level} stored in {len(frame) / 1e6:.1f} MB\n")
    heads = (
        "page size",
        "auto_vacuum",
        "reading",
        "MB read",
        "ms CPU",
        "MB memory",
        "of the whole's bytes",
        "of its time",
    )
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    vfs = CountingVFS()
    actions = {name: query(sql.format(**names)) for name, sql in READINGS.items()}
    actions["open_image, axial"] = lambda connection: open_image_slice(connection, names["middle"])
    actions["open_blob, 4 kB"] = lambda connection: stream_read(connection, names["offset"])
    del array, value
    for page_size, vacuum in ((4096, "none"), (65536, "none"), (4096, "incremental"), (65536, "incremental")):
        path = options.scratch / f"parts-{page_size}.db"
        path.unlink(missing_ok=True)
        connection = apsw.Connection(str(path))
        connection.execute(f"PRAGMA page_size={page_size}; PRAGMA auto_vacuum={vacuum}; CREATE TABLE t(data)")
        connection.execute("INSERT INTO t VALUES (?)", (frame,))
        connection.close()
        rounds = [{name: measure(vfs, path, each) for name, each in actions.items()} for _ in range(options.rounds)]
        results = {name: Reading(*map(min, zip(*(each[name] for each in rounds), strict=True))) for name in actions}
        whole = next(iter(results.values()))
        for name, (size, seconds) in results.items():
            parts = f"{size / whole.size:.4f} | {seconds / whole.seconds:.4f}"
            figures = f"{size / 1e6:.2f} | {seconds * 1e3:.1f}"
            print(f"| {page_size} | {vacuum} | {name} | {figures} | {parts} |")
        path.unlink()


if __name__ == "__main__":
    main()
