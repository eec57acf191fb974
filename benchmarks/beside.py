"""Raw voxels whose dtype and shape stand in another column: what saying so brings, beside a guess, in the same store.

    python benchmarks/beside.py FOLDER [--level 5] [--rounds 5] [--out benchmarks/results/beside.json]

FOLDER holds volumes that SimpleITK reads; each is stored as its bytes in C order beside the JSON text
{"dtype": ..., "shape": [...]}, components last. All rows go into three tables in place: a plain one, one that guesses,
and one with `dtype_from` and `shape_from`. Times are thread CPU time of the INSERT with one thread, all tables in turn,
the best of the rounds. "pickled" is the frame of the pickled NumPy array.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import SimpleITK as sitk

import sqlite_zblob as zb

HINT: dict[str, Any] = {
    "dtype_from": "json_extract(NEW.metadata, '$.dtype')",
    "shape_from": "json_extract(NEW.metadata, '$.shape')",
}
TABLES: dict[str, dict[str, Any] | None] = {"plain": None, "guess": {}, "said": HINT}


def open_store(level: int) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    zb.load(connection)
    connection.execute("SELECT zblob_config('threads', 1)")
    for table, options in TABLES.items():
        connection.execute(f"CREATE TABLE {table}(id TEXT PRIMARY KEY, payload BLOB, metadata TEXT)")
        if options is not None:
            zb.enable(connection, table, "payload", level=level, **options)
    return connection


def measure(connection: apsw.Connection, array: np.ndarray[Any, Any], level: int, rounds: int) -> dict[str, Any]:
    value, said = array.tobytes(), json.dumps({"dtype": array.dtype.str, "shape": array.shape})
    pickled = zb.compress(pickle.dumps(array), level, threads=1)
    figures: dict[str, Any] = {"bytes": len(value), "pickled_bytes": len(pickled)}
    seconds: dict[str, list[float]] = {table: [] for table in TABLES}
    for _ in range(rounds * (1 if len(value) > 4 << 20 else 4)):
        for table in TABLES:
            sql = f"INSERT INTO {table} VALUES ('a', ?, ?) ON CONFLICT(id) DO UPDATE SET payload = excluded.payload"
            start = time.thread_time()
            connection.execute(sql, (value, said))
            seconds[table].append(time.thread_time() - start)
            ((stored, back),) = connection.execute(f"SELECT payload, zdecompress(payload) FROM {table}")
            assert back == value
            figures[f"{table}_bytes"] = len(stored)
    return figures | {f"{table}_ms": round(1000 * min(taken), 2) for table, taken in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--level", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = {}
    for path in sorted(arguments.folder.glob("*.mha")):
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        with open_store(arguments.level) as connection:
            report[path.stem] = figures = measure(connection, array, arguments.level, arguments.rounds)
        kind = f"{array.dtype} {' x '.join(map(str, array.shape))}"
        size, as_pickled = (figures["said_bytes"] / figures[f"{other}_bytes"] for other in ("guess", "pickled"))
        pace = figures["said_ms"] / figures["guess_ms"]
        print(f"{path.stem:22s} {kind:30s} size x{size:.3f} time x{pace:.2f}, of pickled x{as_pickled:.4f}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
