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

_COLUMNS = """
    operation_id TEXT PRIMARY KEY, data BLOB NOT NULL {compressed}, data_type TEXT NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, size_bytes INTEGER, metadata TEXT"""
PLAIN_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS results({_COLUMNS.format(compressed="")});
CREATE INDEX IF NOT EXISTS results_created ON results(created_at);
"""
VIRTUAL_SCHEMA = f"""
CREATE VIRTUAL TABLE IF NOT EXISTS results USING zblob({_COLUMNS.format(compressed="COMPRESSED")}, level={{level}});
CREATE INDEX IF NOT EXISTS results_created ON results_rows(created_at);
"""
INSERT = "INSERT INTO results(operation_id, data, data_type, size_bytes) VALUES (?, {}, 'image', ?)"
SELECT = "SELECT {} FROM results WHERE operation_id = ?"

CACHE_PAGES = 10_000


@dataclass(frozen=True)
class Method:
    """How values get into the store and out of it: by a codec in the application, or by an SQL expression."""

    label: str
    package_version: str
    schema: str
    write_sql: str  # what stands for the value in INSERT
    read_sql: str  # what is selected
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


def find_method(name: str) -> Method:
    """`application/CODEC`, `functions/LEVEL` or `table/LEVEL`."""
    place, _, detail = name.partition("/")
    codec = codecs.get(detail if place == "application" else "none")
    coding = (codec.compress, codec.decompress)
    if place == "functions":
        sql = (PLAIN_SCHEMA, f"zcompress(?, {int(detail)})", "zdecompress(data)")
        return Method(f"database: zcompress, level {detail}", "", *sql, *coding)
    if place == "table":
        sql = (VIRTUAL_SCHEMA.format(level=int(detail)), "?", "data")
        return Method(f"database: virtual table, level {detail}", "", *sql, *coding)
    label = codec.NAME if detail == "none" else f"application: {codec.NAME}"
    return Method(label, codecs.version(codec), PLAIN_SCHEMA, "?", "data", *coding)


def open_store(method: Method, path: str) -> apsw.Connection:
    connection = apsw.Connection(path)
    load(connection)
    connection.execute(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size={CACHE_PAGES}")
    connection.execute(method.schema)
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
    connection = open_store(method, path)
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
    connection = open_store(method, path)
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
