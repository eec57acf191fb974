"""The virtual table beside a plain one: images of a research store, and small values.

    python benchmarks/virtual_table.py [--rounds 7] [--level 5] [--folder DIRECTORY]

Every round runs both tables one after the other, each in a process of its own; the figures are medians of the rounds.
The images are eight orientations of a real 8-bit T1 (nilearn's MNI152), pickled by SimpleITK, 8.7 MB each. "cold" is
after the operating system was told to drop the file from its cache. Needs the extra `demo`.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import pickle
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlite_zblob as zb

COLUMNS = (
    "operation_id TEXT PRIMARY KEY, data BLOB NOT NULL{}, data_type TEXT NOT NULL, "
    "created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT"
)
INSERT = "INSERT INTO results(operation_id, data, data_type, size_bytes) VALUES (?, ?, 'image', ?)"
SELECT = "SELECT data FROM results WHERE operation_id = ?"
SMALL_COUNT = 20_000


def open_store(path: Path, table: str, level: str) -> sqlite3.Connection:
    zb.install()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = 10000")
    if table == "plain":
        connection.execute(f"CREATE TABLE IF NOT EXISTS results({COLUMNS.format('')})")
    else:
        columns = COLUMNS.format(" COMPRESSED")
        connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS results USING zblob({columns}, level={level})")
    return connection


def insert_images(path: Path, table: str, level: str, folder: Path) -> dict[str, float]:
    connection = open_store(path, table, level)
    values = [(file.name, file.read_bytes()) for file in sorted(folder.glob("*.pickle"))]
    start = time.perf_counter()
    for name, value in values:
        connection.execute(INSERT, (name, value, len(value)))
    seconds = time.perf_counter() - start
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return {"insert": seconds / len(values), "size": path.stat().st_size}


def select_images(path: Path, table: str, level: str, folder: Path) -> dict[str, float]:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    connection = open_store(path, table, level)
    result = {}
    for phase in ("cold", "warm"):
        seconds = 0.0
        names = [file.name for file in sorted(folder.glob("*.pickle"))]
        for name in names:
            start = time.perf_counter()
            (value,) = connection.execute(SELECT, (name,)).fetchone()
            seconds += time.perf_counter() - start
            if value != (folder / name).read_bytes():
                raise SystemExit(f"{name} is not what was written")
        result[phase] = seconds / len(names)
    for phase in ("statistics", "statistics again"):
        start = time.perf_counter()
        connection.execute("SELECT COUNT(*), SUM(size_bytes), AVG(size_bytes) FROM results").fetchall()
        result[phase] = time.perf_counter() - start
    connection.close()
    return result


def small_values(path: Path, table: str, level: str, folder: Path) -> dict[str, float]:
    """Seconds a row: one transaction of INSERTs, one SELECT a row, a scan, one UPDATE of another column a row."""
    connection = open_store(path, table, level)
    rows = [(f"operation-{i * 7919 % SMALL_COUNT:08d}", os.urandom(100), 100) for i in range(SMALL_COUNT)]
    result = {}

    def take(name: str, start: float) -> None:
        result[name] = (time.perf_counter() - start) / SMALL_COUNT

    start = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")
    take("bulk INSERT", start)
    start = time.perf_counter()
    for row in rows:
        connection.execute(SELECT, row[:1]).fetchone()
    take("point SELECT", start)
    start = time.perf_counter()
    for _ in connection.execute("SELECT operation_id, data FROM results"):
        pass
    take("scan", start)
    start = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany("UPDATE results SET metadata = 'x' WHERE operation_id = ?", [row[:1] for row in rows])
    connection.execute("COMMIT")
    take("UPDATE", start)
    connection.close()
    return result


PHASES = {"insert_images": insert_images, "select_images": select_images, "small_values": small_values}


def run(phase: str, path: Path, table: str, level: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--run", phase, str(path), table, level, str(folder)]
    root = str(Path(zb.__file__).parents[1])
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root})
    result: dict[str, float] = json.loads(done.stdout)
    return result


def write_images(folder: Path) -> None:
    import SimpleITK as sitk

    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise SystemExit("nilearn is not installed: pip install '.[demo]'")
    data = Path(spec.origin).parent / "datasets" / "data"
    brain = sitk.ReadImage(str(data / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"))
    for i, axes in enumerate(itertools.product([False, True], repeat=3)):
        (folder / f"{i}.pickle").write_bytes(pickle.dumps(sitk.Flip(brain, axes)))


def measure(rounds: int, level: str, folder: Path) -> dict[str, dict[str, list[float]]]:
    values = folder / "values"
    values.mkdir()
    write_images(values)
    figures: dict[str, dict[str, list[float]]] = {}
    for i in range(rounds):
        for table in ["plain", "virtual"][:: 1 if i % 2 else -1]:
            path, small = folder / f"{table}.db", folder / f"{table}-small.db"
            for file in (path, small):
                file.unlink(missing_ok=True)
            for phase, store in (("insert_images", path), ("select_images", path), ("small_values", small)):
                for name, figure in run(phase, store, table, level, values).items():
                    figures.setdefault(name, {}).setdefault(table, []).append(figure)
    return figures


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        phase, path, table, level, folder = sys.argv[2:]
        print(json.dumps(PHASES[phase](Path(path), table, level, Path(folder))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--level", default="5")
    parser.add_argument("--folder", type=Path, help="where the databases go: a directory on the disk to be measured")
    arguments: Any = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        figures = measure(arguments.rounds, arguments.level, Path(folder))
    print(f"medians of {arguments.rounds} rounds, level {arguments.level}")
    print(f"{'':18}{'plain':>14}{'virtual':>14}{'ratio':>8}")
    for name, tables in figures.items():
        plain, virtual = statistics.median(tables["plain"]), statistics.median(tables["virtual"])
        ratios = statistics.median(v / p for v, p in zip(tables["virtual"], tables["plain"], strict=True))
        unit, factor = ("MB", 1e-6) if name == "size" else ("ms", 1e3) if plain > 1e-4 else ("us", 1e6)
        print(f"{name:18}{plain * factor:11.2f} {unit}{virtual * factor:11.2f} {unit}{ratios:8.2f}")


if __name__ == "__main__":
    main()
