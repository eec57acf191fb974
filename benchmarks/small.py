"""Small values with a dictionary: this library, python-zstandard and sqlite-zstd, each with one of the same size.

    python -m benchmarks.small [--rows 6000]

Five kinds of rows that are on every computer with the test extras installed. The dictionary is trained from every
other row. Both stores are files after VACUUM, dictionary included. Times are CPU time of this process for each row.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import inspect
import json
import pickle
import pkgutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import zstandard

import sqlite_zblob as zb
from sqlite_zblob.bench.methods import sqlite_zstd_path

DICTIONARY_SIZE = 16_384
LEVEL = 5
ZSTD_LEVEL = 3  # zstd's default, and what LEVEL stands for with a dictionary


def json_events() -> list[bytes]:
    """What packages say of themselves."""
    rows = []
    for package in importlib.metadata.distributions():
        for file in package.files or ():
            about: dict[str, object] = {"package": package.metadata["Name"], "version": package.version}
            about |= {"path": str(file), "size": file.size, "hash": str(file.hash and file.hash.value)}
            rows.append(json.dumps(about).encode())
    return rows


def log_lines() -> list[bytes]:
    """Of packages' lists of installed files."""
    rows = []
    for package in importlib.metadata.distributions():
        rows += [line.encode() for line in (package.read_text("RECORD") or "").splitlines()]
    return rows


def pickled_dictionaries() -> list[bytes]:
    datasets = importlib.import_module("sklearn.datasets")

    rows = []
    for load in (datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes):
        data = load()
        rows += [
            pickle.dumps(dict(zip(data.feature_names, map(float, row), strict=True)), protocol=4) for row in data.data
        ]
    return rows


def documents() -> list[bytes]:
    """Docstrings of the standard library."""
    rows = []
    for module in pkgutil.iter_modules(importlib.import_module("numpy").__path__, "numpy."):
        with_docs = sys.modules.get(module.name)
        if with_docs is not None:
            rows += [inspect.getdoc(value) or "" for value in vars(with_docs).values() if callable(value)]
    numpy = importlib.import_module("numpy")
    rows += [inspect.getdoc(getattr(numpy, name)) or "" for name in dir(numpy)]
    return sorted({row.encode() for row in rows if 100 < len(row) < 60_000})


def arrays() -> list[bytes]:
    datasets = importlib.import_module("sklearn.datasets")

    return [pickle.dumps(row.reshape(8, 8).astype("u1"), protocol=4) for row in datasets.load_digits().data]


KINDS: dict[str, Callable[[], list[bytes]]] = {
    "JSON events": json_events,
    "log lines": log_lines,
    "pickled dictionaries": pickled_dictionaries,
    "documents": documents,
    "small arrays": arrays,
}


def timed(action: Callable[[], object], rows: int) -> float:
    """Microseconds for each row, the least of three."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        action()
        best = min(best, time.process_time() - begun)
    return best / rows * 1e6


def load_sqlite_zstd(connection: apsw.Connection) -> None:
    connection.enable_load_extension(True)
    connection.load_extension(str(sqlite_zstd_path()))


def measure(
    rows: list[bytes], folder: Path, encode: str, decode: str, dictionary: bytes, path: str
) -> dict[str, float]:
    """One store: `encode` and `decode` are SQL for a value."""
    connection = apsw.Connection(str(folder / path))
    zb.load(connection)
    encoder = zstandard.ZstdCompressor(level=ZSTD_LEVEL, dict_data=zstandard.ZstdCompressionDict(dictionary))
    decoder = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))
    functions: dict[str, Any] = {"py_encode": encoder.compress, "py_decode": decoder.decompress}
    for name, function in functions.items():
        connection.create_scalar_function(name, function, 1)
    connection.execute("CREATE TABLE zblob_dictionaries(id INTEGER PRIMARY KEY, dictionary BLOB)")
    connection.execute("INSERT INTO zblob_dictionaries VALUES (zdictionary_id(?1), ?1)", (dictionary,))
    if path.startswith("sqlite-zstd"):
        load_sqlite_zstd(connection)
        connection.execute("CREATE TABLE _zstd_dicts(id INTEGER PRIMARY KEY, chooser_key TEXT UNIQUE, dict BLOB)")
        connection.execute("UPDATE zblob_dictionaries SET dictionary = NULL")
        connection.execute("INSERT INTO _zstd_dicts VALUES (1, 'a', ?)", (dictionary,))
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)")

    def insert() -> None:
        with connection:
            connection.execute("DELETE FROM t")
            connection.executemany(f"INSERT INTO t(data) VALUES ({encode})", ((row,) for row in rows))

    def read() -> None:
        for id in range(1, len(rows) + 1):
            connection.execute(f"SELECT {decode} FROM t WHERE id = ?", (id,)).fetchall()

    inserted, selected = timed(insert, len(rows)), timed(read, len(rows))
    ((sound,),) = connection.execute(f"SELECT count(*) FROM t WHERE {decode} IS NOT NULL").fetchall()
    assert sound == len(rows)
    ((stored,),) = connection.execute("SELECT sum(length(data)) FROM t").fetchall()
    connection.execute("VACUUM")
    size = (folder / path).stat().st_size
    return {"insert": inserted, "select": selected, "file": size, "stored": float(stored or 0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6000)
    most = parser.parse_args().rows
    writer = csv.writer(sys.stdout)
    writer.writerow(["rows", "count", "bytes", "method", "ratio", "ratio_of_file", "insert_us", "select_us"])
    for kind, make in KINDS.items():
        rows = make()
        rows = rows[:: max(1, len(rows) // most)][:most]
        total = sum(map(len, rows))
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            trainer = apsw.Connection(":memory:")
            zb.load(trainer)
            trainer.execute("CREATE TABLE t(data BLOB)")
            trainer.executemany("INSERT INTO t VALUES (?)", [(row,) for row in rows[::2]])
            ((ours,),) = trainer.execute(f"SELECT ztrain(data, {DICTIONARY_SIZE}) FROM t").fetchall()
            assert isinstance(ours, bytes)
            theirs = zstandard.train_dictionary(DICTIONARY_SIZE, [*rows[::2]]).as_bytes()
            options = json.dumps({"dictionary": zb.codec.dictionary_id(ours), "level": LEVEL})
            stores = {
                "plain": ("?", "data", ours),
                "sqlite_zblob": (f"zcompress(?, '{options}')", "zdecompress(data)", ours),
                "sqlite_zblob, no dictionary": ("zcompress(?)", "zdecompress(data)", ours),
                "python-zstandard": ("py_encode(?)", "py_decode(data)", theirs),
            }
            if sqlite_zstd_path():
                load_sqlite_zstd(trainer)
                sql = f"SELECT zstd_train_dict(data, {DICTIONARY_SIZE}, {len(rows) // 2}) FROM t"
                ((other,),) = trainer.execute(sql).fetchall()
                assert isinstance(other, bytes)
                encode, decode = f"zstd_compress_col(?, {ZSTD_LEVEL}, 1, 1)", "zstd_decompress_col(data, 0, 1, 1)"
                stores["sqlite-zstd"] = (encode, decode, other)
            for method, (encode, decode, dictionary) in stores.items():
                found = measure(rows, folder, encode, decode, dictionary, f"{method}.db")
                figures = [total / found["stored"], total / found["file"], found["insert"], found["select"]]
                writer.writerow([kind, len(rows), total, method, *(f"{each:.2f}" for each in figures)])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
