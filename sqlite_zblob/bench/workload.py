"""One store, built or read in a process of its own: the timed part of the demo and of `bench store`.

    python -m sqlite_zblob.bench.workload '{"phase": "insert", "method": ..., "database": ..., "values": FOLDER, ...}'

The result is one line of JSON: seconds for each row and stage, and the peak memory of this process.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from .harness import forget, peak_memory, pinned, timed
from .methods import INSERT, SELECT, STATISTICS, Method, find_method, open_store, query

INSERT_STAGES = ("compress", "pickle", "sql")
SELECT_STAGES = ("sql", "decompress", "unpickle")


def rows(folder: Path, copies: int) -> Iterator[tuple[str, Path]]:
    """Key and value file of every row; each value is stored `copies` times, under a key of its own."""
    for copy in range(copies):
        for file in sorted(folder.glob("*.value")):
            yield _key(f"{file.name}/{copy}"), file


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def small_values(count: int) -> list[tuple[str, bytes]]:
    """What a store of results holds in addition to images: pickled numbers and None."""
    return [(_key(f"small/{i}"), pickle.dumps(None if i % 3 == 0 else i / 7)) for i in range(count)]


def insert(method: Method, path: str, folder: Path, copies: int, is_pickled: bool, small: int) -> dict[str, Any]:
    """Store the objects or, if they are not pickled here, the values as they are; return seconds per stage and row."""
    before = _used_bytes(path) if method.place == "file" else 0
    connection = open_store(method, path)
    statement = INSERT.format(method.write_sql)
    seconds: dict[str, list[float]] = {stage: [] for stage in INSERT_STAGES}
    for key, file in rows(folder, copies):
        value = file.read_bytes()
        subject = pickle.loads(value) if is_pickled else value  # values that this program made itself
        shrunk, shrinking = timed(method.shrink, subject)
        pickled, pickling = timed(pickle.dumps, shrunk) if is_pickled else (shrunk, 0.0)
        stored, compressing = timed(method.compress, pickled)
        bindings = (key, stored, "image", len(value))
        del subject, shrunk, pickled, stored
        _, in_sql = timed(connection.execute, statement, bindings)
        del bindings
        for stage, figure in zip(INSERT_STAGES, (shrinking + compressing, pickling, in_sql), strict=True):
            seconds[stage].append(figure)
    _, small_seconds = timed(_insert_small, connection, method, small)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    size = Path(path).stat().st_size if method.place != "file" else _used_bytes(path) - before
    return {"seconds": seconds, "small": small_seconds, "file_size": size}


def _insert_small(connection: apsw.Connection, method: Method, count: int) -> None:
    statement = INSERT.format(method.write_sql)
    with connection:
        for key, value in small_values(count):
            connection.execute(statement, (key, method.compress(value), "float", len(value)))


def _used_bytes(path: str) -> int:
    """Bytes in use on the whole file system, which holds nothing else."""
    os.sync()
    status = os.statvfs(Path(path).parent)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def select(method: Method, path: str, folder: Path, copies: int, is_pickled: bool, small: int) -> dict[str, Any]:
    """Read all rows cold, warm, and in random order, and ask for statistics; each on a new connection."""
    forget(path)
    connection = open_store(method, path)
    keys = list(rows(folder, copies))
    shuffled = keys.copy()
    random.Random(1).shuffle(shuffled)
    result: dict[str, Any] = {}
    for phase, order in (("cold", keys), ("warm", keys), ("random", shuffled)):
        result[phase] = _select_all(method, connection, order, is_pickled)
    connection.close()
    forget(path)
    connection = open_store(method, path)
    for phase in ("statistics_cold", "statistics_warm"):
        _, result[phase] = timed(query, connection, STATISTICS)
    connection.close()
    return result


def _select_all(
    method: Method, connection: apsw.Connection, order: list[tuple[str, Path]], is_pickled: bool
) -> dict[str, list[float]]:
    statement = SELECT.format(method.read_sql)
    seconds: dict[str, list[float]] = {stage: [] for stage in SELECT_STAGES}
    for key, file in order:
        ((found,),), in_sql = timed(query, connection, statement, key)
        value, decompressing = timed(method.decompress, found)
        subject, unpickling = timed(pickle.loads, value) if is_pickled else (value, 0.0)
        whole, growing = timed(method.grow, subject)
        if (pickle.dumps(whole) if is_pickled else whole) != file.read_bytes():
            raise SystemExit(f"{method.label} did not return what {file.name} holds")
        for stage, figure in zip(SELECT_STAGES, (in_sql, decompressing + growing, unpickling), strict=True):
            seconds[stage].append(figure)
    return seconds


def main(arguments: str) -> None:
    given = json.loads(arguments)
    run = {"insert": insert, "select": select}[given["phase"]]
    settings = (given["copies"], given["is_pickled"], given["small"])
    with pinned(given["threads"]):
        result = run(find_method(given["method"]), given["database"], Path(given["values"]), *settings)
    print(json.dumps(result | {"peak_memory": peak_memory()}))


if __name__ == "__main__":
    main(sys.argv[1])
