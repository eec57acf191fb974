"""What rows cost through the libraries that people use, with compression and without it, side by side.

    python benchmarks/libraries.py FOLDER [--rows 48] [--rounds 5] [--out benchmarks/results/libraries.json]

Rows are pickled slices of the volume of 16 bits in FOLDER that has the largest ones. Each way writes all rows into a
new store and reads them back, in turn with the library's own way; every round compares what comes back. Figures are
medians of the ratio to the library's own way in the same round.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
import SimpleITK as sitk
import sqlalchemy
import sqlite_utils
from sqlalchemy.orm import Session, declarative_base, mapped_column

import sqlite_zblob as zb
from sqlite_zblob.integrations.joblib import register
from sqlite_zblob.integrations.sqlalchemy import CompressedBinary

Rows = dict[str, bytes]


class Way(NamedTuple):
    library: str
    name: str  # empty: the library's own
    write: Callable[[Path, Rows], None]
    read: Callable[[Path], Rows]


# ---- Ways ----------------------------------------------------------------------------------------------------------


def in_place(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE slices(name TEXT PRIMARY KEY, data BLOB)")
        zb.enable(connection, "slices", "data")


def of_sqlalchemy(name: str, column_type: Any) -> Way:
    base = declarative_base()

    class Slice(base):  # type: ignore[misc, valid-type]
        __tablename__ = "slices"
        name = mapped_column(sqlalchemy.String, primary_key=True)
        data = mapped_column(column_type)

    def write(path: Path, rows: Rows) -> None:
        engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            session.add_all(Slice(name=name, data=data) for name, data in rows.items())
        engine.dispose()

    def read(path: Path) -> Rows:
        engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        with Session(engine) as session:
            found = {str(each.name): bytes(each.data) for each in session.scalars(sqlalchemy.select(Slice))}
        engine.dispose()
        return found

    return Way("SQLAlchemy", name, write, read)


def of_pandas(name: str) -> Way:
    def write(path: Path, rows: Rows) -> None:
        if name:
            in_place(path)
        with closing(sqlite3.connect(path)) as connection:
            frame = pd.DataFrame({"name": list(rows), "data": list(rows.values())})
            frame.to_sql("slices", connection, if_exists="append", index=False)

    def read(path: Path) -> Rows:
        with closing(sqlite3.connect(path)) as connection:
            frame = pd.read_sql("SELECT * FROM slices", connection)
        return dict(zip(frame["name"], frame["data"], strict=True))

    return Way("pandas", name, write, read)


def of_sqlite_utils(name: str) -> Way:
    def write(path: Path, rows: Rows) -> None:
        if name:
            in_place(path)
        table: Any = sqlite_utils.Database(path)["slices"]
        table.insert_all(({"name": key, "data": data} for key, data in rows.items()), pk="name")

    def read(path: Path) -> Rows:
        return {row["name"]: row["data"] for row in sqlite_utils.Database(path)["slices"].rows}

    return Way("sqlite-utils", name, write, read)


def of_joblib(name: str, **options: Any) -> Way:
    def memory(path: Path, rows: Rows) -> Any:
        kept = joblib.Memory(path, verbose=0, **options).cache(lambda key: np.asarray(pickle.loads(rows[key])))
        kept.func.__module__, kept.func.__qualname__ = "benchmark", "slice"
        return kept

    def write(path: Path, rows: Rows) -> None:
        kept = memory(path, rows)
        for key in rows:
            kept(key)
        written[path] = rows

    def read(path: Path) -> Rows:
        kept = memory(path, {})  # it could not compute anything
        return {key: pickle.dumps(kept(key)) for key in written[path]}

    written: dict[Path, Rows] = {}
    return Way("joblib", name, write, read)


def ways() -> Iterator[list[Way]]:
    yield [of_sqlalchemy("", sqlalchemy.LargeBinary), of_sqlalchemy("CompressedBinary", CompressedBinary)]
    yield [of_pandas(""), of_pandas("in place")]
    yield [of_sqlite_utils(""), of_sqlite_utils("in place")]
    zblob: dict[str, Any] = {"backend": "zblob", "backend_options": {"level": 5}}
    yield [of_joblib(""), of_joblib("compress=3", compress=3), of_joblib("backend zblob", **zblob)]


# ---- Measuring -----------------------------------------------------------------------------------------------------


def slices_of(folder: Path, count: int) -> Rows:
    largest = np.empty((0, 0, 0))
    for path in sorted(folder.glob("*.mha")):
        volume = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        if (
            volume.ndim == 3
            and volume.dtype.itemsize == 2
            and len(volume) >= count
            and volume[0].size > largest[:1].size
        ):
            largest = volume
    if not largest.size:
        raise SystemExit(f"{folder} holds no volume of 16 bits with {count} slices")
    return {f"slice {at}": pickle.dumps(np.ascontiguousarray(largest[at])) for at in range(count)}


def run(way: Way, rows: Rows, folder: Path) -> tuple[float, float, int]:
    path = folder / "store.db"
    start = time.perf_counter()
    way.write(path, rows)
    written = time.perf_counter()
    found = way.read(path)
    read = time.perf_counter()
    assert found == rows, way
    if path.is_file():  # a log may be left beside it
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return written - start, read - written, size


def compare(alike: list[Way], rows: Rows, rounds: int) -> Iterator[dict[str, Any]]:
    runs: dict[str, list[tuple[float, float, int]]] = {way.name: [] for way in alike}
    for _ in range(rounds):
        for way in alike:
            with tempfile.TemporaryDirectory() as folder:
                runs[way.name].append(run(way, rows, Path(folder)))
    for way in alike[1:]:
        write, read, size = (
            median(mine[part] / own[part] for mine, own in zip(runs[way.name], runs[""], strict=True))
            for part in range(3)
        )
        yield {
            "library": f"{way.library} {version(way.library)}",
            "way": way.name,
            "write": round(write, 2),
            "read": round(read, 2),
            "size": round(size, 3),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    register()
    zb.install(decode_rows=True)
    rows = slices_of(arguments.folder, arguments.rows)
    report = []
    print(f"{len(rows)} rows of {len(next(iter(rows.values()))):,} bytes; 1.00 is the library's own way")
    for alike in ways():
        for each in compare(alike, rows, arguments.rounds):
            report.append(each)
            print("{library:20s} {way:18s} write {write:5.2f} read {read:5.2f} size {size:.3f}".format_map(each))
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
