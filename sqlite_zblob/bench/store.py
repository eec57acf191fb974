"""One store, built or read in a process of its own: the timed part of the demo.

    python -m sqlite_zblob.bench.store insert METHOD DATABASE VALUES_FOLDER COPIES
    python -m sqlite_zblob.bench.store select METHOD DATABASE VALUES_FOLDER COPIES

The table, its pragmas and its statements are those of a research tool that keeps pickled images under SHA-256 ids. The
result is one line of JSON: seconds for each row, and the peak memory of this process.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from ..loader import load
from . import codecs

SCHEMA = """
CREATE TABLE IF NOT EXISTS results(
    operation_id TEXT PRIMARY KEY, data BLOB NOT NULL, data_type TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT);
CREATE INDEX IF NOT EXISTS results_created ON results(created_at);
"""
INSERT = "INSERT INTO results(operation_id, data, data_type, size_bytes) VALUES (?, {}, 'image', ?)"
SELECT = "SELECT {} FROM results WHERE operation_id = ?"

CACHE_PAGES = 10_000


@dataclass(frozen=True)
class Method:
    """How values get into the store and out of it: by a codec in the application, or by an SQL expression."""

    label: str
    package_version: str
    write_sql: str  # what stands for the value in INSERT
    read_sql: str  # what is selected
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


def find_method(name: str) -> Method:
    """`application/CODEC` or `database/LEVEL`."""
    place, _, detail = name.partition("/")
    if place == "database":
        none = codecs.get("none")
        sql = (f"zcompress(?, {int(detail)})", "zdecompress(data)")
        return Method(f"database: zcompress, level {detail}", "", *sql, none.compress, none.decompress)
    codec = codecs.get(detail)
    label = codec.NAME if detail == "none" else f"application: {codec.NAME}"
    return Method(label, codecs.version(codec), "?", "data", codec.compress, codec.decompress)


def open_store(path: str) -> apsw.Connection:
    connection = apsw.Connection(path)
    load(connection)
    connection.execute(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size={CACHE_PAGES}")
    connection.execute(SCHEMA)
    return connection


def rows(folder: Path, copies: int) -> Iterator[tuple[str, Path]]:
    """Key and value file of every row; each value is stored `copies` times, under a key of its own."""
    for copy in range(copies):
        for file in sorted(folder.glob("*.value")):
            yield hashlib.sha256(f"{file.name}/{copy}".encode()).hexdigest(), file


def forget(path: str) -> None:
    """Let the operating system drop the file from its cache, so that the next read is a cold one."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def insert(method: Method, path: str, folder: Path, copies: int) -> dict[str, Any]:
    connection = open_store(path)
    statement = INSERT.format(method.write_sql)
    seconds = []
    for key, file in rows(folder, copies):
        value = file.read_bytes()
        start = time.perf_counter()
        connection.execute(statement, (key, method.compress(value), len(value)))
        seconds.append(time.perf_counter() - start)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return {"insert": seconds, "file_size": Path(path).stat().st_size}


def select(method: Method, path: str, folder: Path, copies: int) -> dict[str, Any]:
    forget(path)
    connection = open_store(path)
    statement = SELECT.format(method.read_sql)
    result: dict[str, Any] = {}
    for phase in ("cold", "warm"):
        seconds = []
        for key, file in rows(folder, copies):
            start = time.perf_counter()
            stored: Any = connection.execute(statement, (key,)).fetchall()[0][0]
            value = method.decompress(stored)
            seconds.append(time.perf_counter() - start)
            if value != file.read_bytes():
                raise SystemExit(f"{method.label} did not return the bytes of {file.name}")
        result[phase] = seconds
    connection.close()
    return result


def peak_memory() -> int:
    """Bytes that this process has held at most. Linux's ru_maxrss would count the parent's as well."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(arguments: list[str]) -> None:
    phase, name, path, folder, copies = arguments
    run = {"insert": insert, "select": select}[phase]
    result = run(find_method(name), path, Path(folder), int(copies))
    print(json.dumps(result | {"peak_memory": peak_memory()}))


if __name__ == "__main__":
    main(sys.argv[1:])
