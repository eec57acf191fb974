"""How long an INSERT takes under the in-place triggers, against a plain table, side by side in one run.

    python benchmarks/inplace_insert.py [--rounds 7] [--rows 6] [--mode autocommit|transaction]
                                        [--level 5] [--pragma auto_vacuum=FULL]

Rows are pickled SimpleITK images (nilearn's MNI152 T1 template, 8.7 MB in 8 bits), stored as in a result store:
WAL, synchronous=NORMAL, cache_size=10000. Each round inserts the same rows into a fresh file of each kind, in
turns; what is printed are medians over the rounds, in ms a row.
"""

from __future__ import annotations

import argparse
import pickle
import sqlite3
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import SimpleITK as sitk

import sqlite_zblob as zb

SCHEMA = """CREATE TABLE results(operation_id TEXT PRIMARY KEY, data BLOB NOT NULL, data_type TEXT NOT NULL,
created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT)"""
INSERT = "INSERT OR REPLACE INTO results (operation_id, data, data_type, size_bytes, metadata) VALUES (?, ?, ?, ?, ?)"


def images(count: int) -> list[bytes]:
    spec = find_spec("nilearn")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "datasets" / "data" / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    image = sitk.Cast(sitk.RescaleIntensity(sitk.ReadImage(str(path)), 0, 255), sitk.sitkUInt8)
    return [pickle.dumps(sitk.Cast(image / (1 + i / 8), sitk.sitkUInt8)) for i in range(count)]


def insert_all(folder: str, kind: str, rows: list[bytes], arguments: argparse.Namespace) -> tuple[float, int]:
    path = Path(folder) / "store.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (*arguments.pragma, "journal_mode=WAL", "synchronous=NORMAL", f"cache_size={arguments.cache_size}"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(SCHEMA)
    if kind != "plain":
        zb.enable(
            connection, "results", "data", envelope="pickle" if kind == "pickle" else "frame", level=arguments.level
        )
    start = time.perf_counter()
    if arguments.mode == "transaction":
        connection.execute("BEGIN")
    for i, row in enumerate(rows):
        connection.execute(INSERT, (f"operation-{i}", row, "image", len(row), "{}"))
    if arguments.mode == "transaction":
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = path.stat().st_size
    path.unlink()
    return seconds / len(rows), size


def main() -> None:
    parser = argparse.ArgumentParser(description="INSERT under the in-place triggers against a plain table.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--cache-size", type=int, default=10000)
    parser.add_argument("--pragma", action="append", default=[])
    parser.add_argument("--mode", choices=("autocommit", "transaction"), default="autocommit")
    arguments = parser.parse_args()
    zb.install()
    rows = images(arguments.rows)
    kinds = ("plain", "frame", "pickle")
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for kind in kinds:
                took, sizes[kind] = insert_all(folder, kind, rows, arguments)
                seconds[kind].append(took)
    plain = statistics.median(seconds["plain"])
    for kind in kinds:
        median = statistics.median(seconds[kind])
        ratio, size = median / plain, sizes[kind] / 1e6
        print(f"{kind:7} {median * 1e3:7.1f} ms a row   {ratio:5.2f} of plain   file {size:7.1f} MB")


if __name__ == "__main__":
    main()
