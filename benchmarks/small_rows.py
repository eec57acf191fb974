"""What small rows cost: INSERT and scan against a plain table; migrate, verify and restore for each row.

    python -m benchmarks.small_rows [--rows 20000] [--rounds 3]

Rows are 1.7 kB of JSON: eleven records of installed files, repeated. CPU time of this process in microseconds for each
row, medians of the rounds; worker threads count.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apsw

import sqlite_zblob as zb

FILES_PER_ROW = 11
TABLES = {
    "plain": ("CREATE TABLE t(id INTEGER PRIMARY KEY, data)", "data"),
    "virtual": ("CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED)", "data"),
    "virtual, dictionary": (
        "CREATE VIRTUAL TABLE t USING zblob(id INTEGER PRIMARY KEY, data BLOB COMPRESSED, dictionary=auto)",
        "data",
    ),
    "in place": ("CREATE TABLE t(id INTEGER PRIMARY KEY, data)", "zdecompress(data)"),
}


def make_rows(count: int) -> list[bytes]:
    records = []
    for package in importlib.metadata.distributions():
        about: dict[str, object] = {"package": package.metadata["Name"], "version": package.version}
        for file in package.files or ():
            digest = str(file.hash and file.hash.value)
            records.append(about | {"path": str(file), "size": file.size, "hash": digest})
    starts = range(0, len(records) - FILES_PER_ROW, FILES_PER_ROW)
    rows = [json.dumps(records[start : start + FILES_PER_ROW]).encode() for start in starts]
    return (rows * (count // len(rows) + 1))[:count]


def timed(action: Callable[[], object], rows: int) -> float:
    begun = time.process_time()
    action()
    return (time.process_time() - begun) / rows * 1e6


def measure_table(path: Path, rows: list[bytes], kind: str) -> dict[str, float]:
    create, expression = TABLES[kind]
    connection = apsw.Connection(str(path))
    zb.load(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(create)
    if kind == "in place":
        zb.enable(connection, "t", "data")

    def insert(some: list[bytes]) -> None:
        with connection:
            connection.executemany("INSERT INTO t(data) VALUES (?)", ((row,) for row in some))

    def scan() -> None:
        for _ in connection.execute(f"SELECT {expression} FROM t"):
            pass

    if "dictionary" in kind:
        insert(rows[:4000])
        zb.train(connection, "t", "data")
        connection.execute("DELETE FROM t")
    return {f"INSERT, {kind}": timed(lambda: insert(rows), len(rows)), f"scan, {kind}": timed(scan, len(rows))}


def measure_ways(path: Path, rows: list[bytes]) -> dict[str, float]:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data)")
    with connection:
        connection.executemany("INSERT INTO t(data) VALUES (?)", ((row,) for row in rows))
    connection.close()
    figures = {
        "migrate": timed(lambda: zb.migrate(path, "t", "data"), len(rows)),
        "verify": timed(lambda: zb.verify(path), len(rows)),
    }
    with apsw.Connection(str(path)) as connection:
        zb.load(connection)
        sql = "SELECT count(zverify(data)) FROM t"
        figures["zverify in SQL"] = timed(lambda: connection.execute(sql).fetchall(), len(rows))
    connection.close()
    figures["restore"] = timed(lambda: zb.restore(path, "t", "data"), len(rows))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = make_rows(arguments.rows)
    figures: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            found = measure_ways(Path(folder) / "ways.db", rows)
            for kind in TABLES:
                found |= measure_table(Path(folder) / f"{kind}.db", rows, kind)
        for name, figure in found.items():
            figures.setdefault(name, []).append(figure)
    for name, each in figures.items():
        what, _, kind = name.partition(", ")
        plain = figures.get(f"{what}, plain") if kind else None
        ratio = f"  x {statistics.median(a / b for a, b in zip(each, plain, strict=True)):.2f}" if plain else ""
        print(f"{name:30}{statistics.median(each):8.1f} us{ratio}")


if __name__ == "__main__":
    main()
